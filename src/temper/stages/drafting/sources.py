"""What a drafter should learn from, the question of the paper's Table 2: public answers, the system's own, or both.

Three drafters of one budget of answer tokens, with the settings of the one that is served, judged on the same held-out
answers of the system's agents. Their states are those that the served one was trained on.
"""

import shutil
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from temper.config.stages import DraftSettings
from temper.process.specs import Spec
from temper.process.stage import Stage
from temper.stages.drafting import hidden_states
from temper.stages.drafting import trainer as drafter_training
from temper.stages.drafting.hidden_states import Row
from temper.stages.drafting.trainer import answer_tokens

TOLD = ("expected_tokens_per_step", "answer_tokens", "training_s")
"""Figures that are kept of each, as `<figure>_<source>`."""


def compare(
    stage: Stage[Spec], settings: DraftSettings, rows: Sequence[Row], split: int, data: Path
) -> dict[str, float]:
    """Figures by source; nothing where either source has no row to train on, or nothing is held out."""
    held_out = [number for number in range(split, len(rows)) if not rows[number].public]
    found: dict[str, float] = {}
    for source, chosen in choose(rows[:split], settings.budget_to_compare).items():
        if not held_out:
            break
        numbers = [*chosen, *held_out]
        folder, save = stage.checkpoints / f"data-{source}", stage.checkpoints / f"speculator-{source}"
        picked = [rows[number] for number in numbers]
        hidden_states.link(picked, [hidden_states.file(data, number) for number in numbers], folder)
        told = f"comparing sources: {source}"
        figures = drafter_training.fit(stage, settings, picked, len(chosen), folder, save, told).figures
        shutil.rmtree(folder)
        found |= {f"{name}_{source}": figures[name] for name in TOLD}
    return found


def choose(rows: Sequence[Row], budget: int) -> dict[str, list[int]]:
    """Source -> numbers of the rows that reach `budget` answer tokens; in `both`, half of it from each source.

    The budget is at most what the scarcer source has. Nothing when a source is missing.
    """
    public = [number for number, row in enumerate(rows) if row.public]
    own = [number for number, row in enumerate(rows) if not row.public]
    budget = min([budget, *(answer_tokens([rows[number] for number in some]) for some in (public, own))])

    def reaching(numbers: list[int], tokens: float) -> list[int]:
        before = accumulate((sum(rows[number].loss_mask) for number in numbers), initial=0)
        return [number for number, had in zip(numbers, before, strict=False) if had < tokens]

    both = [*reaching(public, budget / 2), *reaching(own, budget / 2)]
    return {"public": reaching(public, budget), "own": reaching(own, budget), "both": both} if budget else {}
