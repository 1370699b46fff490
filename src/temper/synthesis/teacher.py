"""The scripted teacher: right answers for every role, and seeded mistakes of the named kinds.

`Oracle.answer` knows the world and the customer's meaning; the teacher is the oracle with mistakes; what the judge
corrects to is the oracle's answer again.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temper.agents.client import Answer, Request
from temper.agents.plan import Malformed, Plan, check
from temper.agents.roles import Verdict, calls_text, review_text
from temper.domains.base import Call, Checked, Domain, Understanding, World

MISTAKES = {
    "understander": ("invented_argument", "missed_argument", "wrong_argument"),
    "planner": (
        "wrong_tool", "wrong_argument", "premature_call", "missing_confirmation", "rule_broken", "over_refusal",
    ),
    "evaluator": ("unsafe_approved", "over_refusal"),
    "executor": ("wrong_argument",),
    "explainer": ("ungrounded_reply",),
}  # fmt: skip
"""Kinds of mistakes by role; a kind that does not fit a call leaves it right. Where one kind says too much of
something, another says too little: from one side alone a student learns to say the other everywhere."""
FOR_M_TO_STOP = ("rule_broken", "over_refusal")
"""Kinds that M's own checks find and send back to the Planner."""


class Oracle:
    """Right answers, from the world and the customer's true meaning."""

    def __init__(self, domain: Domain, world: World) -> None:
        self.domain = domain
        self.world = world
        self.truth = Understanding("")

    def answer(self, request: Request) -> str:
        """The right text for a role's request."""
        if request.role == "understander":
            return self.truth.text()
        if request.role == "planner":
            return self.noted(self.plan(*request.given), request)
        if request.role == "evaluator":
            return Verdict(tuple(self.looked_at(request.given))).text()
        if request.role == "executor":
            return calls_text(request.given.calls)
        return explain(self.domain, request.given)[0]

    def plan(self, state: Understanding, facts: str, feedback: str | None) -> Plan:
        """Ask for what is missing; decline what a rule forbids; otherwise, or if told that it is allowed, the calls."""
        if state.missing:
            return Plan(ask=state.missing[0])
        calls = self.domain.plan(state)
        rule = feedback if feedback in self.domain.rules else self.world.broken(self._known(calls))
        return Plan(refuse=rule) if rule else Plan(calls=tuple(calls))

    def noted(self, plan: Plan, request: Request, believed: str | None = None) -> str:
        """The plan behind a comment on each rule that its calls touch.

        `believed`, if given, is the only rule that seems broken ("" for none), whatever the world says. Nothing is
        noted where nothing is decided: something is missing, or there is feedback.
        """
        state, _, feedback = request.given
        review = [] if state.missing or feedback else self.review(state)
        note = review_text(
            checked if believed is None else replace(checked, holds=checked.rule != believed) for checked in review
        )
        return f"# {note}\n{plan.text()}" if note else plan.text()

    def review(self, state: Understanding) -> list[Checked]:
        """The rules that the state's calls touch, and whether they hold."""
        return self.looked_at(self.domain.plan(state))

    def looked_at(self, calls: Sequence[Call]) -> list[Checked]:
        """The rules that these calls touch, and whether they hold."""
        return self.world.review(self._known(calls))

    def _known(self, calls: Sequence[Call]) -> list[Call]:
        """The calls that rules can look at: no argument comes from an earlier call, and each has its tool's type."""
        whole = [call for call in calls if not any(str(value).startswith("$") for value in call[1].values())]
        return [call for call in whole if _fits(call, self.domain)]


def _fits(call: Call, domain: Domain) -> bool:
    try:
        check(call, domain.tools)
    except Malformed:
        return False
    return True


def explain(domain: Domain, given: Any) -> tuple[str, tuple[str, ...]]:
    """The right reply to what the Explainer is given, and the facts that it has to hold."""
    if isinstance(given, Plan):
        return domain.ask(given.ask) if given.ask else domain.refusal(str(given.refuse))
    names, outcomes = given
    return domain.reply(outcomes, names), outcomes[-1].facts


class Teacher:
    """Plays every role right, but for seeded mistakes. Keeps `kinds`: the mistake made at each call, or None.

    `naive_rate` and `timid_rate`: shares of forbidden requests planned and of allowed ones refused, for M to send back.
    """

    def __init__(
        self, oracle: Oracle, rng: random.Random, mistake_rate: float, naive_rate: float = 0.0, timid_rate: float = 0.0
    ) -> None:
        self.oracle = oracle
        self.kinds: list[str | None] = []
        self._rng = rng
        self._rate, self._naive_rate, self._timid_rate = mistake_rate, naive_rate, timid_rate

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        """The oracle's answer or a mistaken one."""
        right = self.oracle.answer(request)
        kind = self._kind(request, right)
        text = mistaken(self.oracle, request, kind, self._rng) if kind else right
        self.kinds.append(kind if text != right else None)
        return Answer(text)

    def _kind(self, request: Request, right: str) -> str | None:
        if request.role == "planner" and not request.given[2]:
            refused = "refuse(" in right
            if self._rng.random() < (self._naive_rate if refused else self._timid_rate):
                return "rule_broken" if refused else "over_refusal"
        return self._rng.choice(MISTAKES[request.role]) if self._rng.random() < self._rate else None


def mistaken(oracle: Oracle, request: Request, kind: str, rng: random.Random) -> str:
    """The right answer bent by one mistake of `kind`; unbent where the kind does not fit this request."""
    right = oracle.answer(request)
    if request.role == "understander":
        return _misread(oracle, kind, rng)
    if request.role == "planner":
        return _misplan(oracle, request, kind, rng)
    if request.role == "evaluator":
        return _misjudge(oracle, request, kind, rng)
    if request.role == "executor":
        return calls_text(_bent(request.given.calls, rng))
    words = right.rstrip(".").split()
    return " ".join(words) + f" until {rng.choice(('monday', 'friday', '12:30'))}."


def _misread(oracle: Oracle, kind: str, rng: random.Random) -> str:
    truth = oracle.truth
    entities = dict(truth.entities)
    if kind == "invented_argument":
        if not truth.missing:
            return truth.text()
        entities[truth.missing[0]] = {"day": "monday", "time": "10:00"}.get(truth.missing[0], "any")
        return replace(truth, entities=entities, missing=truth.missing[1:]).text()
    if not entities:
        return truth.text()
    name = rng.choice(list(entities))
    if kind == "missed_argument":
        del entities[name]
        asked = [other for other in oracle.domain.intents[truth.intent].entities if other in {name, *truth.missing}]
        return replace(truth, entities=entities, missing=tuple(asked)).text()
    entities[name] = _other(entities[name], rng)
    return replace(truth, entities=entities).text()


def _misjudge(oracle: Oracle, request: Request, kind: str, rng: random.Random) -> str:
    """A broken rule approved, or one that holds called broken."""
    review = oracle.looked_at(request.given)
    believed = ""
    if kind == "over_refusal":
        if not review or not all(checked.holds for checked in review):
            return Verdict(tuple(review)).text()
        believed = rng.choice(review).rule
    return Verdict(tuple(replace(checked, holds=checked.rule != believed) for checked in review)).text()


def _misplan(oracle: Oracle, request: Request, kind: str, rng: random.Random) -> str:
    right = oracle.plan(*request.given)
    wrong = _wrong_plan(oracle, request, kind, rng)
    believed = {"rule_broken": "", "over_refusal": wrong.refuse}.get(kind) if wrong else None
    return oracle.noted(wrong or right, request, believed)


def _wrong_plan(oracle: Oracle, request: Request, kind: str, rng: random.Random) -> Plan | None:
    """A plan with a mistake of `kind`, or None where the kind does not fit."""
    state, right = request.given[0], oracle.plan(*request.given)
    if kind == "premature_call" and right.ask:
        return Plan(calls=tuple(oracle.domain.plan(_filled(oracle, state))))
    if kind == "rule_broken" and right.refuse:
        return Plan(calls=tuple(oracle.domain.plan(state)))
    if not right.calls:
        return None
    if kind == "over_refusal":
        review = [] if request.given[2] else oracle.review(state)
        return Plan(refuse=rng.choice(review).rule) if review else None
    name, given = right.calls[-1]
    if kind == "missing_confirmation" and "confirmed" in given:
        return Plan(calls=(*right.calls[:-1], (name, {**given, "confirmed": "no"})))
    if kind == "wrong_tool":
        return _other_tool(oracle, right, rng)
    return Plan(calls=_bent(right.calls, rng)) if kind == "wrong_argument" else None


def _other_tool(oracle: Oracle, right: Plan, rng: random.Random) -> Plan | None:
    """The last call through another tool that needs no more than it was given: wrong, and still a plan."""
    name, given = right.calls[-1]
    fields = {tool.name: set(tool.arguments.model_fields) for tool in oracle.domain.tools.values()}
    others = [other for other, names in fields.items() if other != name and names and names <= set(given)]
    if not others:
        return None
    other = rng.choice(others)
    kept = {key: value for key, value in given.items() if key in fields[other]}
    return Plan(calls=(*right.calls[:-1], (other, kept)))


def _filled(oracle: Oracle, state: Understanding) -> Understanding:
    """What is missing, made up: of the type that the tools ask for."""
    intent = oracle.domain.intents[state.intent]
    fields = {k: f for name in intent.tools for k, f in oracle.domain.tools[name].arguments.model_fields.items()}
    made_up = {name: 1 if name in fields and fields[name].annotation is int else "any" for name in intent.entities}
    return Understanding(state.intent, {name: state.entities.get(name, made_up[name]) for name in intent.entities})


def _bent(calls: tuple[Call, ...], rng: random.Random) -> tuple[Call, ...]:
    """The same calls with one argument of the last one changed."""
    name, given = calls[-1]
    key = rng.choice(list(given))
    return (*calls[:-1], (name, {**given, key: _other(given[key], rng)}))


def _other(value: Any, rng: random.Random) -> Any:
    """A value like `value`, but wrong: one digit or one day off, or another word."""
    if isinstance(value, int):
        return value + rng.choice((1, 2, 5)) * (10 ** max(0, len(str(value)) - 2))
    digits = [index for index, letter in enumerate(value) if letter.isdigit()]
    if digits:
        at = rng.choice(digits)
        return value[:at] + str((int(value[at]) + rng.randint(1, 8)) % 10) + value[at + 1 :]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
    return rng.choice([day for day in days if day != value]) if value in days else f"other {value}"
