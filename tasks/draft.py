"""The EAGLE-3 drafter."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import DraftSpec


@task(name="draft", **contract())
def draft(spec: DraftSpec, parent: ModelRef, data: DatasetRef, *, runtime: Runtime) -> StageResult:
    """Train a drafter for the aligned model.   In: it and its own answers.   Out: an EAGLE-3 drafter, accuracies."""
    return compute(spec, runtime, parent=parent, data=data)
