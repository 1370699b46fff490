"""What a simulated call is an example of, so that sets are spread evenly."""

import json
import re
import zlib
from typing import TypedDict

from temper.agents.inputs import EvaluatorInput, ExecutorInput, ExplainerInput, PlannerInput, UnderstanderInput
from temper.agents.running import Run
from temper.agents.runtime import ALLOWED
from temper.domains.base import Understanding
from temper.domains.talk import CONFIRMED
from temper.rows import Value
from temper.synthesis.simulator import Record


class Understood(TypedDict):
    """`temper.domains.base.Understanding` as its JSON text holds it."""

    intent: str
    entities: dict[str, Value]
    missing: list[str]


LONG = 5
"""Facts of a reply that is hard to tell."""


def label(record: Record) -> str:
    """What a record is an example of, so that sets are spread evenly: its intent, its calls, its rule.

    A request that leaves something out is another thing than a whole one, than one that says `it`, than one that drops
    an open task, than a correction, and than the answer to each question. What is common, decided or long has several
    labels: a whole request, a plan that rules are about or of two calls, its review, a question, a refusal, a reply of
    many facts.
    """
    draw = zlib.crc32(record.right.encode())
    last = record.messages[-1]["content"].rsplit("\n", 1)[-1]
    match record.inputs:
        case UnderstanderInput(state=state):
            return _understood(json.loads(record.right), state, last)
        case PlannerInput() as inputs:
            return _planned(inputs, record.right, draw)
        case EvaluatorInput(plan=plan):
            tool, checked = plan.calls[-1][0], record.right.split(", ")
            broken = [part.split()[0] for part in checked if part.endswith(" broken")]
            safe = "safe" if record.right == "safe" else f"safe {tool} {draw % len(checked)}"
            return f"{broken[0]} {tool} {draw % 2}" if broken else safe
        case ExecutorInput():
            tools = re.findall(r'"name":"(\w+)', record.right)
            return f"{' '.join(tools)} {draw % len(tools) ** 2}"
        case ExplainerInput(happened=Run() as run):
            facts = len(run.outcomes[-1].facts)
            return f"{run.names[-1]} {'long' if facts >= LONG else facts} {draw % min(3, facts)}"
    return f"{last.split(',')[0]} {zlib.crc32(record.messages[-1]['content'].encode()) % 2}"


def _understood(right: Understood, state: Understanding | None, line: str) -> str:
    """An understanding's label: what a request leaves out, or how a line stands to the open task."""
    if state is None:
        shown = not all(str(value).strip().lower() in line.lower() for value in right["entities"].values())
        lacks = _lacking(right, zlib.crc32(line.encode()))
        return f"{right['intent']} {lacks} {'shown' if shown else ''}"
    if state.intent != right["intent"]:
        return f"{right['intent']} instead"
    if list(state.missing) == right["missing"]:
        return f"{right['intent']} corrected"
    return f"{right['intent']} answer {state.missing[0] if state.missing else ''}"


def _lacking(right: Understood, draw: int) -> str:
    """What a request leaves out; whole ones have four labels. Few bring their confirmation along: M asks for it."""
    if CONFIRMED in right["entities"]:
        return "sure"
    missing = [name for name in right["missing"] if name != CONFIRMED]
    return f"lacks {missing[0]}" if missing else str(draw % 4)


def _planned(inputs: PlannerInput, right: str, draw: int) -> str:
    """A plan's label: the feedback, the question, the rule that forbids it, or its tools."""
    if inputs.state.missing:
        return f"ask {inputs.state.missing[0]}"
    if inputs.feedback:
        return f"feedback {inputs.feedback == ALLOWED} {draw % (4 if inputs.feedback == ALLOWED else 8)}"
    tools = re.findall(r"= (\w+)\(", right)
    if not tools:
        return f"{inputs.state.intent} {right.splitlines()[-1]} {draw % 3}"
    ruled = right.startswith("#")
    return f"{' '.join(tools)} {draw % (2 + len(tools) if ruled else 3 * len(tools))}"


def share(record: Record) -> str:
    """The label, or one of two where more has to be got right: a number to compare, a name to copy, a long reply."""
    if isinstance(record.inputs, ExplainerInput):
        happened = record.inputs.happened
        hard = isinstance(happened, Run) and len(happened.outcomes[-1].facts) >= LONG
    elif record.role == "understander":
        hard = bool(re.search(r':" ([A-Z]{2}|[A-Z]\w* )', record.right))
    else:
        hard = bool(re.search(r" \S*\d\S* (ok|broken)", record.right))
    return f"{label(record)} {zlib.crc32(record.messages[-1]['content'].encode()) % (1 + hard)}"
