"""Two models on the same points: how much worse one may be, exactly.

`b` counts the points that only ours has right, `c` those that only theirs has right, of `n`. The hypothesis to reject
is that ours is worse by the margin or more. Outcomes are ordered by Tango's score (1998, Equivalence test and
confidence interval for the difference in proportions for the paired-sample design, Statistics in Medicine 17). The
p-value is the largest probability that any share of differing points gives to an outcome as good as this one or better:
the exact unconditional test (Sidik 2003, Exact unconditional tests for testing non-inferiority in matched-pairs design,
Statistics in Medicine 22). So a model that is worse by the margin passes as seldom as the level says, at every n.
"""

import math
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom

Numbers = NDArray[numpy.float64]
GRID = 160
"""Shares of differing points that are tried; they lie closer near 0, where the probability changes fastest."""
TIE = 1e-9
"""Scores that differ by less are equal: rounding must not leave an outcome out."""


def lower_bound(b: int, c: int, n: int, *, level: float = 0.95) -> float:
    """One-sided lower confidence bound of the difference (b - c) / n: the largest margin that cannot be rejected.

    Raises ValueError without points.
    """
    if n < 1 or b < 0 or c < 0 or b + c > n:
        raise ValueError("a paired comparison needs the same points on both sides, and at least one")

    def above(margin: float) -> float:
        return p_value(b, c, n, margin) - (1 - level)

    worst = 1 - 1e-9
    if above(worst) > 0:  # every point was lost
        return -1.0
    # Ours is not worse than what was seen, so there the p-value is large, and at the worst margin it is small.
    return -float(brentq(above, (c - b) / n if b < n else -worst, worst, xtol=1e-5))


def p_value(b: int, c: int, n: int, margin: float) -> float:
    """The largest chance of an outcome as good as this or better if ours is worse by `margin` (a share) or more."""
    reached = _score(numpy.array([float(b)]), numpy.array([float(c)]), n, margin)[0] - TIE
    return _largest(_region(reached, n, margin), n, margin)


def passing(n: int, margin: float, *, level: float = 0.95) -> Numbers:
    """For each count of points that only ours has right, the most lost ones with which it is shown to be no worse than
    the margin; -1 where even none is too many.
    """
    low, high = -10.0, 10.0
    for _ in range(30):
        middle = (low + high) / 2
        if _largest(_region(middle, n, margin), n, margin) > 1 - level:
            low = middle
        else:
            high = middle
    return _region(high, n, margin)


def chance(most: Numbers, n: int, ours: float, theirs: float) -> float:
    """The probability of at most so many lost points, by won ones, where these shares are right in one model alone."""
    counts = numpy.arange(n + 1)
    lost = min(1.0, theirs / max(1 - ours, 1e-12))
    return float((binom.pmf(counts, n, ours) * binom.cdf(most, n - counts, lost)).sum())


def _largest(most: Numbers, n: int, margin: float) -> float:
    """The largest probability of a region over the share of points that differ, where ours is worse by the margin."""
    nuisance = (1 - abs(margin)) / 2 * numpy.linspace(0, 1, GRID) ** 2
    ours, theirs = nuisance + max(-margin, 0.0), nuisance + max(margin, 0.0)
    counts = numpy.arange(n + 1)[:, None]
    lost = numpy.clip(theirs / numpy.maximum(1 - ours, 1e-12), 0, 1)
    chances = (binom.pmf(counts, n, ours) * binom.cdf(most[:, None], n - counts, lost)).sum(axis=0)
    return min(1.0, float(chances.max()))


def _region(reached: float, n: int, margin: float) -> Numbers:
    """For each count of points that only ours has right, the most lost ones at which the score is that high."""
    counts = numpy.arange(n + 1.0)
    low, high = numpy.full(n + 1, -1.0), n - counts
    while (low < high).any():  # the score falls with every lost point, so halving finds the last good one
        middle = numpy.ceil((low + high) / 2)
        good = (_score(counts, numpy.maximum(middle, 0), n, margin) >= reached) | (middle < 0)
        low, high = numpy.where(good, middle, low), numpy.where(good, high, middle - 1)
    return low


def _score(b: Numbers, c: Numbers, n: int, margin: float) -> Numbers:
    """Tango's score: the difference above -margin over its deviation if the difference were -margin."""
    if margin < 0:  # ours is better by -margin: the same with the sides changed
        return -_score(c, b, n, -margin)
    half = b * (1 - margin) + c * (1 + margin) - 2 * n * margin
    root = numpy.sqrt(half**2 + 8 * n * b * margin * (1 - margin))
    # The likeliest share of b: the larger root of a quadratic, in the form that subtracts nothing nearly equal.
    other = numpy.where(root > half, root - half, 1.0)
    share = numpy.where(half >= 0, (half + root) / (4 * n), 2 * b * margin * (1 - margin) / other)
    variance = n * (2 * share + margin - margin**2)
    return (b - c + n * margin) / numpy.sqrt(numpy.where(variance > 0, variance, math.inf))


def worse_p_value(b: int, c: int) -> float:
    """Exact one-sided McNemar test: the chance of so few wins among the differing points if both were as good."""
    return float(binom.cdf(b, b + c, 0.5)) if b + c else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: under a level, the chance of one false alarm or more among all is below that level.

    Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted
