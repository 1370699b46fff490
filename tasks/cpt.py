"""Continual pretraining."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.stages import CPTSettings

RECIPE = 2


@task(name="cpt", **contract(RECIPE))
def cpt(parent: ModelRef, data: DatasetRef, config: CPTSettings, *, runtime: Runtime) -> StageResult:
    """Adapt the deeper model to the domain.   In: an expanded model, texts with contexts.   Out: the merged model."""
    return compute("cpt", config, runtime, parent=parent, data=data)
