"""Static FP8 quantisation, of the target while its drafter is in training, then of the drafter."""

from typing import Any

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.stages import FP8Settings

RECIPE = 3


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    """Whether the drafter is quantised too says nothing about what quantising makes."""
    return {**given, "config": given["config"].model_dump(exclude={"drafter"})}


@task(name="fp8", **contract(RECIPE, _identity))
def fp8(
    parent: ModelRef, data: DatasetRef, config: FP8Settings, *, drafter: ModelRef | None = None, runtime: Runtime
) -> StageResult:
    """Quantise.   In: the aligned model, chats to calibrate on; a drafter, for that one.   Out: FP8 checkpoint."""
    return compute("fp8:drafter" if drafter else "fp8", config, runtime, parent=parent, data=data, drafter=drafter)
