"""Data by simulation."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import StageResult
from temper.config import Runtime
from temper.process.specs import SynthesizeSpec


@task(name="synthesize", **contract())
def synthesize(spec: SynthesizeSpec, *, runtime: Runtime) -> StageResult:
    """Simulate conversations.   In: settings.   Out: the training sets and the evaluation set."""
    return compute(spec, runtime)
