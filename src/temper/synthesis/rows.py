"""Rows of a set: what each is an example of, an even choice of them, and their way to and from JSON-lines."""

import json
import random
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from temper.agents.plan import Plan
from temper.errors import DataError
from temper.synthesis.overlap import key_text
from temper.synthesis.simulator import Record

Row = dict[str, Any]


def label(record: Record) -> str:
    """What a record is an example of, so that sets are spread evenly: its intent, its calls, its rule.

    What is merely copied (a field to ask for, a rule that came back, a plan that no rule is about) shares few labels.
    What is decided or long has several: a plan that rules are about, a plan of two calls, a reply of many facts. A
    request that leaves something out is another thing than a whole one, and than the answer to a question.
    """
    draw = zlib.crc32(record.right.encode())
    if record.role == "understander":
        right = json.loads(record.right)
        part = "request" if "state: none" in record.messages[-1]["content"] else "answer"
        return f"{right['intent']} {part} {'partial' if right['missing'] and part == 'request' else ''}"
    if record.role == "explainer":
        report = record.messages[-1]["content"].splitlines()[-1].split(",")[0]
        if isinstance(record.given, Plan):
            return report
        return f"{report.split(': ')[0]} {draw % max(1, len(record.given[1][-1].facts) // 2)}"
    if record.role == "evaluator":
        broken = [part.split()[0] for part in record.right.split(", ") if part.endswith(" broken")]
        return broken[0] if broken else "safe" if record.right == "safe" else f"safe {record.given[-1][0]}"
    if record.role == "planner" and record.given[2]:
        return f"feedback {draw % 3}"
    tools = re.findall(r'(?:= |"name":")(\w+)', record.right)
    if not tools:
        last = record.right.splitlines()[-1]
        return f"{last} {draw % 2}" if last.startswith("refuse") else f"ask {draw % 4}"
    ruled = record.right.startswith("#")
    if record.role == "planner" and len(tools) == 1 and not ruled:
        return f"plain {draw % 3}"
    return f"{' '.join(tools)} {draw % (len(tools) * (1 + ruled))}"


def spread(rows: Iterable[tuple[str, Row]], count: int, rng: random.Random) -> list[Row]:
    """Up to `count` rows, taken from the labels in turn so that rare ones are there; no two with the same text."""
    by_label: dict[str, list[Row]] = defaultdict(list)
    seen = set()
    for name, row in rows:
        text = key_text(row)
        if text not in seen:
            seen.add(text)
            by_label[name].append(row)
    for group in by_label.values():
        rng.shuffle(group)
    picked: list[Row] = []
    groups = [by_label[name] for name in sorted(by_label)]
    while len(picked) < count and any(groups):
        picked += [group.pop() for group in groups if group]
    rng.shuffle(picked)
    return picked[:count]


def write(path: Path, rows: Iterable[Row]) -> None:
    """JSON-lines, one row a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read(path: Path) -> list[Row]:
    """The rows of a JSON-lines file. Raises DataError with the row's number."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError:
            raise DataError(f"{path}, row {number}: not JSON; mend or remove the row") from None
        if not isinstance(row, dict):
            raise DataError(f'{path}, row {number}: not an object; a row is {{"messages": [...]}} or alike')
        rows.append(row)
    return rows
