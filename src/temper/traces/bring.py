"""`temper import`: files in, one training set out, and a report of the records, the refusals and the rows."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from temper.errors import DataError
from temper.rows import TRAIN, line, plain, write
from temper.traces import personal
from temper.traces.calls import Fields, Refused
from temper.traces.convert import Row, conversation, document, is_t1, preference, t1
from temper.traces.files import Record, records, sources
from temper.traces.remarks import REMARKS, remarks, turned

SetName = Literal["sft", "dpo", "cpt"]
CONVERT: dict[SetName, Callable[[Fields], Sequence[Row]]] = {"sft": conversation, "dpo": preference, "cpt": document}
REFUSED, REPORT = "refused.jsonl", "report.json"


@dataclass(frozen=True)
class Refusal:
    """A record that became no row."""

    file: str
    row: int
    reason: str


@dataclass
class Imported:
    """What an import read and wrote."""

    records: int = 0
    rows: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    personal: Counter[str] = field(default_factory=Counter)
    """Personal data and access keys, by kind."""
    remarks: Counter[str] = field(default_factory=Counter)
    """What the rows do not show, by its name in `REMARKS`."""


def bring(
    files: Sequence[Path],
    name: SetName,
    out: Path,
    *,
    redact: bool = False,
    region: str | None = None,
    distinct: bool = False,
) -> Imported:
    """Write `out/train.jsonl`, `refused.jsonl` and `report.json`. Raises DataError when no record becomes a row.

    Personal data are counted, and replaced by their kind where `redact` is set, before anything is written.
    Rows that equal an earlier one are counted, and left out where `distinct` is set.
    """
    result, earlier = Imported(), Earlier()
    out.mkdir(parents=True, exist_ok=True)
    part = out / f"{TRAIN}.part"
    with part.open("w", encoding="utf-8", newline="\n") as train:
        for path, label in _named(files, out, texts=name == "cpt"):
            for number, rows, remarked in _converted(records(path), name):
                result.records += 1
                if isinstance(rows, str):
                    result.refusals.append(Refusal(label, number, rows))
                    continue
                result.remarks += remarked
                for row in map(plain, rows):
                    result.personal += personal.count(row, region)
                    kept = personal.redacted_row(row, region) if redact else row
                    like = earlier.like(kept)
                    result.remarks.update([like] if like else [])
                    if distinct and like == "repeats":
                        continue
                    text = line(kept | {"id": f"own-{result.rows}"})
                    result.remarks.update(["direction_marks"] if turned(text) else [])
                    train.write(text)
                    result.rows += 1
    _write_report(out, result, redact)
    if not result.rows:
        part.unlink()
        raise DataError(_no_rows(result, files, name))
    part.replace(out / TRAIN)
    return result


def _no_rows(result: Imported, files: Sequence[Path], name: SetName) -> str:
    """Why nothing was imported, with the first refusal."""
    if not result.records:
        return f"{', '.join(path.name for path in files)}: no records in it; nothing was imported"
    first = result.refusals[0] if result.refusals else None
    why = f"; {first.file}, row {first.row}: {first.reason}" if first else ""
    return f"none of {result.records} records became a row of {name}{why}"


def imported(folder: str) -> Path:
    """The folder of an import. Raises DataError when it is none."""
    path = Path(folder)
    if not (path / TRAIN).is_file():
        raise DataError(f"{path} holds no {TRAIN}: make it with `temper import FILE --as SET --out {path}`")
    return path


@dataclass
class Earlier:
    """The rows so far as short digests, so that memory stays small beside the rows."""

    rows: set[bytes] = field(default_factory=set)
    prompts: set[bytes] = field(default_factory=set)

    def like(self, row: Fields) -> str | None:
        """`repeats` for a row that was there, `other_answers` for its prompt with another answer; then remembers it."""
        whole, prompt = _digest(row), _digest({"prompt": row["prompt"]})
        known = (
            "repeats" if whole in self.rows else "other_answers" if prompt in self.prompts and row["prompt"] else None
        )
        self.rows.add(whole)
        self.prompts.add(prompt)
        return known


def _digest(row: Fields) -> bytes:
    return blake2b(line(row).encode(), digest_size=12).digest()


def _named(files: Sequence[Path], out: Path, *, texts: bool) -> Iterator[tuple[Path, str]]:
    """The files to read, each with its name for the report; what an import wrote is not read again."""
    for path in files:
        for source in sources(path, texts=texts):
            if path == source or out.resolve() not in source.resolve().parents:
                yield source, source.name if path == source else str(source.relative_to(path))


def _converted(
    source: Iterable[tuple[int, Record | str]], name: SetName
) -> Iterator[tuple[int, Sequence[Row] | str, Counter[str]]]:
    """(row number, its rows or the reason why there are none, what they do not show) for every record."""
    nothing: Counter[str] = Counter()
    turns: list[tuple[int, Record]] = []
    for number, record in source:
        if isinstance(record, str):
            yield number, record, nothing
        elif name == "sft" and is_t1(record):
            turns.append((number, record))
        else:
            try:
                yield number, CONVERT[name](record), nothing if name == "cpt" else remarks(record)
            except Refused as refused:
                yield number, str(refused), nothing
    yield from ((number, rows, nothing) for number, rows in t1(turns))


def _write_report(out: Path, result: Imported, redact: bool) -> None:
    write(out / REFUSED, result.refusals)
    report = {
        "read": result.records,
        "made": result.rows,
        "refused": len(result.refusals),
        "personal": result.personal,
        "redacted": redact,
        "not_looked_for": personal.NOT_LOOKED_FOR,
        "remarks": result.remarks,
    }
    (out / REPORT).write_text(json.dumps(report, indent=1), encoding="utf-8")


def show(result: Imported, out: Path, redact: bool) -> None:
    """The report for a person."""
    print(f"read {result.records} records, made {result.rows} rows in {out / TRAIN}")
    reasons = Counter(refusal.reason for refusal in result.refusals)
    for reason, times in reasons.most_common(5):
        first = next(refusal for refusal in result.refusals if refusal.reason == reason)
        print(f"refused {times}: {reason} (first: {first.file}, row {first.row})")
    if result.refusals:
        print(f"all refusals: {out / REFUSED}")
    for name, times in result.remarks.items():
        print(f"{times} {REMARKS[name]}")
    if result.personal:
        kinds = ", ".join(f"{times} {kind}" for kind, times in sorted(result.personal.items()))
        print(f"personal data: {kinds}: " + ("redacted" if redact else "kept; --redact replaces them"))
    print(f"not looked for: {', '.join(personal.NOT_LOOKED_FOR)}")
