"""Code of the user's own, `path.py:Class`: read once, hashed, loaded, and able to travel."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from strategies.contract.imports import hash_of_sources, short_hash, sources_of, tops_of

_PRODUCT = ("benchmark", "pcvq2", "strategies")
_NEVER_BESIDE = frozenset({*sys.stdlib_module_names, *_PRODUCT})


def split_name(text: str) -> tuple[str, str] | None:
    """Split `path.py:Class` into file and class; None for any other text."""
    file, colon, class_name = text.rpartition(":")
    return (file, class_name) if colon and file.endswith(".py") else None


def shown_name(text: str) -> str:
    """Return what people call a thing: the class of `path.py:Class`, any other text as it is."""
    split = split_name(text)
    return split[1] if split else text


@dataclass(frozen=True)
class Plugin:
    """Hold a class as its file was when it was read: what is hashed is what runs, on this node or another.

    sources: the file, then every module that it imports from beside it, by their names below its folder.
    Files that it opens by itself are not among them.
    """

    path: Path
    class_name: str
    sources: tuple[tuple[str, bytes], ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path, class_name: str) -> Plugin:
        """Read a file and what it imports from beside it. Raises OSError."""
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist")
        path = path.resolve()
        found = sources_of(path, path.parent, lambda top: _is_beside(top, path.parent))
        own = found.pop(path.name)
        return cls(path, class_name, ((path.name, own), *sorted(found.items())))

    @classmethod
    def parse(cls, text: str, base: Path = Path()) -> Plugin | None:
        """Read what `path.py:Class` names, relative to a folder; None for any other text. Raises OSError."""
        split = split_name(text)
        return None if split is None else cls.read(base / Path(split[0]).expanduser(), split[1])

    def __str__(self) -> str:
        return f"{self.path}:{self.class_name}"

    @cached_property
    def source_hash(self) -> str:
        """Return the content hash of all its files: another one, another trial."""
        return hash_of_sources(dict(self.sources))

    def load(self) -> Any:
        """Return what the file calls `class_name`. Raises AttributeError, and whatever the file raises."""
        importer = _Importer(self)
        if importer.main not in sys.modules:
            importer.install()
            before = set(sys.modules)
            try:
                importlib.import_module(importer.main)
            except SystemExit as error:  # would end the run without a word
                raise ImportError(
                    f"{self.path} ends the process when it is imported: exit {error}"
                ) from error
            _refuse_strays(self.path, set(sys.modules) - before, importer.main)
        module = sys.modules[importer.main]
        if not hasattr(module, self.class_name):
            raise AttributeError(f"{self.path} has no class '{self.class_name}'")
        return getattr(module, self.class_name)


def _is_beside(top: str, root: Path) -> bool:
    """Say whether an import of a top-level name means a file in a plugin's folder.

    As for a script: its folder comes first, a folder in it without __init__.py last. Unlike there, no file
    hides a module of Python's own or of this product.
    """
    if top in _NEVER_BESIDE:
        return False
    regular = (root / f"{top}.py").is_file() or (root / top / "__init__.py").is_file()
    return regular or ((root / top).is_dir() and not _is_installed(top))


def _is_installed(top: str) -> bool:
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def _refuse_strays(path: Path, new: set[str], main: str) -> None:
    """Refuse a module of the plugin's folder that came in past the import statements: nothing hashed it."""
    for name in sorted(new):
        file = getattr(sys.modules.get(name), "__file__", None)
        ours = name.startswith(main.partition(".")[0]) or name.partition(".")[0] in _PRODUCT
        if file and not ours and Path(file).parent == path.parent:
            del sys.modules[main]
            raise ImportError(
                f"{Path(file).name} lies beside {path.name} and is imported as '{name}' in a way that is not "
                f"followed, so an edit of it would go unnoticed; write `import {Path(file).stem}`"
            )


class _Importer(MetaPathFinder, ExecutionLoader):
    """Import a plugin's files from memory, as modules of a package of its own: no two plugins mix.

    One package per place and content: workers that are kept alive must not mix two versions of a file.
    """

    def __init__(self, plugin: Plugin) -> None:
        self.package = f"bench_plugin_{short_hash(f'{plugin.path} {plugin.source_hash}'.encode())}"
        folder, stem = plugin.path.parent, plugin.path.stem
        self.main = f"{self.package}.{stem if stem.isidentifier() else '__plugin__'}"
        self._modules: dict[str, tuple[Path, bytes]] = {self.package: (folder, b"")}
        for name, source in plugin.sources[1:]:
            parts = name.removesuffix(".py").removesuffix("/__init__").split("/")
            for count in range(1, len(parts)):  # a folder without __init__.py is a package as well
                around = ".".join((self.package, *parts[:count]))
                self._modules.setdefault(around, (folder.joinpath(*parts[:count]), b""))
            self._modules[".".join((self.package, *parts))] = (folder / name, source)
        self._modules[self.main] = (plugin.path, plugin.sources[0][1])
        back = {top for name, source in plugin.sources[1:] for top in tops_of(source, name)}
        tops = {name.split(".")[1] for name in self._modules if name not in (self.package, self.main)}
        self._tops = (tops | (back & {stem})) - _NEVER_BESIDE

    def install(self) -> None:
        """Have imports of the package find their way here."""
        if not any(isinstance(f, _Importer) and f.package == self.package for f in sys.meta_path):
            sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the package; nothing of it is looked for on disk."""
        if fullname not in self._modules:
            return None
        origin = self.get_filename(fullname)
        spec = ModuleSpec(fullname, self, origin=origin, is_package=self.is_package(fullname))
        spec.has_location = True
        return spec

    def is_package(self, fullname: str) -> bool:
        """Say whether a module may hold others."""
        path, _ = self._modules[fullname]
        return path.name == "__init__.py" or any(n.startswith(f"{fullname}.") for n in self._modules)

    def get_filename(self, fullname: str) -> str:
        """Return where a module's file lies, or lay on the node it was read on."""
        return str(self._modules[fullname][0])

    def get_source(self, fullname: str) -> str:
        """Return a module's text."""
        return importlib.util.decode_source(self._modules[fullname][1])

    def get_code(self, fullname: str) -> CodeType:
        """Compile a module."""
        return self.source_to_code(self._modules[fullname][1], self.get_filename(fullname))

    def exec_module(self, module: ModuleType) -> None:
        """Run a module, with import statements of its own."""
        module.__dict__["__builtins__"] = vars(builtins) | {"__import__": self._import}
        super().exec_module(module)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Do what an import statement does; a name from beside means the plugin's own copy."""
        top = name.partition(".")[0]
        if level or top not in self._tops:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        if fromlist:
            return builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist, 0)
        importlib.import_module(f"{self.package}.{name}")
        return sys.modules[f"{self.package}.{top}"]
