"""Speed of whole customer turns."""

from typing import Any

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.engine import EngineSettings
from temper.config.stages import BenchmarkSettings, EvaluateSettings
from temper.registry.bundle import domain_digest

RECIPE = 11


def settings(
    domain: str, config: BenchmarkSettings, evaluate: EvaluateSettings, engine: EngineSettings
) -> dict[str, Any]:
    """What concerns the benchmark: how agents are asked, not how many points an evaluation has."""
    budgets: dict[str, dict[str, int]] = {"points_per_role": {}, "scenarios": {}, "changed_points": {}}
    asked = EvaluateSettings.model_validate(evaluate.model_dump() | budgets)
    return {"domain": domain, "benchmark": config, "evaluate": asked, "engine": engine}


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    asked = settings(given["domain"], given["config"], given["evaluate"], given["engine"])
    return {**given, **asked, "config": None, "domain_digest": domain_digest(given["domain"])}


@task(name="benchmark", **contract(RECIPE, _identity))
def benchmark(
    target: ModelRef,
    drafter: ModelRef,
    fp8: ModelRef,
    drafter_fp8: ModelRef,
    data: DatasetRef,
    domain: str,
    config: BenchmarkSettings,
    evaluate: EvaluateSettings,
    engine: EngineSettings,
    *,
    runtime: Runtime,
) -> StageResult:
    """Serve customer turns, plain and accelerated.   In: target, drafter, FP8.   Out: the ladder, equivalence."""
    asked = settings(domain, config, evaluate, engine)
    models = {"target": target, "drafter": drafter, "fp8": fp8, "drafter_fp8": drafter_fp8}
    return compute("benchmark", asked, runtime, **models, data=data)
