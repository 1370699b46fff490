"""Preference alignment."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import DPOSpec


@task(name="dpo", **contract())
def dpo(
    spec: DPOSpec, parent: ModelRef, data: DatasetRef, *, mistakes: DatasetRef | None = None, runtime: Runtime
) -> StageResult:
    """Prefer right answers to mistakes.   In: an sft model, pairs, its own mistakes.   Out: the student."""
    return compute(spec, runtime, parent=parent, data=data, mistakes=mistakes)
