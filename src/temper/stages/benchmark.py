"""How fast the whole system is: `python -m temper.stages.benchmark RUN_DIR`.

In: target, drafter, FP8 target, evaluation set.   Out: report with ladder.json (the ladder, equal answers, hardware).
"""

import json
from contextlib import AbstractContextManager
from typing import Any

from temper.bench import drafting, equivalence
from temper.bench.bound import Hardware
from temper.bench.ladder import DRAFTED, MEDIANS, PLAIN, Bench, Configuration, Engines, configurations
from temper.config.settings import Settings
from temper.config.stages import BenchmarkSettings, EngineSettings, EvaluateSettings
from temper.domains import load_domain
from temper.domains.scenario import load_scenarios
from temper.engine import Engine, probe, serve
from temper.errors import DataError
from temper.stage import Report, Stage, run
from temper.stages import hardware
from temper.synthesis.rows import read


class BenchmarkStage(Settings):
    """What this stage is told."""

    domain: str
    benchmark: BenchmarkSettings
    evaluate: EvaluateSettings
    engine: EngineSettings


def main(stage: Stage) -> Report:
    """Climb the ladder, compare answers, write both down."""
    told = BenchmarkStage.model_validate(stage.config)
    capabilities = probe(stage.runtime)
    bench = _bench(stage, told, hardware.measured(capabilities.device))
    models = (stage.inputs[name] for name in ("target", "drafter", "fp8", "drafter_fp8"))
    rungs = configurations(*models, unoptimised=told.benchmark.unoptimised)

    def start(rung: Configuration) -> AbstractContextManager[Engine]:
        stage.event(f"{rung.name}: starting the engine")
        log = stage.run_dir / f"engine-{rung.name}.log"
        return serve(
            rung.model,
            settings=told.engine if rung.optimised else told.engine.model_copy(update={"prefix_caching": False}),
            runtime=stage.runtime,
            log=log,
            drafter=rung.drafter,
            progress=lambda said: stage.event(f"{rung.name}: {said}"),
        )

    with Engines(start, resident=capabilities.device == "cpu") as engines:
        rows = bench.ladder(rungs, engines, capabilities)
        same, accepted = _equivalence(stage, told, bench, rungs, engines)
    ladder = {
        "rows": rows,
        "equivalence": same,
        "acceptance": accepted,
        "capabilities": capabilities.model_dump(mode="json"),
    }
    (stage.out("report") / "ladder.json").write_text(json.dumps(ladder, indent=1), encoding="utf-8")
    reached = {"memory_gb_per_s": bench.hardware.bytes_per_s / 1e9, "arithmetic_gflops": bench.hardware.flops / 1e9}
    return Report(metrics=_metrics(rows, same) | reached, artifacts={"report": "report"})


def _bench(stage: Stage, told: BenchmarkStage, found: Hardware) -> Bench:
    path = stage.inputs["data"] / "scenarios.jsonl"
    scenarios = load_scenarios(path)
    if not scenarios:
        raise DataError(f"{path} holds no scenarios, the benchmark's load: set synthesize.scenarios to at least 1")
    return Bench(
        domain=load_domain(told.domain),
        scenarios=scenarios,
        settings=told.benchmark,
        halstead_threshold=told.evaluate.halstead_threshold,
        max_tokens=told.evaluate.max_tokens,
        say=stage.event,
        hardware=found,
        draft_length=told.engine.draft_length,
    )


def _equivalence(
    stage: Stage, told: BenchmarkStage, bench: Bench, rungs: tuple[Configuration, ...], engines: Engines
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Answers of the student with and without its drafter, and what the drafter was worth to each role."""
    points, settings = read(stage.inputs["data"] / "points.jsonl"), told.benchmark
    rows = equivalence.spread(points, settings.equivalence_prompts)
    in_json = [row for row in points if row["role"] == "understander"][: settings.structured_prompts]
    drawn_from = equivalence.spread(points, settings.sampled_prompts) if settings.sampled_prompts else []
    limits: dict[str, Any] = {"max_tokens": told.evaluate.max_tokens, "concurrency": told.evaluate.concurrency}

    def said(name: str, first_seed: int) -> tuple[list[str], list[str], list[list[str]], dict[str, dict[str, Any]]]:
        with engines.use(next(rung for rung in rungs if rung.name == name), bench.warm) as engine:
            greedy, accepted = drafting.answers_by_role(engine, rows, **limits)
            held = equivalence.answers(engine, in_json, **limits, as_json=True)
            drawn = equivalence.draws(
                engine, drawn_from, settings.samples, first_seed=first_seed, concurrency=told.evaluate.concurrency
            )
        return greedy, held, drawn, accepted

    greedy, held, drawn, _ = said(PLAIN, 0)
    greedy_too, held_too, drawn_too, accepted = said(DRAFTED, settings.samples)
    found = equivalence.compare(rows, greedy, greedy_too)
    stage.event(f"same answers with and without the drafter: {found['same']} of {found['n']}")
    if in_json:
        found["structured"] = equivalence.compare(in_json, held, held_too)
    if drawn_from:
        found["sampled"] = equivalence.compare_draws(drawn, drawn_too)
    return found, accepted


def _metrics(rows: list[dict[str, Any]], same: dict[str, Any]) -> dict[str, float]:
    """Flat figures; a speed that is only emulated is no figure, tokens per step always are."""
    plain = {row["concurrency"]: row["qps"] for row in rows if row["configuration"] == PLAIN}
    metrics = equivalence.metrics(same)
    for row in rows:
        prefix = f"ladder.{row['configuration']}.c{row['concurrency']}"
        if row["tokens_per_step"] is not None:
            metrics[f"{prefix}.tokens_per_step"] = row["tokens_per_step"]
        if row["comparable"]:
            metrics |= {f"{prefix}.{name}": row[name] for name in MEDIANS}
            metrics[f"{prefix}.speedup"] = row["qps"] / plain[row["concurrency"]]
    return metrics


if __name__ == "__main__":
    run(main)
