"""Speed of whole customer turns."""

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.process.specs import BenchmarkSpec


@task(name="benchmark", **contract())
def benchmark(
    spec: BenchmarkSpec,
    data: DatasetRef,
    target: ModelRef,
    drafter: ModelRef,
    fp8: ModelRef,
    drafter_fp8: ModelRef,
    *,
    runtime: Runtime,
) -> StageResult:
    """Serve customer turns, plain and accelerated.   In: target, drafter, FP8.   Out: the ladder, equivalence."""
    return compute(spec, runtime, data=data, target=target, drafter=drafter, fp8=fp8, drafter_fp8=drafter_fp8)
