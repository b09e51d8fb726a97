"""What a model scores that knows each pixel's frequencies and nothing else, beside every density table."""

from __future__ import annotations

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.means import MeanOverSeeds, by_seed, estimate
from benchmark.report.reading.scores import BITS_PER_DIM, MARGINALS


@remembered
def marginals(comparison: SuiteComparison, dataset: str, budget: int) -> MeanOverSeeds:
    """Return held-out bits/dim of independent per-pixel histograms of the same training images, over seeds.

    It is a property of the images, so the strategies of a seed agree. n = 0 where the records hold none, or
    where bits/dim is not what leads.
    """
    suite = comparison.suite
    if suite.headline.key != BITS_PER_DIM.key:
        return MeanOverSeeds()
    found: dict[int, float] = {}
    for strategy in suite.strategies:
        found |= by_seed(suite.done(dataset, budget, strategy), MARGINALS)
    return estimate(found.values())
