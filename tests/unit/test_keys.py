"""What moves a cache key, and what does not."""

from pathlib import Path

import pytest
import yaml

from tasks.answers import answers
from tasks.evaluate import evaluate
from tasks.practice import practice
from temper.artifacts.refs import DatasetRef, ModelRef, Ref
from temper.config import PipelineConfig, Runtime
from temper.config.engine import EngineSettings
from temper.process.keys import stage_key

PARENT = ModelRef(uri="/somewhere/model/aa", digest="sha256:aa")
DATA = DatasetRef(uri="/somewhere/dataset/bb", digest="sha256:bb")


@pytest.fixture
def config() -> PipelineConfig:
    path = Path(__file__).parents[2] / "deployments" / "smoke.yaml"
    return PipelineConfig.model_validate(yaml.safe_load(path.read_text()))


def key(config: PipelineConfig, parent: Ref = PARENT, recipe: int = 1) -> str:
    return stage_key("dpo", recipe, {"config": config.dpo}, {"parent": parent, "data": DATA})


def changed(config: PipelineConfig, **dpo: float) -> PipelineConfig:
    values = config.model_dump()
    values["dpo"] |= dpo
    return PipelineConfig.model_validate(values)


def test_a_setting_an_input_and_the_recipe_move_the_key(config: PipelineConfig) -> None:
    other = ModelRef(uri=PARENT.uri, digest="sha256:cc")
    keys = {key(config), key(changed(config, beta=0.7)), key(config, other), key(config, recipe=2)}
    assert len(keys) == 4


def test_where_an_artifact_lies_does_not_move_the_key(config: PipelineConfig) -> None:
    elsewhere = ModelRef(uri="s3://bucket/model/aa", digest=PARENT.digest)
    assert key(config, elsewhere) == key(config)


def test_settings_of_other_stages_do_not_move_the_key(config: PipelineConfig) -> None:
    values = config.model_dump()
    values["sft"]["epochs"] = 9
    values["gate"]["rules"] = []
    values["runtime"] = Runtime(threads=7, device="cpu").model_dump()
    assert key(PipelineConfig.model_validate(values)) == key(config)


def test_how_a_drafter_is_used_moves_the_keys_of_what_has_one(config: PipelineConfig) -> None:
    longer = config.engine.model_copy(update={"draft_length": 9})

    def keys(engine: EngineSettings, drafter: ModelRef | None) -> list[str]:
        given = {"data": DATA, "domain": "automotive", "engine": engine, "runtime": None}
        tries = given | {"parent": PARENT, "config": config.practice}
        asked = given | {"measured": "final", "config": config.evaluate, "model": PARENT, "drafter": drafter}
        policies = {task.name: task.cache_policy for task in (practice, answers, evaluate)}
        return [policies[name].key(name, asked if name == "evaluate" else tries) for name in policies]

    assert keys(longer, None) == keys(config.engine, None)
    assert keys(longer, PARENT)[-1] != keys(config.engine, PARENT)[-1]


def test_the_runtime_is_refused_as_an_input() -> None:
    with pytest.raises(ValueError, match="no part of a cache key"):
        stage_key("sft", 1, {}, {"runtime": Runtime()})


def test_the_order_of_inputs_does_not_move_the_key() -> None:
    assert stage_key("sft", 1, {}, {"a": DATA, "b": PARENT}) == stage_key("sft", 1, {}, {"b": PARENT, "a": DATA})
