"""Names of figures: made and parsed in one place, and a rule about one that no run produces is refused at once."""

import pytest

from temper.config import PipelineConfig, load_preset, presets, resolve
from temper.config import metrics as names
from temper.config.metrics import (
    AgentFigure,
    EndToEndFigure,
    EquivalenceFigure,
    Figure,
    FloorFigure,
    SliceFigure,
    SpeedFigure,
    TokensFigure,
)
from temper.errors import ConfigError


@pytest.mark.parametrize(
    ("figure", "name"),
    [
        (AgentFigure("dpo", "planner"), "agent_scores.dpo.planner"),
        (SliceFigure("final", "planner", "replan"), "slices.final.planner.replan"),
        (EndToEndFigure("final"), "e2e.final"),
        (FloorFigure("rules", "e2e"), "floors.rules.e2e"),
        (SpeedFigure("student+drafter", 4, "qps"), "ladder.student+drafter.c4.qps"),
        (TokensFigure("student", 1, "token_ms"), "tokens.student.c1.token_ms"),
        (EquivalenceFigure("same_percent"), "equivalence.same_percent"),
    ],
)
def test_a_figure_and_its_name_are_one(figure: Figure, name: str) -> None:
    assert str(figure) == name
    assert names.parse(name) == figure


@pytest.mark.parametrize("name", presets())
def test_every_figure_that_a_preset_produces_has_a_name_that_is_read_back(name: str) -> None:
    produced = names.produced(load_preset(name))
    assert {str(names.parse(figure)) for figure in produced} == produced


def refused(metric: str, *overrides: str, baseline: str | None = None) -> str:
    """What is said of demo's configuration with a rule about `metric`."""
    kind = f"kind: identical, baseline: {baseline}" if baseline else "kind: least, value: 1"
    with pytest.raises(ConfigError) as error:
        resolve("demo", [*overrides, f"gate.rules=[{{metric: {metric}, {kind}}}]"])
    return str(error.value)


@pytest.mark.parametrize(
    "metric",
    [
        "accuracy",
        "agent_scores.dpo",
        "agent_scores.dop.planner",
        "agent_scores.dpo.plannner",
        "slices.dpo.planner.replans",
        "e2e.cpt",  # no scenarios
        "ladder.drafter.1.qps",
        "ladder.student+drafter.c3.qps",  # a concurrency that is not measured
        "ladder.student.c1.tokens_per_step",  # it has no drafter
        "ladder.student.c1.gain",  # nothing to gain over
        "ladder.unoptimised.c1.qps",
        "tokens.student.c1.token_ms",
        "equivalence.sampled_p_value",
        "floors.nothing.planner",
    ],
)
def test_a_rule_about_a_figure_that_no_run_produces_is_refused_when_it_is_read(metric: str) -> None:
    said = refused(metric)
    assert "gate.rules.0.metric" in said and repr(metric) in said


def test_a_baseline_that_no_run_produces_is_refused_too() -> None:
    said = refused("agent_scores.dpo.planner", baseline="agent_scores.dop.planner")
    assert "gate.rules.0.baseline" in said


def test_a_refusal_names_the_nearest_figures() -> None:
    assert "agent_scores.dpo.planner" in refused("agent_scores.dpo.plannner")
    assert "ladder.student+drafter.c4.qps" in refused("ladder.student+drafter.c3.qps")


def test_an_evaluation_without_points_has_no_scores() -> None:
    said = refused("agent_scores.sft.planner", "evaluate.points_per_role.sft=0")
    assert "no run of this configuration produces 'agent_scores.sft.planner'" in said


def test_what_the_benchmark_is_asked_for_can_be_judged() -> None:
    overrides = ["benchmark.unoptimised=true", "benchmark.token_prompts=2", "benchmark.sampled_prompts=2"]
    rules = [
        f"{{metric: {metric}, kind: least, value: 0}}"
        for metric in ("ladder.student.c1.gain", "tokens.student.c1.token_ms", "equivalence.sampled_p_value")
    ]
    config = resolve("demo", [*overrides, f"gate.rules=[{', '.join(rules)}]"])
    assert type(config) is PipelineConfig


def test_several_figures_are_for_rules_that_can_judge_several() -> None:
    assert "not_worse alone can judge" in refused("slices.dpo.*")


@pytest.mark.parametrize(
    ("metric", "said"),
    [("agent_scores.final.planner", "12 points"), ("e2e.dpo", "20 points")],
)
def test_a_rule_that_its_points_can_never_show_is_refused_when_it_is_read(metric: str, said: str) -> None:
    baseline = metric.replace("final", "dpo")
    rule = f"gate.rules=[{{metric: {metric}, kind: non_inferior, value: 5, baseline: {baseline}}}]"
    with pytest.raises(ConfigError, match=f"{said} of {metric} can never show") as error:
        resolve("demo", ["evaluate.points_per_role.final=12", rule])
    assert "takes 59" in str(error.value)
