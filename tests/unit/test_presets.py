"""Presets: every file is a whole configuration, and its rules speak of figures that its own run makes."""

from pathlib import Path

import pytest

from temper.config import PipelineConfig, Runtime, load_preset, presets, resolve
from temper.config.gate import GateRule
from temper.synthesis.requests import beyond_assets


@pytest.mark.parametrize("name", presets())
def test_preset_is_whole_and_named_like_its_file(name: str) -> None:
    config = load_preset(name)
    assert type(config) is PipelineConfig
    assert config.name == name


@pytest.mark.parametrize("name", presets())
def test_resolved_preset_runs_again_as_it_is(name: str, tmp_path: Path) -> None:
    config = load_preset(name)
    path = tmp_path / "config.json"  # JSON is YAML
    path.write_text(config.model_dump_json(), encoding="utf-8")
    assert resolve(str(path), []) == config


@pytest.mark.parametrize("name", presets())
def test_budgets_fit_together(name: str) -> None:
    config = load_preset(name)
    assert max(config.evaluate.points_per_role.values()) <= config.synthesize.points_per_role
    assert max(config.evaluate.scenarios.values()) <= config.synthesize.scenarios
    assert config.fp8.samples <= config.synthesize.calibration_in_domain + config.synthesize.calibration_public
    assert config.validation.longest_tokens <= config.engine.max_model_len, "a row that cannot be served"
    assert config.evaluate.max_tokens < config.engine.max_model_len


@pytest.mark.parametrize("name", presets())
def test_no_preset_asks_for_more_than_the_assets_hold(name: str) -> None:
    assert [request.text() for request in beyond_assets(load_preset(name).synthesize)] == []


@pytest.mark.parametrize("name", ["demo", "cpu", "h100x8"])
def test_real_models_have_to_reach_the_issues_bars(name: str) -> None:
    rules: tuple[GateRule, ...] = load_preset(name).gate.rules
    least = {rule.metric: rule.value or 0 for rule in rules if rule.kind == "least"}
    for role in ("understander", "planner", "evaluator", "executor"):
        assert least[f"agent_scores.dpo.{role}"] >= 90
    assert least["e2e.dpo"] >= 70
    assert least["ladder.student+drafter.c1.tokens_per_step"] >= 3.0
    assert least["ladder.student+drafter.c1.speedup"] >= 1.5
    assert least["ladder.student+drafter.c4.speedup"] >= 1.3


def test_demo_names_no_machine() -> None:
    assert load_preset("demo").runtime == Runtime()


def test_h100x8_asks_for_as_many_traces_as_the_paper_has() -> None:
    config = load_preset("h100x8")
    assert sum(config.synthesize.traces_per_role.values()) == 495_772
