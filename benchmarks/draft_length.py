"""How far ahead the drafter should guess: customer turns a second by draft length, on a run's student and drafter.

    .venv/bin/python benchmarks/draft_length.py --run latest --lengths 2 3 4 5 6 --out docs/results/draft-length.md

The run has to have got as far as its benchmark, in this checkout. All engines stay up, and the rounds go over them in
turns; the load is the benchmark's. A longer draft costs the target and the drafter a little more at each step and is
right less often, so the best length falls as more turns are in flight.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from temper.bench.bound import Hardware
from temper.bench.ladder import PLAIN, Bench, Configuration, Engines
from temper.config import load_preset
from temper.domains import load_domain
from temper.domains.scenario import load_scenarios
from temper.engine import Engine, probe, serve
from temper.home import home
from temper.report.schema import Report
from temper.report.view import DATA, find


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--lengths", type=int, nargs="+", default=[2, 3, 4, 5, 6])
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    report = Report.model_validate_json((find(asked.run) / DATA).read_text(encoding="utf-8"))
    target, drafter = _made(report, "dpo", "model"), _made(report, "draft", "model")
    rungs = [Configuration(PLAIN, target, None, False)]
    rungs += [Configuration(f"{length} ahead", target, drafter, False) for length in asked.lengths]
    with (
        tempfile.TemporaryDirectory(prefix="temper-draft-", dir=home()) as folder,
        Engines(_start(report, Path(folder)), resident=True) as engines,
    ):
        rows = _bench(report, asked).ladder(rungs, engines, probe({}))
    page = _page(asked, report, rows)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(page, encoding="utf-8")
    print(page)


def _made(report: Report, stage: str, name: str) -> Path:
    """The stored artifact `name` of the run's `stage`."""
    digest = next(node.artifacts[name] for node in report.lineage if node.stage == stage)
    return next((home() / "store").glob(f"*/{digest.removeprefix('sha256:')}"))


def _start(report: Report, folder: Path) -> Callable[[Configuration], AbstractContextManager[Engine]]:
    settings = load_preset(report.name).engine

    def start(rung: Configuration) -> AbstractContextManager[Engine]:
        length = int(rung.name.split()[0]) if rung.drafter else settings.draft_length
        told = settings.model_copy(update={"draft_length": length, "kv_cache_gib": 0.5})
        log = folder / f"{rung.name}.log"
        return serve(rung.model, settings=told, runtime={}, log=log, drafter=rung.drafter)

    return start


def _bench(report: Report, asked: argparse.Namespace) -> Bench:
    preset = load_preset(report.name)
    settings = preset.benchmark.model_copy(
        update={"concurrency": tuple(asked.concurrency), "rounds": asked.rounds, "emulated_turns": 0}
    )
    return Bench(
        domain=load_domain(preset.synthesize.domain),
        scenarios=load_scenarios(_made(report, "synthesize", "evaluation") / "scenarios.jsonl"),
        settings=settings,
        halstead_threshold=preset.evaluate.halstead_threshold,
        max_tokens=preset.evaluate.max_tokens,
        say=lambda said: print(said, flush=True),
        hardware=Hardware(bytes_per_s=1.0, flops=1.0),  # shares of it are not asked for
        draft_length=preset.engine.draft_length,
    )


def _page(asked: argparse.Namespace, report: Report, rows: list[dict[str, Any]]) -> str:
    told = f"--lengths {' '.join(map(str, asked.lengths))} --concurrency {' '.join(map(str, asked.concurrency))}"
    command = f"benchmarks/draft_length.py {told} --rounds {asked.rounds} --out {asked.out}"
    plain = {row["concurrency"]: row["qps"] for row in rows if row["configuration"] == PLAIN}
    lines = [
        "# How far ahead the drafter should guess",
        "",
        f"Made by `.venv/bin/python {command}`",
        f"after `temper run {report.name}` on {os.cpu_count()} CPU cores.",
        f"Medians of {asked.rounds} rounds, lowest and highest in brackets.",
        "",
        "| | turns in flight | turns a second | times plain | tokens a step | P90, s |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        rounds = [found["qps"] for found in row["rounds"]]
        steps = f"{row['tokens_per_step']:.2f}" if row["tokens_per_step"] else ""
        lines.append(
            f"| {row['configuration']} | {row['concurrency']} "
            f"| {row['qps']:.2f} ({min(rounds):.2f} to {max(rounds):.2f}) "
            f"| {row['qps'] / plain[row['concurrency']]:.2f} | {steps} | {row['p90_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
