"""The EAGLE-3 drafter."""

from prefect import task

from tasks.contract import compute, contract
from temper.config import Runtime
from temper.config.stages import DraftSettings
from temper.refs import DatasetRef, ModelRef, StageResult

RECIPE = 2


@task(name="draft", **contract(RECIPE))
def draft(parent: ModelRef, data: DatasetRef, config: DraftSettings, *, runtime: Runtime) -> StageResult:
    """Train a drafter for the aligned model.   In: it and its own answers.   Out: an EAGLE-3 drafter, accuracies."""
    return compute("draft", config, runtime, parent=parent, data=data)
