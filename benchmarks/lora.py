"""LoRA beside full fine-tuning on prompts that training never showed, the paper's reason for LoRA.

    .venv/bin/python benchmarks/lora.py --run latest --learning-rate 1e-4 --out docs/results/lora.md

The run has to have got as far as SFT, in this checkout; its tuned model is the LoRA side. The other side trains all
weights on the same rows from the same adapted model, once, at a learning rate of its own. Both answer the run's
held-out points, and the same points with changed prompts (`agents.changes`).
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from serving import config, load_report, made, publish, run_command, say, scores

from temper.config import ROLES
from temper.home import home
from temper.launch import launch

HEAD = "| | role | points | LoRA | all weights |\n|---|---|---|---|---|"


def main() -> None:
    """Train the other side, ask both, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="of the training of all weights")
    parser.add_argument("--points", type=int, default=100, help="held-out points an agent")
    parser.add_argument("--changed", type=int, default=50, help="points an agent and change of the prompt")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    report = load_report(asked.run)
    preset, points = config(report), made(report, "synthesize", "evaluation")
    inputs = {"parent": made(report, "cpt", "model"), "data": made(report, "synthesize", "sft")}
    with tempfile.TemporaryDirectory(prefix="temper-lora-", dir=home()) as folder:
        whole = preset.sft.model_copy(update={"lora": None, "learning_rate": asked.learning_rate})
        trained = launch("sft", Path(folder) / "sft", whole, inputs, preset.runtime, on_event=say).metrics
        models = {"LoRA": made(report, "sft", "model"), "all weights": Path(folder) / "sft" / "out" / "model"}
        found = {
            name: scores(preset, model, points, Path(folder) / name, asked.points, changed=asked.changed)
            for name, model in models.items()
        }
    command = (
        f".venv/bin/python benchmarks/lora.py --learning-rate {asked.learning_rate:g} --points {asked.points} "
        f"--changed {asked.changed} --out {asked.out}"
    )
    about = (
        f"percent right after SFT. SFT took {report.metrics['sft']['train_wall_s']:.0f} s with LoRA and "
        f"{trained['train_wall_s']:.0f} s with all weights, at a learning rate of {preset.sft.learning_rate:g} and "
        f"{asked.learning_rate:g}."
    )
    publish(asked.out, "LoRA beside full fine-tuning", [run_command(report), command], about, _table(found))


def _table(found: dict[str, Any]) -> list[str]:
    """A line for each role as trained, then for each change of the prompt."""
    sides = [{"as in training": side["agent_scores"], **side["changed"]} for side in found.values()]
    return [
        HEAD,
        *(
            f"| {change.replace('_', ' ')} | {role} | {roles[role]['n']} | "
            + " | ".join(f"{side[change][role]['score']:.0f}" for side in sides)
            + " |"
            for change, roles in sides[0].items()
            for role in ROLES
            if role in roles
        ),
    ]


if __name__ == "__main__":
    main()
