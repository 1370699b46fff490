"""Whether a drafter changes what is said: the same prompts, greedy, with it and without.

In exact arithmetic speculation changes nothing. In floating point the target scores several tokens at once with it
and one without, sums come in another order, and two tokens that nearly tie may swap; a bug looks the same in kind
and not in number. So every difference is listed.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from temper.agents.client import Chat
from temper.engine import Engine


def spread(rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """`count` rows at equal distances, so that every role and slice has its share."""
    step = max(1.0, len(rows) / count)
    return [rows[int(index * step)] for index in range(min(count, len(rows)))]


def answers(engine: Engine, rows: Sequence[dict[str, Any]], *, max_tokens: int, concurrency: int) -> list[str]:
    """The greedy answer to each row's prompt, in order."""

    async def ask() -> list[str]:
        free = asyncio.Semaphore(concurrency)
        async with Chat(engine.url, engine.model) as chat:

            async def one(row: dict[str, Any]) -> str:
                async with free:
                    return (await chat.complete(row["prompt"], max_tokens=max_tokens, temperature=0.0)).text

            return await asyncio.gather(*(one(row) for row in rows))

    return asyncio.run(ask())


def compare(rows: Sequence[dict[str, Any]], plain: Sequence[str], drafted: Sequence[str]) -> dict[str, Any]:
    """How many texts are the same, and each pair that is not."""
    differences = [
        {"id": row["id"], "role": row["role"], "plain": ours, "drafted": theirs}
        for row, ours, theirs in zip(rows, plain, drafted, strict=True)
        if ours != theirs
    ]
    return {"same": len(rows) - len(differences), "n": len(rows), "differences": differences}
