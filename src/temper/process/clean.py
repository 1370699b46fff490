"""What may be removed from TEMPER_HOME: old work folders, old runs that only repeated, artifacts that nothing names.

Nothing is removed that cannot be had again by running, but for time: a killed stage whose folder is gone starts over.
"""

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from temper.artifacts.disk import alone
from temper.artifacts.unused import unused
from temper.errors import ConfigError
from temper.home import home
from temper.process.alive import RECORD, unended
from temper.process.journal import Tail

DAY_S = 86400.0
KEEPS = {"started", "done"}
"""States in a journal that say that something was computed: such a run's folder stays."""
PAID = "*.sqlite"
"""Answers of a teacher, a judge or a simulator that were paid for."""


@dataclass(frozen=True)
class Removed:
    """What was removed of one kind, or would be."""

    kind: str
    count: int
    size: int
    """Bytes that the disk has again."""
    kept: str = ""
    """What stayed although it is old, and why."""


def clean(older_days: int, *, dry_run: bool) -> list[Removed]:
    """Remove what is older than `older_days`, or only count it. Raises ConfigError while a run may be alive."""
    if older_days < 1:  # a run that has just been started holds no record yet
        raise ConfigError(f"--older {older_days}: give at least 1 day")
    if unknown := unended():
        raise ConfigError(
            f"{', '.join(unknown)} may still go on: wait for the end, or, for a run of another machine that is gone,"
            f" delete {home() / 'runs' / unknown[0] / RECORD}"
        )
    since = time.time() - older_days * DAY_S
    work = [path for path in sorted((home() / "work").glob("*")) if _latest(path) < since]
    paid = [path for path in work if any(path.rglob(PAID))]
    kept = f"{len(paid)} with answers that were paid for stay: {', '.join(map(str, paid))}" if paid else ""
    removed = [
        # asked again: a run that has begun meanwhile may have gone on from one
        _removed(
            "work folders", ([path] for path in work if path not in paid and _latest(path) < since), dry_run, kept
        ),
        _removed("runs", ([path] for path in _repeated() if _latest(path) < since), dry_run),
    ]
    store = home() / "store"
    if not store.is_dir():
        return removed
    with alone(store / ".lock"):  # nobody publishes meanwhile
        old = (paths for paths in unused(store) if paths[0].stat().st_mtime < since)
        return [*removed, _removed("artifacts", old, dry_run)]


def _repeated() -> Iterator[Path]:
    """Runs that ended and computed nothing, but for the latest report of each configuration."""
    runs = sorted(path for path in (home() / "runs").glob("*") if path.is_dir())
    latest = {_config(run): run for run in runs if (run / "report.json").exists()}  # ids sort by time
    for run in runs:
        if not _computed(run) and run not in latest.values() and not (run / RECORD).exists():
            yield run


def _computed(run: Path) -> bool:
    """Whether a stage was computed in `run`, or its journal cannot be read."""
    try:
        return any(row.get("state") in KEEPS for row in Tail(run / "events.jsonl").new())
    except ValueError:
        return True


def _config(run: Path) -> str:
    path = run / "config.yaml"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _removed(kind: str, found: Iterator[list[Path]], dry_run: bool, kept: str = "") -> Removed:
    count = size = 0
    for paths in found:
        count += 1
        size += sum(_size(path) for path in paths)
        if not dry_run:
            for path in paths:
                _remove(path)
    return Removed(kind, count, size, kept)


def _remove(path: Path) -> None:
    """A folder goes away under its name at once: who comes meanwhile finds none, never half of one."""
    if not path.is_dir():
        path.unlink()
        return
    gone = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    path.rename(gone)
    shutil.rmtree(gone)


def _files(path: Path) -> Iterator[os.stat_result]:
    for one in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):
            yield one.lstat()


def _latest(path: Path) -> float:
    """When something below `path` was last written."""
    return max((found.st_mtime for found in _files(path)), default=0.0)


def _size(path: Path) -> int:
    """Bytes that removing `path` frees: a file with another name elsewhere frees nothing."""
    return sum(found.st_size for found in _files(path) if found.st_nlink == 1)
