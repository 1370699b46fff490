"""How far ahead the drafter should guess: customer turns a second by draft length, on a run's student and drafter.

    .venv/bin/python benchmarks/draft_length.py --run latest --lengths 2 3 4 5 6 --out docs/results/draft-length.md

The run has to have got as far as its drafter, in this checkout. All engines stay up, and the rounds go over them in
turns; the load is the benchmark's. A longer draft costs the student and the drafter a little more at each step and is
right less often, so the best length falls as more turns are in flight.
"""

import argparse
from pathlib import Path

from serving import ladder, load_report, made, medians, publish, run_command, table

from temper.bench.engines import Configuration
from temper.config.engine import EngineSettings
from temper.config.rungs import STUDENT, Rung


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--lengths", type=int, nargs="+", default=[2, 3, 4, 5, 6])
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round-s", type=float, default=20, help="seconds of one measurement")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    report = load_report(options.run)
    student, drafter = made(report, "dpo", "model"), made(report, "draft", "model")
    rungs = [Configuration(STUDENT, student)]
    rungs += [Configuration(Rung(f"{length} ahead", "eagle3"), student, drafter) for length in options.lengths]
    rows = ladder(report, rungs, options, _drafting)
    loads = f"--lengths {' '.join(map(str, options.lengths))} --concurrency {' '.join(map(str, options.concurrency))}"
    commands = (
        run_command(report),
        f".venv/bin/python benchmarks/draft_length.py {loads} --rounds {options.rounds} "
        f"--round-s {options.round_s:g} --out {options.out}",
    )
    publish(options.out, "How far ahead the drafter should guess", commands, medians(options), table(rows))


def _drafting(settings: EngineSettings, rung: Configuration) -> EngineSettings:
    return settings.model_copy(update={"draft_length": int(rung.name.split()[0])}) if rung.drafter else settings


if __name__ == "__main__":
    main()
