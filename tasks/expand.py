"""Block expansion."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import ExpandSpec


@task(name="expand", **contract())
def expand(spec: ExpandSpec, parent: ModelRef, *, runtime: Runtime) -> StageResult:
    """Add blocks that change nothing yet.   In: the base model.   Out: a deeper model with the same logits."""
    return compute(spec, runtime, parent=parent)
