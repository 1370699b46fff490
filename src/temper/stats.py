"""Statistics of small paired samples."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

RESAMPLES = 4000


def paired_lower_bound(
    ours: Sequence[float], theirs: Sequence[float], *, level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> float:
    """One-sided lower confidence bound of mean(ours - theirs), the two measured on the same points.

    Percentile bootstrap over the points (Efron & Tibshirani 1993, ch. 13): pairs stay together, so what makes a point
    hard for both cancels out. The same seed gives the same bound. Raises ValueError without pairs.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError("a paired comparison needs the same points on both sides, and at least one")
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    drawn = random.Random(seed)
    n = len(differences)
    means = sorted(sum(drawn.choices(differences, k=n)) / n for _ in range(resamples))
    return means[int((1 - level) * resamples)]


def share_interval(right: int, n: int, *, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Two-sided confidence interval, in percent, of the share `right / n` of points: percentile bootstrap.

    Drawing n points with replacement and counting the right ones is one binomial draw, so it is drawn as such. Where
    all points are right (or wrong) the interval has no width: a bootstrap knows nothing beyond its sample.
    Raises ValueError without points.
    """
    if not 0 <= right <= n or not n:
        raise ValueError("a share needs at least one point, and no more right ones than there are")
    counts = numpy.random.default_rng(seed).binomial(n, right / n, RESAMPLES)
    low, high = numpy.percentile(counts, [50 * (1 - level), 50 * (1 + level)])
    return float(100 * low / n), float(100 * high / n)


def pass_hat(successes: Sequence[int], trials: int) -> dict[int, float]:
    """pass^k in percent for k up to `trials`: the chance that k tries at the same scenario all succeed.

    `successes` has one count out of `trials` for each scenario. Unbiased estimator, mean of C(c, k) / C(n, k) (Yao et
    al. 2024, tau-bench). Raises ValueError without scenarios.
    """
    if not successes:
        raise ValueError("pass^k needs at least one scenario")
    return {
        k: 100 * sum(math.comb(c, k) for c in successes) / (len(successes) * math.comb(trials, k))
        for k in range(1, trials + 1)
    }


def same_source_p_value(
    ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]], *, seed: int = 0, resamples: int = RESAMPLES
) -> float:
    """Permutation test that in each pair of samples both come from one distribution over texts.

    The statistic is the two-sample chi-square, summed over pairs; under the hypothesis a sample is as good as any
    other split of what was drawn (Good 2005, Permutation, Parametric and Bootstrap Tests of Hypotheses, ch. 3).
    Raises ValueError without pairs.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError("samples are compared in pairs, and at least one is needed")
    generator = numpy.random.default_rng(seed)
    found, split = 0.0, numpy.zeros(resamples)
    for mine, yours in zip(ours, theirs, strict=True):
        first, second = Counter(mine), Counter(yours)
        texts = sorted(first | second)
        pooled = numpy.array([first[text] + second[text] for text in texts])
        draws = generator.multivariate_hypergeometric(pooled, len(mine), size=resamples)
        found += float(_chi_square(numpy.array([first[text] for text in texts]), pooled, len(mine)))
        split += _chi_square(draws, pooled, len(mine))
    return float((1 + (split >= found - 1e-9).sum()) / (1 + resamples))


def _chi_square(counts: NDArray[Any], pooled: NDArray[Any], drawn: int) -> NDArray[Any]:
    """Of samples of `drawn` out of `pooled` against what is left of it, over the last axis."""
    left = pooled.sum() - drawn
    expected = pooled * drawn / pooled.sum()
    return ((counts - expected) ** 2 / expected + (counts - expected) ** 2 / (pooled * left / pooled.sum())).sum(-1)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sample lies, linear between neighbours. Raises ValueError when empty."""
    if not values:
        raise ValueError("a percentile needs at least one value")
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def multiples(rounds: Sequence[dict[str, float]], base: Sequence[dict[str, float]]) -> list[float]:
    """Turns a second of a configuration over those of `base`, round by round.

    Both answered the same conversations in a round, within minutes; another round has others. The median of these is
    what a configuration buys; a ratio of medians may set one round's conversations beside another's.
    """
    return [found["qps"] / plain["qps"] for found, plain in zip(rounds, base, strict=True)]
