"""Trained models on disk: a model.json that names its family, so that anyone who finds it can draw images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmark.errors import UserError, unknown_name
from benchmark.families.contract import Model
from benchmark.families.registry import DEFAULT, FamilyCode, family_of, registered
from pcvq2.trainer.whole_file import write_whole
from strategies.contract.answers import said
from strategies.contract.plugin import Plugin, split_name


def save_model(code: FamilyCode, model: Model, folder: Path) -> None:
    """Write a model into a folder, with the name of its family unless that is pc-vq2."""
    model.save(folder)
    if code.is_default:
        return
    about = _about(folder) | {"family": str(code.plugin or code.name), "family_key": code.key}
    write_whole(folder / "model.json", json.dumps(about, indent=2).encode())


def load_model(folder: Path, *, device: str = "cpu") -> Model:
    """Read a model with the code that trained it. Raises UserError where that is not here any more.

    A family of the user's own is Python, which is run; other files only where they are what trained it.
    """
    about = _about(folder)
    name = about.get("family", DEFAULT)
    if split_name(name) is None and name not in registered():
        raise UserError(*unknown_name(f"{folder / 'model.json'}: family", name, registered()))
    plugin = split_name(name)
    if plugin is not None and not Path(plugin[0]).is_file():
        raise UserError(f"{folder}: its family {name} is not here any more", "put the file back")
    try:
        if plugin is not None:
            _refuse_other(folder, name, about)
        code = family_of(name)
        return code.load().load(folder, device=device)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # a family of the user's own may raise anything
        if name == DEFAULT:
            raise
        raise UserError(f"{folder}: family '{name}' cannot load this model", said(error)) from error


def _refuse_other(folder: Path, name: str, about: dict[str, Any]) -> None:
    """Refuse a file that has changed since, before any of it is run."""
    found = Plugin.parse(name)
    key = about.get("family_key")
    if found is None or not isinstance(key, dict) or key.get("source_hash") != found.source_hash:
        raise UserError(
            f"{folder}: its family {name} has changed since it was trained",
            "put the file back as it was, or train again",
        )


def _about(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "model.json").read_text())
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}
