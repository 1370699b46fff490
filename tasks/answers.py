"""What the drafter learns from: the student's own answers."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import AnswersSpec


@task(name="answers", **contract())
def answers(spec: AnswersSpec, student: ModelRef, data: DatasetRef, *, runtime: Runtime) -> StageResult:
    """Let the student answer.   In: the student, prompts.   Out: a chat set in its own words."""
    return compute(spec, runtime, student=student, data=data)
