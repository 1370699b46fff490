"""The EAGLE-3 drafter."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import DraftSpec


@task(name="draft", **contract())
def draft(spec: DraftSpec, student: ModelRef, data: DatasetRef, *, runtime: Runtime) -> StageResult:
    """Train a drafter for the student.   In: it and its own answers.   Out: an EAGLE-3 drafter, accuracies."""
    return compute(spec, runtime, student=student, data=data)
