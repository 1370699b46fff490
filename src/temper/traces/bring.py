"""`temper import`: files in, one training set out, and a report of what was read, refused and made."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from temper.errors import DataError
from temper.rows import TRAIN, line, write
from temper.traces import personal
from temper.traces.calls import Refused
from temper.traces.convert import Row, conversation, document, is_t1, preference, t1
from temper.traces.files import Record, records, sources
from temper.traces.remarks import SAID, remarks, turned

SetName = Literal["sft", "dpo", "cpt"]
CONVERT = {"sft": conversation, "dpo": preference, "cpt": document}
REFUSED, REPORT = "refused.jsonl", "report.json"


@dataclass
class Brought:
    """What came of an import."""

    read: int = 0
    made: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    """`{"file", "row", "reason"}` of each record that became no row."""
    personal: Counter[str] = field(default_factory=Counter)
    """Personal data and access keys, by kind."""
    remarks: Counter[str] = field(default_factory=Counter)
    """What the rows do not show, by its name in `SAID`."""


def bring(
    files: Sequence[Path],
    name: SetName,
    out: Path,
    *,
    redact: bool = False,
    region: str | None = None,
    distinct: bool = False,
) -> Brought:
    """Write `out/train.jsonl`, `refused.jsonl` and `report.json`. Raises DataError when nothing could be made.

    Personal data are counted, and replaced by their kind where `redact` is set, before anything is written.
    Rows that equal an earlier one are counted, and left out where `distinct` is set.
    """
    came, earlier = Brought(), Earlier()
    out.mkdir(parents=True, exist_ok=True)
    part = out / f"{TRAIN}.part"
    with part.open("w", encoding="utf-8", newline="\n") as train:
        for path, label in _named(files, out, texts=name == "cpt"):
            for number, made, remarked in _converted(records(path), name):
                came.read += 1
                if isinstance(made, str):
                    came.refused.append({"file": label, "row": number, "reason": made})
                    continue
                came.remarks += remarked
                for row in made:
                    came.personal += personal.count(row, region)
                    kept = personal.mapped(row, lambda text: personal.redacted(text, region)) if redact else row
                    seen = earlier.seen(kept)
                    came.remarks.update([seen] if seen else [])
                    if distinct and seen == "repeats":
                        continue
                    text = line({"id": f"own-{came.made}", **kept})
                    came.remarks.update(["direction_marks"] if turned(text) else [])
                    train.write(text)
                    came.made += 1
    _write_report(out, came, redact)
    if not came.made:
        part.unlink()
        first = came.refused[0] if came.refused else None
        why = f"; {first['file']}, row {first['row']}: {first['reason']}" if first else ""
        if not came.read:
            raise DataError(f"{', '.join(path.name for path in files)}: no records in it; nothing was imported")
        raise DataError(f"none of {came.read} records became a row of {name}{why}")
    part.replace(out / TRAIN)
    return came


def brought(folder: str) -> Path:
    """The folder of an import. Raises DataError when none was made there."""
    path = Path(folder)
    if not (path / TRAIN).is_file():
        raise DataError(f"{path} holds no {TRAIN}: make it with `temper import FILE --as SET --out {path}`")
    return path


@dataclass
class Earlier:
    """What the rows so far were, as short digests: memory stays small beside the rows."""

    rows: set[bytes] = field(default_factory=set)
    prompts: set[bytes] = field(default_factory=set)

    def seen(self, row: Row) -> str | None:
        """`repeats` for a row that was there, `other_answers` for its prompt with another answer."""
        whole, prompt = _digest(row), _digest({"prompt": row["prompt"]})
        known = (
            "repeats" if whole in self.rows else "other_answers" if prompt in self.prompts and row["prompt"] else None
        )
        self.rows.add(whole)
        self.prompts.add(prompt)
        return known


def _digest(row: Row) -> bytes:
    return blake2b(line(row).encode(), digest_size=12).digest()


def _named(files: Sequence[Path], out: Path, *, texts: bool) -> Iterator[tuple[Path, str]]:
    """The files to read, each with its name for the report; what an import wrote is not read again."""
    for path in files:
        for source in sources(path, texts=texts):
            if path == source or out.resolve() not in source.resolve().parents:
                yield source, source.name if path == source else str(source.relative_to(path))


def _converted(
    source: Iterable[tuple[int, Record | str]], name: SetName
) -> Iterator[tuple[int, list[Row] | str, Counter[str]]]:
    """(row number, rows made of it or why none, what they do not show) for every record."""
    nothing: Counter[str] = Counter()
    lines: list[tuple[int, Mapping[str, Any]]] = []
    for number, record in source:
        if isinstance(record, str):
            yield number, record, nothing
        elif name == "sft" and is_t1(record):
            lines.append((number, record))
        else:
            try:
                yield number, CONVERT[name](record), nothing if name == "cpt" else remarks(record)
            except Refused as refused:
                yield number, str(refused), nothing
    yield from ((number, made, nothing) for number, made in t1(lines))


def _write_report(out: Path, came: Brought, redact: bool) -> None:
    write(out / REFUSED, came.refused)
    figures = {"read": came.read, "made": came.made, "refused": len(came.refused)}
    found = {"personal": dict(came.personal), "redacted": redact, "not_looked_for": personal.NOT_LOOKED_FOR}
    found["remarks"] = dict(came.remarks)
    (out / REPORT).write_text(json.dumps(figures | found, indent=1), encoding="utf-8")


def show(came: Brought, out: Path, redact: bool) -> None:
    """The report for a person."""
    print(f"read {came.read} records, made {came.made} rows in {out / TRAIN}")
    reasons = Counter(row["reason"] for row in came.refused)
    for reason, times in reasons.most_common(5):
        first = next(row for row in came.refused if row["reason"] == reason)
        print(f"refused {times}: {reason} (first: {first['file']}, row {first['row']})")
    if came.refused:
        print(f"all that were refused: {out / REFUSED}")
    for name, times in came.remarks.items():
        print(f"{times} {SAID[name]}")
    if came.personal:
        kinds = ", ".join(f"{times} {kind}" for kind, times in sorted(came.personal.items()))
        print(f"personal data: {kinds}: " + ("redacted" if redact else "kept; --redact replaces them"))
    print(f"not looked for: {', '.join(personal.NOT_LOOKED_FOR)}")
