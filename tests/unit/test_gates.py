"""Verdicts: each kind of rule, what a missing figure does, and that every rule gives its reason."""

import pytest
from pydantic import ValidationError

from temper.config.gate import GateRule
from temper.registry.gates import Baseline, Verdict, judge, judge_beside


def verdict(rule: GateRule, metrics: dict[str, float], points: dict[str, dict[str, float]] | None = None) -> Verdict:
    return judge(metrics, points or {}, (rule,))


@pytest.mark.parametrize(
    ("kind", "value", "passes"), [("least", 90, True), ("least", 90.1, False), ("most", 90, True), ("most", 89, False)]
)
def test_bounds(kind: str, value: float, passes: bool) -> None:
    found = verdict(GateRule.model_validate({"metric": "m", "kind": kind, "value": value}), {"m": 90.0})
    assert found.passed is passes
    assert found.rules[0].reason.startswith("90, at ")


def test_a_missing_figure_fails_its_rule() -> None:
    found = verdict(GateRule(metric="m", kind="most", value=5), {})
    assert not found.passed
    assert found.rules[0].reason == "not measured"


def test_a_missing_baseline_fails_its_rule() -> None:
    found = verdict(GateRule(metric="m", kind="non_inferior", value=5, baseline="b"), {"m": 99.0})
    assert found.rules[0].reason == "beside b, which is not measured"


def test_a_figure_that_the_hardware_cannot_show_fails_with_that_reason() -> None:
    found = judge({}, {}, (GateRule(metric="m", kind="least", value=1),), {"m": "FP8 is emulated"})
    assert not found.passed
    assert "FP8 is emulated" in found.rules[0].reason


def points(right: int, of: int, offset: int = 0) -> dict[str, float]:
    """`right` of `of` points are right, the first ones after `offset`."""
    return {f"p{number}": float((number - offset) % of < right) for number in range(of)}


def test_non_inferiority_needs_the_points_to_be_sure() -> None:
    rule = GateRule(metric="m", kind="non_inferior", value=5, baseline="b")
    metrics = {"m": 95.0, "b": 96.0}
    same = verdict(rule, metrics, {"m": points(95, 100), "b": points(96, 100)})
    assert same.passed, same.rules[0].reason
    few = verdict(rule, metrics, {"m": points(7, 8, offset=1), "b": points(7, 8)})
    assert not few.passed, "eight points cannot show five percent"


def test_pairing_counts_not_only_the_means() -> None:
    rule = GateRule(metric="m", kind="non_inferior", value=5, baseline="b")
    metrics = {"m": 50.0, "b": 50.0}
    assert verdict(rule, metrics, {"m": points(50, 100), "b": points(50, 100)}).passed
    assert not verdict(rule, metrics, {"m": points(50, 100, offset=50), "b": points(50, 100)}).passed


def test_non_inferiority_without_shared_points_fails() -> None:
    found = verdict(
        GateRule(metric="m", kind="non_inferior", value=5, baseline="b"),
        {"m": 1, "b": 1},
        {"m": {"x": 1}, "b": {"y": 1}},
    )
    assert "shares no evaluation points" in found.rules[0].reason


def test_identical_means_the_same_outcome_on_every_point() -> None:
    rule = GateRule(metric="m", kind="identical", baseline="b")
    metrics = {"m": 50.0, "b": 50.0}
    assert verdict(rule, metrics, {"m": points(1, 2), "b": points(1, 2)}).passed
    flipped = verdict(rule, metrics, {"m": points(1, 2), "b": points(1, 2, offset=1)})
    assert not flipped.passed
    assert "2 points differ" in flipped.rules[0].reason


def test_all_rules_must_hold_and_the_summary_names_what_did_not() -> None:
    rules = (GateRule(metric="a", kind="least", value=1), GateRule(metric="b", kind="least", value=1))
    found = judge({"a": 2.0, "b": 0.0}, {}, rules)
    assert not found.passed
    assert [rule.passed for rule in found.rules] == [True, False]
    assert found.summary() == "refused: b is 0, at least 1 is asked"


@pytest.mark.parametrize(
    "rule", [{"kind": "least"}, {"kind": "non_inferior", "value": 5}, {"kind": "identical"}, {"kind": "best"}]
)
def test_a_rule_that_cannot_be_judged_is_refused_as_a_setting(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GateRule.model_validate({"metric": "m", **rule})


def flipped(right: dict[str, float], *names: str) -> dict[str, float]:
    """The same points, with these wrong."""
    return right | dict.fromkeys(names, 0.0)


@pytest.mark.parametrize(("margin", "n", "passes"), [(3, 100, True), (3, 90, False), (14, 20, True), (5, 20, False)])
def test_non_inferiority_takes_a_least_number_of_points(margin: float, n: int, passes: bool) -> None:
    """Nothing differs, and still few points cannot show a small margin."""
    rule = GateRule(metric="m", kind="non_inferior", value=margin, baseline="b")
    found = verdict(rule, {"m": 100.0, "b": 100.0}, {"m": points(n, n), "b": points(n, n)})
    assert found.passed is passes
    assert ("points to show" in found.rules[0].reason) is not passes


def test_points_of_one_wording_are_no_independent_proof() -> None:
    rule = GateRule(metric="m", kind="non_inferior", value=5, baseline="b")
    right = points(400, 400)
    outcomes = {"m": flipped(right, *(f"p{n}" for n in range(6))), "b": right}
    metrics = {"m": 98.5, "b": 100.0}
    assert judge(metrics, outcomes, (rule,)).passed
    wordings = {f"p{n}": (f"wording {n // 20}", f"conversation {n}") for n in range(400)}
    assert not judge(metrics, outcomes, (rule,), groups=wordings).passed


def slices(**right: dict[str, float]) -> dict[str, dict[str, float]]:
    return {f"slices.final.planner.{name}": outcomes for name, outcomes in right.items()}


def percent(outcomes: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: 100 * sum(right.values()) / len(right) for name, right in outcomes.items()}


def test_a_slice_that_is_worse_for_certain_refuses_and_is_named() -> None:
    rule = GateRule(metric="slices.final.*", kind="not_worse", value=80)
    good = {f"slice{n}": points(18, 20) for n in range(9)}
    outcomes = slices(**good, replan=points(8, 20))
    found = judge(percent(outcomes), outcomes, (rule,))
    assert not found.passed
    assert "slices.final.planner.replan (40" in found.rules[0].reason
    assert judge(percent(slices(**good)), slices(**good), (rule,)).passed


def test_one_unlucky_slice_of_ten_does_not_refuse() -> None:
    """13 of 20 at 85 % is rare for one slice (p = 0.02), and nothing rare among ten."""
    rule = GateRule(metric="slices.final.planner.*", kind="not_worse", value=85)
    alone = slices(replan=points(13, 20))
    assert not judge(percent(alone), alone, (rule,)).passed
    many = slices(**{f"slice{n}": points(18, 20) for n in range(9)}, replan=points(13, 20))
    assert judge(percent(many), many, (rule,)).passed


def test_slices_stand_beside_the_same_slices_of_the_baseline() -> None:
    rule = GateRule(metric="slices.final.*", kind="not_worse", baseline="slices.dpo.*")
    right = points(30, 30)
    outcomes = slices(replan=flipped(right, *(f"p{n}" for n in range(8))), plain=right)
    outcomes |= {"slices.dpo.planner.replan": right, "slices.dpo.planner.plain": right}
    found = judge(percent(outcomes), outcomes, (rule,))
    assert not found.passed
    assert "slices.final.planner.replan" in found.rules[0].reason
    assert "plain" not in found.rules[0].reason


def test_slices_without_points_refuse() -> None:
    rule = GateRule(metric="slices.final.*", kind="not_worse", value=80)
    assert judge({}, {}, (rule,)).summary() == "refused: slices.final.* is not measured"


def test_a_floor_can_be_asked_to_be_left_behind_by_some_points() -> None:
    rule = GateRule(metric="e2e.final", kind="least", value=5, baseline="floors.rules.e2e")
    assert verdict(rule, {"e2e.final": 96.0, "floors.rules.e2e": 90.0}).passed
    found = verdict(rule, {"e2e.final": 94.0, "floors.rules.e2e": 90.0})
    assert found.summary() == "refused: e2e.final is 94, at least 95 is asked (+5 beside floors.rules.e2e)"


RULES = (
    GateRule(metric="agent_scores.dpo.planner", kind="least", value=90),
    GateRule(metric="e2e.final", kind="least", value=70, margin=15),
)


def beside_champion(planner: int, champions: int, n: int = 200, offset: int = 0) -> Verdict:
    """A candidate with so many right plans beside a champion, all else the same."""
    outcomes = {
        "agent_scores.dpo.planner": points(planner, n, offset),
        "agent_scores.final.planner": points(planner, n, offset),
        "agent_scores.champion.planner": points(champions, n),
        "e2e.final": points(20, 20),
        "e2e.champion": points(20, 20),
    }
    return judge_beside(Baseline(name="cars", version="7"), percent(outcomes), outcomes, RULES, 5)


def test_a_candidate_that_is_worse_than_the_champion_is_refused_however_good_it_is() -> None:
    """98 % was replaced by 93 % as long as the rule said 90 %."""
    found = beside_champion(186, 196)
    assert not found.passed
    assert found.alone().passed, "the fixed bounds hold"
    assert [rule.metric for rule in found.compared if not rule.passed] == ["agent_scores.final.planner"]
    assert "beside agent_scores.champion.planner at 98" in found.summary()


def test_a_candidate_as_good_as_the_champion_is_promoted() -> None:
    found = beside_champion(195, 196, offset=2)
    assert found.passed, found.summary()
    assert found.baseline == Baseline(name="cars", version="7")


def test_a_champion_that_was_asked_other_points_refuses() -> None:
    figures = {"agent_scores.dpo.planner": 99.0, "agent_scores.final.planner": 99.0, "e2e.final": 99.0}
    found = judge_beside(Baseline(name="cars", version="7"), figures, {}, RULES, 5)
    assert "agent_scores.champion.planner, which is not measured" in found.summary()
