"""Find what a Python file imports from its own folder or package, without running it."""

from __future__ import annotations

import ast
import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path


def short_hash(content: bytes) -> str:
    """Hash content into 16 hex digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def sources_of(file: Path, root: Path, ours: Callable[[str], bool]) -> dict[str, bytes]:
    """Read a file and every module below `root` that it imports, transitively; by their names below `root`.

    ours: says whether a top-level name is looked for below `root`; relative imports always are.
    The file itself comes first. Raises OSError.
    """
    found: dict[str, bytes] = {}
    left = [file]
    while left:
        path = left.pop()
        name = path.relative_to(root).as_posix()
        if name in found:
            continue
        found[name] = path.read_bytes()
        for module, relative in _imported(found[name], name):
            if relative or ours(module.partition(".")[0]):
                left += _files(root, module)
        left += [init for folder in path.relative_to(root).parents if (init := _init(root / folder, root))]
    return found


def hash_of_sources(sources: dict[str, bytes]) -> str:
    """Hash the files of a piece of code; a single one by its content alone, wherever it lies."""
    (_, own), *others = sources.items()
    if not others:
        return short_hash(own)
    lines = [short_hash(own), *sorted(f"{name} {short_hash(source)}" for name, source in others)]
    return short_hash("\n".join(lines).encode())


def tops_of(source: bytes, name: str) -> set[str]:
    """Return the top-level names that a file imports, other than relative ones."""
    return {module.partition(".")[0] for module, relative in _imported(source, name) if not relative}


def _init(folder: Path, root: Path) -> Path | None:
    init = folder / "__init__.py"
    return init if folder != root and init.is_file() else None


def _files(root: Path, module: str) -> Iterator[Path]:
    """Yield the files of a dotted name and of the packages around it, as far as they lie below `root`."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:count])
        for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if path.is_file():
                yield path
                break


def _imported(source: bytes, name: str) -> Iterator[tuple[str, bool]]:
    """Yield every dotted name that may be a module, and whether it was meant relative to the file."""
    try:
        with warnings.catch_warnings(action="ignore"):  # loading gives them
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # loading says what is wrong with it
        return
    package = name.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level <= len(package) + 1:
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = [*above, *([node.module] if node.module else [])]
            for parts in (base, *([*base, alias.name] for alias in node.names if alias.name != "*")):
                if parts:
                    yield ".".join(parts), node.level > 0


def package_hash(found: type) -> str:
    """Hash a class's module and what that imports of its own package: an editable install may change."""
    module = sys.modules[found.__module__]
    file, parts = Path(str(module.__file__)), module.__name__.split(".")
    depth = len(parts) + (file.name == "__init__.py")
    return hash_of_sources(sources_of(file, file.parents[depth - 1], lambda top: top == parts[0]))
