"""Measure one model (or the teacher) as M: strict scores on held-out points, and end-to-end scenarios."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from temper.agents.client import Chat, Responder
from temper.agents.roles import holds, parse_understanding
from temper.agents.runtime import Conversation, System
from temper.agents.scoring import tool_metrics, why_wrong
from temper.agents.turn import Turn
from temper.config.stages import EvaluateSettings
from temper.domains.base import Domain
from temper.domains.scenario import Scenario
from temper.evaluation.scores import AgentScore, PointOutcome, SliceScore
from temper.rows import Failure, Point, failure
from temper.synthesis.teacher import Oracle, Teacher

Tick = Callable[[int, int], None]
Item = TypeVar("Item")
Made = TypeVar("Made")


async def at_once(items: Sequence[Item], work: Callable[[Item], Awaitable[Made]], limit: int, tick: Tick) -> list[Made]:
    """`work` over all items, at most `limit` at a time, results in the items' order."""
    gate, done = asyncio.Semaphore(limit), 0

    async def one(item: Item) -> Made:
        nonlocal done
        async with gate:
            result = await work(item)
        done += 1
        tick(done, len(items))
        return result

    return await asyncio.gather(*(one(item) for item in items))


async def answer_points(chat: Chat, points: Sequence[Point], max_tokens: int, limit: int, tick: Tick) -> list[str]:
    """The model's answers to the points' prompts, greedy."""

    async def ask(point: Point) -> str:
        return (await chat.complete(point.prompt, max_tokens=max_tokens)).text

    return await at_once(points, ask, limit, tick)


@dataclass(frozen=True)
class Scored:
    """What a model's answers to points are worth."""

    agent_scores: dict[str, AgentScore]
    """Role -> its points, by slice too."""
    points: list[PointOutcome]
    failures: list[Failure]
    tools: dict[str, float]
    """Precision, recall and F1 of the Planner's tools and arguments, in percent."""


def score_points(domain: Domain, points: Sequence[Point], answers: Sequence[str]) -> Scored:
    """Scores in percent by role and slice, outcome by point, failures with reasons, and tool metrics of the Planner."""
    outcomes, failures = [], []
    for point, text in zip(points, answers, strict=True):
        reason = why_wrong(point, text, domain)
        labels = {"id": point.id, "role": point.role, "slice": point.slice}
        outcomes.append(PointOutcome(**labels, groups=_groups(point), correct=reason is None))
        if reason:
            failures.append(failure(point, text, reason))
    plans = [(point.expected, text) for point, text in zip(points, answers, strict=True) if point.role == "planner"]
    roles = sorted({row.role for row in outcomes})
    return Scored(
        agent_scores={role: _role([row for row in outcomes if row.role == role]) for role in roles},
        points=outcomes,
        failures=failures,
        tools=tool_metrics(plans, domain),
    )


def _groups(point: Point) -> tuple[str, ...]:
    """The wording and the conversation that the point shares with others: they may be right or wrong together."""
    return (point.wording or point.id, str(point.world.seed))


def _role(rows: Sequence[PointOutcome]) -> AgentScore:
    slices = defaultdict(list)
    for row in rows:
        slices[row.slice].append(row.correct)
    by_slice = {name: SliceScore(score=_percent(right), n=len(right)) for name, right in sorted(slices.items())}
    return AgentScore(score=_percent([row.correct for row in rows]), n=len(rows), slices=by_slice)


def _percent(correct: Sequence[bool]) -> float:
    return round(100 * sum(correct) / len(correct), 2) if correct else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedTurn:
    """One turn of a scenario, for whoever looks at what went wrong."""

    customer: str
    reply: str
    facts: list[str]
    """What the reply had to tell."""
    invented: list[str]
    """What it told although no result holds it."""
    outputs: list[dict[str, str]]
    """Role and output of each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedScenario:
    """A row of an evaluation's `scenarios.jsonl`."""

    id: str
    trial: int
    passed: bool
    goal_reached: bool
    facts_told: int
    """Turns whose reply told all that it had to."""
    turns_with_inventions: int
    turns: list[PlayedTurn]
    counts: dict[str, int]
    """How often M's own checks stepped in, by kind."""


@dataclass(frozen=True)
class Player:
    """Who plays the five roles in scenarios, and whether M's rule code mends what they write."""

    responder: Callable[[int], Responder] | None = None
    """What answers in a trial with this number; None is the scripted teacher, mistakes and all."""
    repairs: bool = True
    """See `System.repairs`."""


async def run_scenarios(
    domain: Domain, scenarios: Sequence[Scenario], player: Player, settings: EvaluateSettings, tick: Tick
) -> list[PlayedScenario]:
    """Play scenarios whole, `settings.trials` times each, several at once."""

    async def one(item: tuple[Scenario, int]) -> PlayedScenario:
        return await _play(domain, *item, player, settings)

    items = [(scenario, trial) for scenario in scenarios for trial in range(settings.trials)]
    return await at_once(items, one, settings.concurrency, tick)


async def _play(
    domain: Domain, scenario: Scenario, trial: int, player: Player, settings: EvaluateSettings
) -> PlayedScenario:
    """Passed: the world is in its goal state, every required fact was told, nothing was invented, no rule broken.

    What is looked at is the reply that the customer sees, the facts that M appended to it included.
    """
    world = domain.world(scenario.seed, scenario.split)
    oracle = Oracle(domain, world)
    responder: Responder
    if player.responder:
        responder = player.responder(trial)
    else:
        responder = Teacher(oracle, random.Random(f"{scenario.id} {trial}"), scenario.mistake_rate)
    limits = (settings.halstead_threshold, settings.max_tokens)
    talk = Conversation(System(domain, responder, *limits, repairs=player.repairs), world)
    counts: Counter[str] = Counter()
    complete, invented, turns = [], 0, []
    for utterance, meaning, facts in zip(scenario.turns, scenario.meanings, scenario.facts, strict=True):
        oracle.truth = parse_understanding(meaning, domain)
        turn = await talk.turn(utterance)
        counts += turn.counts
        complete.append(holds(turn.reply, facts))
        invented += bool(turn.invented)
        turns.append(_shown(turn, facts))
    reached = world.state_digest() == scenario.goal
    return PlayedScenario(
        id=scenario.id,
        trial=trial,
        passed=reached and all(complete) and not invented,
        goal_reached=reached,
        facts_told=sum(complete),
        turns_with_inventions=invented,
        turns=turns,
        counts=dict(counts),
    )


def _shown(turn: Turn, facts: Iterable[str]) -> PlayedTurn:
    outputs = [{"role": trace.role, "output": trace.output} for trace in turn.traces]
    return PlayedTurn(
        customer=turn.utterance, reply=turn.reply, facts=list(facts), invented=list(turn.invented), outputs=outputs
    )
