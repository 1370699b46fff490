"""Drafters of several runs beside each other, under one load: what should a drafter learn from, how large a vocabulary?

    .venv/bin/temper run demo --until draft                                                # both: the demo's own
    .venv/bin/temper run demo --until draft 'synthesize.draft_prompts={}' synthesize.draft_public_prompts=860
    .venv/bin/temper run demo --until draft synthesize.draft_public_prompts=0
    .venv/bin/python benchmarks/drafters.py --runs both=ID public=ID own=ID \\
        --title "What a drafter should learn from" --out docs/results/draft-data.md

Each run prints its ID. All of them draft for one student; the load is the benchmark's, so what is measured is how well
each drafter guesses the system's own turns.
"""

import argparse
import shlex
from pathlib import Path

from serving import ladder, load_report, made, medians, publish, run_command, table

from temper.bench.engines import Configuration
from temper.config.rungs import STUDENT, Rung
from temper.errors import DataError
from temper.report.schema import RunReport

TRAINED = "| | own answers | public ones | answer tokens | vocabulary | training, s |\n|---|---|---|---|---|---|"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", required=True, metavar="NAME=ID", help="runs that trained a drafter each")
    parser.add_argument("--title", required=True, help="of the page")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round-s", type=float, default=20, help="seconds of one measurement")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    reports = {name: load_report(run) for name, _, run in (side.partition("=") for side in options.runs)}
    students = {made(report, "dpo", "model") for report in reports.values()}
    if len(students) > 1:
        raise DataError("the runs have different students: let them differ in synthesize.draft_* and draft.* alone")
    student = students.pop()
    rungs = [Configuration(STUDENT, student)]
    rungs += [
        Configuration(Rung(name, "eagle3"), student, made(report, "draft", "model")) for name, report in reports.items()
    ]
    rows = ladder(next(iter(reports.values())), rungs, options)
    loads = " ".join(map(str, options.concurrency))
    commands = [run_command(report, "draft") for report in reports.values()]
    commands.append(
        f".venv/bin/python benchmarks/drafters.py --runs {' '.join(f'{name}=ID' for name in reports)} "
        f"--title {shlex.quote(options.title)} --concurrency {loads} --rounds {options.rounds} "
        f"--round-s {options.round_s:g} --out {options.out}"
    )
    trained = [TRAINED, *(_trained(name, report) for name, report in reports.items())]
    publish(options.out, options.title, commands, medians(options), [*trained, "", *table(rows)])


def _trained(name: str, report: RunReport) -> str:
    """A row of what the drafter read and how long it took."""
    prompts, drafter = report.config["synthesize"], report.metrics["draft"]
    own, public = sum(prompts["draft_prompts"].values()), prompts["draft_public_prompts"]
    read = f"{own} | {public} | {drafter['answer_tokens']:.0f}"
    return f"| {name} | {read} | {report.config['draft']['vocabulary']} | {drafter['training_s']:.0f} |"


if __name__ == "__main__":
    main()
