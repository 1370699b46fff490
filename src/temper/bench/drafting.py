"""How far ahead the drafter is right, agent by agent, on held-out prompts as the engine serves them."""

from collections.abc import Sequence
from typing import Any

from temper.bench.prompts import answers
from temper.engine import Engine, Usage, acceptance
from temper.rows import Point


def answers_by_role(
    engine: Engine, rows: Sequence[Point], *, concurrency: int, **how: Any
) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """What `answers` gives; and by role the tokens per step, and acceptance by position.

    One role at a time, so that the engine's counters say whose tokens they counted.
    """
    texts, found = [""] * len(rows), {}
    for role in dict.fromkeys(row.role for row in rows):
        mine = [place for place, row in enumerate(rows) if row.role == role]
        before = engine.counters()
        said = answers(engine, [rows[place] for place in mine], concurrency=concurrency, **how)
        after = engine.counters()
        for place, text in zip(mine, said, strict=True):
            texts[place] = text
        steps = Usage.between(before, after).tokens_per_step
        if steps is not None:
            found[role] = {"tokens_per_step": steps, "by_position": acceptance(before, after)}
    return texts, found
