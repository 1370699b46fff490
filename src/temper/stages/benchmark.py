"""How fast the whole system is: `python -m temper.stages.benchmark RUN_DIR`.

In: student, drafter, both in FP8, evaluation set.   Out: report with ladder.json (the ladder, equal answers, hardware).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from transformers import AutoTokenizer

from temper.bench import equivalence, hardware, tokens
from temper.bench.engines import Configuration, Engines, configurations
from temper.bench.equivalence import Comparison, EngineAnswers
from temper.bench.ladder import Bench
from temper.bench.prompts import spread
from temper.bench.results import Ladder, LadderRow, Streamed, beside
from temper.capacity.bound import Hardware
from temper.config.engine import EngineSettings
from temper.config.rungs import DRAFTER, STUDENT, Rung, ladder
from temper.domains import load_domain
from temper.domains.scenario import load_scenarios
from temper.engine import Capabilities, Engine, engine_versions, probe, serve, suffix_refusal
from temper.errors import DataError
from temper.process.specs import BenchmarkSpec
from temper.process.stage import Report, Stage, run
from temper.rows import Point, load
from temper.stages.training.rendering import prompt_text


def main(stage: Stage[BenchmarkSpec]) -> Report:
    """Climb the ladder, compare answers, write both down."""
    capabilities, asked = probe(stage.runtime), ladder(stage.spec.benchmark)
    engine = capabilities.served(stage.spec.engine)
    bench = _bench(stage, engine.dtype, capabilities)
    left_out = _left_out(stage, asked)
    rungs = [rung for rung in asked if rung.name not in left_out]
    models = (stage.inputs[name] for name in ("student", "drafter", "student_fp8", "drafter_fp8"))
    work = _Work(stage, engine, bench)
    with Engines(work.start, bench.warm, resident=capabilities.device == "cpu") as engines:
        measured = work.measure(configurations(rungs, *models), engines)
    written = measured.model_copy(update={"left_out": left_out})
    same = written.equivalence
    stage.event(f"same answers with and without the drafter: {same.same} of {same.n}")
    written.write(stage.out("report"))
    reached = {"memory_gb_per_s": bench.hardware.bytes_per_s / 1e9, "arithmetic_gflops": bench.hardware.flops / 1e9}
    figures = equivalence.metrics(same) | reached
    for one in written.rows:
        figures |= one.metrics()
    for prompts in written.tokens:
        figures |= prompts.metrics()
    return Report(metrics=figures, artifacts={"report": "report"}, versions=engine_versions(stage.runtime))


class _Work:
    """All measurements of one benchmark."""

    def __init__(self, stage: Stage[BenchmarkSpec], engine: EngineSettings, bench: Bench) -> None:
        self.stage, self.engine, self.bench = stage, engine, bench
        settings, asked = stage.spec.benchmark, stage.spec.evaluate
        points = load(stage.inputs["data"] / "points.jsonl", Point)
        self.comparison = Comparison.of(points, settings, max_tokens=asked.max_tokens, concurrency=asked.concurrency)
        self.texts: list[str] = []
        if settings.token_prompts:
            tokenizer = AutoTokenizer.from_pretrained(stage.inputs["student"])
            self.texts = [prompt_text(tokenizer, row.prompt) for row in spread(points, settings.token_prompts)]

    def start(self, one: Configuration) -> AbstractContextManager[Engine]:
        """A fresh engine."""
        self.stage.event(f"{one.name}: starting the engine")
        settings = self.engine
        return serve(
            one.model,
            settings=settings if one.rung.optimised else settings.model_copy(update={"prefix_caching": False}),
            runtime=self.stage.runtime,
            log=self.stage.run_dir / f"engine-{one.name}.log",
            drafter=one.guesses,
            progress=lambda said: self.stage.event(f"{one.name}: {said}"),
        )

    def measure(self, configurations: Sequence[Configuration], engines: Engines) -> Ladder:
        """Everything, so that each engine is started once, whether or not all are up at once."""
        rows: list[LadderRow] = []
        streamed: list[Streamed] = []
        said: dict[Rung, EngineAnswers] = {}
        for together in engines.visits(configurations):
            rows += self.bench.rows(together, engines)
            for one in filter(self.bench.comparable, together):
                streamed += self._streamed(one, engines) if one.rung.optimised else []
            for one in together:
                if one.rung.optimised and not one.rung.quantised:
                    with engines.use(one) as engine:
                        said[one.rung] = self.comparison.said(one.rung, engine)
        order = [one.name for one in configurations]
        rows.sort(key=lambda row: (order.index(row.configuration), row.concurrency))
        student = next(one for one in configurations if one.rung == STUDENT)
        return Ladder(
            rows=beside(rows),
            equivalence=self.comparison.compared(said, lambda: engines.use(student)),
            acceptance=said[DRAFTER].accepted,
            tokens=streamed,
            dtype=self.engine.dtype,
            capabilities=self.bench.capabilities,
        )

    def _streamed(self, one: Configuration, engines: Engines) -> list[Streamed]:
        """Token-level figures at each concurrency."""
        stage, found = self.stage, []
        for customers in stage.spec.benchmark.concurrency if self.texts else ():
            stage.event(f"{one.name}: {len(self.texts)} prompts streamed by vllm bench serve, {customers} at once")
            folder = stage.run_dir / "tokens" / f"{one.name}-{customers}"
            limits = {"customers": customers, "most": stage.spec.evaluate.max_tokens}
            with engines.use(one) as engine:
                figures = tokens.measure(
                    engine, self.texts, stage.inputs["student"], folder, runtime=stage.runtime, **limits
                )
            at = {"configuration": one.name, "concurrency": customers, "prompts": len(self.texts)}
            found.append(Streamed.model_validate({**at, **figures}))
        return found


def _left_out(stage: Stage[BenchmarkSpec], rungs: Sequence[Rung]) -> dict[str, str]:
    """Rungs that cannot be served here, each with the reason."""
    found = {}
    for rung in rungs:
        if rung.drafting == "suffix" and (reason := suffix_refusal(stage.runtime)):
            stage.event(f"{rung.name} is left out: {reason}")
            found[rung.name] = reason
    return found


def _bench(stage: Stage[BenchmarkSpec], dtype: str, capabilities: Capabilities) -> Bench:
    path = stage.inputs["data"] / "scenarios.jsonl"
    scenarios = load_scenarios(path)
    if not scenarios:
        raise DataError(f"{path} holds no scenarios, the benchmark's load: set synthesize.scenarios to at least 1")
    found: Hardware = hardware.measured(capabilities.device, getattr(torch, dtype))
    return Bench(
        domain=load_domain(stage.spec.domain.name),
        scenarios=scenarios,
        settings=stage.spec.benchmark,
        capabilities=capabilities,
        halstead_threshold=stage.spec.evaluate.halstead_threshold,
        max_tokens=stage.spec.evaluate.max_tokens,
        say=stage.event,
        hardware=found,
        dtype=dtype,
    )


if __name__ == "__main__":
    run(main)
