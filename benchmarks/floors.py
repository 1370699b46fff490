"""What M reaches with no language model, on a preset's own traffic at several seeds.

    .venv/bin/python benchmarks/floors.py cpu --seeds 7 8 9 --out docs/results/floors.md

Each seed simulates its own SFT rows, which teach the rules their words, and its own evaluation set. Nothing is trained.
"""

import argparse
import tempfile
from pathlib import Path

from serving import publish, say

from temper.config import ROLES, resolve
from temper.evaluation.scores import Scores
from temper.home import home
from temper.process.launch import launch
from temper.process.specs import EvaluateSpec, SynthesizeSpec

LEAN = [
    *(f"synthesize.{name}={{}}" for name in ("practice_prompts", "draft_prompts")),
    "synthesize.draft_public_prompts=0",
    "synthesize.cpt_domain_documents=2",
    "synthesize.cpt_public_documents=0",
]
"""Sets that nothing here reads are as small as can be."""


def main() -> None:
    """Simulate, play, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="temper-floors-", dir=home()) as folder:
        floors_of = {seed: _scores(options.preset, seed, Path(folder) / str(seed)) for seed in options.seeds}
    seeds = " ".join(map(str, options.seeds))
    command = f".venv/bin/python benchmarks/floors.py {options.preset} --seeds {seeds} --out {options.out}"
    about = "Rule code with bags of words, no language model; percent right of points, and scenarios passed."
    publish(options.out, "What is reached with no language model", [command], about, _table(floors_of))


def _scores(preset: str, seed: int, run: Path) -> Scores:
    config = resolve(preset, [f"synthesize.seed={seed}", *LEAN])
    launch(SynthesizeSpec.of(config), run / "sets", {}, config.runtime, on_event=say)
    sets = run / "sets" / "out"
    inputs = {"data": sets / "evaluation", "words": sets / "sft"}
    launch(EvaluateSpec.of(config, "rules"), run / "rules", inputs, config.runtime, on_event=say)
    return Scores.read(run / "rules" / "out" / "report")


def _table(floors_of: dict[int, Scores]) -> list[str]:
    """A line an agent and one for the scenarios, a column a seed."""
    lines = [f"| | {' | '.join(f'seed {seed}' for seed in floors_of)} |", "|---|" + "---|" * len(floors_of)]
    for role in ROLES:
        lines.append(
            f"| {role} | " + " | ".join(f"{s.agent_scores[role].score:.1f}" for s in floors_of.values()) + " |"
        )
    played = " | ".join(f"{s.e2e.passed} of {s.e2e.n}" for s in floors_of.values())
    return [*lines, f"| scenarios | {played} |"]


if __name__ == "__main__":
    main()
