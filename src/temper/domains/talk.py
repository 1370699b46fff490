"""How a customer tells a task: the request, its correction, and an answer to each thing that was left out.

For domains to build `Domain.task` on: they choose values and wordings, this makes the lines and what each means.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from temper.domains.base import Intent, Line, Understanding
from temper.rows import Value

Values = Mapping[str, Value]
CONFIRMED = "confirmed"
"""The entity that says that a customer is sure: asked for at last, never put right."""


@dataclass(frozen=True)
class Words:
    """What a domain's customers say besides their requests; `{field}` stands for a value."""

    answers: Mapping[str, Mapping[str, Sequence[str]]]
    """By field and split."""
    corrections: Mapping[str, Sequence[str]]
    """By split: what comes before a value that is said anew."""
    polite: Sequence[str] = ("",)
    """Openers of a request."""


@dataclass(frozen=True)
class Task:
    """What a customer wants: the intent, a value for each of its entities, and how the request is worded."""

    intent: Intent
    entities: Values
    template: str
    slices: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()
    """Entities that the wording says without a placeholder."""

    def said(self) -> dict[str, Value]:
        """The values that the request brings along."""
        return {
            name: self.entities[name]
            for name in self.intent.entities
            if "{" + name + "}" in self.template or name in self.implied
        }

    def truth(self, known: Values) -> Understanding:
        """What is understood when these values are known."""
        order = self.intent.entities
        entities = {name: known[name] for name in order if name in known}
        return Understanding(self.intent.name, entities, tuple(name for name in order if name not in known))


def tell(
    rng: random.Random,
    task: Task,
    words: Words,
    split: str,
    say: Callable[[str, Values], str],
    corrections: float = 0.0,
    redraw: Callable[[], Values | None] = lambda: None,
) -> list[Line]:
    """The lines of a task. `say(wording, values)` fills a wording in.

    `corrections` is how often a request that leaves something out has one value of another draw, `redraw()`, put right
    in the next line.
    """
    known, slices = task.said(), task.slices
    wrong = slip(rng, known, redraw()) if len(known) < len(task.entities) and chance(rng, corrections) else {}
    opener = rng.choice(words.polite)
    text = opener + say(task.template, {**task.entities, **wrong})
    lines = [Line(text, task.truth({**known, **wrong}), task.template, slices)]
    for name in wrong:
        answer = f"{rng.choice(words.corrections[split])} {rng.choice(telling(words.answers[name][split]))}"
        lines.append(Line(say(answer, task.entities), task.truth(known), answer, (*slices, "correction")))
    while missing := lines[-1].truth.missing:
        answer = rng.choice(words.answers[missing[0]][split])
        known = {**known, missing[0]: task.entities[missing[0]]}
        lines.append(Line(say(answer, task.entities), task.truth(known), answer, slices))
    return lines


def chance(rng: random.Random, share: float) -> bool:
    """True in that share of cases; what never happens draws nothing, so that it leaves a seed's talks as they were."""
    return share > 0 and rng.random() < share


def slip(rng: random.Random, known: Values, other: Values | None) -> dict[str, Value]:
    """One of the known values as another draw has it: what a customer says by mistake. Empty where none differs."""
    names = [name for name in known if name != CONFIRMED and other and other[name] != known[name]]
    return {name: other[name] for name in (rng.choice(names),)} if names and other else {}


def telling(templates: Sequence[str]) -> Sequence[str]:
    """The wordings that also say what their value is, for lines that answer no question; all where there are none."""
    return [t for t in templates if re.search(r"[a-z]{2}", re.sub(r"\{\w+\}|please", "", t))] or templates
