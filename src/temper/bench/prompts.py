"""Prompts put to an engine, many at once."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from temper.agents.client import Chat
from temper.engine import Engine
from temper.rows import Point

Row = TypeVar("Row")


def spread(rows: Sequence[Row], count: int) -> list[Row]:
    """`count` rows at equal distances, so that every role and slice has its share."""
    step = max(1.0, len(rows) / count)
    return [rows[int(index * step)] for index in range(min(count, len(rows)))]


def answers(
    engine: Engine,
    points: Sequence[Point],
    *,
    concurrency: int,
    max_tokens: int,
    temperature: float = 0.0,
    first_seed: int | None = None,
    as_json: bool = False,
) -> list[str]:
    """The answer to each point's prompt, in order.

    With a `first_seed` each answer is drawn with a seed of its own, counted from it.
    """

    async def ask() -> list[str]:
        free = asyncio.Semaphore(concurrency)
        async with Chat(engine.url, engine.model) as chat:

            async def one(number: int, point: Point) -> str:
                seed = None if first_seed is None else first_seed + number
                async with free:
                    answer = await chat.complete(
                        point.prompt, max_tokens=max_tokens, temperature=temperature, seed=seed, as_json=as_json
                    )
                return answer.text

            return await asyncio.gather(*(one(number, point) for number, point in enumerate(points)))

    return asyncio.run(ask())
