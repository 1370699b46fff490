"""The gate: what a bundle has to show."""

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks.shared.patience import WAITS_S, mendable
from temper.artifacts.refs import StageResult
from temper.artifacts.store import Store
from temper.config import Runtime
from temper.config.gate import GateSettings
from temper.registry.bundle import Champion
from temper.registry.gates import Baseline, Verdict, judge, judge_beside
from temper.registry.tracking import Tracker, tracking_uri
from temper.report import gate_inputs, groups, silent_metrics


@task(
    name="gate",
    cache_policy=NO_CACHE,
    retries=len(WAITS_S),
    retry_delay_seconds=WAITS_S,
    retry_condition_fn=mendable,
)
def gate(
    results: list[StageResult], config: GateSettings, baseline: Champion | None = None, *, runtime: Runtime
) -> Verdict:
    """Judge what the stages measured.   In: results, rules, champion.   Out: a verdict with reasons. Never cached."""
    store = Store(runtime.store)
    metrics, points = gate_inputs(results, store)
    silent, shared = silent_metrics(results, store), groups(results, store)
    if baseline is None:
        verdict = judge(metrics, points, config.rules, silent, shared)
    else:
        champion = Baseline(name=baseline.name, version=baseline.version)
        verdict = judge_beside(champion, metrics, points, config.rules, config.margin, silent, shared)
    every = (*verdict.rules, *verdict.compared)
    create_table_artifact([rule.model_dump() for rule in every], key="gate", description=f"Gate {verdict.summary()}")
    tags = {f"gate.{number}.{rule.metric}": rule.reason for number, rule in enumerate(every)}
    Tracker(tracking_uri(runtime)).log(
        runtime.parent_run_id,
        metrics=metrics | {"gate.passed": float(verdict.passed)},
        tags=tags | {"gate": verdict.summary()},
    )
    return verdict
