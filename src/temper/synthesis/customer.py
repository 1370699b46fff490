"""The simulated customer: what conversations are like, and the next line of a goal.

A goal is a list of tasks in one business and then in another; the customer says one line a turn, answers what was
asked, and ends with EXIT (`None`) when the goal is reached.
"""

import random
from dataclasses import dataclass, replace

from temper.domains.base import Domain, Line, World
from temper.domains.talk import chance
from temper.errors import ConfigError

RARE_WEIGHT = 0.3
"""How often a rare intent is picked, against 1 for the others."""
TRIES = 500
"""Draws of a task that fits into the lines that are left, before the domain is said to have none."""


@dataclass(frozen=True)
class Traffic:
    """What simulated conversations are like."""

    turns: int = 10
    """Customer lines for each conversation."""
    mistake_rate: float = 0.0
    """Share of teacher calls with a seeded mistake."""
    naive_rate: float = 0.5
    """Share of forbidden requests that the teacher plans all the same, for the Evaluator to stop."""
    timid_rate: float = 0.02
    """Share of allowed requests that the teacher refuses all the same, for M to send back."""
    catch_rate: float = 1.0
    """Share of mistakes that the judge corrects."""
    out_of_policy: float = 0.3
    """Share of tasks that run into a rule."""
    rambling: float = 0.1
    """Share of lines with idle talk before them."""
    corrections: float = 0.0
    """Share of requests that leave something out in which a value is wrong at first and corrected in the next line."""
    dropped: float = 0.0
    """Share of requests that leave something out and are dropped for another one, with a question open."""
    variants: float = 0.2
    """Share of conversations whose Planner prompts are shown with distractors or in another order."""


class Customer:
    """Says the next line of its goal, given how the world stands, until EXIT."""

    def __init__(self, domain: Domain, rng: random.Random, split: str, traffic: Traffic) -> None:
        self._domain, self._rng, self._split, self._traffic = domain, rng, split, traffic
        businesses = sorted({intent.business for intent in domain.intents.values()})
        self._businesses = rng.sample(businesses, 2)
        self._waiting: list[Line] = []
        self._left = traffic.turns
        self._dropped: str | None = None

    @property
    def switched(self) -> bool:
        """Whether the conversation is in its second business."""
        return self._left < (self._traffic.turns + 1) // 2

    def next(self, world: World, focus: str | None) -> Line | None:
        """The next line, or None for EXIT."""
        if self._left == 0:
            return None
        room = (
            self._left
            if self.switched or self._left * 2 <= self._traffic.turns
            else (self._left - self._traffic.turns // 2)
        )
        if not self._waiting:
            self._waiting = self._task(world, focus, room)
        self._left -= 1
        return self._idle(self._waiting.pop(0))

    def _task(self, world: World, focus: str | None, room: int) -> list[Line]:
        """A task that fits into the lines that are left before the switch or the end."""
        second = self._left * 2 <= self._traffic.turns
        own = [i for i in self._domain.intents.values() if i.business == self._businesses[second]]
        intents = [intent for intent in own if intent.name != self._dropped]
        weights = [RARE_WEIGHT if intent.rare else 1.0 for intent in intents]
        for _ in range(TRIES):
            intent = self._rng.choices(intents, weights)[0]
            rules = [rule.name for rule in self._domain.rules.values() if set(intent.tools) & set(rule.tools)]
            breaks = self._rng.choice(rules) if rules and self._rng.random() < self._traffic.out_of_policy else None
            lines = self._domain.task(
                self._rng, world, intent.name, self._split, focus, breaks, self._traffic.corrections
            )
            if 0 < len(lines) <= room:
                return self._to_say(lines, only=len(own) == 1)
        raise ConfigError(
            f"business {self._businesses[second]!r} gave no task of at most {room} line{'s' * (room > 1)} in {TRIES}"
            " tries: a conversation fills its lines up to the switch, so one intent of each business needs a request"
            " that leaves nothing out, in every state of the world"
        )

    def _to_say(self, lines: list[Line], *, only: bool) -> list[Line]:
        """The lines that the customer says of a task: all, or the first ones of a task that is dropped for another."""
        if self._dropped:
            lines[0] = replace(lines[0], slices=(*lines[0].slices, "dropped_task"))
        self._dropped = None
        if only or len(lines) == 1 or not chance(self._rng, self._traffic.dropped):
            return lines
        self._dropped = lines[0].truth.intent
        return lines[: self._rng.randint(1, len(lines) - 1)]

    def _idle(self, line: Line) -> Line:
        if self._rng.random() >= self._traffic.rambling:
            return line
        talk = self._domain.ramble(self._rng, self._split)
        return replace(line, text=f"{talk} {line.text}", slices=(*line.slices, "long_context"))
