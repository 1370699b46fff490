"""Static FP8 quantisation."""

from prefect import task

from tasks.contract import compute, contract
from temper.config import Runtime
from temper.config.stages import FP8Settings
from temper.refs import DatasetRef, ModelRef, StageResult

RECIPE = 1


@task(name="fp8", **contract(RECIPE))
def fp8(parent: ModelRef, data: DatasetRef, config: FP8Settings, *, runtime: Runtime) -> StageResult:
    """Quantise the aligned model.   In: it and a calibration set.   Out: a static per-tensor FP8 checkpoint."""
    return compute("fp8", config, runtime, parent=parent, data=data)
