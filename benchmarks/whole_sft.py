"""A run's SFT by plain TRL: all of its rows, and what the agents score after it, beside temper's own.

    .venv/bin/temper run demo --until sft
    .venv/bin/python benchmarks/whole_sft.py --run latest --out docs/results/whole-sft.md

`training.py` compares speeds in rounds on few rows; this asks once, on all, whether speed costs quality. Plain TRL
trains every block, in batches of mixed roles, without recomputation, with the run's rate and schedule.
"""

import argparse
import tempfile
from pathlib import Path

from serving import config, load_report, made, publish, run_command, scores
from training import by_plain_trl

from temper.config import ROLES
from temper.evaluation.scores import AgentScore
from temper.home import home
from temper.stats import share_interval


def main() -> None:
    """Train by plain TRL, ask both models, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--points", type=int, default=100, help="held-out points an agent")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    report = load_report(options.run)
    preset, points = config(report), made(report, "synthesize", "evaluation")
    inputs = {"parent": made(report, "cpt", "model"), "data": made(report, "synthesize", "sft")}
    with tempfile.TemporaryDirectory(prefix="temper-whole-", dir=home()) as folder:
        run = Path(folder) / "plain"
        print("plain TRL trains: four to five times as long as temper", flush=True)
        took = {
            "temper": report.metrics["sft"]["train_wall_s"],
            "plain TRL": by_plain_trl("sft", preset.sft, run, inputs, recompute=False),
        }
        models = {"temper": made(report, "sft", "model"), "plain TRL": run / "out" / "model"}
        sides = {
            name: scores(preset, model, points, Path(folder) / f"scores-{name}", options.points).agent_scores
            for name, model in models.items()
        }
    command = f".venv/bin/python benchmarks/whole_sft.py --points {options.points} --out {options.out}"
    commands = [run_command(report, "sft"), command]
    about = "percent right of held-out points, 95 % Wilson intervals in brackets."
    publish(options.out, "A whole SFT beside plain TRL's", commands, about, _table(sides, took))


def _table(sides: dict[str, dict[str, AgentScore]], took: dict[str, float]) -> list[str]:
    """How long each took, then a line for each role."""
    lines = [f"| | {' | '.join(sides)} |", "|---|" + "---|" * len(sides)]
    lines.append("| seconds of training | " + " | ".join(f"{took[name]:.0f}" for name in sides) + " |")
    return lines + [f"| {role} | " + " | ".join(_cell(side[role]) for side in sides.values()) + " |" for role in ROLES]


def _cell(score: AgentScore) -> str:
    low, high = share_interval(round(score.score * score.n / 100), score.n)
    return f"{score.score:.0f} ({low:.0f} to {high:.0f})"


if __name__ == "__main__":
    main()
