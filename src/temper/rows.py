"""The rows of every data set: their types, and the one way to and from JSON-lines.

A row is one line of UTF-8, and `\\n` alone ends it: a text may hold U+2028, U+0085 or a form feed, which
`str.splitlines` takes for ends of lines. Rows are read and written one after another, so that memory does not grow with
the file. A class's fields are the names on disk, in their order, and a field that is None is not written. `prompt`,
`completion`, `chosen`, `rejected` and `messages` are TRL's names, so its trainers and `datasets` read the files too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import TypedDict

from temper.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter

TRAIN = "train.jsonl"
"""The file of a training set."""


Value = str | int | float | bool | None
"""What an argument of a call holds."""


class Message(TypedDict):
    """One message of a conversation, in the form that chat templates and endpoints take."""

    role: str
    content: str


def spoken(text: str) -> list[Message]:
    """An answer as the messages that follow a prompt."""
    return [{"role": "assistant", "content": text}]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """A prompt without an answer: the student answers it, and the drafter learns from the answer."""

    id: str
    role: str
    source: str
    """`in_domain` or `public`."""
    prompt: list[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRow:
    """A prompt and the answer to learn."""

    id: str
    role: str
    slice: str | None = None
    prompt: list[Message]
    completion: list[Message]
    """The answer: one message of the assistant's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """A prompt with a better and a worse answer, each one message of the assistant's."""

    id: str
    role: str
    kind: str
    """What is wrong with the worse answer."""
    origin: str
    """How the pair came about: `automatic`, `hard_negative` or `own`."""
    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]


def pair(*, id: str = "", role: str, kind: str, origin: str, prompt: list[Message], right: str, wrong: str) -> PairRow:
    """The preference row of two texts."""
    return PairRow(
        id=id, role=role, kind=kind, origin=origin, prompt=prompt, chosen=spoken(right), rejected=spoken(wrong)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text for continual pretraining behind a context."""

    id: str | None = None
    prompt: str
    """The context C_x: it is read and not learnt."""
    completion: str
    """The text to learn."""
    source: str = "own"
    """`public`, `own`, or the domain's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkRow:
    """A whole conversation: FP8 is calibrated on it."""

    id: str
    source: str
    messages: list[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRow:
    """A prompt and the student's answer as the last of its messages: the drafter learns from it."""

    id: str
    role: str
    source: str
    messages: list[Message]
    truncated: bool = False
    """Whether the answer was cut off at its longest, so that it holds no end of turn."""
    output_tokens: int | None = None
    """Kept while answers are collected; the published set does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldState:
    """How to make the world in which a point's answer is judged."""

    seed: int
    split: str
    calls: list[tuple[str, dict[str, Value]]]
    """Calls that had run, as (tool, arguments)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A prompt with what is needed to judge an answer to it: an evaluation point, or a prompt to practise on."""

    id: str
    role: str
    slice: str
    prompt: list[Message]
    expected: str
    """The right answer."""
    teacher: str
    """What the scripted teacher answered, mistakes and all."""
    facts: list[str]
    """What a reply has to hold (Explainer)."""
    world: WorldState
    wording: str | None = None
    """The customer's wording that it comes from: points of one wording may be right or wrong together."""
    change: str | None = None
    """How the prompt was changed (see `evaluation.changes`); None for the prompt as M writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A wrong answer to an evaluation point."""

    id: str
    role: str
    slice: str
    """The point's slice, or the change of its prompt."""
    prompt: list[Message]
    expected: str
    got: str
    reason: str


def failure(point: Point, got: str, reason: str) -> Failure:
    """`got` as a wrong answer to `point`."""
    return Failure(
        id=point.id,
        role=point.role,
        slice=point.slice,
        prompt=point.prompt,
        expected=point.expected,
        got=got,
        reason=reason,
    )


AnyRow = PromptRow | ChatRow | PairRow | Document | TalkRow | Point
"""A row of any set that `synthesize` makes."""


def answer(row: AnyRow) -> str:
    """What is right to say, or the text to learn; empty where a row has no answer."""
    match row:
        case Point():
            return row.expected
        case PairRow():
            return row.chosen[-1]["content"]
        case ChatRow():
            return row.completion[-1]["content"]
        case Document():
            return row.completion
        case TalkRow():
            return row.messages[-1]["content"] if row.messages[-1]["role"] == "assistant" else ""
    return ""


RowT = TypeVar("RowT", bound="DataclassInstance")


def read(path: Path, kind: type[RowT], start: int = 0, stop: int | None = None) -> Iterator[RowT]:
    """The rows of a file, or those from `start` to `stop`, one by one.

    Raises DataError that names file, row, field and remedy.
    """
    if not path.is_file():
        raise DataError(
            f"{path.parent.name} holds no {path.name}: make the data set again (temper run ... --until synthesize)"
        )
    parse = _adapter(kind).validate_json
    for number, line in islice(lines(path), start, stop):
        try:
            row = parse(line)
        except ValueError as error:
            said = f"{path.parent.name}/{path.name}, row {number}: {_why(error, kind)}"
            raise DataError(f"{said}; mend or remove the row") from None
        yield row


def load(path: Path, kind: type[RowT]) -> list[RowT]:
    """All rows of a file at once; see `read`."""
    return list(read(path, kind))


def write(path: Path, rows: "Iterable[DataclassInstance | Mapping[str, object]]") -> None:
    """Write a file of rows; it appears whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(map(line, rows))
    part.replace(path)


def line(row: "DataclassInstance | Mapping[str, object]") -> str:
    """A row as its line."""
    return _ENCODE(row if isinstance(row, Mapping) else plain(row)) + "\n"


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, numbered from 1."""
    with path.open("rb") as file:
        yield from numbered(file)


def numbered(file: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines of an open binary file, which end at \\n and nowhere else; blank ones are left out, and counted."""
    return ((number, text) for number, text in enumerate(file, start=1) if not text.isspace())


def resume(path: Path, kind: type[RowT]) -> list[RowT]:
    """The rows that a killed process had appended; a line that was cut short is cut off, so that the next is whole."""
    if not path.is_file():
        return []
    with path.open("rb+") as file:
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
    return load(path, kind)


def parsed(value: object, kind: type[RowT]) -> RowT:
    """The row of a dictionary that `plain` returned."""
    return _adapter(kind).validate_python(value)


def plain(row: "DataclassInstance") -> dict[str, object]:
    """A row as the dictionary that its line holds."""
    return {name: value for name in _names(type(row)) if (value := getattr(row, name)) is not None}


_ENCODE = json.JSONEncoder(ensure_ascii=False, default=plain).encode


@cache
def _names(kind: "type[DataclassInstance]") -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _adapter(kind: type[RowT]) -> "TypeAdapter[RowT]":
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _why(error: ValueError, kind: "type[DataclassInstance]") -> str:
    """The first thing that is wrong with a row, with its field."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return f"not JSON ({first['msg'].removeprefix('Invalid JSON: ')})"
    if not first["loc"]:
        return f"not an object; a {kind.__name__} has the fields {', '.join(_names(kind))}"
    place = ".".join(map(str, first["loc"]))
    return f"field `{place}`: {first['msg'][0].lower()}{first['msg'][1:]}"
