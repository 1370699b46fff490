"""What the tuned model still gets wrong, as pairs to learn from."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import PracticeSpec


@task(name="practice", **contract())
def practice(spec: PracticeSpec, tuned: ModelRef, data: DatasetRef, *, runtime: Runtime) -> StageResult:
    """Let the tuned model try.   In: it, prompts with right answers.   Out: pairs of right and its own wrong."""
    return compute(spec, runtime, tuned=tuned, data=data)
