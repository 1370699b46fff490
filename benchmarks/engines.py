"""Engine settings beside each other: a run's student, alone and with its drafter, served with each of them.

    .venv/bin/python benchmarks/engines.py --run latest --sides compiled='{"flags": ["--no-enforce-eager"]}' \\
        --title "Compiled engines" --out docs/results/compiled.md

The run has to have got as far as its drafter, in this checkout; its own settings are the first side, and multiples are
of its student with those. All engines stay up, and the rounds go over them in turns; the load is the benchmark's.
"""

import argparse
import json
import shlex
from pathlib import Path

from serving import ladder, load_report, made, medians, publish, run_command, table

from temper.bench.engines import Configuration
from temper.config.engine import EngineSettings
from temper.config.rungs import DRAFTER, STUDENT, Rung


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--sides", nargs="+", required=True, metavar="NAME=JSON", help="changes to the run's `engine`")
    parser.add_argument("--title", required=True, help="of the page")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round-s", type=float, default=20, help="seconds of one measurement")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    report = load_report(options.run)
    student, drafter = made(report, "dpo", "model"), made(report, "draft", "model")
    rungs = [Configuration(STUDENT, student), Configuration(DRAFTER, student, drafter)]
    changes = {}
    for name, _, flags in (side.partition("=") for side in options.sides):
        alone, pair = f"{STUDENT.name}, {name}", f"{DRAFTER.name}, {name}"
        changes |= dict.fromkeys((alone, pair), json.loads(flags))
        rungs += [Configuration(Rung(alone), student), Configuration(Rung(pair, "eagle3"), student, drafter)]

    def changed(settings: EngineSettings, rung: Configuration) -> EngineSettings:
        return EngineSettings.model_validate(settings.model_dump() | changes.get(rung.name, {}))

    rows = ladder(report, rungs, options, changed)
    command = (
        f".venv/bin/python benchmarks/engines.py --sides {' '.join(map(shlex.quote, options.sides))} "
        f"--title {shlex.quote(options.title)} --concurrency {' '.join(map(str, options.concurrency))} "
        f"--rounds {options.rounds} --round-s {options.round_s:g} --out {options.out}"
    )
    publish(options.out, options.title, [run_command(report, "draft"), command], medians(options), table(rows))


if __name__ == "__main__":
    main()
