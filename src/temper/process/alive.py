"""Which runs are alive: each holds a kernel lock on `runs/ID/alive` for as long as its process lives.

The kernel frees the lock however the process ends, so a record whose lock is free belongs to a run that is gone. That
is known for processes of this machine only: a record of another machine is never judged.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from temper.errors import ConfigError
from temper.home import home
from temper.process.journal import run_folder

RECORD = "alive"
PLACES = (Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id"))
"""Where Linux says which start of a kernel this is, and which machine: after a restart the second still tells."""
TRIES, BETWEEN_S = 20, 0.1
"""A look at the record takes its lock for a moment."""


@dataclass(frozen=True)
class Left:
    """A run whose process is gone and that did not end by itself."""

    pipeline_id: str
    flow_run_id: str
    """Its run in Prefect; empty for none."""
    record: Path

    def forget(self) -> None:
        """Somebody has closed it."""
        self.record.unlink(missing_ok=True)


class Held:
    """The mark of a run that goes on."""

    def __init__(self, pipeline_id: str, flow_run_id: str) -> None:
        """Raises ConfigError when a run of this identity goes on already."""
        self._path = run_folder(pipeline_id) / RECORD
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        for _ in range(TRIES):
            if _locked(self._handle):
                break
            time.sleep(BETWEEN_S)
        else:
            os.close(self._handle)
            raise ConfigError(f"run {pipeline_id} goes on already: wait for its end, or leave runtime.pipeline_id out")
        record = {"flow_run_id": flow_run_id, "place": _place()}
        os.ftruncate(self._handle, 0)
        os.write(self._handle, json.dumps(record).encode())

    def ended(self) -> None:
        """The run has ended and everybody was told."""
        self._path.unlink(missing_ok=True)
        self.drop()

    def drop(self) -> None:
        """The run has ended and perhaps not everybody could be told: the next start sees to it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def left() -> Iterator[Left]:
    """Runs of this machine whose process is gone; each stays locked while the caller looks at it."""
    for path in sorted((home() / "runs").glob(f"*/{RECORD}")):
        with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
            if not _locked(file.fileno()):
                continue
            try:
                record: dict[str, object] = json.loads(file.read())
            except ValueError:
                continue  # its process is about to write it
            if _here(record.get("place")):
                yield Left(path.parent.name, str(record.get("flow_run_id") or ""), path)


def unended() -> list[str]:
    """Runs that go on, or may: those of another machine are not judged."""
    gone = {run.record for run in left()}
    return [path.parent.name for path in sorted((home() / "runs").glob(f"*/{RECORD}")) if path not in gone]


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place() -> list[str]:
    return [path.read_text(encoding="utf-8").strip() if path.is_file() else "" for path in PLACES]


def _here(place: object) -> bool:
    """The same kernel, or the same machine after a restart."""
    return isinstance(place, list) and any(told and told == ours for told, ours in zip(place, _place(), strict=False))
