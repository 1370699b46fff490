"""A pipeline run's folder, `runs/ID` under TEMPER_HOME: its resolved config, and a journal for whoever waits."""

import json
import time
import uuid
from pathlib import Path
from typing import Literal, TypedDict

import yaml
from pydantic import TypeAdapter, ValidationError

from temper.config import PipelineConfig
from temper.config.settings import Folder
from temper.errors import ConfigError
from temper.home import home

IDENTITY = {"pipeline_id", "parent_run_id"}
"""Runtime settings that belong to one run and not to its repetition."""
_ID = TypeAdapter(Folder)
State = Literal["started", "progress", "done", "cached", "failed", "waits", "note"]


class Event(TypedDict, total=False):
    """One line of progress, of a stage's process."""

    time: float
    message: str
    done: float
    of: float
    """What `done` is to reach."""


class JournalLine(Event, total=False):
    """One line of a journal: what the run tells of its stages."""

    stage: str
    """The stage, or empty for a `note` about the run."""
    state: State
    percent: float
    seconds: float


def run_folder(pipeline_id: str) -> Path:
    """Where a pipeline run keeps its config, journal and report; made when missing. Raises ConfigError.

    Settings are checked where they are read; here ids are checked again, whoever brings them.
    """
    try:
        _ID.validate_python(pipeline_id)
    except ValidationError:
        raise ConfigError(f"{pipeline_id!r} is no run's id: use letters, digits, dots, dashes, underscores") from None
    folder = home() / "runs" / pipeline_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_id(name: str) -> str:
    """A fresh pipeline id that sorts by time."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{uuid.uuid4().hex[:4]}"


def write_config(config: PipelineConfig, pipeline_id: str) -> Path:
    """Put the resolved configuration beside the run; it runs again as it is. Raises StoreError."""
    values = config.model_dump(mode="json")
    values["runtime"] = {key: value for key, value in values["runtime"].items() if key not in IDENTITY}
    path = run_folder(pipeline_id) / "config.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


class Journal:
    """Write one pipeline run's journal; several processes may add to it."""

    def __init__(self, pipeline_id: str) -> None:
        self.path = run_folder(pipeline_id) / "events.jsonl"

    def add(
        self,
        stage: str,
        state: State,
        message: str = "",
        *,
        percent: float | None = None,
        seconds: float | None = None,
    ) -> None:
        """One more line."""
        line: JournalLine = {"time": time.time(), "stage": stage, "state": state, "message": message}
        if percent is not None:
            line["percent"] = round(percent, 1)
        if seconds is not None:
            line["seconds"] = round(seconds, 1)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Tail:
    """The lines that were added to a JSON-lines file since the last look."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, 0

    def new(self) -> list[JournalLine]:
        """Whole lines only: one without its end is still being written."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._seen)
            whole, _, _ = file.read().rpartition(b"\n")
        if not whole:
            return []
        self._seen += len(whole) + 1
        return [json.loads(line) for line in whole.split(b"\n") if line]
