"""Continual pretraining."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import CPTSpec


@task(name="cpt", **contract())
def cpt(spec: CPTSpec, parent: ModelRef, data: DatasetRef, *, runtime: Runtime) -> StageResult:
    """Adapt the deeper model to the domain.   In: an expanded model, texts with contexts.   Out: the merged model."""
    return compute(spec, runtime, parent=parent, data=data)
