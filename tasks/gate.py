"""The gate: what a bundle has to show."""

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from temper.artifacts.refs import StageResult
from temper.artifacts.store import Store
from temper.config import Runtime
from temper.config.stages import GateSettings
from temper.registry.gates import Verdict, judge
from temper.registry.tracking import Tracker, tracking_uri
from temper.report import gate_inputs, silent_metrics


@task(name="gate", cache_policy=NO_CACHE)
def gate(results: list[StageResult], config: GateSettings, *, runtime: Runtime) -> Verdict:
    """Judge what the stages measured.   In: results, rules.   Out: a verdict, a reason for each rule. Never cached."""
    store = Store(runtime.store)
    metrics, points = gate_inputs(results, store)
    verdict = judge(metrics, points, config.rules, silent_metrics(results, store))
    create_table_artifact(
        [rule.model_dump() for rule in verdict.rules], key="gate", description=f"Gate {verdict.summary()}"
    )
    tags = {f"gate.{number}.{rule.metric}": rule.reason for number, rule in enumerate(verdict.rules)}
    Tracker(tracking_uri(runtime)).log(
        runtime.parent_run_id,
        metrics=metrics | {"gate.passed": float(verdict.passed)},
        tags=tags | {"gate": verdict.summary()},
    )
    return verdict
