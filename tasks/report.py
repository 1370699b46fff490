"""The report of a run, for people and for programs."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from tasks.shared.patience import WAITS_S, mendable
from temper.artifacts.refs import StageResult
from temper.artifacts.store import Store
from temper.config import PipelineConfig, Runtime
from temper.config.settings import JSON
from temper.registry.bundle import Registered
from temper.registry.gates import Verdict
from temper.registry.tracking import Tracker, tracking_uri
from temper.report import RunReport, build, text


@task(
    name="report",
    cache_policy=NO_CACHE,
    retries=len(WAITS_S),
    retry_delay_seconds=WAITS_S,
    retry_condition_fn=mendable,
)
def report(
    config: PipelineConfig,
    results: list[StageResult],
    verdict: Verdict | None,
    registered: Registered | None,
    *,
    folder: Path,
    runtime: Runtime,
) -> dict[str, JSON]:
    """Say what each stage bought.   In: all results.   Out: report.html, report.json and plots, here and in MLflow."""
    written = build(config, results, verdict, registered, runtime.pipeline_id, Store(runtime.store), folder)
    Tracker(tracking_uri(runtime)).log_files(runtime.parent_run_id, folder, "report")
    create_markdown_artifact(
        f"```\n{text(RunReport.model_validate(written))}\n```", key="tables", description=f"What {config.name} showed"
    )
    create_link_artifact((folder / "report.html").as_uri(), key="report", description="The whole report")
    return written
