"""Prompts put to an engine, many at once."""

import asyncio
from collections.abc import Sequence
from typing import Any

from temper.agents.client import Chat
from temper.engine import Engine


def spread(rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """`count` rows at equal distances, so that every role and slice has its share."""
    step = max(1.0, len(rows) / count)
    return [rows[int(index * step)] for index in range(min(count, len(rows)))]


def answers(engine: Engine, rows: Sequence[dict[str, Any]], *, concurrency: int, **how: Any) -> list[str]:
    """The answer to each row's prompt, in order; `how` is for `Chat.complete`, greedy unless it says otherwise."""

    async def ask() -> list[str]:
        free = asyncio.Semaphore(concurrency)
        async with Chat(engine.url, engine.model) as chat:

            async def one(row: dict[str, Any]) -> str:
                async with free:
                    return (await chat.complete(row["prompt"], seed=row.get("seed"), **how)).text

            return await asyncio.gather(*(one(row) for row in rows))

    return asyncio.run(ask())
