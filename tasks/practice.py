"""What the tuned student still gets wrong, as pairs to learn from."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import PracticeSpec


@task(name="practice", **contract())
def practice(spec: PracticeSpec, parent: ModelRef, data: DatasetRef, *, runtime: Runtime) -> StageResult:
    """Let the student try.   In: an sft model, prompts with right answers.   Out: pairs of right and its own wrong."""
    return compute(spec, runtime, parent=parent, data=data)
