"""`bench new KIND NAME`: a plugin and its test, ready to be changed."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.commands.templates import TEMPLATES
from benchmark.errors import UserError, unknown_name
from benchmark.metrics.names import METRICS
from benchmark.metrics.record_keys import why_taken


@dataclass(frozen=True)
class Written:
    """Say what was written, and how a suite names it."""

    source: Path
    test: Path
    use: str


def new_plugin(kind: str, name: str, folder: Path) -> Written:
    """Write NAME.py and test_NAME.py of a kind of plugin into a folder. Raises UserError."""
    if kind not in TEMPLATES:
        raise UserError(*unknown_name("kind of plugin", kind, TEMPLATES))
    template = TEMPLATES[kind]
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise UserError(
            f"'{name}' cannot name {template.spoken}", "use small letters, digits and _, e.g. slow_start"
        )
    if kind == "metric" and (taken := why_taken(name)) and name not in METRICS:
        raise UserError(f"'{name}' cannot name a metric: {taken}", "choose another name")
    if name in _KNOWN[kind]():
        raise UserError(f"{kind} '{name}' exists already", f"see: bench list {template.listing}")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    files = {folder / f"{name}.py": template.source, folder / f"test_{name}.py": template.test}
    for path in files:
        if path.exists():
            raise UserError(f"{path} exists already", "remove it, or choose another name or folder (--into)")
    folder.mkdir(parents=True, exist_ok=True)
    spaced = name.replace("_", " ")
    for path, text in files.items():
        filled = text.format(name=name, class_name=class_name, title=class_name, spaced=spaced)
        path.write_text(filled, encoding="utf-8")
    source, test = files
    called = name if template.function else class_name
    return Written(source, test, template.use.format(place=f"./{source.name}:{called}"))


def _strategies() -> Iterable[str]:
    from strategies.contract.registry import known_strategies

    return known_strategies()


def _metrics() -> Iterable[str]:
    return METRICS


def _extractors() -> Iterable[str]:
    from benchmark.metrics.extractors import EXTRACTORS

    return EXTRACTORS


def _sources() -> Iterable[str]:
    from benchmark.data.names import SOURCES

    return SOURCES


def _families() -> Iterable[str]:
    from benchmark.families.registry import registered

    return registered()


_KNOWN: dict[str, Callable[[], Iterable[str]]] = {
    "strategy": _strategies,
    "metric": _metrics,
    "extractor": _extractors,
    "source": _sources,
    "family": _families,
}
