"""Block expansion."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import ModelRef, StageResult
from temper.config import Runtime
from temper.config.stages import ExpandSettings

RECIPE = 1


@task(name="expand", **contract(RECIPE))
def expand(parent: ModelRef, config: ExpandSettings, *, runtime: Runtime) -> StageResult:
    """Add blocks that change nothing yet.   In: the base model.   Out: a deeper model with the same logits."""
    return compute("expand", config, runtime, parent=parent)
