"""Preference alignment."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.stages import DPOSettings

RECIPE = 3


@task(name="dpo", **contract(RECIPE))
def dpo(
    parent: ModelRef, data: DatasetRef, config: DPOSettings, *, mistakes: DatasetRef | None = None, runtime: Runtime
) -> StageResult:
    """Prefer right answers to mistakes.   In: an sft model, pairs, its own mistakes.   Out: the aligned model."""
    return compute("dpo", config, runtime, parent=parent, data=data, mistakes=mistakes)
