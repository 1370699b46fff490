"""What the tuned student still gets wrong, as pairs to learn from."""

from typing import Any

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.engine import EngineSettings
from temper.config.stages import AnswersSettings
from temper.registry.bundle import domain_digest

RECIPE = 2


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "engine": given["engine"].without_drafter(), "domain_digest": domain_digest(given["domain"])}


@task(name="practice", **contract(RECIPE, _identity))
def practice(
    parent: ModelRef,
    data: DatasetRef,
    domain: str,
    config: AnswersSettings,
    engine: EngineSettings,
    *,
    runtime: Runtime,
) -> StageResult:
    """Let the student try.   In: an sft model, prompts with right answers.   Out: pairs of right and its own wrong."""
    asked = {"domain": domain, "practice": config, "engine": engine.without_drafter()}
    return compute("practice", asked, runtime, parent=parent, data=data)
