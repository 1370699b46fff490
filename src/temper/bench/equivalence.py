"""Whether guessing tokens ahead changes what is said: the same prompts with it and without, greedy and drawn.

In exact arithmetic speculation changes neither a greedy answer nor the distribution of drawn ones (Leviathan et al.,
2023, Fast Inference from Transformers via Speculative Decoding). In floating point the target scores several tokens at
once with it and one without, sums come in another order, and two tokens that nearly tie may swap; a bug looks the same
in kind and not in number. So every different greedy answer is listed with the tie it comes from, and drawn ones are
tested.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from temper.agents.client import Chat
from temper.bench.drafting import answers_by_role
from temper.bench.prompts import answers, spread
from temper.bench.results import Acceptance, Difference, Drawn, Equivalence, Same
from temper.config.metrics import DRAWN, SAME, SAME_IN_JSON, EquivalenceFigure
from temper.config.rungs import DRAFTER, STUDENT, Rung
from temper.config.stages import BenchmarkSettings
from temper.engine import Engine
from temper.rows import Point
from temper.stats import same_source_p_value, same_source_power

DRAWN_TOKENS = 8
"""Longest drawn answer: of long ones no two are the same, and nothing could be said of their distribution."""

TEMPERATURE = 2.0
"""Of drawn answers. A good student is sure of itself: at 1 it says the same nearly always, and that shows little."""


@dataclass(frozen=True)
class EngineAnswers:
    """What one engine answered."""

    greedy: list[str]
    accepted: dict[str, Acceptance]
    """What guessing ahead was worth to each role, where there is any."""
    structured: list[str]
    drawn: list[list[str]]


@dataclass(frozen=True)
class Comparison:
    """The prompts that engines are asked, and how."""

    greedy: Sequence[Point]
    structured: Sequence[Point]
    """Prompts whose answers a grammar holds to JSON."""
    drawn: Sequence[Point]
    samples: int
    max_tokens: int
    concurrency: int

    @classmethod
    def of(
        cls, points: Sequence[Point], settings: BenchmarkSettings, *, max_tokens: int, concurrency: int
    ) -> "Comparison":
        """As the settings ask for."""
        in_json = [row for row in points if row.role == "understander"]
        return cls(
            spread(points, settings.equivalence_prompts),
            in_json[: settings.structured_prompts],
            spread(points, settings.sampled_prompts) if settings.sampled_prompts else [],
            settings.samples,
            max_tokens,
            concurrency,
        )

    def said(self, rung: Rung, engine: Engine) -> EngineAnswers:
        """The rung's answers; of rungs that cost no training the greedy ones alone."""
        limits: dict[str, int] = {"max_tokens": self.max_tokens, "concurrency": self.concurrency}
        greedy, accepted = answers_by_role(engine, self.greedy, **limits)
        if rung not in (STUDENT, DRAFTER):
            return EngineAnswers(greedy, accepted, [], [])
        structured = answers(engine, self.structured, **limits, as_json=True)
        first_seed = 0 if rung == STUDENT else len(self.drawn) * self.samples
        drawn = draws(engine, self.drawn, self.samples, first_seed=first_seed, concurrency=self.concurrency)
        return EngineAnswers(greedy, accepted, structured, drawn)

    def compared(
        self, answers_of: Mapping[Rung, EngineAnswers], student: Callable[[], AbstractContextManager[Engine]]
    ) -> Equivalence:
        """Every rung's answers beside the student's. `student()` lends its engine."""
        plain, drafted = answers_of[STUDENT], answers_of[DRAFTER]
        results = {
            rung: compare(self.greedy, plain.greedy, its.greedy) for rung, its in answers_of.items() if rung != STUDENT
        }
        structured = compare(self.structured, plain.structured, drafted.structured)
        if structured.differences or any(same.differences for same in results.values()):
            with student() as engine:
                results = {
                    rung: explained(engine, self.greedy, same, max_tokens=self.max_tokens)
                    for rung, same in results.items()
                }
                structured = explained(engine, self.structured, structured, max_tokens=self.max_tokens, as_json=True)
        return Equivalence(
            **results.pop(DRAFTER).model_dump(),
            structured=structured if self.structured else None,
            sampled=compare_draws(plain.drawn, drafted.drawn) if self.drawn else None,
            free={rung.name: same for rung, same in results.items()},
        )


def compare(rows: Sequence[Point], plain: Sequence[str], drafted: Sequence[str]) -> Same:
    """How many texts are the same, and each pair that is not."""
    differences = [
        Difference(id=row.id, role=row.role, plain=ours, drafted=theirs)
        for row, ours, theirs in zip(rows, plain, drafted, strict=True)
        if ours != theirs
    ]
    return Same(same=len(rows) - len(differences), n=len(rows), differences=differences)


def explained(engine: Engine, rows: Sequence[Point], same: Same, *, max_tokens: int, as_json: bool = False) -> Same:
    """Each difference with its `margin_nats`: how nearly the target's two likeliest tokens tie where texts part."""
    prompts = {row.id: row.prompt for row in rows}

    async def ask() -> list[Difference]:
        differences = []
        async with Chat(engine.url, engine.model) as chat:
            for pair in same.differences:
                answer = await chat.complete(prompts[pair.id], max_tokens=max_tokens, margins=True, as_json=as_json)
                margin = margin_at(answer.margins, pair.plain, pair.drafted)
                differences.append(pair.model_copy(update={"margin_nats": margin}))
        return differences

    return same.model_copy(update={"differences": asyncio.run(ask())}) if same.differences else same


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
    drawn = answers(
        engine,
        each,
        concurrency=concurrency,
        max_tokens=DRAWN_TOKENS,
        temperature=TEMPERATURE,
        first_seed=first_seed,
    )
    return [drawn[start : start + samples] for start in range(0, len(drawn), samples)]


def compare_draws(plain: Sequence[Sequence[str]], drafted: Sequence[Sequence[str]]) -> Drawn:
    """The chance of samples that differ so much or more if both come from one distribution."""
    return Drawn(
        temperature=TEMPERATURE,
        p_value=same_source_p_value(plain, drafted),
        power=same_source_power(plain, drafted),
        prompts=len(plain),
        samples=len(plain[0]),
        texts=sum(len({*ours, *theirs}) for ours, theirs in zip(plain, drafted, strict=True)),
    )


def metrics(equivalence: Equivalence) -> dict[str, float]:
    """The flat figures that a gate judges, of what was compared."""
    shares = {SAME: equivalence, SAME_IN_JSON: equivalence.structured}
    flat = {str(EquivalenceFigure(name)): 100 * part.same / part.n for name, part in shares.items() if part and part.n}
    if equivalence.sampled:
        flat[str(EquivalenceFigure(DRAWN))] = equivalence.sampled.p_value
    return flat
