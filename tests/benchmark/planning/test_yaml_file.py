"""A file's values are plain and finite, each at its line; whatever else YAML can say is refused there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import UserError
from benchmark.planning.yaml_file import YamlFile, read_yaml


def read(path: Path, text: str | bytes) -> YamlFile:
    file = path / "a.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(file)


def test_merges_and_aliases_are_written_out_and_keep_their_lines(tmp_path: Path) -> None:
    file = read(tmp_path, "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\nc: [*x, &y 5, *y]\n")
    assert file.values == {"a": {"p": 1, "q": 2}, "b": {"q": 3, "p": 1}, "c": [{"p": 1, "q": 2}, 5, 5]}
    lines = [
        file.place(at).rpartition(":")[2] for at in ((), ("b",), ("b", "q"), ("b", "p"), ("c", 1), ("x",))
    ]
    assert lines == ["1", "2", "4", "1", "5", "1"]


def test_several_merges_let_the_first_win(tmp_path: Path) -> None:
    file = read(tmp_path, "a: &a {p: 1}\nb: &b {p: 2, q: 2}\nc: {<<: [*a, *b], r: 3}\n")
    assert file.values["c"] == {"r": 3, "p": 1, "q": 2}


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = "[1e-4, 0o17, 0x1F, 017, 1_000, +5, ~, true, yes, 2020-99-99, 12:30:00, !!str 5, !!int '5']"
    values = read(tmp_path, f"a: {text}\n").values["a"]
    assert values == [1e-4, 15, 31, 17, 1000, 5, None, True, "yes", "2020-99-99", "12:30:00", "5", 5]
    assert [type(value) for value in values[:2]] == [float, int]


@pytest.mark.parametrize("text", ["\ufeffa: 1\nb: 2\n", "a: 1\r\nb: 2\r\n", "a: 1\rb: 2\r", "a: 1\nb: 2"])
def test_any_end_of_line_and_a_byte_order_mark_are_read(tmp_path: Path, text: str) -> None:
    file = read(tmp_path, text)
    assert file.values == {"a": 1, "b": 2}
    assert file.place(("b",)).endswith(":2")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: &b [*b]\n", 2, "an alias stands inside of what it means"),
        ("a: 1\nb: &b {c: {<<: *b}}\n", 2, "an alias stands inside of what it means"),
        ("a: 1\nb: {<<: 5}\n", 2, "<< merges mappings"),
        ("a: 1\nb: *c\n", 2, "undefined alias"),
        ("a: 1\n2: b\n", 2, "'2' stands as a key"),
        ("a: 1\nnull: b\n", 2, "'null' stands as a key"),
        ("a: 1\n? [b]\n: c\n", 2, "a list or mapping stands as a key"),
        ("a: 1\nb: 1\nb: 2\n", 3, "duplicate key 'b'"),
        ("a: 1\nb: !!set {c}\n", 2, "the tag 'tag:yaml.org,2002:set' is not known"),
        ("a: 1\nb: !mine {c: 1}\n", 2, "the tag '!mine' is not known"),
        ("a: 1\nb: !!int x\n", 2, "'x' is not a number"),
        ("a: 1\nb: !!bool x\n", 2, "'x' is not a truth value"),
        ("a: 1\nb: .inf\n", 2, "infinite"),
        ("a: 1\nb: 0x" + "f" * 6000 + "\n", 2, "too large a number"),
        ('a: 1\nb: "\\ud800"\n', 2, "a character that cannot be printed"),
        ("a: 1\nb: \x07\n", 2, "may not stand in YAML"),
        ("a: 1\n---\nb: 1\n", 2, "another document"),
        ("a: 1\nb:\tc\n", 2, "tabs do not"),
        (b"a: 1\nb: \xff\n", 2, "UTF-8"),
        ("a: " + "[" * 3000, 1, "nested too deeply"),
        ("", 1, "a suite is a mapping"),
    ],
)
def test_what_no_suite_needs_is_refused_at_its_line(
    tmp_path: Path, text: str | bytes, line: int, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'a.yaml'}:{line}: "), message
    assert said in message
    assert message.count("\n") == 1


def test_aliases_that_multiply_are_refused_at_once(tmp_path: Path) -> None:
    lists = "".join(f"l{i + 1}: &l{i + 1} [{', '.join([f'*l{i}'] * 10)}]\n" for i in range(12))
    maps = "".join(f"m{i + 1}: &m{i + 1} {{<<: [*m{i}, *m{i}], k{i}: 1}}\n" for i in range(60))
    with pytest.raises(UserError, match="aliases multiply"):
        read(tmp_path, f"l0: &l0 [1]\n{lists}")
    assert len(read(tmp_path, f"m0: &m0 {{a: 1}}\n{maps}").values["m60"]) == 61
