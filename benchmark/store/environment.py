"""What a record says about where it was made."""

from __future__ import annotations

import functools
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmark import __version__

_PACKAGES = ("torch", "torchvision", "ray", "kornia", "clean-fid", "numpy", "scipy", "pandas", "scikit-learn")


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python, of this harness and of the libraries that decide numbers."""
    found = {"python": platform.python_version(), "bench": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@functools.cache
def git_commit() -> str | None:
    """Return the commit of the checkout this runs from, '-dirty' when changed; None outside one."""
    package = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # installed beside somebody's checkout is not in it
        commit = git("rev-parse", "--short=12", "HEAD")
        return f"{commit}-dirty" if git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


@functools.cache
def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
