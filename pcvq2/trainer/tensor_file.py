"""Files of tensors with JSON beside them (safetensors): whole or refused; loading executes no code."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pcvq2.trainer.scratch import draft_of, sweep


class RefusedFile(ValueError):
    """A file is damaged, or belongs to something else; the message says which file and why."""


def write_tensors(
    tensors: Mapping[str, Tensor], path: Path, about: Mapping[str, Any], *, previous: Path | None = None
) -> None:
    """Write tensors and JSON values so that a reader, a crash or a full disk never sees half of them.

    The file that was there is kept as `previous`. Raises OSError, SafetensorError (the disk is full, ...) and
    TypeError (`about` is not JSON).
    """
    # copies: safetensors refuses tensors that are views of one buffer
    whole = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about)
    sweep(path.parent, f"{glob.escape(path.name)}.*")
    with draft_of(path) as draft:
        # not save_file: newer versions write another file, which nobody holds, and move it over the draft
        draft.write_bytes(save(whole, metadata={"about": text, "checksum": _checksum(text, whole)}))
        _flush(draft)
        if previous is not None:
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, previous)
        os.replace(draft, path)
        _flush(path.parent)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what `write_tensors` wrote, on the CPU. Raises RefusedFile."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in list(file.keys())}
    except (OSError, SafetensorError) as error:
        raise RefusedFile(f"{path} is truncated or damaged: {error}") from error
    if not {"about", "checksum"} <= set(metadata):
        raise RefusedFile(f"{path} was not written by this version of pcvq2")
    if metadata["checksum"] != _checksum(metadata["about"], tensors):
        raise RefusedFile(f"{path} is damaged: its checksum does not match")
    return tensors, json.loads(metadata["about"])


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    value = zlib.crc32(text.encode())
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].numpy().data, zlib.crc32(name.encode(), value))
    return f"{value:08x}"


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
