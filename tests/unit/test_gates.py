"""Verdicts: each kind of rule, what a missing figure does, and that every rule gives its reason."""

import pytest
from pydantic import ValidationError

from temper.config.stages import Rule
from temper.registry.gates import Verdict, judge
from temper.stats import paired_lower_bound, pass_hat, share_interval


def verdict(rule: Rule, metrics: dict[str, float], points: dict[str, dict[str, float]] | None = None) -> Verdict:
    return judge(metrics, points or {}, (rule,))


@pytest.mark.parametrize(
    ("kind", "value", "passes"), [("least", 90, True), ("least", 90.1, False), ("most", 90, True), ("most", 89, False)]
)
def test_bounds(kind: str, value: float, passes: bool) -> None:
    found = verdict(Rule.model_validate({"metric": "m", "kind": kind, "value": value}), {"m": 90.0})
    assert found.passed is passes
    assert "m is 90" in found.rules[0].reason


def test_a_missing_figure_fails_its_rule() -> None:
    found = verdict(Rule(metric="m", kind="most", value=5), {})
    assert not found.passed
    assert found.rules[0].reason == "m was not measured"


def test_a_missing_baseline_fails_its_rule() -> None:
    found = verdict(Rule(metric="m", kind="non_inferior", value=5, baseline="b"), {"m": 99.0})
    assert found.rules[0].reason == "b was not measured"


def test_a_figure_that_the_hardware_cannot_show_fails_with_that_reason() -> None:
    found = judge({}, {}, (Rule(metric="m", kind="least", value=1),), {"m": "FP8 is emulated"})
    assert not found.passed
    assert "FP8 is emulated" in found.rules[0].reason


def points(right: int, of: int, offset: int = 0) -> dict[str, float]:
    """`right` of `of` points are right, the first ones after `offset`."""
    return {f"p{number}": float((number - offset) % of < right) for number in range(of)}


def test_non_inferiority_needs_the_points_to_be_sure() -> None:
    rule = Rule(metric="m", kind="non_inferior", value=5, baseline="b")
    metrics = {"m": 95.0, "b": 96.0}
    same = verdict(rule, metrics, {"m": points(95, 100), "b": points(96, 100)})
    assert same.passed, same.rules[0].reason
    few = verdict(rule, metrics, {"m": points(7, 8, offset=1), "b": points(7, 8)})
    assert not few.passed, "eight points cannot show five percent"


def test_pairing_counts_not_only_the_means() -> None:
    rule = Rule(metric="m", kind="non_inferior", value=5, baseline="b")
    metrics = {"m": 50.0, "b": 50.0}
    assert verdict(rule, metrics, {"m": points(50, 100), "b": points(50, 100)}).passed
    assert not verdict(rule, metrics, {"m": points(50, 100, offset=50), "b": points(50, 100)}).passed


def test_non_inferiority_without_shared_points_fails() -> None:
    found = verdict(
        Rule(metric="m", kind="non_inferior", value=5, baseline="b"), {"m": 1, "b": 1}, {"m": {"x": 1}, "b": {"y": 1}}
    )
    assert "share no evaluation points" in found.rules[0].reason


def test_identical_means_the_same_outcome_on_every_point() -> None:
    rule = Rule(metric="m", kind="identical", baseline="b")
    metrics = {"m": 50.0, "b": 50.0}
    assert verdict(rule, metrics, {"m": points(1, 2), "b": points(1, 2)}).passed
    flipped = verdict(rule, metrics, {"m": points(1, 2), "b": points(1, 2, offset=1)})
    assert not flipped.passed
    assert "2 points differ" in flipped.rules[0].reason


def test_all_rules_must_hold_and_the_summary_names_what_did_not() -> None:
    rules = (Rule(metric="a", kind="least", value=1), Rule(metric="b", kind="least", value=1))
    found = judge({"a": 2.0, "b": 0.0}, {}, rules)
    assert not found.passed
    assert [rule.passed for rule in found.rules] == [True, False]
    assert found.summary() == "refused: b is 0, at least 1 is asked"


@pytest.mark.parametrize(
    "rule", [{"kind": "least"}, {"kind": "non_inferior", "value": 5}, {"kind": "identical"}, {"kind": "best"}]
)
def test_a_rule_that_cannot_be_judged_is_refused_as_a_setting(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate({"metric": "m", **rule})


def test_the_bootstrap_is_seeded_and_covers() -> None:
    ours, theirs = [1.0] * 90 + [0.0] * 10, [1.0] * 95 + [0.0] * 5
    assert paired_lower_bound(ours, theirs) == paired_lower_bound(ours, theirs)
    # 5 of 100 pairs differ by one: mean -0.05, standard error 0.0218, one-sided 95% bound about -0.086
    assert paired_lower_bound(ours, theirs) == pytest.approx(-0.086, abs=0.01)
    with pytest.raises(ValueError, match="same points"):
        paired_lower_bound([], [])


def test_a_share_lies_within_its_interval_which_narrows_with_points() -> None:
    low, high = share_interval(95, 100)
    assert 89 <= low < 95 < high <= 99.1  # the exact binomial quantiles of 95 % are 90 and 99
    wide, narrow = share_interval(8, 20), share_interval(400, 1000)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])
    assert share_interval(20, 20) == (100.0, 100.0)
    with pytest.raises(ValueError, match="at least one point"):
        share_interval(0, 0)


def test_pass_hat_falls_with_k_and_counts_luck_for_what_it_is() -> None:
    assert pass_hat([4, 4, 0, 0], 4) == {1: 50, 2: 50, 3: 50, 4: 50}, "who always succeeds does so k times"
    figures = pass_hat([2, 2, 2, 2], 4)
    assert figures[1] == 50
    assert figures[2] == pytest.approx(100 / 6)
    assert figures[3] == figures[4] == 0
    with pytest.raises(ValueError, match="at least one scenario"):
        pass_hat([], 3)
