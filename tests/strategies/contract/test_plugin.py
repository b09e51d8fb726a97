"""`path.py:Class`: one value that knows its files, is hashed by them, runs as it was read, and travels."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from strategies.contract.plugin import Plugin, shown_name

MINE = """\
from strategies import Strategy
from helper_schedule import level


class Mine(Strategy):
    def strength(self, progress: float) -> float:
        return level(progress)
"""


def write(folder: Path, **files: str) -> Path:
    """Write files by name, `__` for a slash; return mine.py."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "mine.py"


def read(path: Path) -> Plugin:
    return Plugin.read(path, "Mine")


def strength(plugin: Plugin) -> float:
    return float(plugin.load()().strength(0.5))


def test_a_single_file_is_hashed_by_its_content_alone(tmp_path: Path) -> None:
    text = "class Mine: ...\n"
    (tmp_path / "helper_schedule.py").write_text("nobody imports this")
    path = write(tmp_path, mine=text)
    assert read(path).source_hash == hashlib.sha256(text.encode()).hexdigest()[:16]
    moved = path.rename(tmp_path / "other.py")
    assert read(moved).source_hash == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_helper_beside_it_is_imported_and_counts(tmp_path: Path) -> None:
    path = write(tmp_path, mine=MINE, helper_schedule="def level(p): return 0.75\n")
    known, before = list(sys.path), read(path)
    assert strength(before) == 0.75
    assert sys.path == known
    assert "helper_schedule" not in sys.modules
    write(tmp_path, helper_schedule="def level(p): return 0.25\n")
    after = read(path)
    assert after.source_hash != before.source_hash
    assert (strength(after), strength(before)) == (0.25, 0.75)


def test_equally_named_helpers_of_two_plugins_do_not_mix(tmp_path: Path) -> None:
    one = write(tmp_path / "one", mine=MINE, helper_schedule="def level(p): return 0.1\n")
    two = write(tmp_path / "two", mine=MINE, helper_schedule="def level(p): return 0.2\n")
    assert [strength(read(path)) for path in (one, two, one)] == [0.1, 0.2, 0.1]


def test_equal_files_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    text = "from pathlib import Path\nclass Mine:\n    place = Path(__file__).parent.name\n"
    paths = [write(tmp_path / name, mine=text) for name in ("one", "two")]
    assert [read(path).load().place for path in paths] == ["one", "two"]


@pytest.mark.parametrize(
    "statement",
    [
        "from pkg.sub import level",
        "from pkg import sub; level = sub.level",
        "import pkg.sub; level = pkg.sub.level",
        "import pkg.sub as other; level = other.level",
        "from .pkg.sub import level",
        "from pkg.again import level",  # which imports relatively
        "from back import level",  # which imports this file
        "from bare.sub import level",  # a folder without __init__.py
        "from pkg.sub import *",
        "def level(p):\n    from pkg.sub import level as lazy\n    return lazy(p)",
    ],
)
def test_every_way_to_import_finds_it_and_hashes_it(tmp_path: Path, statement: str) -> None:
    helper = "def level(p): return SIZE * p\nSIZE = 0.5\n"
    files = {
        "pkg__sub": helper,
        "pkg__again": "from .sub import level\n",
        "bare__sub": helper,
        "back": "import mine\nfrom pkg.sub import level\nassert mine.HERE\n",
    }
    for name, text in files.items():
        write(tmp_path, **{name: text})
    (tmp_path / "pkg" / "__init__.py").write_text("")
    path = write(
        tmp_path, mine=MINE.replace("from helper_schedule import level", f"HERE = True\n{statement}")
    )
    first = read(path)
    assert strength(first) == 0.25
    for name in ("pkg__sub", "bare__sub"):
        write(tmp_path, **{name: helper.replace("0.5", "0.25")})
    assert read(path).source_hash != first.source_hash
    assert strength(read(path)) == 0.125


def test_files_beside_it_hide_neither_python_nor_the_product(tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "torch").mkdir()  # images, perhaps
    path = write(
        tmp_path,
        mine=f"import random\nimport torch\nrandom.random, torch.Tensor\n{MINE}",
        random="raise RuntimeError",
        strategies____init__="raise RuntimeError",
        helper_schedule="def level(p): return 0.5\n",
    )
    plugin = read(path)
    assert strength(plugin) == 0.5
    assert [name for name, _ in plugin.sources] == ["mine.py", "helper_schedule.py"]


def test_a_plugin_may_be_called_like_a_package_that_it_imports(tmp_path: Path) -> None:
    path = tmp_path / "numpy.py"
    path.write_text("import numpy\nclass Mine:\n    pi = float(numpy.pi)\n")
    assert read(path).load().pi > 3


@pytest.mark.parametrize("name", ["my-strategy.v2.py", "2.py", "class.py"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, mine=MINE, helper_schedule="def level(p): return 0.5\n").rename(tmp_path / name)
    plugin = Plugin.parse(f"./{name}:Mine", tmp_path)
    assert plugin is not None
    assert strength(plugin) == 0.5


def test_it_runs_as_it_was_read_where_its_files_are_not(tmp_path: Path) -> None:
    path = write(tmp_path, mine=MINE, helper_schedule="def level(p): return 0.75\n")
    travelling = pickle.dumps(read(path))
    path.unlink()
    write(tmp_path, helper_schedule="def level(p): return 0.1\n")
    code = (
        "import pickle, sys; plugin = pickle.loads(sys.stdin.buffer.read()); mine = plugin.load()\n"
        "import inspect; assert 'return level' in inspect.getsource(mine)\n"
        "print(plugin.source_hash, mine().strength(0.5))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=travelling, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().split() == [pickle.loads(travelling).source_hash, "0.75"]


def test_an_import_that_is_no_statement_is_refused_where_it_reaches_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import importlib\nlevel = importlib.import_module('unseen_helper').level\n"
    path = write(tmp_path, mine=text + "class Mine: ...\n", unseen_helper="level = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for _ in range(2):
        with pytest.raises(
            ImportError, match=r"unseen_helper\.py lies beside mine\.py .* write `import unseen"
        ):
            read(path).load()
        sys.modules.pop("unseen_helper")


@pytest.mark.parametrize("text", ["phased", "mine.py", "hf:me/mine", "mine.py:", "C:mine"])
def test_other_names_are_no_plugins(tmp_path: Path, text: str) -> None:
    if text == "mine.py:":  # the form is right: what is missing is said with the file
        with pytest.raises(FileNotFoundError, match=r"mine\.py does not exist"):
            Plugin.parse(text, tmp_path)
        return
    assert Plugin.parse(text, tmp_path) is None
    assert shown_name(text) == text


_WRONG = (
    ("import sys; sys.exit(0)", ImportError),
    ("class", SyntaxError),
    ("\0", (SyntaxError, ValueError)),
    ("x = 1", AttributeError),
)


def test_what_is_wrong_with_a_file_is_said_when_it_is_loaded(tmp_path: Path) -> None:
    for text, error in (*_WRONG, ("-" * 100_000 + "1", (RecursionError, MemoryError))):
        plugin = read(write(tmp_path, mine=text))
        with pytest.raises(error):
            plugin.load()
