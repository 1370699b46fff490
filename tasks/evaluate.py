"""Agent scores and end-to-end passes of one model, on the engine that will serve it."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import EvaluateSpec


@task(name="evaluate", task_run_name="{spec.label}", **contract())
def evaluate(
    spec: EvaluateSpec,
    data: DatasetRef,
    *,
    model: ModelRef | None = None,
    drafter: ModelRef | None = None,
    words: DatasetRef | None = None,
    runtime: Runtime,
) -> StageResult:
    """Ask held-out points.   In: a model, or words for rules (neither: the teacher), points.   Out: scores by role."""
    return compute(spec, runtime, data=data, model=model, drafter=drafter, words=words)
