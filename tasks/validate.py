"""Checks on the data."""

from prefect import task

from tasks.contract import compute, contract
from temper.config import Runtime
from temper.config.stages import ValidateSettings
from temper.refs import DatasetRef, ModelRef, StageResult

RECIPE = 1


@task(name="validate", **contract(RECIPE))
def validate(base: ModelRef, sets: dict[str, DatasetRef], config: ValidateSettings, *, runtime: Runtime) -> StageResult:
    """Refuse bad data.   In: the base model (its tokenizer), the six sets.   Out: a report; DataError on a refusal."""
    return compute("validate", config, runtime, base=base, **sets)
