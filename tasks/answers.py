"""What the drafter learns from: the aligned student's own answers."""

from prefect import task

from tasks.contract import compute, contract
from temper.config import Runtime
from temper.config.stages import AnswersSettings, EngineSettings
from temper.refs import DatasetRef, ModelRef, StageResult

RECIPE = 1


@task(name="answers", **contract(RECIPE))
def answers(
    parent: ModelRef, data: DatasetRef, config: AnswersSettings, engine: EngineSettings, *, runtime: Runtime
) -> StageResult:
    """Let the student answer.   In: the aligned model, prompts.   Out: a chat set in the student's own words."""
    return compute("answers", {"answers": config, "engine": engine}, runtime, parent=parent, data=data)
