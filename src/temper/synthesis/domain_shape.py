"""The parts of a domain, checked before a conversation is played: members, names, types, plans for made-up values."""

from collections.abc import Iterator
from inspect import getmembers, isfunction
from typing import get_args

from temper.domains.base import Arguments, Call, Domain, Tool, Understanding
from temper.synthesis.teacher import filled

CARRIED = frozenset((str, int, float, bool))
"""Types of what a plan gives a tool."""
TYPES = (
    "plans carry text, numbers and yes or no; make it str, int, float or bool,"
    " or one of these `| None = None` for what plan() may leave out"
)
MADE_UP = (
    "a teacher that plans too early makes values up, so plan() takes any text and any number and leaves judging them"
    " to the rules and the world"
)


def members(domain: object) -> Iterator[str]:
    wanted = [*Domain.__annotations__, *(name for name, _ in getmembers(Domain, isfunction) if name[0] != "_")]
    for name in wanted:
        if not hasattr(domain, name):
            yield f"DOMAIN has no `{name}`: see its docstring in temper/domains/base.py"


def names(domain: Domain) -> Iterator[str]:
    for kind in ("tools", "rules", "intents"):
        for name, item in getattr(domain, kind).items():
            if item.name != name:
                yield f"{kind}[{name!r}] is named {item.name!r}: key and name are the same"
    for tool in domain.tools.values():
        if not (isinstance(tool, Tool) and issubclass(tool.arguments, Arguments)):
            yield f"tool {tool.name}: its arguments are a class derived from temper.domains.base.Arguments"
    for kind, items in (("rules", domain.rules), ("intents", domain.intents)):
        gone = {name: item.name for item in items.values() for name in item.tools if name not in domain.tools}
        if gone:
            shown = ", ".join(f"{name} ({item})" for name, item in sorted(gone.items()))
            yield f"{kind} name tools that are not there, change them next: {shown}"
    if len({intent.business for intent in domain.intents.values()}) < 2:
        yield "all intents are of one business: conversations switch between two"


def arguments(domain: Domain) -> Iterator[str]:
    """Types that a plan can carry, and so can be taught, bent into mistakes and parsed again."""
    for tool in domain.tools.values():
        for name, field in tool.arguments.model_fields.items():
            optional = set(get_args(field.annotation)) - {type(None)}
            kinds = optional if type(None) in get_args(field.annotation) else {field.annotation}
            if len(kinds) != 1 or not kinds <= CARRIED:
                yield f"tool {tool.name}: argument {name} is {_named(field.annotation)}: {TYPES}"
            elif kinds == optional and field.is_required():
                yield f"tool {tool.name}: argument {name} may be None, so plans leave it out: add a default, `= None`"


def _named(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def plans(domain: Domain) -> Iterator[str]:
    """The scripted teacher plans too early now and then, with values that nobody said."""
    for intent in domain.intents.values():
        made_up = filled(domain, Understanding(intent.name))
        try:
            calls = domain.plan(made_up)
            mistaken = [wrong for call in calls for _, value in call[1].items() for wrong in _uncarried(call, value)]
            yield from dict.fromkeys(mistaken)
        except Exception as error:
            yield f"plan({intent.name!r}) raised {type(error).__name__} ({error}) for {made_up.entities}: {MADE_UP}"


def _uncarried(call: Call, value: object) -> Iterator[str]:
    if value is not None and type(value) not in CARRIED:
        yield f"plan gives {call[0]} the value {value!r}: plans carry text, numbers and yes or no"
