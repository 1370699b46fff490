"""The scripted teacher: right answers for every role, and seeded mistakes of the named kinds.

`Oracle.answer` knows the world and the customer's meaning; the teacher is the oracle with mistakes; what the judge
corrects to is the oracle's answer again.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from temper.agents.client import Answer, Request
from temper.agents.inputs import EvaluatorInput, ExecutorInput, ExplainerInput, PlannerInput, UnderstanderInput
from temper.agents.plan import Malformed, Plan, check, planned
from temper.agents.roles import EvaluatorVerdict, calls_text, review_text
from temper.agents.running import Run
from temper.domains.base import Call, Checked, Domain, Understanding, World
from temper.rows import Value

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
        match request.inputs:
            case UnderstanderInput():
                return self.truth.text()
            case PlannerInput() as inputs:
                return self.noted(self.plan(inputs), inputs)
            case EvaluatorInput(plan=plan):
                return EvaluatorVerdict(tuple(self.looked_at(plan.calls))).text()
            case ExecutorInput(plan=plan):
                return calls_text(plan.calls)
            case ExplainerInput() as inputs:
                return explain(self.domain, inputs)[0]

    def plan(self, inputs: PlannerInput) -> Plan:
        """A question for a missing value, a refusal where a rule forbids, else (or where feedback allows) the calls."""
        state, feedback = inputs.state, inputs.feedback
        if state.missing:
            return Plan(ask=state.missing[0])
        calls = planned(self.domain, state)
        rule = feedback if feedback in self.domain.rules else self.world.broken(self._known(calls))
        return Plan(refuse=rule) if rule else Plan(calls=calls)

    def noted(self, plan: Plan, inputs: PlannerInput, believed: str | None = None) -> str:
        """The plan behind a comment on each rule that its calls touch.

        `believed`, where it is not None, is the only rule that seems broken ("" for none), whatever the world says.
        There is no comment where nothing is decided: a value is missing, or there is feedback.
        """
        review = [] if inputs.state.missing or inputs.feedback else self.review(inputs.state)
        note = review_text(
            checked if believed is None else replace(checked, holds=checked.rule != believed) for checked in review
        )
        return f"# {note}\n{plan.text()}" if note else plan.text()

    def review(self, state: Understanding) -> list[Checked]:
        """The rules that the state's calls touch, and whether they hold."""
        return self.looked_at(planned(self.domain, state))

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


def explain(domain: Domain, inputs: ExplainerInput) -> tuple[str, tuple[str, ...]]:
    """The right reply to what happened, and the facts that it has to hold."""
    happened = inputs.happened
    if isinstance(happened, Run):
        return domain.reply(happened.outcomes, happened.names), happened.outcomes[-1].facts
    return domain.ask(happened.ask) if happened.ask else domain.refusal(str(happened.refuse))


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
        if isinstance(request.inputs, PlannerInput) and not request.inputs.feedback:
            refused = "refuse(" in right
            if self._rng.random() < (self._naive_rate if refused else self._timid_rate):
                return "rule_broken" if refused else "over_refusal"
        return self._rng.choice(MISTAKES[request.role]) if self._rng.random() < self._rate else None


def mistaken(oracle: Oracle, request: Request, kind: str, rng: random.Random) -> str:
    """The right answer bent by one mistake of `kind`; unbent where the kind does not fit this request."""
    right, inputs = oracle.answer(request), request.inputs
    if isinstance(inputs, UnderstanderInput):
        return _misread(oracle, kind, rng)
    if isinstance(inputs, PlannerInput):
        return _misplan(oracle, inputs, kind, rng)
    if isinstance(inputs, EvaluatorInput):
        return _misjudge(oracle, inputs, kind, rng)
    if isinstance(inputs, ExecutorInput):
        return calls_text(_bent(inputs.plan.calls, rng))
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
        missing = [other for other in oracle.domain.intents[truth.intent].entities if other in {name, *truth.missing}]
        return replace(truth, entities=entities, missing=tuple(missing)).text()
    entities[name] = _other(entities[name], rng)
    return replace(truth, entities=entities).text()


def _misjudge(oracle: Oracle, inputs: EvaluatorInput, kind: str, rng: random.Random) -> str:
    """A broken rule approved, or one that holds called broken."""
    review = oracle.looked_at(inputs.plan.calls)
    believed = ""
    if kind == "over_refusal":
        if not review or not all(checked.holds for checked in review):
            return EvaluatorVerdict(tuple(review)).text()
        believed = rng.choice(review).rule
    return EvaluatorVerdict(tuple(replace(checked, holds=checked.rule != believed) for checked in review)).text()


def _misplan(oracle: Oracle, inputs: PlannerInput, kind: str, rng: random.Random) -> str:
    right = oracle.plan(inputs)
    wrong = _wrong_plan(oracle, inputs, kind, rng)
    believed = {"rule_broken": "", "over_refusal": wrong.refuse}.get(kind) if wrong else None
    return oracle.noted(wrong or right, inputs, believed)


def _wrong_plan(oracle: Oracle, inputs: PlannerInput, kind: str, rng: random.Random) -> Plan | None:
    """A plan with a mistake of `kind`, or None where the kind does not fit."""
    state, right = inputs.state, oracle.plan(inputs)
    if kind == "premature_call" and right.ask:
        return Plan(calls=planned(oracle.domain, filled(oracle.domain, state)))
    if kind == "rule_broken" and right.refuse:
        return Plan(calls=planned(oracle.domain, state))
    if not right.calls:
        return None
    if kind == "over_refusal":
        review = [] if inputs.feedback else oracle.review(state)
        return Plan(refuse=rng.choice(review).rule) if review else None
    name, arguments = right.calls[-1]
    if kind == "missing_confirmation" and "confirmed" in arguments:
        return Plan(calls=(*right.calls[:-1], (name, {**arguments, "confirmed": "no"})))
    if kind == "wrong_tool":
        return _other_tool(oracle, right, rng)
    return Plan(calls=_bent(right.calls, rng)) if kind == "wrong_argument" else None


def _other_tool(oracle: Oracle, right: Plan, rng: random.Random) -> Plan | None:
    """The last call through another tool that needs no further argument: wrong, and still a plan."""
    name, arguments = right.calls[-1]
    fields = {tool.name: set(tool.arguments.model_fields) for tool in oracle.domain.tools.values()}
    others = [other for other, names in fields.items() if other != name and names and names <= set(arguments)]
    if not others:
        return None
    other = rng.choice(others)
    shared = {key: value for key, value in arguments.items() if key in fields[other]}
    return Plan(calls=(*right.calls[:-1], (other, shared)))


def filled(domain: Domain, state: Understanding) -> Understanding:
    """Missing values, made up: of the type that the tools ask for."""
    intent = domain.intents[state.intent]
    fields = {k: f for name in intent.tools for k, f in domain.tools[name].arguments.model_fields.items()}
    made_up = {name: 1 if name in fields and fields[name].annotation is int else "any" for name in intent.entities}
    return Understanding(state.intent, {name: state.entities.get(name, made_up[name]) for name in intent.entities})


def _bent(calls: tuple[Call, ...], rng: random.Random) -> tuple[Call, ...]:
    """The same calls with one argument of the last one changed; a call without arguments stays."""
    name, arguments = calls[-1]
    if not arguments:
        return calls
    key = rng.choice(list(arguments))
    return (*calls[:-1], (name, {**arguments, key: _other(arguments[key], rng)}))


def _other(value: Value, rng: random.Random) -> Value:
    """A value like `value`, but wrong: one digit or one day off, or another word."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value + rng.choice((0.5, 1.0, 10.0))
    if isinstance(value, int):
        return value + rng.choice((1, 2, 5)) * (10 ** max(0, len(str(value)) - 2))
    if value is None:
        return "other"
    digits = [index for index, letter in enumerate(value) if letter.isdigit()]
    if digits:
        at = rng.choice(digits)
        return value[:at] + str((int(value[at]) + rng.randint(1, 8)) % 10) + value[at + 1 :]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
    return rng.choice([day for day in days if day != value]) if value in days else f"other {value}"
