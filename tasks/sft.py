"""Supervised fine-tuning."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import SFTSpec


@task(name="sft", **contract())
def sft(spec: SFTSpec, parent: ModelRef, data: DatasetRef, *, runtime: Runtime) -> StageResult:
    """Teach the adapted model its roles.   In: a cpt model, a chat set.   Out: the tuned model, loss."""
    return compute(spec, runtime, parent=parent, data=data)
