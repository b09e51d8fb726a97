"""Measure whether the report's intervals and p-values do what they say, by resampling many real seeds.

A/A: two disjoint sets of seeds of `none` compared as if they were two strategies; nothing should be found.
Coverage: real paired differences resampled; the interval should hold their mean. Planted effects: the same
differences with their mean set to a known size; they should be found as often as `bench power` states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from benchmark.report.comparing.means import CONFIDENCE, estimate
from benchmark.report.comparing.power import power_of
from benchmark.report.comparing.resampling import bca_interval, bootstrap_interval, bootstrap_t_interval
from benchmark.report.comparing.significance import LEVEL, holm, least_p, sign_flip_p

SeedValues = NDArray[np.float64]
Seeds = Mapping[str, SeedValues]  # strategy -> one number per seed, in the same order for all
PAIRS = (3, 5, 10, 20)
COMPARISONS = 200  # A/A
RESAMPLES = 1000  # coverage and planted effects
EFFECTS = (0.5, 1.0, 2.0)  # in standard deviations of the paired differences
FAMILY = 4  # strategies compared with one baseline


@dataclass(frozen=True)
class MeasuredShare:
    """Hold one measured share: in `found` of `tries` something was so; `expected` is what theory says."""

    question: str
    score: str
    method: str
    pairs: int
    detail: str
    found: int
    tries: int
    expected: float

    @property
    def share(self) -> float:
        """Return the measured share."""
        return self.found / self.tries

    @property
    def chance(self) -> tuple[float, float]:
        """Return the central 95 % of shares that chance alone gives if `expected` is true."""
        low, high = binomial_range(self.tries, self.expected)
        return low / self.tries, high / self.tries

    @property
    def is_as_expected(self) -> bool:
        """Say whether the share lies within chance of what is expected."""
        return self.chance[0] <= self.share <= self.chance[1]

    def fields(self) -> dict[str, object]:
        """Return the row for a table."""
        low, high = self.chance
        return asdict(self) | {"share": self.share, "chance_low": low, "chance_high": high}


def calibrate(scores: Mapping[str, Seeds]) -> Iterator[MeasuredShare]:
    """Yield every row. `scores`: score -> strategy -> values by seed, the baseline's under `none`."""
    for score, seeds in scores.items():
        for pairs in PAIRS:
            yield from no_difference(score, seeds["none"], pairs)
        yield family_of_none(score, seeds["none"])
    for score, seeds in scores.items():
        for strategy in [name for name in seeds if name != "none"]:
            differences = seeds[strategy] - seeds["none"]
            for pairs in PAIRS:
                yield from interval_coverage(score, strategy, differences, pairs)
            for pairs in PAIRS:
                yield from planted(score, strategy, differences, pairs)


def no_difference(score: str, none: SeedValues, pairs: int) -> Iterator[MeasuredShare]:
    """Compare `none` with itself: disjoint seeds, paired by position, COMPARISONS times."""
    generator = _generator("A/A", score, pairs)
    found = {"Student-t interval": 0, "sign flips": 0}
    for _ in range(COMPARISONS):
        drawn = generator.permutation(none)[: 2 * pairs]
        differences = (drawn[:pairs] - drawn[pairs:]).tolist()
        found["Student-t interval"] += estimate(differences).side_of_zero != "around"
        found["sign flips"] += sign_flip_p(differences) <= LEVEL
    flips = int(LEVEL / least_p(pairs)) * least_p(pairs)  # the level that so few p-values can reach
    for method, expected in (("Student-t interval", LEVEL), ("sign flips", flips)):
        yield MeasuredShare("A/A: found", score, method, pairs, "", found[method], COMPARISONS, expected)


def family_of_none(score: str, none: SeedValues, pairs: int = 10) -> MeasuredShare:
    """Compare FAMILY copies of `none` with another, Holm-corrected: how often is any of them found?"""
    generator = _generator("family", score, pairs)
    found = 0
    for _ in range(COMPARISONS):
        base, *others = generator.permutation(none)[: (FAMILY + 1) * pairs].reshape(FAMILY + 1, pairs)
        found += min(holm([sign_flip_p((other - base).tolist()) for other in others])) <= LEVEL
    detail = f"any of {FAMILY}; expected: at most"
    return MeasuredShare("A/A: found", score, "sign flips, Holm", pairs, detail, found, COMPARISONS, LEVEL)


def interval_coverage(
    score: str, strategy: str, differences: SeedValues, pairs: int
) -> Iterator[MeasuredShare]:
    """Count how often each interval holds the mean of the differences it is resampled from."""
    generator = _generator("coverage", score, strategy, pairs)
    truth = float(differences.mean())
    found = dict.fromkeys(_INTERVALS, 0)
    for _ in range(RESAMPLES):
        sample = generator.choice(differences, pairs).tolist()
        for name, interval in _INTERVALS.items():
            low, high = interval(sample)
            found[name] += low <= truth <= high
    for name, count in found.items():
        yield MeasuredShare(
            "coverage", score, name, pairs, f"{strategy} - none", count, RESAMPLES, CONFIDENCE
        )


def planted(score: str, strategy: str, differences: SeedValues, pairs: int) -> Iterator[MeasuredShare]:
    """Count how often an effect of a known size is found."""
    generator = _generator("planted", score, strategy, pairs)
    centred = (differences - differences.mean()) / differences.std()
    for effect in EFFECTS:
        counts = {"Student-t interval": 0, "sign flips": 0}
        for _ in range(RESAMPLES):
            sample = (generator.choice(centred, pairs) + effect).tolist()
            counts["Student-t interval"] += estimate(sample).side_of_zero == "above"
            counts["sign flips"] += sign_flip_p(sample) <= LEVEL
        stated = power_of(pairs, effect)
        for method, count in counts.items():
            expected = 0.0 if method == "sign flips" and least_p(pairs) > LEVEL else stated
            detail = f"{strategy} - none, {effect:g} SD"
            yield MeasuredShare("planted: found", score, method, pairs, detail, count, RESAMPLES, expected)


def binomial_range(tries: int, share: float) -> tuple[int, int]:
    """Return the central 95 % of a binomial count: at most 2.5 % lie below, at most 2.5 % above."""
    tail = (1 - CONFIDENCE) / 2
    below = bdtr(np.arange(tries + 1), tries, share)
    return int(np.argmax(below > tail)), int(np.argmax(below >= 1 - tail))


def skewness(values: SeedValues) -> float:
    """Return the third standardised moment: 0 where values scatter alike on both sides of their mean."""
    centred = values - values.mean()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


def _student(values: list[float]) -> tuple[float, float]:
    found = estimate(values)
    return found.low, found.high


_INTERVALS: dict[str, Callable[[list[float]], tuple[float, float]]] = {
    "Student-t interval": _student,
    "bootstrap, percentile": bootstrap_interval,
    "bootstrap, BCa": bca_interval,
    "bootstrap, studentised": bootstrap_t_interval,
}


def _generator(*names: object) -> np.random.Generator:
    digest = hashlib.sha256(" ".join(map(str, names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
