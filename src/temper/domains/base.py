"""The protocol between the library and what a system works in: tools, rules, intents, a world, and the words for them.

A user's own domain is one folder that provides a `DOMAIN` object of this protocol; nothing else in the library knows
the difference. `automotive` is the built-in one.
"""

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from temper.rows import Value

Call = tuple[str, dict[str, Value]]
"""A tool's name and its arguments."""


class Arguments(BaseModel):
    """Base of every tool's arguments: frozen, strict about types, refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True)
class Tool:
    """One thing the system can do."""

    name: str
    arguments: type[Arguments]
    writes: bool
    """Whether it changes the world."""

    @property
    def signature(self) -> str:
        """As a prompt shows it: `book_test_drive(vehicle, day, time)`."""
        return f"{self.name}({', '.join(self.arguments.model_fields)})"


@dataclass(frozen=True)
class Rule:
    """A business rule: a plan that breaks it must not run."""

    name: str
    text: str
    """As a prompt shows it, a few words."""
    tools: tuple[str, ...]
    """Tools whose calls can break it."""


@dataclass(frozen=True)
class Checked:
    """Whether a rule holds, and for what value."""

    rule: str
    seen: str
    """What the rule looked at, without commas: a value of the call or of the world."""
    holds: bool


@dataclass(frozen=True)
class Intent:
    """What a customer can want."""

    name: str
    business: str
    """Part of the company it belongs to; a conversation may switch between them."""
    entities: tuple[str, ...]
    """What has to be known before the plan can run, in the order in which it is asked for."""
    tools: tuple[str, ...]
    """Tools of its plan, in order."""
    rare: bool = False
    """Under two percent of the traffic."""


@dataclass(frozen=True)
class Understanding:
    """The Understander's typed answer, and the state that the next turn starts from."""

    intent: str
    entities: dict[str, Value] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def text(self) -> str:
        """Compact JSON, the form in which models write and read it.

        A text stands behind a space, as in the customer's line: a tokenizer then gives both the same tokens to copy.
        """
        entities = {name: f" {value}" if isinstance(value, str) else value for name, value in self.entities.items()}
        value = {"intent": self.intent, "entities": entities, "missing": list(self.missing)}
        return json.dumps(value, separators=(",", ":"))


@dataclass(frozen=True)
class Outcome:
    """What a tool gave back: a text for the Explainer and the facts that a faithful reply has to hold."""

    text: str
    facts: tuple[str, ...]
    focus: str | None = None
    """Thing that the customer may now call `it`."""
    reference: str | None = None
    """What a later call of the same plan means when it names this call."""


class World(Protocol):
    """The environment: seeded, changed by tools alone, and hashable."""

    def run(self, name: str, arguments: Mapping[str, Value]) -> Outcome:
        """Run one validated call. A refusal by the world (a taken slot) is an outcome, not an error."""

    def facts(self, entities: Mapping[str, Value], intent: str) -> str:
        """What the rules need to know for these entities, as a prompt shows it; empty when nothing."""

    def review(self, calls: Sequence[Call]) -> list[Checked]:
        """Every rule about these calls, in order of precedence, and whether it holds in the present state."""

    def broken(self, calls: Sequence[Call]) -> str | None:
        """Name of the first rule that these calls would break in the present state, or None."""

    def state_digest(self) -> str:
        """sha256 of the state that tools can change."""


@dataclass(frozen=True)
class Line:
    """One thing the simulated customer says, with its meaning."""

    text: str
    truth: Understanding
    template: str
    """Identity of the wording; training and evaluation never share one."""
    slices: tuple[str, ...] = ()


class Domain(Protocol):
    """Everything that the library needs to know of a field of work."""

    name: str
    company: str
    """A few words for prompts: `a car dealer`."""
    tools: Mapping[str, Tool]
    rules: Mapping[str, Rule]
    intents: Mapping[str, Intent]
    shown: frozenset[str]
    """Entities that may be meant without being said, by `it`: what the last outcome put in focus."""
    names: frozenset[str]
    """Lower-case proper words that a reply may hold only if the results do."""

    def world(self, seed: int, split: str) -> World:
        """A fresh world; `split` is `train` or `test`, and no entity is in both."""

    def task(
        self,
        rng: random.Random,
        world: Any,
        intent: str,
        split: str,
        focus: str | None,
        breaks: str | None = None,
        corrections: float = 0.0,
    ) -> list[Line]:
        """The customer's lines for one task in the world's present state, in order: the request, then an answer to
        each thing that was missing. `focus` is what the customer may call `it`; `breaks` is a rule to run into;
        `corrections` is how often a request that leaves something out has a wrong value, put right in the next line.
        An empty list says that the world gives no such task now.
        """

    def mentioned(self, field: str, utterance: str, focus: str | None) -> Sequence[str]:
        """Values of the field that the words spell out, as the tools know them: `V12`, a day, or for `it` the focus.

        M asks for none of them. None for a field that only a model can tell, such as one of two dates.
        """

    def plan(self, understanding: Understanding) -> list[Call]:
        """The right calls for a complete understanding."""

    def ask(self, field: str) -> tuple[str, tuple[str, ...]]:
        """The right question for a missing field, and the words it has to hold."""

    def refusal(self, rule: str) -> tuple[str, tuple[str, ...]]:
        """The right reply when a rule forbids, and the words it has to hold."""

    def reply(self, outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
        """The right reply to the outcomes of the named tools."""

    def documents(self, rng: random.Random, count: int) -> list[tuple[str, str]]:
        """(context, text) pairs for continual pretraining."""

    def ramble(self, rng: random.Random, split: str) -> str:
        """A sentence that means nothing for the task."""


def of_split(numbers: range, split: str) -> list[int]:
    """The numbers that may name a thing in this split: those divisible by three are the test split's."""
    return [number for number in numbers if (number % 3 == 0) == (split == "test")]


STEP = 3
"""From a number of a split to the next one of the same split."""
Check = tuple[Callable[[Any, Mapping[str, Value]], Any], Callable[[Any], bool]]
"""What a rule looks at, given the world and a call's arguments, and whether that is allowed."""


def reviewed(
    rules: Mapping[str, Rule], checks: Mapping[str, Check], world: object, calls: Sequence[Call]
) -> list[Checked]:
    """Every rule about the tools of these validated calls, in order: what it looked at, and whether it holds."""
    checked = []
    for name, rule in rules.items():
        look, allowed = checks[name]
        seen = [look(world, arguments) for tool, arguments in calls if tool in rule.tools]
        if seen:
            wrong = [value for value in seen if not allowed(value)]
            checked.append(Checked(name, str((wrong or seen)[0]), not wrong))
    return checked


def digest(domain: Domain, prompts: Mapping[str, str]) -> str:
    """sha256 over prompts, tool schemas and rules: what a drafter is bound to."""
    value = {
        "prompts": dict(prompts),
        "tools": {name: tool.arguments.model_json_schema() for name, tool in domain.tools.items()},
        "rules": {name: rule.text for name, rule in domain.rules.items()},
    }
    return "sha256:" + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
