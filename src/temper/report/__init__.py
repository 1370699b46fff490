"""The report of a run: one HTML page, its plots, and the same figures as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from temper.artifacts.refs import StageResult
from temper.artifacts.store import Store
from temper.config import ROLES, PipelineConfig
from temper.config.settings import JSON
from temper.registry.bundle import Registered
from temper.registry.gates import Verdict
from temper.report import figures, floors, page, plots
from temper.report.figures import gate_inputs, groups, silent_metrics
from temper.report.schema import Gate, RegisteredBundle, RunReport
from temper.report.view import DATA, PAGE, show, text

__all__ = ["RunReport", "build", "gate_inputs", "groups", "show", "silent_metrics", "text"]


def build(
    config: PipelineConfig,
    results: Sequence[StageResult],
    verdict: Verdict | None,
    bundle: Registered | None,
    pipeline_id: str,
    store: Store,
    out: Path,
) -> dict[str, JSON]:
    """Write `report.html`, `report.json` and `plots/*.png` into `out`, and return what `report.json` holds.

    `verdict` is the gate's (or None before it), `bundle` has name, version and digests (or is None).
    Raises StoreError when a result's report is gone from the store.
    """
    report = collect(config, results, store, verdict=verdict, bundle=bundle, pipeline_id=pipeline_id)
    drawn = plots.draw_all(report)
    (out / "plots").mkdir(parents=True, exist_ok=True)
    for name, (png, _) in drawn.items():
        (out / "plots" / f"{name}.png").write_bytes(png)
    svgs = {name: svg for name, (_, svg) in drawn.items()}
    html = page.render(report, svgs, figures.failures(results, store))
    (out / PAGE).write_text(html, encoding="utf-8")
    (out / DATA).write_text(report.model_dump_json(indent=1), encoding="utf-8")
    return report.model_dump(mode="json")


def collect(
    config: PipelineConfig,
    results: Sequence[StageResult],
    store: Store,
    *,
    verdict: Verdict | None,
    bundle: Registered | None,
    pipeline_id: str,
) -> RunReport:
    """Everything that `results` show, from what they published."""
    evaluated = figures.evaluations(results, store)
    measured = figures.benchmark(results, store)
    return RunReport(
        run_id=pipeline_id,
        name=config.name,
        base=config.base.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        wall_s={result.stage: result.wall_s for result in results},
        cached={result.stage: result.pipeline_id != pipeline_id for result in results},
        agent_scores=figures.agent_scores(evaluated),
        changed=figures.changed_scores(evaluated),
        e2e=figures.passes(evaluated),
        floors=floors.floors(evaluated),
        ladder=[row.speed() for row in measured.rows] if measured else [],
        left_out=measured.left_out if measured else {},
        equivalence=measured.equivalence if measured else None,
        acceptance={role: measured.acceptance[role] for role in ROLES if role in measured.acceptance}
        if measured
        else {},
        tokens=measured.tokens if measured else [],
        served_in=measured.dtype if measured else None,
        gate=Gate.model_validate(verdict) if verdict is not None else None,
        bundle=RegisteredBundle.model_validate(bundle) if bundle is not None else None,
        metrics={result.stage: result.metrics for result in results},
        curves={result.stage: rows for result in results if (rows := figures.curves(result, store))},
        lineage=[figures.node(result, store) for result in results],
        config=config.model_dump(mode="json"),
    )
