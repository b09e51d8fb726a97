"""index.html in a real browser, from the file system, without a network."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmark.report import write_report
from benchmark.report.two_runs.compare import compare_runs
from benchmark.report.two_runs.page import write_two_runs

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGE_BYTES = 5 * 2**20
ENDING = """
<script>
addEventListener("load", async () => {
  const box = document.createElement("pre");
  box.id = "result";
  box.textContent = JSON.stringify(await (async () => { STEPS })());
  document.body.append(box);
});
</script>
"""


pytestmark = pytest.mark.xdist_group("page")  # one of them is read by most


@pytest.fixture(scope="module")
def page(published_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of a suite of 45 trials with images."""
    output = tmp_path_factory.mktemp("report")
    write_report(published_runs / "suites" / "limited_data.json", published_runs, output)
    return output / "index.html"


@pytest.fixture(scope="module")
def two_runs(published_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of two runs, of which the second is 0.01 bits/dim better with `phased` at 60 images."""
    second = tmp_path_factory.mktemp("two") / "second"
    shutil.copytree(published_runs, second, ignore=shutil.ignore_patterns("artifacts"))
    for path in (second / "records").iterdir():
        record = json.loads(path.read_text())
        record["versions"]["torch"] = "2.16.0"
        if (record["strategy"], record["budget"]) == ("phased", 60):
            record["bpd_heldout"] -= 0.01
        path.write_text(json.dumps(record))
    runs = compare_runs(str(published_runs), str(second))
    return write_two_runs(runs, second.parent / "report").with_name("index.html")


@pytest.fixture(params=["page", "two_runs"])
def each_page(request: pytest.FixtureRequest) -> Path:
    """Return the page of a suite, then that of two runs: both have one frame."""
    found: Path = request.getfixturevalue(request.param)
    return found


def in_browser(page: Path, script: str, flags: Sequence[str] = ()) -> Any:
    """Open a page with a script at its end; return the script's result. Fails on any word on the console."""
    if CHROMIUM is None:
        warnings.warn("no Chromium: nothing was tested in a browser", stacklevel=2)
        pytest.skip("no Chromium: apt-get install chromium")
    copy = page.with_name("with-script.html")
    copy.write_text(page.read_text() + ENDING.replace("STEPS", script))
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--virtual-time-budget=4000",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={page.with_name('browser')}",
            *flags,
            "--dump-dom",
            copy.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not console
    found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


ROWS = "[...document.querySelectorAll('#main tbody tr')].filter(r => !r.hidden)"
CHOOSE = (
    "const choose = (name, value) => { const s = document.getElementById('filter-' + name); s.value = value;"
    "s.dispatchEvent(new Event('change')); };"
)
PRESS = (
    "const press = n => document.querySelectorAll('#main thead button')[n].click();"
    f"const means = () => {ROWS}.map(r => parseFloat(r.cells[3].textContent));"
)


def test_the_page_is_one_small_file_that_fetches_nothing(each_page: Path) -> None:
    text = each_page.read_text()
    assert len(text.encode()) <= PAGE_BYTES
    assert not re.findall(r'(?:src|srcset)="(?!data:)', text)
    assert not re.findall(r"<link(?![^>]*href=\"data:)|@import|url\((?!#)", text)
    assert in_browser(
        each_page, "return performance.getEntriesByType('resource').map(e => e.name.slice(0, 5));"
    ) in ([], ["data:"])


def test_the_table_sorts_by_number_both_ways_and_says_so(page: Path) -> None:
    up, down, said = in_browser(
        page,
        PRESS + "press(3); const up = means(); press(3);"
        "return [up, means(), document.querySelectorAll('#main thead th')[3].getAttribute('aria-sort')];",
    )
    assert len(up) == 15
    assert up == sorted(up)
    assert down == sorted(up, reverse=True)
    assert said == "descending"


def test_what_has_no_value_stays_last(page: Path) -> None:
    shown = in_browser(page, f"{PRESS} press(5); press(5); return {ROWS}.map(r => r.cells[5].textContent);")
    assert shown[-3:] == ["baseline"] * 3


def test_the_table_filters_by_budget_and_strategy_and_comes_back(page: Path) -> None:
    names = f"const names = () => {ROWS}.map(r => r.cells[1].textContent + r.cells[2].textContent.trim());"
    few, one, count, every = in_browser(
        page,
        CHOOSE + names + "choose('budget', '300'); const few = names(); choose('strategy', 'phased');"
        "const one = names(), count = document.getElementById('count').textContent;"
        "document.querySelector('#filters button').click(); await new Promise(r => setTimeout(r, 50));"
        "return [few, one, count, names().length];",
    )
    assert len(few) == 5
    assert all(name.startswith("300") for name in few)
    assert (one, count, every) == (["300phased"], "1 of 15 rows shown", 15)


def test_another_score_fills_the_table(page: Path) -> None:
    title, first, record = in_browser(
        page,
        CHOOSE + "choose('score', 'recall'); return [document.getElementById('score-title').textContent,"
        f"{ROWS}[0].cells[3].textContent, {ROWS}[1].cells[7].textContent];",
    )
    assert title == "recall"
    assert first.startswith("0.783")
    assert record.count("/") == 2


def test_a_phone_scrolls_tables_not_the_page(each_page: Path) -> None:
    frame = each_page.with_name("phone.html")
    frame.write_text(f'<iframe id="phone" src="{each_page.name}" style="width:360px;height:800px"></iframe>')
    wide, inside = in_browser(
        frame,
        "const inner = document.getElementById('phone').contentDocument.documentElement;"
        "return [inner.scrollWidth, inner.clientWidth];",
        ["--allow-file-access-from-files"],
    )
    assert inside <= 360
    assert wide <= inside


def test_dark_and_light_differ_and_both_can_be_read(each_page: Path) -> None:
    script = (
        "const style = getComputedStyle(document.body); const of = s => getComputedStyle("
        "document.querySelector(s)).color; return [style.backgroundColor, style.color, of('a'), "
        "of('caption')];"
    )
    found = [in_browser(each_page, script, [f"--blink-settings=preferredColorScheme={n}"]) for n in (0, 1)]
    assert found[0][0] != found[1][0]
    for background, *texts in found:
        assert all(contrast(background, text) >= 4.5 for text in texts)  # WCAG 2.1, level AA


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG defines it."""

    def luminance(color: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_keyboard_and_screen_readers_get_everything(each_page: Path) -> None:
    report = in_browser(
        each_page,
        "const all = s => [...document.querySelectorAll(s)]; const ids = all('[id]').map(e => e.id);"
        "return {language: document.documentElement.lang, h1: all('h1').length,"
        "levels: all('h1,h2,h3,h4,h5').map(e => Number(e.tagName[1])),"
        "unlabelled: all('select').filter(e => !e.labels.length).length,"
        "silent: all('img').filter(e => !e.alt).length + all('svg').filter(e => !e.ariaLabel).length,"
        "unscoped: all('th').filter(e => !e.scope).length,"
        "stuck: all('.scroll').filter(e => e.tabIndex !== 0).length,"
        "twice: ids.filter((id, i) => ids.indexOf(id) !== i),"
        "dangling: all('a[href^=\"#\"]').filter(e => !document.querySelector(e.hash)).map(e => e.hash)};",
    )
    levels = report.pop("levels")
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert report == {
        "language": "en",
        "h1": 1,
        "unlabelled": 0,
        "silent": 0,
        "unscoped": 0,
        "stuck": 0,
        "twice": [],
        "dangling": [],
    }


def test_the_table_of_two_runs_sorts_filters_and_changes_its_score(two_runs: Path) -> None:
    first, few, head, kid = in_browser(
        two_runs,
        CHOOSE + "document.querySelectorAll('#main thead button')[5].click();"
        f"const text = () => {ROWS}.map(r => [...r.cells].map(c => c.textContent.trim()));"
        "const first = text()[0]; choose('strategy', 'phased'); const few = text().length;"
        "const head = document.querySelectorAll('#main thead th')[7].textContent; choose('score', 'kid');"
        "return [first, few, head, text()[0]];",
    )
    assert first[1:3] == ["60", "phased"]  # the lowest difference comes first
    assert first[5].startswith("\u22120.010")
    assert first[6:8] == ["3", "0"]
    assert few == 3
    assert head == "identical"
    assert kid[7] == "3"


def test_the_page_of_two_runs_says_what_the_markdown_says(two_runs: Path) -> None:
    text = two_runs.read_text()
    for said in ("42 of 45 pairs", "version of torch", "2.16.0", "phased at 60 (digits)", "bench report "):
        assert said in text
    assert "42 of 45 pairs" in two_runs.with_name("README.md").read_text()


def test_names_and_reasons_from_records_are_text_not_markup(published_runs: Path, tmp_path: Path) -> None:
    name = '</script><script>document.title = "taken"</script>&"'
    manifest = json.loads((published_runs / "suites" / "limited_data.json").read_text())
    for trial in manifest["trials"]:
        if trial["strategy"] == "adaptive":
            trial["strategy"] = name
    manifest["title"] = "<img src=x onerror=alert(1)>"
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(manifest))
    write_report(path, published_runs, tmp_path / "report")
    title, shown = in_browser(
        tmp_path / "report" / "index.html",
        f"return [document.title, {ROWS}.map(r => r.cells[2].textContent.trim())];",
    )
    assert title == "limited_data: bench report"
    assert name in shown


def test_the_page_is_the_same_bytes_every_time(published_runs: Path, page: Path, tmp_path: Path) -> None:
    write_report(published_runs / "suites" / "limited_data.json", published_runs, tmp_path)
    for name in ("index.html", "records.parquet", "table.tex", "figures/digits-budgets.pdf"):
        assert (tmp_path / name).read_bytes() == (page.parent / name).read_bytes(), name


def test_print_shows_on_paper_what_the_screen_shows(page: Path, tmp_path: Path) -> None:
    in_browser(page, "return 0;")  # skips where there is no browser
    target = tmp_path / "page.pdf"
    subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=4000",
            f"--user-data-dir={tmp_path / 'browser'}",
            f"--print-to-pdf={target}",
            page.as_uri(),
        ],
        capture_output=True,
        timeout=300,
        check=True,
    )
    pages = target.read_bytes().count(b"/Type /Page\n") + target.read_bytes().count(b"/Type /Page ")
    assert 3 <= pages <= 25
