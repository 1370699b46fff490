"""What a folder holds: every file's name, size and sha256, and the one digest over them all."""

import hashlib
import json
import os
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

CHUNK = 1 << 20
"""Bytes read at a time: memory stays flat however large a checkpoint is."""


class Entry(NamedTuple):
    """One file of a folder."""

    name: str
    """Path below the folder, with forward slashes."""
    size: int
    """Bytes."""
    sha256: str
    """Hex digest of its contents."""


class Contents(NamedTuple):
    """All files of a folder, sorted by name."""

    entries: tuple[Entry, ...]

    @property
    def digest(self) -> str:
        """`sha256:` over the sorted (name, size, sha256): equal digests are equal folders."""
        text = json.dumps([list(entry) for entry in sorted(self.entries)], separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.entries)

    def to_json(self) -> str:
        """One entry a line, to be read by people too."""
        return json.dumps({"files": [entry._asdict() for entry in self.entries]}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Contents":
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError on anything else."""
        rows: list[dict[str, Any]] = json.loads(text)["files"]
        entries = tuple(Entry(**row) for row in rows)
        for entry in entries:
            path = PurePosixPath(entry.name)
            if path.is_absolute() or ".." in path.parts:  # nobody writes outside a folder through its manifest
                raise ValueError(f"{entry.name} lies outside the folder")
        return cls(entries)


def files(folder: Path) -> list[str]:
    """Names of all files below `folder`, sorted; links to files count as files."""
    return sorted(
        (Path(parent) / name).relative_to(folder).as_posix() for parent, _, names in os.walk(folder) for name in names
    )


def file_sha256(path: Path, copy_to: IO[bytes] | None = None) -> str:
    """sha256 (hex) of a file, read once and copied on the way when asked."""
    with path.open("rb") as source:
        return stream_sha256(source, copy_to)


def stream_sha256(source: IO[bytes], copy_to: IO[bytes] | None = None) -> str:
    """sha256 (hex) of what is left of an open file, copied on the way when asked."""
    seen = hashlib.sha256()
    while chunk := source.read(CHUNK):
        seen.update(chunk)
        if copy_to is not None:
            copy_to.write(chunk)
    return seen.hexdigest()


def contents(folder: Path) -> Contents:
    """Read every file of `folder` once."""
    rows = (Entry(name, (folder / name).stat().st_size, file_sha256(folder / name)) for name in files(folder))
    return Contents(tuple(rows))
