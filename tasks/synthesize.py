"""Data by simulation."""

from typing import Any

from prefect import task

from tasks.contract import compute, contract
from temper.bundle import domain_digest
from temper.config import Runtime
from temper.config.stages import SynthesizeSettings
from temper.refs import StageResult

RECIPE = 7


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    """Other prompts, tools or rules make other data."""
    return {**given, "domain_digest": domain_digest(given["config"].domain)}


@task(name="synthesize", **contract(RECIPE, _identity))
def synthesize(config: SynthesizeSettings, *, runtime: Runtime) -> StageResult:
    """Simulate conversations.   In: settings.   Out: cpt, sft, dpo, draft_prompts, calibration and evaluation sets."""
    return compute("synthesize", config, runtime)
