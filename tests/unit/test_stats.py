"""Statistics: bounds that hold what they claim at every size, and intervals that always have a width."""

import numpy
import pytest

from temper.paired import chance, holm, lower_bound, passing, worse_p_value
from temper.stats import (
    design_effect,
    paired_lower_bound,
    pass_hat,
    same_source_p_value,
    same_source_power,
    share_interval,
)


@pytest.mark.parametrize(("n", "points"), [(1, 95.0), (4, 52.7), (20, 13.9), (40, 7.2), (100, 3.0), (200, 1.5)])
def test_without_a_differing_point_the_bound_is_exact(n: int, points: float) -> None:
    """Of n points none was lost: 1 - 0.05^(1/n), and not 0 as a bootstrap says."""
    assert paired_lower_bound([1.0] * n, [1.0] * n) == pytest.approx(-points / 100, abs=6e-4)


def test_one_lost_point_of_twenty_is_the_exact_binomial_bound() -> None:
    assert paired_lower_bound([0.0] + [1.0] * 19, [1.0] * 20) == pytest.approx(-0.2161, abs=1e-4)


@pytest.mark.parametrize(("n", "margin"), [(20, 0.14), (40, 0.1), (100, 0.05), (100, 0.08), (120, 0.05), (200, 0.03)])
def test_a_model_that_is_worse_by_the_margin_passes_one_time_in_twenty_at_most(n: int, margin: float) -> None:
    """By enumeration of every outcome, for shares of points that only the worse one has right."""
    most = passing(n, margin)
    for only_ours in numpy.linspace(0, (1 - margin) / 2, 301) + 1e-7:
        assert chance(most, n, only_ours, only_ours + margin) <= 0.0505, (n, margin, only_ours)


def test_what_passes_is_what_the_bound_says() -> None:
    most = passing(40, 0.1)
    for won in range(8):
        assert lower_bound(won, int(most[won]), 40) >= -0.1
        assert lower_bound(won, int(most[won]) + 1, 40) < -0.1


def test_a_better_model_has_a_bound_above_zero_and_the_worst_one_minus_one() -> None:
    assert lower_bound(20, 0, 20) > 0.7
    assert lower_bound(0, 20, 20) == -1


def test_the_bound_falls_with_every_lost_point() -> None:
    bounds = [lower_bound(3, lost, 60) for lost in range(12)]
    assert bounds == sorted(bounds, reverse=True)
    with pytest.raises(ValueError, match="same points"):
        paired_lower_bound([], [])


def test_points_that_are_right_or_wrong_together_count_for_less() -> None:
    ours, theirs = [1.0] * 90 + [0.0] * 10, [1.0] * 100
    apart, together = [str(n) for n in range(100)], [str(n // 10) for n in range(100)]
    alone = paired_lower_bound(ours, theirs)
    assert paired_lower_bound(ours, theirs, groups=(apart,)) == alone
    assert paired_lower_bound(ours, theirs, groups=(together,)) < alone - 0.05


def test_the_design_effect_of_groups_is_their_size_where_they_decide_all() -> None:
    values = [float(n // 5 % 2) for n in range(200)]
    by_five = [str(n // 5) for n in range(200)]
    assert design_effect(values, [by_five]) == pytest.approx(5, rel=0.03)
    assert design_effect(values, [by_five, by_five]) == pytest.approx(5, rel=0.03), "one kind of group, said twice"
    assert design_effect(values, []) == 1
    assert design_effect([1.0] * 200, [by_five]) == 1


def test_a_share_lies_within_its_interval_which_narrows_with_points() -> None:
    low, high = share_interval(95, 100)
    assert (low, high) == pytest.approx((88.8, 97.8), abs=0.05)
    wide, narrow = share_interval(8, 20), share_interval(400, 1000)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])
    with pytest.raises(ValueError, match="at least one point"):
        share_interval(0, 0)


def test_an_interval_always_has_a_width() -> None:
    assert share_interval(200, 200) == pytest.approx((98.1, 100), abs=0.05)
    assert share_interval(0, 20) == pytest.approx((0, 16.1), abs=0.05)
    assert share_interval(1, 1)[0] < 25


def test_an_interval_over_groups_is_wider() -> None:
    plain, grouped = share_interval(180, 200), share_interval(180, 200, effect=4)
    assert grouped == pytest.approx(share_interval(45, 50))
    assert grouped[1] - grouped[0] > 1.8 * (plain[1] - plain[0])


def test_holm_keeps_the_smallest_and_never_goes_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([]) == []


def test_mcnemar_is_the_coin_of_the_differing_points() -> None:
    assert worse_p_value(0, 5) == pytest.approx(1 / 32)
    assert worse_p_value(0, 0) == 1


def test_a_test_of_distributions_says_what_it_could_have_found() -> None:
    varied = [[str(n * n % 7) for n in range(64)] for _ in range(12)]
    sure = [["yes"] * 64, ["no"] * 64]
    assert same_source_power(sure, sure) == 0, "prompts with one text each show nothing"
    assert same_source_power(varied, varied, wrong=0) == pytest.approx(0.05, abs=0.02)
    skewed = [["a"] * 120 + ["b"] * 4 + ["c"] * 4 for _ in range(12)]
    assert same_source_power(skewed, skewed) > 0.9
    assert same_source_p_value(skewed, skewed) == 1


def test_pass_hat_falls_with_k_and_counts_luck_for_what_it_is() -> None:
    assert pass_hat([4, 4, 0, 0], 4) == {1: 50, 2: 50, 3: 50, 4: 50}, "who always succeeds does so k times"
    figures = pass_hat([2, 2, 2, 2], 4)
    assert figures[1] == 50
    assert figures[2] == pytest.approx(100 / 6)
    assert figures[3] == figures[4] == 0
    with pytest.raises(ValueError, match="at least one scenario"):
        pass_hat([], 3)
