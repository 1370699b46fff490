"""How far ahead the drafter is right, agent by agent, on held-out prompts as the engine serves them."""

from collections.abc import Sequence

from temper.bench.prompts import answers
from temper.bench.results import Acceptance
from temper.engine import Engine, Usage, acceptance
from temper.rows import Point


def answers_by_role(
    engine: Engine, rows: Sequence[Point], *, concurrency: int, max_tokens: int
) -> tuple[list[str], dict[str, Acceptance]]:
    """The answer to each row's prompt, in order; and by role what guessing ahead was worth, where there is any.

    One role at a time, so that the engine's counters say whose tokens they counted.
    """
    texts, acceptances = [""] * len(rows), {}
    for role in dict.fromkeys(row.role for row in rows):
        mine = [place for place, row in enumerate(rows) if row.role == role]
        before = engine.counters()
        replies = answers(engine, [rows[place] for place in mine], concurrency=concurrency, max_tokens=max_tokens)
        after = engine.counters()
        for place, text in zip(mine, replies, strict=True):
            texts[place] = text
        usage = Usage.between(before, after)
        if usage.drafts and usage.tokens_per_step is not None:
            acceptances[role] = Acceptance(tokens_per_step=usage.tokens_per_step, by_position=acceptance(before, after))
    return texts, acceptances
