"""Every README does what it says: its blocks are run, its links lead somewhere, what it names is there."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token
from ruamel.yaml import YAML

import benchmark
from benchmark.cli import app

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmark", "pcvq2", "reports", "strategies", "suites", "tests")
FRONT_DOOR = ROOT / "README.md"
PAGES = [FRONT_DOOR, *sorted(page for name in FOLDERS for page in (ROOT / name).rglob("*.md"))]
RUN, SHOWN = {"python", "yaml", "sh"}, {"console", "text"}  # tests/README.md says what is done with each
MOST_LINES, WIDEST = 130, 120  # of the front door; of a page written by hand
SMALL = """
datasets: [{name: digits, source: digits, size: 16, heldout: 100}]
budgets: [20]
seeds: [0]
strategies: [none]
training: {codes: {steps: 6}, prior: {steps: 6}}
"""


class Block(NamedTuple):
    """A fenced block; its first line may say which file it is."""

    tag: str
    text: str

    @property
    def name(self) -> str:
        found = re.match(r"# (\S+\.(?:py|yaml))\n", self.text)
        return found[1] if found else ""


@functools.cache
def tokens(page: Path) -> tuple[Token, ...]:
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")))


def inline(page: Path) -> Iterator[Token]:
    return (child for token in tokens(page) for child in token.children or [])


def blocks(page: Path) -> list[Block]:
    return [Block(token.info, token.content) for token in tokens(page) if token.type == "fence"]


def by_command(page: Path) -> bool:
    """Say whether a command wrote the page, as it does whatever lies in a folder of reports/."""
    return page.is_relative_to(ROOT / "reports") and page.parent != ROOT / "reports"


def pages(kept: list[Path]) -> pytest.MarkDecorator:
    assert kept
    return pytest.mark.parametrize("page", kept, ids=lambda page: str(page.relative_to(ROOT)))


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder, `bench` on the path as in an activated environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"


def plan(suite: Path, folder: Path) -> None:
    """Plan a suite as `bench run SUITE --dry-run` does in a folder, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        typer.main.get_command(app).main(["run", str(suite), "--dry-run"], standalone_mode=False)


def whole_suite(block: Block) -> str:
    """Return a block that is a suite; keys that are none stand in place of a small one's."""
    if block.name:
        return block.text
    yaml = YAML(typ="safe")
    return json.dumps(yaml.load(SMALL) | yaml.load(block.text))


def labels(suite: str) -> list[str]:
    entries: list[Any] = YAML(typ="safe").load(suite)["strategies"]
    return [entry if isinstance(entry, str) else entry.get("label", entry["name"]) for entry in entries]


BY_HAND = [page for page in PAGES if not by_command(page)]


@pages([page for page in BY_HAND if RUN & {block.tag for block in blocks(page)}])
def test_every_block_runs(page: Path, tmp_path: Path) -> None:
    (tmp_path / "suites").symlink_to(ROOT / "suites")
    commands = [line for block in blocks(page) if block.tag == "sh" for line in block.text.splitlines()]
    for block in (block for block in blocks(page) if block.name):
        (tmp_path / block.name).write_text(block.text)
    for number, block in enumerate(blocks(page)):
        if block.tag == "python":
            run([sys.executable, "-c", block.text], tmp_path)
        if block.tag == "yaml":
            suite = tmp_path / (block.name or f"block{number}.yaml")
            suite.write_text(whole_suite(block))
            plan(suite, tmp_path)
    for command in commands:
        run(shlex.split(command), tmp_path)
    for table in tmp_path.glob("reports/*/table.csv"):
        suite = tmp_path / f"{table.parent.name}.yaml"
        assert all(label in table.read_text() for label in labels(suite.read_text()))
        assert (table.parent / "README.md").is_file()


@pages([page for page in PAGES if by_command(page) and blocks(page)])
def test_the_suite_of_a_published_report_can_still_be_planned(page: Path, tmp_path: Path) -> None:
    suites = re.findall(r"^bench run (\S+)$", "".join(block.text for block in blocks(page)), re.MULTILINE)
    assert suites
    for suite in suites:
        plan(ROOT / suite, tmp_path)


@pages(BY_HAND)
def test_the_tag_of_a_block_says_what_is_done_with_it(page: Path) -> None:
    assert {block.tag for block in blocks(page)} <= RUN | SHOWN


def anchors(page: Path) -> set[str]:
    """Return the anchors GitHub gives a page's headings."""
    seen: Counter[str] = Counter()
    found = set()
    for opening, heading in zip(tokens(page), tokens(page)[1:], strict=False):
        if opening.type == "heading_open":
            text = "".join(child.content for child in heading.children or [])
            anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
            seen[anchor] += 1
    return found


@pages(PAGES)
def test_every_link_and_anchor_leads_somewhere(page: Path) -> None:
    links = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in inline(page)]
    for link in (link for link in links if link and not re.match(r"[a-z]+:", link)):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target), f"{page}: {link}"


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield every `bench ...` a page shows, word by word."""
    code = [token.content for token in inline(page) if token.type == "code_inline"]
    shown = [
        line for block in blocks(page) if block.tag in ("sh", "console") for line in block.text.splitlines()
    ]
    for text in [text for text in code if text.startswith("bench ")] + shown:
        for command in re.findall(r"\bbench ([^#;|>\"]+)", text):
            yield [word.strip("[]") for word in command.split()]


@pages(PAGES)
def test_commands_and_options_exist(page: Path) -> None:
    for words in commands_of(page):
        command: Any = typer.main.get_command(app)
        for word in words:
            if word.startswith("-"):
                known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
                assert word in known, f"{page}: bench {' '.join(words)}"
            elif getattr(command, "commands", None) and word != "...":
                assert word in command.commands, f"{page}: bench {' '.join(words)}"
                command = command.commands[word]


def holds(room: str, module: Path) -> bool:
    return f"/{module.parent.relative_to(ROOT)}".endswith(f"/{room}")


@pages(BY_HAND)
def test_the_modules_a_page_names_are_there(page: Path) -> None:
    """Bare names are of the page's folder or one around it; an empty room has nothing to check."""
    modules = [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")]
    own = {block.name for block in blocks(page)}
    code = {token.content for token in inline(page) if token.type == "code_inline"} - own
    for name in sorted(name for name in code if re.fullmatch(r"[\w/]+\.py", name)):
        anywhere = "/" in name or name.startswith("test_")
        found = [path for path in modules if f"/{path.relative_to(ROOT)}".endswith(f"/{name}")]
        if not anywhere:
            around = [page.parent, *page.parent.parents]
            found = [p for p in found if p.is_relative_to(page.parent) or p.parent in around]
        room = str(Path(name).parent) if "/" in name else str(page.parent.relative_to(ROOT))
        assert found or not any(holds(room, module) for module in modules), f"{page}: {name}"


@pages(BY_HAND)
def test_a_page_is_easily_read(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= WIDEST
    assert page != FRONT_DOOR or len(lines) <= MOST_LINES


def rows(page: Path, columns: int) -> Iterator[list[str]]:
    """Yield the rows of a page's tables of so many columns."""
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == columns:
            yield cells


def test_the_numbers_of_the_front_door_are_the_reports() -> None:
    report = ROOT / "reports" / "limited_data" / "README.md"
    found = {(row[1], row[0]): row[2] for row in rows(report, 7) if "/" in row[4]}
    budgets = ("60", "300", "1200")
    shown = {
        (row[0], budget): cell
        for row in rows(FRONT_DOOR, 4)
        for budget, cell in zip(budgets, row[1:], strict=True)
        if cell.startswith(("+", "−"))
    }
    assert len(shown) == 12
    assert shown.items() <= found.items()


def test_the_strategy_of_the_front_door_is_about_ten_lines() -> None:
    (block,) = [block for block in blocks(FRONT_DOOR) if block.tag == "python"]
    assert len(block.text.splitlines()) <= 12


def test_the_citation_is_of_this_version() -> None:
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["version"] == benchmark.__version__
    assert [reference["year"] for reference in citation["references"]] == [2023]
