"""How many trials run at once, and what is done when they are too many for the memory."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.commands.run import engine_of
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store

# runs out of memory whenever another process has drawn a view within the last second
GREEDY = """\
import os, time
from pathlib import Path
from strategies import Strategy

class Greedy(Strategy):
    def strength(self, progress):
        return 1 - progress
    def augment(self, images, context):
        own = Path(__file__).with_name(f"here-{os.getpid()}")
        own.touch()
        time.sleep(0.2)
        for other in own.parent.glob("here-*"):
            if other != own and time.time() - other.stat().st_mtime < 1:
                raise MemoryError("two at once")
        return super().augment(images, context)
"""


@pytest.fixture
def greedy_suite(suite_file: Path) -> Path:
    text = suite_file.read_text().replace("seeds: [0]", "seeds: [0, 1, 2]")
    text = text.replace("{name: phased, stages: [prior]}", "{name: './greedy.py:Greedy', stages: [prior]}")
    suite_file.write_text(text)
    suite_file.with_name("greedy.py").write_text(GREEDY)
    return suite_file


@pytest.mark.parametrize("most", [None, 1])
def test_trials_short_of_memory_are_tried_again_alone_and_one_at_a_time_is_obeyed(
    greedy_suite: Path, most: int | None
) -> None:
    store, said = Store(greedy_suite.parent / "runs"), io.StringIO()
    settings = RunSettings(max_concurrent=most)
    failed = run_suite(
        greedy_suite,
        store,
        Console(file=said, width=200),
        Options(settings, engine_of(local=False), only=("strategy=Greedy",)),
    )
    assert not failed, said.getvalue()
    assert [record["status"] for record in store.records()] == ["done"] * 3
    second_pass = "ran out of memory or lost their worker: once more, one at a time" in said.getvalue()
    assert second_pass == (most is None), said.getvalue()
    if most is None:
        assert "two at once" in said.getvalue()
