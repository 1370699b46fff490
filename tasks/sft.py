"""Supervised fine-tuning."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.stages import SFTSettings

RECIPE = 2


@task(name="sft", **contract(RECIPE))
def sft(parent: ModelRef, data: DatasetRef, config: SFTSettings, *, runtime: Runtime) -> StageResult:
    """Teach the adapted model its roles.   In: a cpt model, a chat set.   Out: the tuned model, loss."""
    return compute("sft", config, runtime, parent=parent, data=data)
