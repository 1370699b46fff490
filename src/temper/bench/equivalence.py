"""Whether a drafter changes what is said: the same prompts with it and without, greedy and drawn.

In exact arithmetic speculation changes neither a greedy answer nor the distribution of drawn ones (Leviathan et al.,
2023, Fast Inference from Transformers via Speculative Decoding). In floating point the target scores several tokens at
once with it and one without, sums come in another order, and two tokens that nearly tie may swap; a bug looks the same
in kind and not in number. So every different greedy answer is listed with the tie it comes from, and drawn ones are
tested.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from temper.agents.client import Chat
from temper.bench.drafting import answers_by_role
from temper.bench.prompts import answers, spread
from temper.config.metrics import DRAWN, SAME, SAME_IN_JSON, Equivalence
from temper.config.rungs import DRAFTER, STUDENT, Rung
from temper.config.stages import BenchmarkSettings
from temper.engine import Engine
from temper.rows import Point
from temper.stats import same_source_p_value

DRAWN_TOKENS = 8
"""Longest drawn answer: of long ones no two are the same, and nothing could be said of their distribution."""

TEMPERATURE = 2.0
"""Of drawn answers. A good student is sure of itself: at 1 it says the same nearly always, and that shows little."""


@dataclass(frozen=True)
class Said:
    """What one engine answered."""

    greedy: list[str]
    structured: list[str]
    drawn: list[list[str]]
    accepted: dict[str, dict[str, Any]]
    """What the drafter was worth to each role, where there is one."""


def measure(
    points: Sequence[Point],
    settings: BenchmarkSettings,
    use: Callable[[Rung], AbstractContextManager[Engine]],
    *,
    max_tokens: int,
    concurrency: int,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The student's answers with its drafter beside those without, and what the drafter was worth to each role.

    `use(rung)` lends its engine.
    """
    rows = spread(points, settings.equivalence_prompts)
    in_json = [row for row in points if row.role == "understander"][: settings.structured_prompts]
    drawn_from = spread(points, settings.sampled_prompts) if settings.sampled_prompts else []
    limits: dict[str, int] = {"max_tokens": max_tokens, "concurrency": concurrency}

    def said(rung: Rung, first_seed: int) -> Said:
        with use(rung) as engine:
            greedy, accepted = answers_by_role(engine, rows, **limits)
            structured = answers(engine, in_json, **limits, as_json=True)
            drawn = draws(engine, drawn_from, settings.samples, first_seed=first_seed, concurrency=concurrency)
        return Said(greedy, structured, drawn, accepted)

    plain, drafted = said(STUDENT, 0), said(DRAFTER, len(drawn_from) * settings.samples)
    found = compare(rows, plain.greedy, drafted.greedy)
    structured = compare(in_json, plain.structured, drafted.structured)
    if found["differences"] or structured["differences"]:
        with use(STUDENT) as engine:
            explain(engine, rows, found, max_tokens=max_tokens)
            explain(engine, in_json, structured, max_tokens=max_tokens, as_json=True)
    if in_json:
        found["structured"] = structured
    if drawn_from:
        found["sampled"] = {"temperature": TEMPERATURE, **compare_draws(plain.drawn, drafted.drawn)}
    return found, drafted.accepted


def compare(rows: Sequence[Point], plain: Sequence[str], drafted: Sequence[str]) -> dict[str, Any]:
    """How many texts are the same, and each pair that is not."""
    differences = [
        {"id": row.id, "role": row.role, "plain": ours, "drafted": theirs}
        for row, ours, theirs in zip(rows, plain, drafted, strict=True)
        if ours != theirs
    ]
    return {"same": len(rows) - len(differences), "n": len(rows), "differences": differences}


def explain(engine: Engine, rows: Sequence[Point], found: dict[str, Any], *, max_tokens: int, **how: Any) -> None:
    """Give each difference its `margin_nats`: how nearly the target's two likeliest tokens tie where the texts part."""
    prompts = {row.id: row.prompt for row in rows}

    async def ask() -> None:
        async with Chat(engine.url, engine.model) as chat:
            for pair in found["differences"]:
                answer = await chat.complete(prompts[pair["id"]], max_tokens=max_tokens, margins=True, **how)
                pair["margin_nats"] = margin_at(answer.margins, pair["plain"], pair["drafted"])

    asyncio.run(ask())


def margin_at(margins: Sequence[tuple[str, float]], plain: str, drafted: str) -> float | None:
    """The margin of the token with which `plain` parts from `drafted`; None where it only ends earlier."""
    shared = next((place for place, (a, b) in enumerate(zip(plain, drafted, strict=False)) if a != b), len(drafted))
    read = 0
    for token, margin in margins:
        read += len(token)
        if read > shared:
            return margin
    return None


def draws(engine: Engine, rows: Sequence[Point], samples: int, *, first_seed: int, concurrency: int) -> list[list[str]]:
    """`samples` short answers to each row's prompt, drawn at `TEMPERATURE`, each with a seed of its own.

    Two prompts of one role with the same seed would draw alike, and their differences would not be independent.
    """
    each = [row for row in rows for _ in range(samples)]
    how: dict[str, float] = {"max_tokens": DRAWN_TOKENS, "temperature": TEMPERATURE}
    drawn = answers(engine, each, concurrency=concurrency, first_seed=first_seed, **how)
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
    shares = {SAME: found, SAME_IN_JSON: found.get("structured") or {}}
    flat = {str(Equivalence(name)): 100 * part["same"] / part["n"] for name, part in shares.items() if part.get("n")}
    if sampled := found.get("sampled"):
        flat[str(Equivalence(DRAWN))] = sampled["p_value"]
    return flat
