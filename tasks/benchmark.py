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
    student: ModelRef,
    drafter: ModelRef,
    student_fp8: ModelRef,
    drafter_fp8: ModelRef,
    *,
    runtime: Runtime,
) -> StageResult:
    """Serve customer turns, plain and accelerated.   In: the models that are served.   Out: the ladder, equivalence."""
    models = {"student": student, "drafter": drafter, "student_fp8": student_fp8, "drafter_fp8": drafter_fp8}
    return compute(spec, runtime, data=data, **models)
