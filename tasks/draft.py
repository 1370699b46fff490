"""The EAGLE-3 drafter."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.stages import DraftSettings

RECIPE = 2


@task(name="draft", **contract(RECIPE))
def draft(parent: ModelRef, data: DatasetRef, config: DraftSettings, *, runtime: Runtime) -> StageResult:
    """Train a drafter for the aligned model.   In: it and its own answers.   Out: an EAGLE-3 drafter, accuracies."""
    return compute("draft", config, runtime, parent=parent, data=data)
