"""Strict scores: is this answer of this role right? And tool and argument precision, recall and F1 beside them."""

from collections import Counter
from collections.abc import Iterable

from temper.agents import plan as plans
from temper.agents.plan import Malformed, Plan
from temper.agents.roles import calls_text, holds, parse_calls, parse_understanding, parse_verdict, ungrounded
from temper.agents.running import run_calls
from temper.domains.base import Call, Domain
from temper.rows import Point


def why_wrong(point: Point, text: str, domain: Domain) -> str | None:
    """None if `text` is right for this point, else the reason in a few words. Never raises for what a model wrote."""
    try:
        return _CHECKS[point.role](point, text.strip(), domain)
    except Malformed as error:
        return f"malformed: {error}"


def _understander(point: Point, text: str, domain: Domain) -> str | None:
    """Intent and entity set equal."""
    got, expected = parse_understanding(text, domain), parse_understanding(point.expected, domain)
    if got.intent != expected.intent:
        return f"intent {got.intent}, not {expected.intent}"
    return None if got.entities == expected.entities else "entities differ"


def _planner(point: Point, text: str, domain: Domain) -> str | None:
    """Plan equal after normalisation, or equal in effect on the world."""
    got, expected = plans.parse(text, domain.tools), plans.parse(point.expected, domain.tools)
    if got.text() == expected.text():
        return None
    if got.calls and expected.calls and effect(point, got, domain) == effect(point, expected, domain):
        return None
    return "another plan"


def _evaluator(point: Point, text: str, domain: Domain) -> str | None:
    """Verdict and rule equal."""
    got, expected = parse_verdict(text, domain), parse_verdict(point.expected, domain)
    return None if got.rule == expected.rule else f"{got.rule or 'safe'}, not {expected.rule or 'safe'}"


def _executor(point: Point, text: str, domain: Domain) -> str | None:
    """Calls equal as parsed."""
    same = calls_text(parse_calls(text, domain)) == calls_text(parse_calls(point.expected, domain))
    return None if same else "other calls"


def _explainer(point: Point, text: str, domain: Domain) -> str | None:
    """Every required fact present, and nothing specific that the prompt does not hold."""
    if not holds(text, point.facts):
        return f"a fact is missing of: {', '.join(point.facts)}"
    invented = ungrounded(text, point.prompt[-1]["content"], domain)
    return f"ungrounded: {', '.join(invented)}" if invented else None


_CHECKS = {
    "understander": _understander,
    "planner": _planner,
    "evaluator": _evaluator,
    "executor": _executor,
    "explainer": _explainer,
}


def effect(point: Point, plan: Plan, domain: Domain) -> tuple[str, tuple[str, ...]]:
    """State of the world and outcomes after the plan, in the point's world; a rule or an empty reference stops it."""
    world = domain.world(point.world.seed, point.world.split)
    for name, arguments in point.world.calls:
        world.run(name, arguments)
    run = run_calls(plan.calls, world)
    return world.state_digest(), tuple(outcome.text for outcome in run.outcomes)


def tool_metrics(pairs: Iterable[tuple[str, str]], domain: Domain) -> dict[str, float]:
    """Precision, recall and F1 in percent over (expected, got) plans: of tool names, and of (tool, argument, value).

    A plan without calls counts as the one item `nothing`, so that turns which need no tool are not left out.
    """
    figures = {}
    plans_of = [(_calls(expected, domain), _calls(got, domain)) for expected, got in pairs]
    for label, items in (("tool", _tools), ("argument", _arguments)):
        hit = answered = due = 0
        for expected, got in plans_of:
            want, have = items(expected), items(got)
            hit, answered, due = hit + (want & have).total(), answered + have.total(), due + want.total()
        precision, recall = hit / answered if answered else 0.0, hit / due if due else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        for name, value in (("precision", precision), ("recall", recall), ("f1", f1)):
            figures[f"{label}_{name}_percent"] = 100 * value
    return figures


def _calls(text: str, domain: Domain) -> tuple[Call, ...]:
    try:
        return plans.parse(text, domain.tools).calls
    except Malformed:
        return (("malformed", {}),)


def _tools(calls: Iterable[Call]) -> Counter[object]:
    return Counter(name for name, _ in calls) or Counter(["nothing"])


def _arguments(calls: Iterable[Call]) -> Counter[object]:
    return Counter((name, key, str(value)) for name, arguments in calls for key, value in arguments.items()) or Counter(
        ["nothing"]
    )
