"""What leads a report comes from the manifest: the score, its unit, and which way is better."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from made_records import Record, compared, readme_of, refusal, write_suite
from rich.console import Console

from benchmark.errors import UserError
from benchmark.report import print_table, write_report
from benchmark.report.comparing.data_efficiency import equivalents
from benchmark.report.comparing.leaders import best_mean
from benchmark.report.comparing.significance import contrasts
from benchmark.report.latex import latex_text
from benchmark.report.two_runs.compare import compare_runs
from benchmark.report.two_runs.page import two_runs_page
from benchmark.report.two_runs.text import two_runs_text
from benchmark.report.words.frame import table_csv

LOG_LOSS = {
    "key": "log_loss_heldout",
    "title": "held-out bits per label",
    "unit": "bits",
    "better": "lower",
}
ACCURACY = {"key": "accuracy", "title": "held-out accuracy", "unit": "", "better": "higher"}
OF_IMAGES = ("fid", "kid", "precision", "recall", "nearest_training_ratio", "rfid")
OF_CODES = ("perplexity_top", "perplexity_bottom", "reconstruction_mse", "curve_rate_train_bpd")


def suite_led_by(root: Path, headline: Mapping[str, str], **manifest: Any) -> Path:
    """Make records of a task without bits/dim, codes or samples; phased has the lowest number."""

    def change(record: Record) -> Record:
        score = record["bpd_heldout"] / 10 + (0 if record["budget"] == 60 else -0.2)
        kept = {
            key: value
            for key, value in record.items()
            if not key.startswith("bpd") and key not in (*OF_IMAGES, *OF_CODES, "curve_rate_heldout_bpd")
        }
        return kept | {headline["key"]: score, "log_loss_gap": 0.5}

    path = write_suite(root, strategies=("none", "phased", "constant"), budgets=(60, 300), change=change)
    return with_manifest(path, headline=headline, **manifest)


def with_manifest(path: Path, **values: Any) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return path


def without_images(page: str) -> str:
    """Drop the drawings and the script, which are no words."""
    return page.split("<main>")[1].split("<figure")[0] + page.split("</figure>")[-1].split("<script")[0]


@pytest.mark.parametrize(
    ("headline", "leader", "best"), [(LOG_LOSS, "phased", "lowest"), (ACCURACY, "constant", "highest")]
)
def test_the_answer_names_the_best_in_the_headlines_own_words(
    tmp_path: Path, headline: dict[str, str], leader: str, best: str
) -> None:
    manifest = suite_led_by(tmp_path, headline)
    text = readme_of(manifest)
    assert f"{best} mean {headline['title']} for `{leader}`" in text
    assert f"{best.capitalize()} mean {headline['title']}: `{leader}` at 60 and 300" in text
    side = "below" if headline["better"] == "lower" else "above"
    assert f"wholly {side} zero (better): `{leader}` at 60 and 300" in text
    assert f"| {headline['title']} {'↓' if best == 'lowest' else '↑'} |" in text
    comparison = compared(manifest)
    found = best_mean(comparison, comparison.at("digits", 60), headline["key"])
    assert found is not None
    assert found.strategy == leader


@pytest.mark.parametrize("headline", [LOG_LOSS, ACCURACY])
def test_no_word_of_bits_per_dimension_where_something_else_leads(
    tmp_path: Path, headline: dict[str, str]
) -> None:
    manifest = suite_led_by(tmp_path / "one", headline)
    summary = write_report(manifest, manifest.parent.parent, tmp_path / "report")
    readme = summary.readme.read_text()
    page = (tmp_path / "report" / "index.html").read_text()
    stream = io.StringIO()
    print_table(summary, Console(file=stream, width=120))
    other = suite_led_by(tmp_path / "two", headline)
    runs = compare_runs(str(manifest), str(other))
    words = {
        "README.md": readme,
        "index.html": page,
        "table.tex": latex_text(summary.comparison),
        "terminal": stream.getvalue(),
        "two runs": two_runs_text(runs) + two_runs_page(runs),
    }
    for name, text in words.items():
        for foreign in ("bits/dim", "bpd", "perplexity", "FID"):
            assert foreign.lower() not in text.split("## Reproduce")[0].lower().replace(
                "how low a distance", ""
            ), (name, foreign)
        assert (headline["unit"] or headline["title"]) in text, name
    scores = json.loads(page.split('id="scores">')[1].split("</script>")[0])
    assert next(iter(scores)) == headline["key"]
    assert scores[headline["key"]]["way"] == f"{headline['better']} is better"


def test_pairs_are_won_and_images_are_worth_in_the_headlines_direction(tmp_path: Path) -> None:
    comparison = compared(suite_led_by(tmp_path, ACCURACY))
    won = {(c.cell.strategy, c.cell.budget): c.record for c in contrasts(comparison, "accuracy")}
    assert won["constant", 60] == "3/0/0"
    assert won["phased", 60] == "0/0/3"
    assert {e.strategy for e in equivalents(comparison, "accuracy")} == {"phased", "constant"}
    lines = table_csv(comparison).splitlines()
    assert "accuracy_p_holm" in lines[0]
    assert "accuracy_equal_to_images" in lines[0]


def test_a_headline_that_cannot_lead_is_refused(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path)
    with_manifest(manifest, headline={"key": "accuracy"})
    assert "headline is malformed" in str(refusal(manifest))
    with_manifest(manifest, headline=ACCURACY | {"better": "up"})
    assert "better is 'up'" in str(refusal(manifest))


def test_families_are_never_mixed_and_only_named_where_a_record_names_one(tmp_path: Path) -> None:
    assert "family" not in readme_of(write_suite(tmp_path / "old"))
    new = write_suite(tmp_path / "new", change=lambda record: record | {"family": "diffusion"})
    assert "`diffusion`" in readme_of(with_manifest(new, family="diffusion"))
    assert "rate of both code maps" not in readme_of(new)

    def some(record: Record) -> Record:
        return record | ({"family": "diffusion"} if record["strategy"] == "phased" else {})

    assert "differ in family" in str(refusal(write_suite(tmp_path / "mixed", change=some)))


@pytest.mark.parametrize("what", ["family", "task", "headline"])
def test_two_runs_of_different_kinds_are_not_compared(tmp_path: Path, what: str) -> None:
    first, second = write_suite(tmp_path / "a"), write_suite(tmp_path / "b")
    with_manifest(second, **{what: ACCURACY if what == "headline" else "other"})
    with pytest.raises(UserError, match=f"the {what} is"):
        compare_runs(str(first), str(second))


MARGINALS = "marginals (independent pixels)"


def with_marginals(root: Path) -> Path:
    return write_suite(root, change=lambda record: record | {"bpd_marginals": 2.0 + 0.01 * record["seed"]})


def test_what_independent_pixels_score_stands_beside_every_density_table(tmp_path: Path) -> None:
    manifest = with_marginals(tmp_path / "runs")
    summary = write_report(manifest, manifest.parent.parent, tmp_path / "report")
    row = f"| {MARGINALS} | 3 | 2.010 ± 0.025 | – | – | – | – |"
    assert row in summary.readme.read_text()
    page = (tmp_path / "report" / "index.html").read_text()
    table = json.loads(page.split('id="scores">')[1].split("</script>")[0])
    assert table["bpd_heldout"]["rows"][-1][:2] == [["2.010 ± 0.025", 2.01], ["3", 3]]
    assert {text for text, _ in table["fid"]["rows"][-1]} == {"–"}
    assert f"<option>{MARGINALS}</option>" in page
    rows = list(csv.DictReader((tmp_path / "report" / "table.csv").open()))
    assert [row["strategy"] for row in rows] == ["none", "phased", MARGINALS]
    assert float(rows[-1]["bpd_heldout_mean"]) == pytest.approx(2.01)
    assert rows[-1]["fid_mean"] == rows[-1]["bpd_heldout_diff_mean"] == ""
    assert MARGINALS in (tmp_path / "report" / "table.tex").read_text()
    assert MARGINALS.split()[0] in (tmp_path / "report" / "index.html").read_text()
    stream = io.StringIO()
    print_table(summary, Console(file=stream, width=100))
    assert "2.010" in stream.getvalue().split("independent")[0].splitlines()[-2] + stream.getvalue()


def test_the_reference_is_no_score_of_a_strategy(tmp_path: Path) -> None:
    comparison = compared(with_marginals(tmp_path))
    assert "bpd_marginals" not in comparison.metrics
    assert MARGINALS not in readme_of(write_suite(tmp_path / "without"))
