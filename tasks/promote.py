"""The bundle: registered always, champion only when the gate says so and nothing speaks against it."""

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.shared.patience import WAITS_S, mendable
from temper.artifacts.refs import ModelRef, StageResult
from temper.artifacts.store import Store
from temper.config import PipelineConfig, Runtime
from temper.config.gating import of_champion
from temper.registry import bundle
from temper.registry.bundle import Registered
from temper.registry.champions import Champions
from temper.registry.gates import Verdict
from temper.registry.tracking import Tracker, tracking_uri
from temper.report import gate_inputs


@task(
    name="promote",
    cache_policy=NO_CACHE,
    retries=len(WAITS_S),
    retry_delay_seconds=WAITS_S,
    retry_condition_fn=mendable,
)
def promote(
    student: ModelRef,
    drafter: ModelRef,
    student_fp8: ModelRef,
    drafter_fp8: ModelRef,
    results: list[StageResult],
    verdict: Verdict,
    config: PipelineConfig,
    *,
    runtime: Runtime,
) -> Registered:
    """Bind what is served together.   In: models, figures, verdict.   Out: a model version; the champion on a pass."""
    store, tracker, name = Store(runtime.store), Tracker(tracking_uri(runtime)), config.registry.name
    figures = gate_inputs(results, store)[0]
    candidate = bundle.Bundle(
        name=name,
        student=student,
        drafter=drafter,
        student_fp8=student_fp8,
        drafter_fp8=drafter_fp8,
        domain=config.synthesize.domain,
        domain_digest=bundle.domain_digest(config.synthesize.domain),
        tokenizer=bundle.tokenizer_digests(student, store),
        engine=config.engine,
        results={name: value for name, value in figures.items() if not of_champion(name)},
        verdict=verdict.alone(),
        versions={result.stage: result.versions for result in results},
    )
    ref = bundle.publish(candidate, store)
    entry = Champions(tracker, name, store).enter(candidate, ref, verdict, runtime.parent_run_id)
    tracker.log(runtime.parent_run_id, tags={"registered": f"{name} version {entry.version}", "champion": entry.why})
    get_run_logger().info("%s version %s: %s", name, entry.version, entry.why)
    return entry
