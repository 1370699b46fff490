"""Whether a drafter changes what is said: the same prompts with it and without, greedy and drawn.

In exact arithmetic speculation changes neither a greedy answer nor the distribution of drawn ones (Leviathan et al.,
2023, Fast Inference from Transformers via Speculative Decoding). In floating point the target scores several tokens at
once with it and one without, sums come in another order, and two tokens that nearly tie may swap; a bug looks the same
in kind and not in number. So every different greedy answer is listed, and drawn ones are tested.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from temper.agents.client import Chat
from temper.engine import Engine
from temper.stats import same_source_p_value

DRAWN_TOKENS = 8
"""Longest drawn answer: of long ones no two are the same, and nothing could be said of their distribution."""


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


def compare(rows: Sequence[dict[str, Any]], plain: Sequence[str], drafted: Sequence[str]) -> dict[str, Any]:
    """How many texts are the same, and each pair that is not."""
    differences = [
        {"id": row["id"], "role": row["role"], "plain": ours, "drafted": theirs}
        for row, ours, theirs in zip(rows, plain, drafted, strict=True)
        if ours != theirs
    ]
    return {"same": len(rows) - len(differences), "n": len(rows), "differences": differences}


def draws(
    engine: Engine, rows: Sequence[dict[str, Any]], samples: int, *, first_seed: int, concurrency: int
) -> list[list[str]]:
    """`samples` short answers to each row's prompt, drawn at temperature 1 with seeds from `first_seed` on."""
    asked = [{**row, "seed": first_seed + number} for row in rows for number in range(samples)]
    drawn = answers(engine, asked, concurrency=concurrency, max_tokens=DRAWN_TOKENS, temperature=1.0)
    return [drawn[start : start + samples] for start in range(0, len(drawn), samples)]


def compare_draws(plain: Sequence[Sequence[str]], drafted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The chance of samples that differ so much or more if both come from one distribution."""
    return {
        "p_value": same_source_p_value(plain, drafted),
        "prompts": len(plain),
        "samples": len(plain[0]),
        "texts": sum(len({*ours, *theirs}) for ours, theirs in zip(plain, drafted, strict=True)),
    }


def metrics(found: dict[str, Any]) -> dict[str, float]:
    """The flat figures that a gate judges, of what was compared."""
    shares = {"same_percent": found, "structured_same_percent": found.get("structured") or {}}
    flat = {f"equivalence.{name}": 100 * part["same"] / part["n"] for name, part in shares.items() if part.get("n")}
    if sampled := found.get("sampled"):
        flat["equivalence.sampled_p_value"] = sampled["p_value"]
    return flat
