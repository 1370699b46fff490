"""Preference alignment."""

from prefect import task

from tasks.contract import compute, contract
from temper.config import Runtime
from temper.config.stages import DPOSettings
from temper.refs import DatasetRef, ModelRef, StageResult

RECIPE = 1


@task(name="dpo", **contract(RECIPE))
def dpo(parent: ModelRef, data: DatasetRef, config: DPOSettings, *, runtime: Runtime) -> StageResult:
    """Prefer right answers to plausible mistakes.   In: an sft model, pairs.   Out: the aligned model, margins."""
    return compute("dpo", config, runtime, parent=parent, data=data)
