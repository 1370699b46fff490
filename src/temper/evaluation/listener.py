"""Understanding a customer's line without a language model: what M's rule code and bags of words make of it."""

import re
from collections import defaultdict
from collections.abc import Sequence

from temper.agents.plan import Malformed
from temper.agents.roles import parse_understanding
from temper.domains.base import Domain, Understanding
from temper.evaluation.words import Span, WordBag, bag, spans

SAME_TASK = "same task"
"""What a line is about that goes on with the open task."""
NO_VALUE = "no value"
"""What a number or a name is that belongs to no field."""
SENTENCE = re.compile(r"(?<=[.!?])\s+")
"""Where a sentence ends. Small talk comes before the last one."""


class Listener:
    """What a line means: its intent by its words, its values by their form or by the words beside them."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._fields = sorted({name for intent in domain.intents.values() for name in intent.entities})
        self._intents, self._values = WordBag(), WordBag()
        self._shapes: dict[str, set[str]] = defaultdict(set)

    def learn(self, prompt: str, answer: str) -> None:
        """One row of a training set: an Understander's prompt with the answer. A malformed answer teaches nothing."""
        state, _, line = self._read(prompt)
        try:
            right = parse_understanding(answer, self._domain)
        except Malformed:
            return
        same = state is not None and state.intent == right.intent
        self._intents.learn(SAME_TASK if same else right.intent, self._clues(state, line))
        fields = {str(value): name for name, value in right.entities.items()}
        for span in spans(line):
            field = fields.get(span.text, NO_VALUE)
            self._values.learn(field, [*span.around, *_question(state)])
            self._shapes[field].add(span.shape)

    def understood(self, prompt: str) -> Understanding:
        """What the Understander should make of this prompt."""
        state, focus, line = self._read(prompt)
        about = [*([SAME_TASK] if state else []), *self._domain.intents]
        label = self._intents.likeliest(self._clues(state, line), about)
        same = state if state and label in (SAME_TASK, state.intent) else None
        intent = self._domain.intents[same.intent if same else label]
        values = {**(same.entities if same else {}), **self._by_neighbours(intent.entities, state, line)}
        for name in intent.entities:
            spelled = self._domain.mentioned(name, line, focus)
            if len(spelled) == 1:
                values[name] = spelled[0]
        entities = {name: values[name] for name in intent.entities if name in values}
        return Understanding(intent.name, entities, tuple(name for name in intent.entities if name not in values))

    def _read(self, prompt: str) -> tuple[Understanding | None, str | None, str]:
        """The open task, what was last shown and the customer's line, as `Prompter.understander` writes them."""
        state, shown, line = (part.partition(": ")[2] for part in prompt.split("\n", 2))
        task = None if state == "none" else parse_understanding(state, self._domain)
        return task, None if shown == "none" else shown, line

    def _clues(self, state: Understanding | None, line: str) -> list[str]:
        """The last sentence's words, the fields whose values are spelled out, and what the customer was asked for."""
        spelled = [f"names {name}" for name in self._fields if self._domain.mentioned(name, line, None)]
        answer = ["answers"] if state and state.missing and f"names {state.missing[0]}" in spelled else []
        return [*bag(SENTENCE.split(line.strip())[-1]), *spelled, *answer, *_question(state)]

    def _by_neighbours(self, fields: Sequence[str], state: Understanding | None, line: str) -> dict[str, str | int]:
        """Numbers and names, each for the field that fits its form and the words beside it."""
        values: dict[str, str | int] = {}
        taken: set[int] = set()
        for span in spans(line):
            name = self._field(span, [name for name in fields if name not in values], state)
            if name != NO_VALUE and taken.isdisjoint(span.places):
                values[name] = span.value
                taken |= set(span.places)
        return values

    def _field(self, span: Span, fields: Sequence[str], state: Understanding | None) -> str:
        fitting = [name for name in fields if span.shape in self._shapes[name]]
        return self._values.likeliest([*span.around, *_question(state)], [*fitting, NO_VALUE]) if fitting else NO_VALUE


def _question(state: Understanding | None) -> list[str]:
    return [f"asked {state.missing[0]}"] if state and state.missing else []
