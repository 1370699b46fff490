"""What engines gain from computing in bfloat16: customer turns a second in both types, with and without the drafter.

    .venv/bin/python benchmarks/dtype.py --run latest --out docs/results/dtype.md

The run has to have got as far as its drafter, in this checkout. Worth its time on hardware with native bfloat16.
"""

import argparse
from pathlib import Path

from serving import ladder, load_report, made, medians, publish, run_command, table

from temper.bench.ladder import PLAIN, Configuration
from temper.config.engine import EngineSettings

NARROW = " in bfloat16"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    report = load_report(asked.run)
    target, drafter = made(report, "dpo", "model"), made(report, "draft", "model")
    rungs = [
        Configuration(name + kind, target, made_for, False)
        for name, made_for in ((PLAIN, None), ("with drafter", drafter))
        for kind in ("", NARROW)
    ]
    rows = ladder(report, rungs, asked, _typed)
    told = " ".join(map(str, asked.concurrency))
    command = f".venv/bin/python benchmarks/dtype.py --concurrency {told} --rounds {asked.rounds} --out {asked.out}"
    publish(asked.out, "Engines in bfloat16", (run_command(report), command), medians(asked.rounds), table(rows))


def _typed(settings: EngineSettings, rung: Configuration) -> EngineSettings:
    return settings.model_copy(update={"dtype": "bfloat16" if rung.name.endswith(NARROW) else "float32"})


if __name__ == "__main__":
    main()
