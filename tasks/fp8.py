"""Static FP8 quantisation, of the student while its drafter is in training, then of the drafter."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import FP8Spec


@task(name="fp8", **contract())
def fp8(
    spec: FP8Spec, student: ModelRef, data: DatasetRef, *, drafter: ModelRef | None = None, runtime: Runtime
) -> StageResult:
    """Quantise.   In: the student, chats to calibrate on; a drafter, for that one.   Out: FP8 checkpoint."""
    return compute(spec, runtime, student=student, data=data, drafter=drafter)
