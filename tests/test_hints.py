"""What a message sends its reader to is there: sections of pages, commands, their options, files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from benchmark.cli import app

ROOT = Path(__file__).parents[1]
PACKAGES = ("benchmark", "pcvq2", "strategies")
FOLDERS = (*PACKAGES, "suites", "reports")
# where a section may stand that a hint names: the front page, and the page of each folder that has one
PAGES = [
    ROOT / "README.md",
    *sorted(
        page for folder in (*PACKAGES, "suites", "reports") for page in (ROOT / folder).rglob("README.md")
    ),
]
# of tensorboard, Ray, FFHQ's downloader and pytest
FOREIGN = {"--logdir", "--head", "--skip-version-check", "--images", "--pyargs"}
NO_MESSAGES = (
    "benchmark/store/environment.py",
    "benchmark/naming.py",
    "benchmark/report/page/",
)  # git's options, names of CSS
AFTER_BENCH = {"that", "on", "is", "itself"}  # words that follow the product's name in a sentence


def strings_of(source: str) -> Iterator[str]:
    """Yield every string of a file; what an f-string fills in reads X."""
    inner: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in ast.walk(node) if part is not node}
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def commands() -> dict[str, set[str]]:
    """Return the options of every command, by its words: {"data check": {"--size", ...}}."""
    found: dict[str, set[str]] = {}

    def visit(command: object, name: str) -> None:
        found[name] = {"--help"} | {option for parameter in command.params for option in parameter.opts}
        for word, inner in getattr(command, "commands", {}).items():
            visit(inner, f"{name} {word}".strip())

    visit(typer.main.get_command(app), "")
    return found


COMMANDS = commands()
HEADINGS = {
    heading.strip() for page in PAGES for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
}


def complaints(text: str) -> list[str]:
    """Say what a string names that is not there."""
    wrong = [
        f"section '{name}'"
        for name in re.findall(r"README(?:\.md)?, (?:section )?([A-Z][\w-]*(?: [a-z][\w-]*)*)", text)
        if name not in HEADINGS
    ]
    for file in re.findall(
        r"\b(?:suites|reports|benchmark|pcvq2|strategies)/[\w./]+\.(?:py|md|yaml)\b", text
    ):
        if "/X." not in file and not (ROOT / file).is_file():
            wrong.append(f"file {file}")
    for match in re.finditer(r"\bbench ((?:[a-z]+ ?)+)([^`\n;]*)", text):
        words = match[1].split()
        name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in COMMANDS), "")
        if not name and words[0] not in AFTER_BENCH:
            wrong.append(f"command 'bench {words[0]}'")
        if name == "data" and len(words) > 1:
            wrong.append(f"command 'bench data {words[1]}'")
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", match[2]):
            if name and option not in COMMANDS[name]:
                wrong.append(f"option {option} of 'bench {name}'")
    known = set().union(*COMMANDS.values()) | FOREIGN
    options = re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)
    return wrong + [f"option {option}" for option in options if option not in known]


@pytest.mark.parametrize("package", PACKAGES)
def test_what_messages_name_is_there(package: str) -> None:
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(NO_MESSAGES):
            wrong = [wrong for text in strings_of(path.read_text()) for wrong in complaints(text)]
            found |= {name: wrong} if wrong else {}
    assert found == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("see README, section Gadgets", ["section 'Gadgets'"]),
        ("see README, Sweeps", ["section 'Sweeps'"]),
        ("see README, section Suites", []),
        ("`bench prepare X`", ["command 'bench prepare'"]),
        ("run bench data fetch X", ["command 'bench data fetch'"]),
        ("bench run X --fast", ["option --fast of 'bench run'", "option --fast"]),
        ("bench data check X --effect 1", ["option --effect of 'bench data check'"]),
        ("`bench data prepare X --size 64`, the version of bench that ran it", []),
        ("name another --putout", ["option --putout"]),
        ("see suites/smoke.yaml or pcvq2/settings.py", ["file pcvq2/settings.py"]),
    ],
)
def test_what_is_not_there_is_found(text: str, wrong: list[str]) -> None:
    assert complaints(text) == wrong
