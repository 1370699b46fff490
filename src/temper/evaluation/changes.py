"""Changed prompts: what a prompt says is put otherwise than in training, and the answer has to follow what it says now.

A student that reads its instructions follows; one that learnt them by heart answers as before and is wrong. This is
the paper's reason for LoRA over full fine-tuning, so both can be held against it (`sft.lora: null`).
"""

import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from temper.agents import plan as plans
from temper.agents.plan import Malformed
from temper.agents.scoring import why_wrong
from temper.domains.base import Call, Domain, Rule
from temper.evaluation.scores import ChangedScore
from temper.rows import Failure, Message, Point, failure

FIELDS = ("intent, entities, missing", "missing, entities, intent")
"""The Understander's fields as the prompt of training asks for them, and as the changed one does."""
ADDED_TOOLS = "lend_umbrella(size, hours); print_map(city, scale); play_music(genre, loudness)"
"""Tools that no built-in domain has a use for."""
ADDED_RULE = "house_rule"


def changed(points: Sequence[Point], domain: Domain, most: int) -> list[Point]:
    """At most `most` changed points for each role and change; `change` names it."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    rows: list[Point] = []
    for point in points:
        for name, make in CHANGES.items():
            kind = (name, point.role)
            row = make(point, domain) if counts[kind] < most else None
            if row:
                counts[kind] += 1
                rows.append(replace(row, change=name, id=f"{point.id} {name}"))
    return rows


def score_changed(
    domain: Domain, points: Sequence[Point], answers: Sequence[str], before: Mapping[str, bool]
) -> tuple[dict[str, dict[str, ChangedScore]], list[Failure]]:
    """Change -> role -> percent right with the changed prompt, percent right of the same points without (`before`, by
    the unchanged point's id), n; and the failures.
    """
    right: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    failures: list[Failure] = []
    for point, text in zip(points, answers, strict=True):
        reason = _why_wrong(point, text, domain)
        right[str(point.change), point.role].append((reason is None, before[point.id.rpartition(" ")[0]]))
        if reason:
            failures.append(failure(replace(point, slice=str(point.change)), text, reason))
    scores: dict[str, dict[str, ChangedScore]] = defaultdict(dict)
    for (change, role), pairs in right.items():
        after, unchanged = (100 * sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        scores[change][role] = ChangedScore(score=after, unchanged=unchanged, n=len(pairs))
    return dict(scores), failures


def _why_wrong(point: Point, text: str, domain: Domain) -> str | None:
    if point.change == "tools_renamed":
        text = _renamed(text, domain, both=True)
    if point.change == "fields_reordered":
        try:
            order = ", ".join(json.loads(text[: plans.LONGEST]))
        except (ValueError, TypeError, RecursionError):
            return "malformed: not JSON"
        if order != FIELDS[1]:
            return "fields in another order"
    judged_in: Any = _Knows(domain) if point.change == "rule_added" else domain
    return why_wrong(point, text, judged_in)


class _Knows:
    """The domain, with the added rule among its rules."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self.rules = {**domain.rules, ADDED_RULE: Rule(ADDED_RULE, "", ())}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._domain, name)


def _tools_renamed(point: Point, domain: Domain) -> Point | None:
    """`find_vehicles` is `vehicles_find` now, wherever the prompt calls it. What is expected stays in the old names."""
    if point.role not in ("planner", "evaluator", "executor") or not _calls(point, domain):
        return None
    return _with(point, [_renamed(message["content"], domain) for message in point.prompt])


def _renamed(text: str, domain: Domain, *, both: bool = False) -> str:
    """Tools by their other names, before a bracket or as a name in JSON; with `both`, new names become old ones."""
    other = {name: "_".join(reversed(name.split("_"))) for name in domain.tools}
    if both:
        other |= {new: old for old, new in other.items()}
    names = "|".join(sorted(other, key=len, reverse=True))
    return re.sub(rf"\b({names})(?=\(|\")", lambda match: other[match[1]], text)


def _tools_added(point: Point, domain: Domain) -> Point | None:
    """Tools that nobody needs stand first among the Planner's."""
    if point.role != "planner" or not _calls(point, domain):
        return None
    return _with(point, [m["content"].replace("\ntools: ", f"\ntools: {ADDED_TOOLS}; ") for m in point.prompt])


def _fields_reordered(point: Point, domain: Domain) -> Point | None:
    """The Understander is asked for its fields in another order."""
    if point.role != "understander":
        return None
    return _with(point, [message["content"].replace(*FIELDS) for message in point.prompt])


def _rule_added(point: Point, domain: Domain) -> Point | None:
    """`<argument> not <value>`, a last rule: half of the plans that were allowed break it."""
    calls = _calls(point, domain) if point.role in ("planner", "evaluator") else []
    words = [(name, value) for _, arguments in calls for name, value in arguments.items() if str(value).isalpha()]
    if not words or " broken" in point.expected:
        return None
    name, value = words[-1]
    breaks = zlib.crc32(point.id.encode()) % 2 == 0
    rule = f"{ADDED_RULE} {name} not {value if breaks else 'midsummer'}"
    *before, last = (message["content"] for message in point.prompt)
    last = re.sub(r"^rules: (.*)$", lambda m: f"rules: {'' if m[1] == 'none' else m[1] + '; '}{rule}", last, flags=re.M)
    review = f"{ADDED_RULE} {value} {'broken' if breaks else 'ok'}"
    expected = point.expected
    if point.role == "evaluator":
        expected = review if expected == "safe" else f"{expected}, {review}"
    elif breaks:
        expected = f'refuse(rule="{ADDED_RULE}")'
    row = _with(point, [*before, last])
    return replace(row, expected=expected) if row else None


def _calls(point: Point, domain: Domain) -> list[Call]:
    """The calls that the point's plan makes, or that it has to make; none for a question, a refusal, another role."""
    text = {"planner": point.expected, "executor": point.prompt[-1]["content"]}.get(
        point.role, point.prompt[-1]["content"].rpartition("plan:\n")[2]
    )
    try:
        return list(plans.parse(text, domain.tools).calls)
    except Malformed:
        return []


def _with(point: Point, contents: Sequence[str]) -> Point | None:
    """The point with other messages; None where the change found nothing to change."""
    prompt: list[Message] = [
        {"role": message["role"], "content": text} for message, text in zip(point.prompt, contents, strict=True)
    ]
    return None if prompt == point.prompt else replace(point, prompt=prompt)


CHANGES: Mapping[str, Callable[[Point, Domain], Point | None]] = {
    "tools_renamed": _tools_renamed,
    "tools_added": _tools_added,
    "fields_reordered": _fields_reordered,
    "rule_added": _rule_added,
}
