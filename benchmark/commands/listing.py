"""What `bench list` shows: the names a suite may use, and the suites that were run (no torch, no Ray)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmark.errors import UserError, unknown_name

Row = tuple[str, ...]


def print_listing(what: str, runs: Path, console: Console) -> None:
    """Print a listing, or the suites that were run under a folder. Raises UserError for an unknown one."""
    header, *body = list_runs(runs) if what == "runs" else listing(what)
    table = Table(box=None, pad_edge=False)
    for heading in header:
        table.add_column(heading, overflow="fold")
    for row in body:
        table.add_row(*row)
    console.print(table)


def listing(what: str) -> list[Row]:
    """Return a header and the rows of a listing. Raises UserError for one that does not exist."""
    if what not in LISTINGS:
        raise UserError(*unknown_name("listing", what, [*LISTINGS, "runs"]))
    return LISTINGS[what]()


def list_runs(runs: Path) -> list[Row]:
    """Return a header and a row per suite that was run under a folder."""
    from benchmark.store.store import Store

    store = Store(runs)
    rows: list[Row] = [
        ("suite", "trials", "done", "failed", "interrupted", "not run", "last record", "command")
    ]
    interrupted = store.with_checkpoints()
    for manifest in store.manifests():
        ids = {str(entry.get("id")) for entry in manifest["trials"]}
        records = {trial_id: record for trial_id in ids if (record := store.load(trial_id))}
        done = [record for record in records.values() if record["status"] == "done"]
        open_ = (interrupted & ids) - set(records)
        counted = (
            len(ids),
            len(done),
            len(records) - len(done),
            len(open_),
            len(ids) - len(records) - len(open_),
        )
        last = max((str(record.get("finished_at", "")) for record in done), default="") or "-"
        named = (str(manifest.get(key) or "-") for key in ("suite", "command"))
        suite, command = named
        rows.append((suite, *map(str, counted), last, command))
    return rows


def _strategies() -> list[Row]:
    from strategies.contract.parameters import written
    from strategies.contract.registry import origin_of, parameters_of, registered

    rows: list[Row] = [("name", "what it does", "parameters and defaults", "source")]
    for name, entry in sorted(registered().items()):
        strategy = entry.strategy
        if strategy is None:
            rows.append((name, f"cannot be loaded: {entry.problem}", "-", entry.package or "strategies/"))
            continue
        first_line = (strategy.__doc__ or "").strip().partition("\n")[0]
        parameters = ", ".join(written(strategy, p) for p in parameters_of(strategy).values())
        rows.append((name, first_line, parameters or "-", origin_of(strategy)))
    return rows


def _spaces() -> list[Row]:
    from strategies import AugmentationSpace
    from strategies.augmentation.named_spaces import NAMED_SPACES
    from strategies.augmentation.space import SETTINGS

    rows: list[Row] = [("name", "ranges at strength 1, and settings that are not the default")]
    for name, space in NAMED_SPACES.items():
        about = [f"{operation}: {value:g}" for operation, value in space.ranges.items()]
        about += [f"{k}: {v}" for k in SETTINGS if (v := getattr(space, k)) != getattr(AugmentationSpace, k)]
        rows.append((name, ", ".join(about)))
    return rows


def _operations() -> list[Row]:
    from strategies import OPERATIONS
    from strategies.augmentation.space import SETTINGS

    rows: list[Row] = [("name", "range", "version", "whose arithmetic, and where it deviates")]
    rows += [(name, o.unit, str(o.version), o.source) for name, o in OPERATIONS.items()]
    about = "a setting of the whole space; the first is the default"
    return rows + [(name, " | ".join(values), "-", about) for name, values in SETTINGS.items()]


def _metrics() -> list[Row]:
    from benchmark.metrics.names import METRICS
    from benchmark.own import METRIC_POINTS

    rows: list[Row] = [("name", "meaning", "source")]
    return [*rows, *((name, about, "built in") for name, about in METRICS.items()), *_brought(METRIC_POINTS)]


def _extractors() -> list[Row]:
    from benchmark.metrics.extractors import EXTRACTORS
    from benchmark.own import EXTRACTOR_POINTS

    rows: list[Row] = [("name", "meaning", "source")]
    rows += [(name, entry.about, "built in") for name, entry in EXTRACTORS.items()]
    return rows + _brought(EXTRACTOR_POINTS)


def _sources() -> list[Row]:
    from benchmark.data.names import SOURCES
    from benchmark.own import SOURCE_POINTS

    rows: list[Row] = [("name", "what it is", "source")]
    rows += [(known.written(name), known.about, "built in") for name, known in SOURCES.items()]
    return rows + _brought(SOURCE_POINTS)


def _brought(group: str) -> list[Row]:
    """Return a row for everything that installed packages bring under a group of entry points."""
    from benchmark.own import installed_names, installed_own

    rows: list[Row] = []
    for name in installed_names(group):
        try:
            own = installed_own(name, group)
            assert own is not None
            kind = own.load()
            about = getattr(kind, "about", None) or (kind.__doc__ or "").strip().partition("\n")[0]
            rows.append((name, str(about), own.package))
        except Exception as error:  # a package may raise anything at import
            rows.append((name, f"cannot be loaded: {type(error).__name__}: {error}", "-"))
    return rows


def _presets() -> list[Row]:
    from benchmark.families.registry import registered

    rows: list[Row] = [("family", "name", "what it sets, for 32 px in colour")]
    for name, entry in registered().items():
        for preset in entry.family.presets if entry.family is not None else ():
            rows.append((name, preset, _preset(entry.family, preset)))
    return rows


def _preset(family: Any, preset: str) -> str:
    config = family.preset(preset, size=32, channels=3)
    parts = (*family.parts, *(f"{stage.name}_stage" for stage in family.stages))
    return ", ".join(str(getattr(config, part)) for part in parts)


def _families() -> list[Row]:
    from benchmark.families.registry import registered

    rows: list[Row] = [("name", "what it is", "stages", "parts", "source")]
    for name, entry in registered().items():
        family, source = entry.family, entry.package or "built in"
        if family is None:
            rows.append((name, f"cannot be loaded: {entry.problem}", "-", "-", source))
            continue
        first_line = (type(family).__doc__ or "").strip().partition("\n")[0]
        about = (family.about or first_line) + (" (a reference)" if family.reference else "")
        stages = ", ".join(stage.name for stage in family.stages)
        rows.append((name, about, stages, ", ".join(family.parts) or "-", source))
    return rows


LISTINGS: dict[str, Callable[[], list[Row]]] = {
    "strategies": _strategies,
    "operations": _operations,
    "spaces": _spaces,
    "metrics": _metrics,
    "extractors": _extractors,
    "sources": _sources,
    "families": _families,
    "presets": _presets,
}
