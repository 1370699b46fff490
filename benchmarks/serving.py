"""What the comparisons share: a run's settings and artifacts, agent scores, the benchmark's load, a page."""

import json
import os
import shlex
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from temper.bench.engines import Configuration, Engines
from temper.bench.ladder import Bench
from temper.bench.results import LadderRow, beside
from temper.capacity.bound import Hardware
from temper.config import PipelineConfig, Runtime, load_preset
from temper.config.engine import EngineSettings
from temper.domains import load_domain
from temper.domains.scenario import load_scenarios
from temper.engine import Engine, probe, serve
from temper.evaluation.scores import Scores
from temper.home import home
from temper.process.launch import launch
from temper.process.specs import DomainSource, EvaluateSpec
from temper.report.schema import RunReport
from temper.report.view import DATA, find

HEAD = (
    "| | turns in flight | turns a second | times plain | tokens a step | distinct 4-grams, % | median, s | P90, s "
    "| turns |\n|---|---|---|---|---|---|---|---|---|"
)


def load_report(run: str) -> RunReport:
    """The report of a run of this checkout, by pipeline id, the start of one, or `latest`."""
    return RunReport.model_validate_json((find(run) / DATA).read_text(encoding="utf-8"))


def config(report: RunReport) -> PipelineConfig:
    """What the run was asked for."""
    return PipelineConfig.model_validate(report.config)


def run_command(report: RunReport, until: str = "") -> str:
    """The command that makes the run again: its preset, and what it was told beside it but for its machine's part."""
    preset = load_preset(report.name).model_dump(mode="json", exclude={"runtime"})
    settings = {key: value for key, value in report.config.items() if key != "runtime"}
    overrides = [shlex.quote(f"{key}={json.dumps(value)}") for key, value in _differing(preset, settings)]
    return " ".join(["temper run", report.name, *(["--until", until] if until else []), *overrides])


def _differing(preset: dict[str, Any], settings: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict) and value.keys() == (preset.get(key) or {}).keys():
            yield from _differing(preset[key], value, f"{above}{key}.")
        elif value != preset.get(key):
            yield f"{above}{key}", value


def made(report: RunReport, stage: str, name: str) -> Path:
    """The stored artifact `name` of the run's `stage`."""
    digest = next(node.artifacts[name] for node in report.lineage if node.stage == stage)
    return next((home() / "store").glob(f"*/{digest.removeprefix('sha256:')}"))


def ladder(
    report: RunReport,
    rungs: Sequence[Configuration],
    options: Namespace,
    engine: Callable[[EngineSettings, Configuration], EngineSettings] = lambda settings, _: settings,
) -> list[LadderRow]:
    """The rungs under the benchmark's load, rounds in turns, all engines up; `engine` changes a rung's settings."""
    preset = config(report)
    settings = probe(Runtime()).served(preset.engine).model_copy(update={"kv_cache_gib": 0.5})
    load = {
        "concurrency": tuple(options.concurrency),
        "rounds": options.rounds,
        "emulated_s": 0,
        "round_s": options.round_s,
    }
    bench = Bench(
        domain=load_domain(preset.synthesize.domain),
        scenarios=load_scenarios(made(report, "synthesize", "evaluation") / "scenarios.jsonl"),
        settings=preset.benchmark.model_copy(update=load),
        capabilities=probe(Runtime()),
        halstead_threshold=preset.evaluate.halstead_threshold,
        max_tokens=preset.evaluate.max_tokens,
        say=lambda said: print(said, flush=True),
        hardware=Hardware(bytes_per_s=1.0, flops=1.0),  # shares of it are not asked for
        dtype=settings.dtype,
    )

    with tempfile.TemporaryDirectory(prefix="temper-serving-", dir=home()) as folder:

        def start(rung: Configuration) -> AbstractContextManager[Engine]:
            log = Path(folder) / f"{rung.name}.log"
            return serve(rung.model, settings=engine(settings, rung), runtime=Runtime(), log=log, drafter=rung.guesses)

        with Engines(start, bench.warm, resident=True) as engines:
            return beside(bench.rows(rungs, engines))


def scores(
    preset: PipelineConfig,
    model: Path,
    evaluation: Path,
    run: Path,
    points: int,
    *,
    changed: int = 0,
    scenarios: int = 0,
) -> Scores:
    """What the stage `evaluate` shows on so many held-out points an agent, changed ones and scenarios."""
    spec = EvaluateSpec(
        measured="sft",
        domain=DomainSource.of(preset),
        points=points,
        scenarios=scenarios,
        changed=changed,
        evaluate=preset.evaluate,
        engine=probe(Runtime()).served(preset.engine),
    )
    launch(spec, run, {"data": evaluation, "model": model}, preset.runtime, on_event=say)
    return Scores.read(run / "out" / "report")


def say(event: dict[str, Any]) -> None:
    """A stage's line of progress."""
    print(event["message"], f"{100 * event['done'] / event['of']:.0f} %" if event.get("of") else "", flush=True)


def table(rows: Sequence[LadderRow]) -> list[str]:
    """Lines of a Markdown table: medians, and of speeds the lowest and the highest round in brackets."""
    lines = [HEAD]
    for row in rows:
        spread = f"({min(row.speedup_rounds):.2f} to {max(row.speedup_rounds):.2f})" if row.speedup_rounds else ""
        times, steps, late = (
            f"{value:.2f}" if value else "" for value in (row.speedup, row.tokens_per_step, row.p90_s)
        )
        distinct = f"{row.distinct_4grams_percent:.0f}" if row.distinct_4grams_percent else ""
        lines.append(
            f"| {row.configuration} | {row.concurrency} "
            f"| {row.qps:.2f} ({min(row.qps_rounds):.2f} to {max(row.qps_rounds):.2f}) | {times} {spread} | {steps} "
            f"| {distinct} | {row.p50_s:.2f} | {late} | {row.turns} |"
        )
    return lines


def medians(options: Namespace) -> str:
    """What the table's figures are."""
    return f"medians of {options.rounds} rounds of {options.round_s:g} s, lowest and highest in brackets."


def publish(out: Path, title: str, commands: Sequence[str], about: str, lines: Sequence[str]) -> None:
    """Write the page and print it."""
    shown = "".join(f"    {command}\n" for command in commands)
    page = f"# {title}\n\nMade by\n\n{shown}\n{os.cpu_count()} CPU cores; {about}\n\n" + "\n".join(lines) + "\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    print(page)
