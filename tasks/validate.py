"""Checks on the data."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import ValidateSpec


@task(name="validate", **contract())
def validate(spec: ValidateSpec, base: ModelRef, sets: dict[str, DatasetRef], *, runtime: Runtime) -> StageResult:
    """Refuse bad data.   In: the base model (its tokenizer), all sets.   Out: a report; DataError on a refusal."""
    return compute(spec, runtime, base=base, **sets)
