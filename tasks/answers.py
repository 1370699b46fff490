"""What the drafter learns from: the aligned student's own answers."""

from typing import Any

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.engine import EngineSettings
from temper.config.stages import AnswersSettings

RECIPE = 1


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "engine": given["engine"].without_drafter()}


@task(name="answers", **contract(RECIPE, _identity))
def answers(
    parent: ModelRef, data: DatasetRef, config: AnswersSettings, engine: EngineSettings, *, runtime: Runtime
) -> StageResult:
    """Let the student answer.   In: the aligned model, prompts.   Out: a chat set in the student's own words."""
    asked = {"answers": config, "engine": engine.without_drafter()}
    return compute("answers", asked, runtime, parent=parent, data=data)
