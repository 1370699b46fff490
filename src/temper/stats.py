"""Statistics of small paired samples."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy
from numpy.typing import NDArray
from scipy.stats import binom

from temper.paired import lower_bound

RESAMPLES = 4000
Counts = NDArray[numpy.int64]


def paired_lower_bound(
    ours: Sequence[float], theirs: Sequence[float], *, level: float = 0.95, groups: Sequence[Sequence[str]] = ()
) -> float:
    """One-sided lower confidence bound of the share ours - theirs of right points, the two asked the same points.

    Exact (see `temper.paired`) for points that are independent. Where `groups` says otherwise (see `design_effect`), as
    many points count as are worth the same. Raises ValueError without pairs.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError("a paired comparison needs the same points on both sides, and at least one")
    differences = [mine - yours for mine, yours in zip(ours, theirs, strict=True)]
    effect = design_effect(differences, groups)
    won, lost = sum(one > 0 for one in differences), sum(one < 0 for one in differences)
    n = max(1, math.floor(len(ours) / effect))
    return lower_bound(min(math.floor(won / effect), n), min(math.ceil(lost / effect), n), n, level=level)


def share_interval(right: int, n: int, *, level: float = 0.95, effect: float = 1.0) -> tuple[float, float]:
    """Two-sided Wilson interval, in percent, of the share `right / n` of points; it always has a width.

    Wilson 1927, Probable inference, the law of succession, and statistical inference, JASA 22. Points that hang
    together count for less: n is divided by their design `effect` (Korn and Graubard 1998, Survey Methodology 24).
    Raises ValueError without points.
    """
    if not 0 <= right <= n or not n:
        raise ValueError("a share needs at least one point, and no more right ones than there are")
    share, n_effective, z = right / n, n / effect, NormalDist().inv_cdf((1 + level) / 2)
    middle = share + z**2 / (2 * n_effective)
    half = z * math.sqrt(share * (1 - share) / n_effective + z**2 / (4 * n_effective**2))
    low, high = ((middle + sign * half) / (1 + z**2 / n_effective) for sign in (-1, 1))
    return max(0.0, 100 * low), min(100.0, 100 * high)


def below_p_value(right: int, n: int, share: float) -> float:
    """Exact binomial test: the chance of so few right ones of `n` if `share` of all points are right."""
    return float(binom.cdf(right, n, share))


def design_effect(values: Sequence[float], groups: Sequence[Sequence[str]]) -> float:
    """How many times as much the mean of `values` varies as that of independent points would; at least 1.

    Each of `groups` says of every point to which wording, or to which conversation, it belongs; points of one group
    may be right or wrong together. The variance is the one to which resampling whole groups comes, in closed form, and
    for two kinds of groups that cross it is the sum of both less that of what shares both (Cameron, Gelbach and Miller
    2011, Robust inference with multiway clustering, Journal of Business and Economic Statistics 29). Values that are
    all the same show no effect.
    """
    mean = sum(values) / len(values)
    rest = [value - mean for value in values]
    alone = _clustered(rest, range(len(rest)))
    if not groups or not alone:
        return 1.0
    together = sum(_clustered(rest, kind) for kind in groups)
    if len(groups) == 2:
        together -= _clustered(rest, list(zip(*groups, strict=True)))
    return max(1.0, together / alone)


def _clustered(rest: Sequence[float], groups: Sequence[Hashable]) -> float:
    """Variance of the sum of `rest` if whole groups were drawn; of one group alone nothing is known."""
    sums: dict[Hashable, float] = defaultdict(float)
    for value, group in zip(rest, groups, strict=True):
        sums[group] += value
    return sum(value**2 for value in sums.values()) * len(sums) / max(1, len(sums) - 1)


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


def same_source_power(
    ours: Sequence[Sequence[str]],
    theirs: Sequence[Sequence[str]],
    *,
    wrong: float = 0.2,
    level: float = 0.05,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> float:
    """The chance that `same_source_p_value` falls below `level` where a share `wrong` of one side's draws is wrong.

    Simulated with samples as large as these, out of the distributions that these show; a wrong draw is any of the
    prompt's texts, all as likely. A large p-value means something only where this is large too.
    """
    generator = numpy.random.default_rng(seed)
    equal, unequal = numpy.zeros(resamples), numpy.zeros(resamples)
    for mine, yours in zip(ours, theirs, strict=True):
        seen = Counter([*mine, *yours])
        shares = numpy.array([seen[text] for text in sorted(seen)]) / seen.total()
        mixed = (1 - wrong) * shares + wrong / len(shares)
        for statistic, other in ((equal, shares), (unequal, mixed)):
            first = generator.multinomial(len(mine), shares, size=resamples)
            pooled = first + generator.multinomial(len(yours), other, size=resamples)
            numpy.add(statistic, _chi_square(first, pooled, len(mine)), out=statistic)
    return float((unequal > numpy.quantile(equal, 1 - level)).mean())


def _chi_square(counts: Counts, pooled: Counts, drawn: int) -> NDArray[numpy.float64]:
    """Of samples of `drawn` out of `pooled` against what is left of it, over the last axis."""
    total = pooled.sum(-1, keepdims=True)
    expected = pooled * drawn / total
    off = (counts - expected) ** 2 / numpy.where(pooled > 0, expected, 1)
    return numpy.asarray((off * total / (total - drawn)).sum(-1))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sample lies, linear between neighbours. Raises ValueError when empty."""
    if not values:
        raise ValueError("a percentile needs at least one value")
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def multiples(rounds: Sequence[float], base: Sequence[float]) -> list[float]:
    """Turns a second of a configuration over those of `base`, round by round.

    Both were measured within minutes, on customers with the same conversations. The median of these is what a
    configuration buys; a ratio of medians may set one round beside another.
    """
    return [found / plain for found, plain in zip(rounds, base, strict=True)]
