"""What each role writes, as typed values: one parser a role, each raising `Malformed` and nothing else."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from temper.agents.plan import LONGEST, Malformed, check, parse
from temper.domains.base import Call, Checked, Domain, Intent, Understanding
from temper.domains.mentions import whole_words
from temper.rows import Value


@dataclass(frozen=True)
class EvaluatorVerdict:
    """The Evaluator's answer: rule by rule, so that each is looked at by itself; the first broken one decides."""

    review: tuple[Checked, ...] = ()

    @property
    def rule(self) -> str | None:
        """The first rule that the plan breaks; None is safe."""
        return next((checked.rule for checked in self.review if not checked.holds), None)

    def text(self) -> str:
        """`closed_sunday monday ok, too_late 20:00 broken`; `safe` where no rule is about the plan."""
        return review_text(self.review) or "safe"


def review_text(review: Iterable[Checked]) -> str:
    """Rules, what they look at and how they fare, as the Evaluator writes them and the Planner notes them.

    It ends at the first broken rule, so that its last words hold the decision.
    """
    parts = []
    for checked in review:
        parts.append(f"{checked.rule} {checked.seen} {'ok' if checked.holds else 'broken'}")
        if not checked.holds:
            break
    return ", ".join(parts)


def parse_understanding(text: str, domain: Domain) -> Understanding:
    """JSON with a known intent and entities of that intent; what is missing follows from the two."""
    value = _json(text)
    if not isinstance(value, dict) or not isinstance(value.get("entities"), dict):
        raise Malformed("not an object with intent and entities")
    intent = domain.intents.get(str(value.get("intent")))
    if intent is None:
        raise Malformed("unknown intent")
    entities = value["entities"]
    if not set(entities) <= set(intent.entities):
        raise Malformed("an entity does not belong to the intent")
    if any(not isinstance(item, (str, int)) or item == "" for item in entities.values()):
        raise Malformed("an entity is neither text nor a whole number")
    return _understanding(intent, {name: _stripped(value) for name, value in entities.items()})


def grounded(
    understood: Understanding, pending: Understanding | None, focus: str | None, utterance: str, domain: Domain
) -> Understanding:
    """What M may act on: a value that the customer neither said nor was shown is left out, and so asked for, and one
    word of the customer's gives one value; what was known of the open task stays known, until other words are said.
    """
    values = dict(pending.entities) if pending and pending.intent == understood.intent else {}
    for name, value in understood.entities.items():
        if value == values.get(name):
            continue
        words = whole_words(str(value))
        if words.search(utterance):
            utterance = words.sub("", utterance, count=1)
            values[name] = value
        elif (
            value == focus
            and name in domain.shown
            and (name not in values or value in domain.mentioned(name, utterance, focus))
        ):
            values[name] = value
    return _understanding(domain.intents[understood.intent], values)


def completed(state: Understanding, focus: str | None, utterance: str, domain: Domain) -> Understanding:
    """What M need not ask for: a missing value that the words spell out, and the whole of one that was cut short."""
    intent, values = domain.intents[state.intent], dict(state.entities)
    for name in intent.entities:
        spelled = domain.mentioned(name, utterance, focus)
        if len(spelled) == 1 and (name not in values or whole_words(str(values[name])).search(spelled[0])):
            values[name] = spelled[0]
    return _understanding(intent, values)


def _understanding(intent: Intent, entities: Mapping[str, Value]) -> Understanding:
    """Entities in the intent's order, and what is missing of them."""
    values = {name: entities[name] for name in intent.entities if name in entities}
    return Understanding(intent.name, values, tuple(name for name in intent.entities if name not in values))


def _stripped(value: str | int) -> str | int:
    return value.strip() if isinstance(value, str) else value


def parse_verdict(text: str, domain: Domain) -> EvaluatorVerdict:
    """`safe`, or `rule value ok` and `rule value broken` with rules of the domain, separated by commas."""
    words = text.strip().lower()
    if words == "safe":
        return EvaluatorVerdict()
    review = []
    for part in words[:LONGEST].split(","):
        match = re.fullmatch(r"(\w+) (\S.*) (ok|broken)", part.strip())
        if not match or match[1] not in domain.rules:
            raise Malformed("neither `safe` nor a list of `rule value ok` and `rule value broken`")
        review.append(Checked(match[1], match[2], match[3] == "ok"))
    return EvaluatorVerdict(tuple(review))


def parse_calls(text: str, domain: Domain) -> tuple[Call, ...]:
    """A JSON list of `{"name": ..., "arguments": {...}}`, each valid for its tool."""
    value = _json(text)
    if not isinstance(value, list) or not 1 <= len(value) <= 8:
        raise Malformed("not a list of one to eight calls")
    calls = []
    for item in value:
        if not isinstance(item, dict) or set(item) != {"name", "arguments"} or not isinstance(item["arguments"], dict):
            raise Malformed("a call is not {name, arguments}")
        calls.append(check((str(item["name"]), item["arguments"]), domain.tools))
    return tuple(calls)


def parses(role: str, text: str, domain: Domain) -> bool:
    """Whether an answer is of its role's form. The Explainer, and who is no agent, may say anything."""
    forms: dict[str, Callable[[str, Domain], object]] = {
        "understander": parse_understanding,
        "planner": lambda plan, of: parse(plan, of.tools),
        "evaluator": parse_verdict,
        "executor": parse_calls,
    }
    try:
        forms.get(role, lambda *_: None)(text, domain)
    except Malformed:
        return False
    return True


def calls_text(calls: Iterable[Call]) -> str:
    """The compact JSON that the Executor has to write for these calls."""
    return json.dumps([{"name": name, "arguments": arguments} for name, arguments in calls], separators=(",", ":"))


_SPECIFIC = re.compile(r"[A-Za-z]*\d[\w:]*")
_DAYS = frozenset(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))


def ungrounded(reply: str, source: str, domain: Domain) -> list[str]:
    """Numbers, identifiers, days and proper names of the reply that `source`, what the Explainer was given, lacks."""
    words = {word.lower().strip(":") for word in re.findall(r"[\w:]+", source)}
    specific = set(_SPECIFIC.findall(reply.lower()))
    specific |= {word for word in re.findall(r"[a-z]+", reply.lower()) if word in _DAYS or word in domain.names}
    return sorted(word for word in specific if word.strip(":") not in words)


def holds(reply: str, facts: Iterable[str]) -> bool:
    """Whether every fact stands in the reply, as whole words, letters' case aside."""
    return all(whole_words(fact).search(reply) for fact in facts)


def _json(text: str) -> object:
    if len(text) > LONGEST:
        raise Malformed("too long")
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    return value
