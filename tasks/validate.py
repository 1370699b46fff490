"""Checks on the data."""

from typing import Any

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.stages import ValidateSettings
from temper.registry.bundle import domain_digest

RECIPE = 3


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "domain_digest": domain_digest(given["domain"])}


@task(name="validate", **contract(RECIPE, _identity))
def validate(
    base: ModelRef, sets: dict[str, DatasetRef], domain: str, config: ValidateSettings, *, runtime: Runtime
) -> StageResult:
    """Refuse bad data.   In: the base model (its tokenizer), all sets.   Out: a report; DataError on a refusal."""
    return compute("validate", {**config.model_dump(), "domain": domain}, runtime, base=base, **sets)
