"""A person in a notebook: the functions of `import benchmark`, errors, Ctrl-C, and the tour of suites/."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_records import failing, only, write_suite
from PIL import Image

import benchmark
from benchmark.errors import UserError, UserErrors
from benchmark.notebook.progress import NotebookDisplay, display_here
from benchmark.notebook.run import Interrupted, SuiteRun
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.report.reading.scores import SCORES
from benchmark.running.display import Display
from benchmark.running.progress import Run
from benchmark.screen import console
from benchmark.store.store import Store

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "suites" / "tour.ipynb"
HAS_JUPYTER = all(importlib.util.find_spec(name) for name in ("nbclient", "ipykernel"))
IDENTITY = ["id", "dataset", "budget", "strategy", "seed", "status", "reason"]

BROKEN = """\
from strategies import Strategy
class Broken(Strategy):
    def strength(self, progress):
        return 0.5
    def augment(self, images, context):
        if context.step == 2:
            raise RuntimeError("no such colour")
        return super().augment(images, context)
"""


def python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("code", "not_loaded"),
    [
        ("import benchmark", {"torch", "ray", "numpy", "pandas", "matplotlib", "rich"}),
        (
            "import benchmark as b; b.records(); b.report, b.run, b.preview, b.open_model",
            {"torch", "ray", "kornia", "optuna"},
        ),
    ],
)
def test_a_notebook_pays_for_what_it_calls_only(code: str, not_loaded: set[str], tmp_path: Path) -> None:
    loaded = f"import sys\n{code}\nprint(*sorted({not_loaded!r} & set(sys.modules)))"
    assert python(loaded, tmp_path).split() == []


BEFORE = (
    "import benchmark",
    "import benchmark, benchmark.report.writing",
    "import benchmark; from benchmark.report import write_report",
    "from benchmark import report; import benchmark",
    "from benchmark import *; import benchmark.report.reading.loading as l; import benchmark",
)
CALL = """
for name in benchmark.__all__:
    assert callable(getattr(benchmark, name)), name
    assert name in dir(benchmark)
import benchmark.report.writing
assert benchmark.report.writing.write_report is benchmark.report.write_report
try:
    benchmark.report("none")
except benchmark.errors.UserError as error:
    print(error)
"""


def test_every_name_is_a_function_whatever_was_imported_before(tmp_path: Path) -> None:
    """`benchmark.report` is a room of files as well, and stays one."""
    code = f"""
import sys
for before in {BEFORE!r}:
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmark"]:
        del sys.modules[name]
    exec(before + {CALL!r}, {{}})
"""
    assert python(code, tmp_path).count("suite 'none' has not been run here") == len(BEFORE)


def test_every_function_says_what_it_does() -> None:
    for name in benchmark.__all__:
        function: Any = getattr(benchmark, name)
        assert "Raises UserError" in (
            inspect.getdoc(type(function).__call__ if name == "report" else function) or ""
        )
    assert list(inspect.signature(benchmark.report).parameters) == ["suite", "runs", "output"]
    with pytest.raises(AttributeError, match="'benchmark' has no attribute 'recrods'"):
        benchmark.recrods  # noqa: B018


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, suite_text: str) -> tuple[SuiteRun, str]:
    """Run a suite of three trials, one of which fails; return what comes back and what was printed."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "broken.py").write_text(BROKEN)
    suite = suite_text.replace("- none\n", "- none\n  - {name: './broken.py:Broken', label: broken}\n")
    (folder / "tiny.yaml").write_text(suite)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = benchmark.run(folder / "tiny.yaml", runs=folder / "runs")
    return result, printed.getvalue()


def test_a_run_says_what_is_done_what_failed_and_what_comes_next(done: tuple[SuiteRun, str]) -> None:
    result, printed = done
    assert (result.done, len(result.failed), result.missing) == (2, 1, 0)
    assert result.failed.loc[0, "reason"] == "RuntimeError: no such colour"
    assert "Traceback" in Path(str(result.failed.loc[0, "log"])).read_text()
    first, told, log, last = repr(result).splitlines()
    assert first == "tiny: 2 of 3 trials done, 1 failed"
    assert told == "FAILED digits/20/broken/seed0: RuntimeError: no such colour"
    assert Path(log.removeprefix("  log: ")).is_file()
    assert last == f"next: benchmark.report('tiny', runs={str(result.runs)!r})"
    assert all(text in result._repr_html_() for text in ("2 of 3 trials done", "no such colour", "<table"))
    assert len(re.findall(r"^digits/20/\S+: ", printed, re.MULTILINE)) == 3
    assert not re.search(r"[^\n -~]", printed)  # neither colours nor cursor movements


def test_a_second_call_runs_what_is_not_done(done: tuple[SuiteRun, str], capsys: Any) -> None:
    result, _ = done
    again = benchmark.run(result.runs.parent / "tiny.yaml", runs=result.runs, only="strategy=none")
    assert "1 trials, 1 done before, 0 to run" in capsys.readouterr().out
    assert repr(again) == repr(result)


def test_what_is_edited_between_two_calls_is_another_trial(suite_file: Path, capsys: Any) -> None:
    """A kernel lives for days: it must hold neither yesterday's strategy nor yesterday's images."""
    mine = suite_file.with_name("mine.py")
    images = suite_file.with_name("images")
    images.mkdir()
    random = np.random.default_rng(0)

    def add(count: int) -> None:
        for name in range(len(list(images.iterdir())), len(list(images.iterdir())) + count):
            Image.fromarray(random.integers(0, 255, (16, 16), np.uint8)).save(images / f"{name:03}.png")

    text = suite_file.read_text().replace("source: digits", "source: 'folder:images'")
    text = text.replace("{name: phased, stages: [prior]}", "{name: './mine.py:Mine'}").replace("- none\n", "")
    suite_file.write_text(text.replace("strategies:\n  ", "baseline: Mine\nstrategies:\n  "))
    runs, ids = suite_file.with_name("runs"), set()
    for strength in (0.5, 0.25):
        add(70)
        mine.write_text(
            "from strategies import Strategy\nclass Mine(Strategy):\n"
            f"    def strength(self, progress):\n        return {strength}\n"
        )
        assert benchmark.run(suite_file, runs=runs).done == 1
        (record,) = [r for r in Store(runs).records() if r["id"] not in ids]
        assert record["mean_strength"] == strength
        ids.add(record["id"])
    trained = {record["pool_images"] for record in Store(runs).records()}
    assert len(trained) == 2, capsys.readouterr().out


@pytest.mark.parametrize(
    ("suite", "options", "said"),
    [
        ("no.yaml", {}, r"no\.yaml: no such file\nname a suite file"),
        (
            "datasets: [digits]\nbudgets: [20]",
            {},
            r"is no file: a suite is named by its file.*\nwrite it first",
        ),
        ({"datasets": ["digits"]}, {}, r"is no file: a suite is named by its file.*\nwrite it first"),
        ("tiny.yaml", {"keep": "model"}, r"--keep 'model' is unknown\nDid you mean 'models'"),
        ("tiny.yaml", {"retires": 2}, r"run: argument 'retires' is unknown\nDid you mean 'retries'"),
        ("tiny.yaml", {"only": "budget=21"}, r"--only: budget '21' is unknown\n"),
    ],
)
def test_what_a_user_can_mend_is_said_in_two_lines(
    suite: Any, options: dict[str, Any], said: str, suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(suite_file.parent)
    with pytest.raises(UserError, match=said) as caught:
        benchmark.run(suite, **options)
    shown = caught.value._render_traceback_()
    assert shown == f"error: {caught.value}".splitlines()
    assert len(shown) == 2
    assert not Path("runs").exists()


def test_several_errors_are_shown_one_after_the_other() -> None:
    several = UserErrors([UserError("here: wrong", "do this"), UserError("there: wrong", "do that")])
    assert several._render_traceback_() == ["error: here: wrong", "do this", "error: there: wrong", "do that"]


def test_a_folder_that_cannot_be_written_is_said_in_two_lines(
    done: tuple[SuiteRun, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    result, _ = done
    suite = result.runs.parent / "tiny.yaml"
    for call in (
        lambda: benchmark.run(suite, runs=tmp_path / "file"),
        lambda: benchmark.report("tiny", runs=result.runs, output=tmp_path / "file"),
        lambda: benchmark.preview(suite, output=tmp_path / "file"),
    ):
        with pytest.raises(UserError) as caught:
            call()
        assert len(str(caught.value).splitlines()) == 2


# raises the signal by which Jupyter interrupts a kernel, once, in mid-training
INTERRUPTED = """\
import signal
from pathlib import Path
from strategies import Strategy
class Slow(Strategy):
    def strength(self, progress):
        return 0.5
    def augment(self, images, context):
        flag = Path(__file__).with_name("interrupted")
        if context.stage == "prior" and context.step == 7 and not flag.exists():
            flag.write_text("")
            signal.raise_signal(signal.SIGINT)
        return super().augment(images, context)
"""


def interrupted_suite(suite: Path) -> None:
    suite.with_name("mine.py").write_text(INTERRUPTED)
    text = suite.read_text().replace(
        "{name: phased, stages: [prior]}", "{name: './mine.py:Slow', label: slow}"
    )
    text = text.replace("  - none\n", "").replace("prior: {steps: 6,", "prior: {steps: 20,")
    suite.write_text(text + "baseline: slow\nresources: {checkpoint_seconds: 3600}\n")


def test_an_interrupted_call_ends_in_a_line_and_the_same_call_goes_on(suite_file: Path) -> None:
    interrupted_suite(suite_file)
    runs = suite_file.with_name("runs")
    handlers = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    }
    with pytest.raises(Interrupted) as caught:
        benchmark.run(suite_file, runs=runs)
    (line,) = caught.value._render_traceback_()
    assert line == str(caught.value) == "interrupted; the same call goes on where it stopped"
    assert isinstance(caught.value, KeyboardInterrupt)  # cells that wait are not run
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    (trial,) = plan_trials(load_suite(suite_file))
    assert benchmark.records(runs).empty

    assert benchmark.run(suite_file, runs=runs).done == 1
    assert "stage prior, step 9 of 20" in Store(runs).log_path(trial.id).read_text()


def test_a_run_leaves_the_process_as_it_was(suite_file: Path) -> None:
    import torch

    def mine(number: int, frame: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGTERM, mine)
    torch.set_num_threads(2)
    try:
        benchmark.run(suite_file, runs=suite_file.with_name("runs"), only="strategy=none")
        assert signal.getsignal(signal.SIGTERM) is mine
        assert torch.get_num_threads() == 2
    finally:
        signal.signal(signal.SIGTERM, before)
        torch.set_num_threads(1)


@pytest.mark.parametrize("local", [True, False], ids=["serial", "ray"])
def test_a_run_in_another_thread_ends_as_well(suite_file: Path, local: bool) -> None:
    """Only the main thread may set handlers of signals: neither engine needs one."""
    found: list[SuiteRun] = []
    runs = suite_file.with_name("runs")

    def work() -> None:
        found.append(benchmark.run(suite_file, runs=runs, only=["strategy=none"], local=local))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (found[0].done, found[0].missing) == (1, 1)
    assert "1 not run" in repr(found[0])


def test_ray_that_runs_in_the_kernel_already_is_left_alone(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "shutdown", lambda: pytest.fail("somebody's tasks were lost"))
    with pytest.raises(UserError, match=r"Ray runs in this process already\nray.shutdown\(\) first"):
        benchmark.run(suite_file, runs=suite_file.with_name("runs"), local=False)


def test_records_are_one_row_a_trial_who_it_is_first(done: tuple[SuiteRun, str]) -> None:
    result, _ = done
    table = benchmark.records(result.runs)
    assert list(table.columns[: len(IDENTITY)]) == IDENTITY
    assert set(table["strategy"]) == {"none", "phased", "broken"}
    assert set(table[["budget", "seed"]].dtypes) == {np.dtype("int64")}
    good, failed = table[table["status"] == "done"], table[table["status"] == "failed"]
    assert failed["reason"].tolist() == ["RuntimeError: no such colour"]
    assert failed["bpd_heldout"].isna().all()
    parts = good["rate_heldout_bpd"] + good["distortion_bpd"]
    assert np.allclose(parts, good["bpd_heldout"])
    (curve,) = good.loc[good["strategy"] == "phased", "curve_step"]
    assert curve.tolist() == sorted(curve)
    planned = benchmark.records(result.runs, "tiny")
    assert planned["strategy"].tolist() == ["none", "broken", "phased"]  # as the suite has them


def test_every_score_of_a_record_is_named_in_the_help(done: tuple[SuiteRun, str]) -> None:
    text = inspect.getdoc(benchmark.records) or ""
    patterns = [name.replace("OPERATION", "*") for name in re.findall(r"`([\w*]+)`", text)]
    named = re.compile("|".join(re.escape(p).replace(r"\*", r"\w*") for p in patterns))
    scores = [key for key in benchmark.records(done[0].runs).columns if key in SCORES]
    assert len(scores) > 15
    unnamed = [key for key in scores if not named.fullmatch(key.removesuffix("_pixels"))]
    assert set(unnamed) <= {"selected_step", "validation_images", "images_seen", "parameters"}


def test_a_folder_without_records_gives_an_empty_table(tmp_path: Path) -> None:
    table = benchmark.records(tmp_path / "runs")
    assert list(table.columns) == IDENTITY
    assert len(table) == 0
    assert not (tmp_path / "runs").exists()
    with pytest.raises(UserError, match="suite 'tiny' has not been run here"):
        benchmark.records(tmp_path / "runs", "tiny")


def test_records_of_a_suite_count_what_failed_and_what_is_missing(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> dict[str, Any] | None:
        if only(strategy="phased", seed=1)(record):
            return failing(record)
        return None if only(strategy="phased", seed=2)(record) else record

    write_suite(tmp_path, change=change)
    (tmp_path / "records" / "0123.json").write_text("{ damaged")
    table = benchmark.records(tmp_path, "suites/tiny.yaml")
    assert table["status"].value_counts().to_dict() == {"done": 4, "failed": 1, "missing": 1}
    assert table.loc[table["status"] == "failed", "reason"].item() == "loss is nan at 3"
    assert len(benchmark.records(tmp_path)) == 4  # the failed one does not say whose it is


def test_a_suite_of_which_nothing_is_done_has_records_all_the_same(tmp_path: Path) -> None:
    write_suite(tmp_path, change=lambda record: None)
    table = benchmark.records(tmp_path, "tiny")
    assert set(table["status"]) == {"missing"}
    assert len(table) == 6
    with pytest.raises(UserError, match="none of the 6 trials is done"):
        benchmark.report("tiny", runs=tmp_path, output=tmp_path / "reports")


def test_a_report_is_the_commands_and_shows_answer_and_figures_inline(done: tuple[SuiteRun, str]) -> None:
    result, _ = done
    output = result.runs.parent / "reports"
    found = benchmark.report("tiny", runs=result.runs, output=output)
    assert found.path == output / "tiny" / "index.html"
    shown = found._repr_html_()
    assert "Lowest mean held-out bits/dim" in repr(found)
    assert "Lowest mean held-out bits/dim" in shown
    assert "2 of 3 trials are done; 1 failed" in shown
    assert "no such colour" in shown
    figures = sorted((output / "tiny" / "figures").glob("*.png"))
    assert shown.count("data:image/png;base64,") == len(figures) > 2
    assert re.findall(r'(?:src|href)="(?!data:image/png)', shown) == []  # nothing that a viewer had to fetch
    marginals = "marginals (independent pixels)"
    assert found.table["strategy"].tolist() == ["none", "broken", "phased", marginals]
    assert "bpd_heldout_diff_mean" in found.table


def test_a_trained_model_draws_what_a_notebook_shows(done: tuple[SuiteRun, str]) -> None:
    result, _ = done
    (row,) = benchmark.records(result.runs).query("strategy == 'phased'").itertuples()
    model = benchmark.open_model(row.id, runs=result.runs)
    assert "digits/20/phased/seed0" in repr(model)
    images = model.sample(5, seed=3)
    assert images.shape == (5, 16, 16, 1)
    assert images.dtype == np.uint8
    expected = benchmark.open_model(model.folder).model.sample(5, seed=3)
    assert np.array_equal(images, expected.permute(0, 2, 3, 1).numpy())
    png = images._repr_png_()
    assert png is not None
    assert Image.open(io.BytesIO(png)).size == ((3 * 17 - 1) * 4, (2 * 17 - 1) * 4)
    assert repr(images) == "<5 images, 16x16, grey, uint8>"
    assert images[0]._repr_png_() is not None  # one of them
    assert (images / 255)._repr_png_() is None  # no longer images
    with pytest.raises(UserError, match="n is 0"):
        model.sample(0)
    with pytest.raises(UserError, match="names no trained model"):
        benchmark.open_model("abd", runs=result.runs)


def test_the_line_of_a_notebook_changes_in_place_and_goes(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A stand-in for IPython's kernel: what is displayed, changed, and left."""
    shown: list[dict[str, str]] = []

    class Handle:
        def update(self, bundle: dict[str, str], *, raw: bool) -> None:
            shown.append(bundle)

    def display(bundle: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        shown.append(bundle)
        return Handle()

    module: Any = type(sys)("IPython.display")
    module.display = display
    ipython: Any = type(sys)("IPython")
    ipython.get_ipython = lambda: type("Shell", (), {"kernel": object()})()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    assert display_here() is NotebookDisplay
    trials, now = plan_trials(load_suite(suite_file)), [0.0]
    with NotebookDisplay(Run(trials, clock=lambda: now[0]), console()) as watcher:
        for step in range(4):
            now[0] += 0.3
            watcher.step(trials[0].id, "codes", step, 6)
        watcher.end({"id": trials[0].id, "status": "failed", "reason": "<b>"})
    assert [bundle["text/plain"].partition(",")[0] for bundle in shown] == ["0/2 done"] * 3 + [""]
    assert f"{trials[0].title}: codes 3/6" in shown[2]["text/plain"]
    assert '<progress max="1" value="0.0' in shown[2]["text/html"]
    assert capsys.readouterr().out.startswith(f"{trials[0].title}: FAILED: <b>  (0/2 done, 1 failed")

    ipython.get_ipython = lambda: None
    assert display_here() is Display


def cells() -> list[dict[str, Any]]:
    return list(json.loads(TOUR.read_text(encoding="utf-8"))["cells"])


def test_the_tour_is_a_valid_notebook_of_ten_cells_without_outputs() -> None:
    notebook = json.loads(TOUR.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert len(cells()) == len({cell["id"] for cell in cells()}) == 10
    for cell in cells():
        code = cell["cell_type"] == "code"
        assert cell.keys() == {"cell_type", "id", "metadata", "source"} | (
            {"execution_count", "outputs"} if code else set()
        )
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell["id"])
        assert not cell["metadata"]
        assert all(isinstance(line, str) for line in cell["source"])
        if code:
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    with contextlib.suppress(ImportError):
        import nbformat

        nbformat.validate(nbformat.reads(TOUR.read_text(encoding="utf-8"), 4))


# what a kernel does with the tour's cells, where none is installed
PLAIN = """\
import ast, json, sys
from pathlib import Path
names = {}
for cell in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]:
    text = "".join(cell["source"])
    if cell["cell_type"] == "code" and text.startswith("%%writefile "):
        head, _, body = text.partition("\\n")
        Path(head.split()[1]).write_text(body)
    elif cell["cell_type"] == "code":
        *most, last = ast.parse(text).body
        exec(compile(ast.Module(most, []), cell["id"], "exec"), names)
        shown = eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)
        drawn = [getattr(shown, name)() for name in ("_repr_html_", "_repr_png_") if hasattr(shown, name)]
        assert all(drawn) and repr(shown)
names["run"].table.to_json("run.json")
names["report"].table.to_json("table.json")
"""


@pytest.mark.skipif(HAS_JUPYTER, reason="executed by Jupyter's kernel: the next test")
def test_the_tour_runs_from_question_to_table(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PLAIN, str(TOUR)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(pd.read_json(tmp_path / "run.json")["status"]) == {"done"}
    assert pd.read_json(tmp_path / "table.json")["strategy"].tolist() == ["none", "constant", "cosine"]


def kernel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a manager of a kernel of this very interpreter, whatever kernels are installed here."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    manager = AsyncKernelManager()
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name="python", language="python")
    return manager


def execute(source: Path | list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Execute a notebook, or cells, in Jupyter's kernel; return the outputs of each code cell."""
    import nbformat
    from nbclient import NotebookClient

    if isinstance(source, Path):
        book = nbformat.read(source, 4)
    else:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in source])
    client = NotebookClient(
        book,
        km=kernel(folder, monkeypatch),
        timeout=300,
        startup_timeout=180,  # on a busy machine
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
    return [cell.outputs for cell in book.cells if cell.cell_type == "code"]


jupyter = pytest.mark.skipif(not HAS_JUPYTER, reason="nbclient and ipykernel are not installed")


@jupyter
def test_the_tour_runs_from_question_to_table_in_jupyter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = execute(TOUR, tmp_path, monkeypatch)
    printed = "".join(o.text for cell in outputs for o in cell if o.output_type == "stream")
    assert [o for cell in outputs for o in cell if o.output_type == "error"] == []
    assert "6/6 done in" in printed
    assert not re.search(r"[^\n -~]", printed)
    kinds = [set(o.data) for cell in outputs[2:] for o in cell if o.output_type == "execute_result"]
    assert kinds == [{"text/plain", "text/html"}] * 4 + [
        {"text/plain"},
        {"text/plain", "image/png"},
        {"text/plain", "text/html"},
    ]
    assert "data:image/png" in outputs[5][0].data["text/html"]
    assert all(name in outputs[8][0].data["text/plain"] for name in ("none", "constant", "cosine"))


@jupyter
def test_errors_and_an_interrupted_kernel_are_lines_and_the_cell_goes_on(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_suite(suite_file)
    again = "import benchmark\nbenchmark.run('tiny.yaml')"
    handlers = "import signal\n[signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]"
    wrong, before, first, after, second = execute(
        ["import benchmark\nbenchmark.run('no.yaml')", handlers, again, handlers, again],
        suite_file.parent,
        monkeypatch,
    )
    assert wrong[-1].traceback == [
        "error: no.yaml: no such file",
        "name a suite file, e.g. suites/limited_data.yaml",
    ]
    error = first[-1]
    assert (error.output_type, error.ename) == ("error", "Interrupted")
    assert error.traceback == ["interrupted; the same call goes on where it stopped"]
    assert before[-1].data == after[-1].data
    assert "tiny: 1 of 1 trials done" in second[-1].data["text/plain"]
