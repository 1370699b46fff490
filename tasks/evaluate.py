"""Agent scores and end-to-end passes of one model, on the engine that will serve it."""

from typing import Any

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.refs import DatasetRef, ModelRef, StageResult
from temper.config import Runtime
from temper.config.engine import EngineSettings
from temper.config.stages import EvaluateSettings
from temper.registry.bundle import domain_digest

RECIPE = 7


def settings(
    measured: str, domain: str, config: EvaluateSettings, engine: EngineSettings, drafter: ModelRef | None
) -> dict[str, Any]:
    """What concerns the measured stage: the budgets of the others move nothing here, nor how drafters are used."""
    budgets: dict[str, dict[str, int]] = {"points_per_role": {}, "scenarios": {}, "changed_points": {}}
    return {
        "stage": measured,
        "domain": domain,
        "points": config.points_per_role.get(measured, 0),  # type: ignore[call-overload]
        "scenarios": config.scenarios.get(measured, 0),  # type: ignore[call-overload]
        "changed": config.changed_points.get(measured, 0),  # type: ignore[call-overload]
        "evaluate": EvaluateSettings.model_validate(config.model_dump() | budgets),
        "engine": engine if drafter else engine.without_drafter(),
    }


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    inputs = {name: given[name] for name in ("data", "model", "drafter")}
    asked = settings(given["measured"], given["domain"], given["config"], given["engine"], given["drafter"])
    return {**inputs, **asked, "domain_digest": domain_digest(given["domain"])}


@task(name="evaluate", task_run_name="evaluate:{measured}", **contract(RECIPE, _identity))
def evaluate(
    measured: str,
    data: DatasetRef,
    domain: str,
    config: EvaluateSettings,
    engine: EngineSettings,
    *,
    model: ModelRef | None = None,
    drafter: ModelRef | None = None,
    runtime: Runtime,
) -> StageResult:
    """Ask held-out points.   In: a model (no model: the teacher), points.   Out: scores by role and slice."""
    asked = settings(measured, domain, config, engine, drafter)
    return compute(f"evaluate:{measured}", asked, runtime, data=data, model=model, drafter=drafter)
