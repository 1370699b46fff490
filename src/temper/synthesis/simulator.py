"""The simulated customer against M, run by the judged teacher: every agent call is kept with what was right."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from temper.agents.client import Answer, Request
from temper.agents.inputs import ExplainerInput, PlannerInput, RoleInput
from temper.agents.prompts import Variant
from temper.agents.runtime import Conversation, System
from temper.agents.scoring import why_wrong
from temper.agents.turn import Turn
from temper.config.stages import PLAIN, SLICES
from temper.domains.base import Domain, Line
from temper.rows import Message, Point, Value, WorldState
from temper.synthesis.cast import Cast, Players
from temper.synthesis.customer import Customer, Traffic
from temper.synthesis.kinds import kind_of
from temper.synthesis.teacher import FOR_M_TO_STOP, Oracle, Teacher, explain


@dataclass(frozen=True)
class Record:
    """One agent call: its inputs, the teacher's answer (y), the judge's correction of it (y*), and the right answer."""

    inputs: RoleInput
    messages: list[Message]
    teacher: str
    judged: str
    right: str
    kind: str | None
    slice: str
    template: str
    calls_before: int
    """How many calls had run in the world before this agent call."""

    @property
    def role(self) -> str:
        """The role that answers."""
        return self.inputs.role


@dataclass
class Episode:
    """A whole conversation with its records, and the world as it was left."""

    seed: int
    split: str
    lines: list[Line] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Value]]] = field(default_factory=list)
    switch: int = 0
    """Index of the first line in the second business."""
    goal: str = ""


Check = Callable[[Request, str, str], str | None]
"""(request, answer, right answer) to the named kind of mistake, or None."""


@dataclass(frozen=True)
class JudgedCall:
    """A teacher's answer and the judge's correction of it."""

    request: Request
    teacher: str
    judged: str
    right: str
    kind: str | None


class JudgedTeacher:
    """The teacher with the judge behind it; M goes on with the judged answer, so that most conversations stay right."""

    def __init__(self, teacher: Teacher, rng: random.Random, catch_rate: float, cast: Cast, check: Check) -> None:
        self._teacher, self._rng, self._catch_rate, self._cast, self._check = teacher, rng, catch_rate, cast, check
        self.calls: list[JudgedCall] = []

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        """The judged answer; what M's own checks find goes on as it is, so that they send it back."""
        right = self._teacher.oracle.answer(request)
        if self._cast.teacher:
            answer = (await self._cast.written(request)).text
            kind = self._check(request, answer, right)
        else:
            answer = (await self._teacher.respond(request, max_tokens)).text
            kind = self._teacher.kinds[-1]
        judged = await self._judged(request, answer, right, kind)
        if judged is not None:
            self.calls.append(JudgedCall(request, answer, judged, right, kind))
        return Answer(answer if judged is None or kind in FOR_M_TO_STOP else judged)

    async def _judged(self, request: Request, answer: str, right: str, kind: str | None) -> str | None:
        if self._cast.judge:
            return await self._cast.judged(request, answer)
        return right if kind and self._rng.random() < self._catch_rate else answer


async def play(domain: Domain, seed: int, split: str, traffic: Traffic, cast: Cast = Players.cast) -> Episode:
    """One conversation, deterministic by seed as far as its cast is."""
    rng = random.Random(f"{domain.name} {split} {seed}")
    world = domain.world(seed, split)
    oracle = Oracle(domain, world)
    teacher = Teacher(oracle, rng, traffic.mistake_rate, traffic.naive_rate, traffic.timid_rate)
    episode = Episode(seed, split)
    judged = JudgedTeacher(teacher, rng, traffic.catch_rate, cast, partial(_kind, domain, episode))
    variant: Variant = "plain"
    if rng.random() < traffic.variants:
        variant = rng.choice(("distractors", "reordered" if split == "train" else "reordered_anew"))
    talk = Conversation(System(domain, judged, 0.0, 0, variant), world)
    customer = Customer(domain, rng, split, traffic)
    while (line := customer.next(world, talk.focus)) is not None:
        oracle.truth = line.truth
        line = await cast.spoken(line, domain.company) if cast.simulator else line
        fresh = customer.switched and not episode.switch
        episode.switch = episode.switch or (len(episode.lines) if fresh else 0)
        before = len(episode.calls)
        turn = await talk.turn(line.text)
        slices = _slices(line, variant, fresh)
        episode.records += [_record(call, slices, line.template, before) for call in judged.calls]
        judged.calls.clear()
        episode.lines.append(line)
        episode.turns.append(turn)
        episode.calls += turn.calls
    episode.goal = world.state_digest()
    return episode


def _kind(domain: Domain, episode: Episode, request: Request, answer: str, right: str) -> str | None:
    """The named kind of mistake in a model's answer, by the checker that scores points; None where it is right."""
    facts = explain(domain, request.inputs)[1] if isinstance(request.inputs, ExplainerInput) else ()
    point = Point(
        id="",
        role=request.role,
        slice="",
        prompt=request.messages,
        expected=right,
        teacher=answer,
        facts=list(facts),
        world=WorldState(seed=episode.seed, split=episode.split, calls=episode.calls),
    )
    return kind_of(request.role, answer, right, domain) if why_wrong(point, answer, domain) else None


def _slices(line: Line, variant: str, fresh: bool) -> set[str]:
    slices = set(line.slices)
    slices |= {"missing_information"} if line.truth.missing else set()
    slices |= {"business_switch"} if fresh else set()
    shown = {"plain": set(), "distractors": {"distractor_tools"}}.get(variant, {"changed_prompt"})
    return slices | shown


def _record(call: JudgedCall, slices: set[str], template: str, before: int) -> Record:
    inputs = call.request.inputs
    feedback = isinstance(inputs, PlannerInput) and inputs.feedback
    fitting = [name for name in SLICES if name in slices or (name == "replan" and feedback)]
    return Record(
        inputs, call.request.messages, call.teacher, call.judged, call.right, call.kind,
        fitting[0] if fitting else PLAIN, template, before,
    )  # fmt: skip
