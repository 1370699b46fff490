"""Files as records, whatever their form: JSON-lines, JSON, CSV, parquet, plain text, folders of them."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from temper.errors import DataError
from temper.rows import numbered

Record = dict[str, object]
READABLE = (".jsonl", ".ndjson", ".json", ".csv", ".parquet", ".txt", ".md")
TEXTS = (".txt", ".md")
PACKED = ".gz"


def sources(path: Path, *, texts: bool) -> Iterator[Path]:
    """What there is to read at a path: itself, or what a folder holds, in the order of the names.

    Hidden files, files of no known form and, unless `texts`, notes such as README.md are left out of folders. A folder
    that `datasets` saved is one source.
    """
    if not path.is_dir() or _is_saved(path):
        yield path
        return
    if (path / "dataset_dict.json").is_file():
        raise DataError(f"{path} holds the splits of a data set: name the one to learn from, as {path}/train")
    for child in sorted(path.iterdir()):
        if child.name.startswith("."):
            continue
        if child.is_dir() and not child.is_symlink():
            yield from sources(child, texts=texts)
        elif child.is_file() and _suffix(child) in READABLE and (texts or _suffix(child) not in TEXTS):
            yield child


def records(path: Path) -> Iterator[tuple[int, Record | str]]:
    """(row number from 1, record) of every row; a text in place of a record says why a row cannot be read.

    A text file is one record, `{"text": ...}`. Raises DataError for a file that is not there or of no known form.
    """
    if _is_saved(path):
        yield from _saved(path)
        return
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    suffix = _suffix(path)
    if suffix not in READABLE:
        raise DataError(f"{path.name}: cannot read {suffix or 'a file without a suffix'}; use {', '.join(READABLE)}")
    try:
        yield from (_json if _is_array(path, suffix) else _lines if _is_lines(path, suffix) else _READERS[suffix])(path)
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8; convert it first (iconv -f LATIN1 -t UTF-8)") from None
    except csv.Error as error:
        raise DataError(f"{path.name} is not CSV: {error}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path.name} is no whole gzip file: {error}; unpack it, or make it again") from None


def _is_saved(folder: Path) -> bool:
    return (folder / _STATE).is_file() and (folder / "dataset_info.json").is_file()


def _suffix(path: Path) -> str:
    """What the file's form is called; `.gz` around it is none, but for parquet, which is packed by itself."""
    inner = path.suffix.lower() == PACKED and Path(path.stem).suffix.lower()
    return inner if inner and inner != ".parquet" else path.suffix.lower()


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix.lower() == PACKED else path.open("rb")


def _whole(path: Path) -> str:
    with _open(path) as file:
        return file.read().decode("utf-8-sig").replace("\r\n", "\n")


def _is_array(path: Path, suffix: str) -> bool:
    """Whether a file that is called .jsonl holds one JSON list."""
    if suffix not in (".jsonl", ".ndjson"):
        return False
    with _open(path) as file:
        first = next((text for _, text in numbered(file)), b"")
    first = first.removeprefix(b"\xef\xbb\xbf").strip()
    return first.startswith(b"[") and not first.endswith(b"]")


def _is_lines(path: Path, suffix: str) -> bool:
    """Whether a file that is called .json holds several objects, one a line."""
    if suffix != ".json":
        return False
    with _open(path) as file:
        first = [text for _, text in islice(numbered(file), 2)]
    return len(first) == 2 and all(isinstance(_parsed(text.decode("utf-8-sig")), dict) for text in first)


def _lines(path: Path) -> Iterator[tuple[int, Record | str]]:
    with _open(path) as file:
        for number, line in numbered(file):
            yield number, _parsed(line.decode("utf-8-sig" if number == 1 else "utf-8"))


def _parsed(line: str) -> Record | str:
    try:
        return _object(json.loads(line))
    except (ValueError, RecursionError) as error:
        return f"not JSON: {str(error)[:80]}"


def _object(value: object) -> Record | str:
    """The value if it is a record that can be written again: escapes in JSON can spell what UTF-8 has no form for."""
    if not isinstance(value, dict):
        return "not a JSON object"
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair in a text"
    return value


def _json(path: Path) -> Iterator[tuple[int, Record | str]]:
    text = _whole(path)
    try:
        value = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is not JSON: {error}; one object a line is called .jsonl") from None
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        yield number, _object(item)


def _csv(path: Path) -> Iterator[tuple[int, Record | str]]:
    csv.field_size_limit(10_000_000)
    with _open(path) as file:
        yield from enumerate(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline="")), start=1)


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


def _saved(folder: Path) -> Iterator[tuple[int, Record | str]]:
    """A data set's folder, as `datasets.save_to_disk` writes it: files of arrow's stream form, listed in its state."""
    import pyarrow.ipc

    number = 0
    try:
        files = [folder / Path(item["filename"]).name for item in json.loads((folder / _STATE).read_text())[_FILES]]
        for path in files:
            with path.open("rb") as file, pyarrow.ipc.open_stream(file) as source:
                for batch in source:
                    for row in batch.to_pylist():
                        number += 1
                        yield number, _unpadded(row)
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException) as error:
        raise DataError(f"{folder} is no whole data set's folder ({error}); save it as to_parquet(FILE)") from None


def _unpadded(row: Record) -> Record:
    """A row of parquet without the fields that are there only because another row, call or tool has them."""
    return {name: _unpadded_value(item) for name, item in row.items() if item is not None}


def _unpadded_value(value: object) -> object:
    if isinstance(value, dict):
        return _unpadded(value)
    return [_unpadded_value(item) for item in value] if isinstance(value, list) else value


def _text(path: Path) -> Iterator[tuple[int, Record | str]]:
    title = Path(path.stem).stem if path.suffix.lower() == PACKED else path.stem
    yield 1, {"text": _whole(path), "title": title}


_STATE, _FILES = "state.json", "_data_files"
"""How `datasets` marks a folder that it saved, and where it lists the folder's files."""
_READERS = dict.fromkeys((".jsonl", ".ndjson"), _lines) | dict.fromkeys(TEXTS, _text)
_READERS |= {".json": _json, ".csv": _csv, ".parquet": _parquet}
