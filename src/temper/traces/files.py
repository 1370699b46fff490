"""Files as records, whatever their form: JSON-lines, JSON, CSV, parquet, plain text."""

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from temper.errors import DataError
from temper.rows import lines

Record = dict[str, Any]
READABLE = (".jsonl", ".json", ".csv", ".parquet", ".txt", ".md")
TEXTS = (".txt", ".md")


def records(path: Path) -> Iterator[tuple[int, Record | str]]:
    """(row number from 1, record) of every row; a text in place of a record says why a row cannot be read.

    A text file is one record, `{"text": ...}`. Raises DataError for a file that is not there or of no known form.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise DataError(f"{path.name}: cannot read {suffix or 'a file without a suffix'}; use {', '.join(READABLE)}")
    try:
        yield from (_json if _is_array(path, suffix) else _lines if _is_lines(path, suffix) else _READERS[suffix])(path)
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8; convert it first (iconv -f LATIN1 -t UTF-8)") from None
    except csv.Error as error:
        raise DataError(f"{path.name} is not CSV: {error}") from None


def _is_array(path: Path, suffix: str) -> bool:
    """Whether a file that is called .jsonl holds one JSON list."""
    if suffix != ".jsonl":
        return False
    first = next((text for _, text in lines(path)), b"").removeprefix(b"\xef\xbb\xbf").strip()
    return first.startswith(b"[") and not first.endswith(b"]")


def _is_lines(path: Path, suffix: str) -> bool:
    """Whether a file that is called .json holds several objects, one a line."""
    if suffix != ".json":
        return False
    first = [text for _, text in islice(lines(path), 2)]
    return len(first) == 2 and all(isinstance(_parsed(text.decode("utf-8-sig")), dict) for text in first)


def _lines(path: Path) -> Iterator[tuple[int, Record | str]]:
    for number, line in lines(path):
        yield number, _parsed(line.decode("utf-8-sig" if number == 1 else "utf-8"))


def _parsed(line: str) -> Record | str:
    try:
        return _object(json.loads(line))
    except (ValueError, RecursionError) as error:
        return f"not JSON: {str(error)[:80]}"


def _object(value: Any) -> Record | str:
    """The value if it is a record that can be written again: escapes in JSON can spell what UTF-8 has no form for."""
    if not isinstance(value, dict):
        return "not a JSON object"
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair in a text"
    return value


def _json(path: Path) -> Iterator[tuple[int, Record | str]]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is not JSON: {error}; one object a line is called .jsonl") from None
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        yield number, _object(item)


def _csv(path: Path) -> Iterator[tuple[int, Record | str]]:
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from enumerate(csv.DictReader(file), start=1)


def _parquet(path: Path) -> Iterator[tuple[int, Record | str]]:
    import pyarrow.parquet  # slow to load, and only this form needs it

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as source:
            for batch in source.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield number, _unpadded(row)
    except pyarrow.ArrowException as error:
        raise DataError(f"{path.name} is not parquet: {error}") from None


def _unpadded(value: Any) -> Any:
    """A parquet value without the fields that are there only because another row, call or tool has them."""
    if isinstance(value, dict):
        return {name: _unpadded(item) for name, item in value.items() if item is not None}
    return [_unpadded(item) for item in value] if isinstance(value, list) else value


def _text(path: Path) -> Iterator[tuple[int, Record | str]]:
    yield 1, {"text": path.read_text(encoding="utf-8-sig"), "title": path.stem}


_READERS = {".jsonl": _lines, ".json": _json, ".csv": _csv, ".parquet": _parquet, ".txt": _text, ".md": _text}
