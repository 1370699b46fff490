"""LoRA beside full fine-tuning, also on prompts that training never showed: the paper's reason for LoRA.

    .venv/bin/python benchmarks/lora.py --run latest --out docs/results/lora.md \\
        --sides lora='{"lora": {"r": 32, "alpha": 64}, "learning_rate": 1e-3}' 'all weights={"from_block": 0}'

The run has to have got as far as SFT, in this checkout; its tuned model is the first side. Another side is SFT on the
same rows from the same adapted model, once, with the settings that it names changed. All answer the run's held-out
points, and the same points with changed prompts (`agents.changes`).
"""

import argparse
import json
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from serving import config, load_report, made, publish, run_command, say, scores

from temper.config import ROLES
from temper.evaluation.scores import AgentScore, ChangedScore, Scores
from temper.home import home
from temper.process.launch import launch
from temper.process.specs import SFTSpec

OWN = "the run's own"


def main() -> None:
    """Train the sides, ask them all, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--sides", nargs="+", required=True, metavar="NAME=JSON", help="changes to the run's `sft`")
    parser.add_argument("--points", type=int, default=100, help="held-out points an agent")
    parser.add_argument("--changed", type=int, default=50, help="points an agent and change of the prompt")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    report = load_report(options.run)
    preset, points = config(report), made(report, "synthesize", "evaluation")
    inputs = {"parent": made(report, "cpt", "model"), "data": made(report, "synthesize", "sft")}
    models, took = {OWN: made(report, "sft", "model")}, {OWN: report.metrics["sft"]["train_wall_s"]}
    with tempfile.TemporaryDirectory(prefix="temper-lora-", dir=home()) as folder:
        for name, _, override in (side.partition("=") for side in options.sides):
            settings = type(preset.sft).model_validate(preset.sft.model_dump() | json.loads(override))
            run = Path(folder) / f"sft-{len(models)}"
            took[name] = launch(SFTSpec(sft=settings), run, inputs, preset.runtime, on_event=say).metrics[
                "train_wall_s"
            ]
            models[name] = run / "out" / "model"
        scores_of = {
            name: scores(preset, model, points, Path(folder) / f"scores-{n}", options.points, changed=options.changed)
            for n, (name, model) in enumerate(models.items())
        }
    command = (
        f".venv/bin/python benchmarks/lora.py --sides {' '.join(map(shlex.quote, options.sides))} "
        f"--points {options.points} --changed {options.changed} --out {options.out}"
    )
    about = "percent right after SFT on the same rows."
    publish(options.out, "LoRA beside full fine-tuning", [run_command(report), command], about, _table(scores_of, took))


def _table(scores_of: dict[str, Scores], took: dict[str, float]) -> list[str]:
    """How long each took, then a line for each role as trained, and for each change of the prompt."""
    sides: list[dict[str, Mapping[str, AgentScore | ChangedScore]]] = [
        {"as in training": side.agent_scores, **side.changed} for side in scores_of.values()
    ]
    return [
        f"| | role | points | {' | '.join(scores_of)} |",
        "|---|---|---|" + "---|" * len(scores_of),
        "| seconds of training | | | " + " | ".join(f"{took[name]:.0f}" for name in scores_of) + " |",
        *(
            f"| {change.replace('_', ' ')} | {role} | {roles[role].n} | "
            + " | ".join(f"{side[change][role].score:.0f}" for side in sides)
            + " |"
            for change, roles in sides[0].items()
            for role in ROLES
            if role in roles
        ),
    ]


if __name__ == "__main__":
    main()
