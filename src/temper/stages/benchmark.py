"""How fast the whole system is: `python -m temper.stages.benchmark RUN_DIR`.

In: target, drafter, FP8 target, evaluation set.   Out: report with ladder.json (the ladder, equal answers, hardware).
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from statistics import median
from typing import Any

import torch
from transformers import AutoTokenizer

from temper.bench import equivalence, hardware, tokens
from temper.bench.ladder import MEDIANS, Bench, Configuration, Engines, configurations
from temper.bench.prompts import spread
from temper.capacity.bound import Hardware
from temper.config.metrics import PER_STEP, Speed, Tokens
from temper.config.rungs import STUDENT, ladder
from temper.domains import load_domain
from temper.domains.scenario import load_scenarios
from temper.engine import Engine, probe, serve
from temper.errors import DataError
from temper.process.specs import BenchmarkSpec
from temper.process.stage import Report, Stage, run
from temper.rows import Point, load
from temper.stages.training.rendering import prompt_text
from temper.stats import multiples

Use = Callable[[Configuration], AbstractContextManager[Engine]]
"""Lends a rung's warm engine."""


def main(stage: Stage[BenchmarkSpec]) -> Report:
    """Climb the ladder, compare answers, write both down."""
    spec, capabilities = stage.spec, probe(stage.runtime)
    engine = capabilities.served(spec.engine)
    bench = _bench(stage, engine.dtype, hardware.measured(capabilities.device, getattr(torch, engine.dtype)))
    models = (stage.inputs[name] for name in ("target", "drafter", "fp8", "drafter_fp8"))
    rungs = configurations(ladder(spec.benchmark), *models)

    def start(one: Configuration) -> AbstractContextManager[Engine]:
        stage.event(f"{one.name}: starting the engine")
        log = stage.run_dir / f"engine-{one.name}.log"
        return serve(
            one.model,
            settings=engine if one.rung.optimised else engine.model_copy(update={"prefix_caching": False}),
            runtime=stage.runtime,
            log=log,
            drafter=one.drafter,
            progress=lambda said: stage.event(f"{one.name}: {said}"),
        )

    points = load(stage.inputs["data"] / "points.jsonl", Point)
    with Engines(start, resident=capabilities.device == "cpu") as engines:

        def use(one: Configuration) -> AbstractContextManager[Engine]:
            return engines.use(one, bench.warm)

        rows = bench.ladder(rungs, engines, capabilities)
        shown = [one for one in rungs if one.rung.optimised and not (one.rung.quantised and capabilities.fp8_reason)]
        prompts = spread(points, spec.benchmark.token_prompts) if spec.benchmark.token_prompts else []
        streamed = _streamed(stage, shown, use, prompts) if prompts else []
        same, accepted = equivalence.measure(
            points,
            spec.benchmark,
            lambda rung: use(next(one for one in rungs if one.rung == rung)),
            max_tokens=spec.evaluate.max_tokens,
            concurrency=spec.evaluate.concurrency,
        )
    stage.event(f"same answers with and without the drafter: {same['same']} of {same['n']}")
    written = {
        "rows": rows,
        "equivalence": same,
        "acceptance": accepted,
        "tokens": streamed,
        "dtype": engine.dtype,
        "capabilities": capabilities.model_dump(mode="json"),
    }
    (stage.out("report") / "ladder.json").write_text(json.dumps(written, indent=1), encoding="utf-8")
    reached = {"memory_gb_per_s": bench.hardware.bytes_per_s / 1e9, "arithmetic_gflops": bench.hardware.flops / 1e9}
    return Report(metrics=_metrics(rows, same, streamed) | reached, artifacts={"report": "report"})


def _streamed(
    stage: Stage[BenchmarkSpec], rungs: Sequence[Configuration], use: Use, prompts: Sequence[Point]
) -> list[dict[str, Any]]:
    """Token-level figures of these rungs at each concurrency."""
    target, found = stage.inputs["target"], []
    tokenizer = AutoTokenizer.from_pretrained(target)
    texts = [prompt_text(tokenizer, row.prompt) for row in prompts]
    for rung in rungs:
        with use(rung) as engine:
            for customers in stage.spec.benchmark.concurrency:
                stage.event(f"{rung.name}: {len(texts)} prompts streamed by vllm bench serve, {customers} at once")
                folder = stage.run_dir / "tokens" / f"{rung.name}-{customers}"
                limits = {"customers": customers, "most": stage.spec.evaluate.max_tokens}
                figures = tokens.measure(engine, texts, target, folder, runtime=stage.runtime, **limits)
                found.append({"configuration": rung.name, "concurrency": customers, "prompts": len(texts), **figures})
    return found


def _bench(stage: Stage[BenchmarkSpec], dtype: str, found: Hardware) -> Bench:
    path = stage.inputs["data"] / "scenarios.jsonl"
    scenarios = load_scenarios(path)
    if not scenarios:
        raise DataError(f"{path} holds no scenarios, the benchmark's load: set synthesize.scenarios to at least 1")
    return Bench(
        domain=load_domain(stage.spec.domain.name),
        scenarios=scenarios,
        settings=stage.spec.benchmark,
        halstead_threshold=stage.spec.evaluate.halstead_threshold,
        max_tokens=stage.spec.evaluate.max_tokens,
        say=stage.event,
        hardware=found,
        dtype=dtype,
    )


def _metrics(rows: list[dict[str, Any]], same: dict[str, Any], streamed: list[dict[str, Any]]) -> dict[str, float]:
    """Flat figures; a speed that is only emulated is no figure, tokens per step always are."""
    plain = {row["concurrency"]: row["rounds"] for row in rows if row["configuration"] == STUDENT.name}
    metrics = equivalence.metrics(same)
    for row in rows:
        figures = {PER_STEP: row[PER_STEP]} if row[PER_STEP] is not None else {}
        if row["comparable"]:
            figures |= {name: row[name] for name in MEDIANS}
            figures["speedup"] = median(multiples(row["rounds"], plain[row["concurrency"]]))
        at = row["configuration"], row["concurrency"]
        metrics |= {str(Speed(*at, name)): value for name, value in figures.items()}
    for row in streamed:
        at = row["configuration"], row["concurrency"]
        metrics |= {str(Tokens(*at, name)): row[name] for name in tokens.FIGURES}
    return metrics


if __name__ == "__main__":
    run(main)
