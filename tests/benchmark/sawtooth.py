"""A strategy in somebody's package, and how a package is built and installed without a network."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "bench-sawtooth"
version = "1.2"
[project.entry-points."bench.strategies"]
sawtooth = "bench_sawtooth:Sawtooth"
[tool.setuptools]
py-modules = ["bench_sawtooth"]
"""
SOURCE = '''
from strategies import Strategy


class Sawtooth(Strategy):
    """Fall from full strength to none, several times over."""

    def __init__(self, teeth: int = 3) -> None:
        if teeth < 1:
            raise ValueError(f"teeth must be at least 1, got {teeth}")
        self._teeth = teeth

    def strength(self, progress: float) -> float:
        return 1 - progress * self._teeth % 1
'''


def install(folder: Path, files: dict[str, str]) -> Path:
    """Build a package of some files, install its wheel in a fresh environment; return the interpreter.

    The environment sees the libraries of the one the tests run in: nothing is downloaded.
    """
    for name, text in files.items():
        (folder / name).write_text(text)
    offline = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", *offline, "--wheel-dir", folder / "dist", folder], check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    interpreter = folder / "env" / "bin" / "python"
    subprocess.run([*pip, "--python", interpreter, "install", *offline[:3], wheel], check=True)
    site = next((folder / "env" / "lib").glob("python*")) / "site-packages"
    libraries = sysconfig.get_paths()["purelib"]
    (site / "libraries.pth").write_text(f"import site; site.addsitedir({libraries!r})\n")
    return interpreter
