"""The model to start from."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import StageResult
from temper.config import Runtime
from temper.process.specs import BaseSpec


@task(name="base", **contract())
def base(spec: BaseSpec, *, runtime: Runtime) -> StageResult:
    """Bring the base model into the store.   In: its name.   Out: a safetensors checkpoint with its chat template."""
    return compute(spec, runtime)
