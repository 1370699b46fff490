"""How far a stage is, told wherever somebody may look."""

import time
from typing import cast
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from temper.process.journal import Event, Journal

UPDATE_S = 2.0
"""Seconds between two updates in Prefect."""


class StageProgress:
    """Tell the journal, the log and Prefect's page how far a stage is."""

    def __init__(self, label: str, pipeline_id: str) -> None:
        self._label, self._journal, self._logger = label, Journal(pipeline_id), get_run_logger()
        self._last, self._percent = time.monotonic(), 0.0
        made = create_progress_artifact(0.0, key=label.replace(":", "-"), description=f"stage {label}")
        self._artifact = cast(UUID, made)  # Prefect types it for coroutines too
        self._journal.add(label, "started")

    def hear(self, row: Event) -> None:
        """One event of the stage's process."""
        self._logger.info("%s: %s", self._label, row["message"])
        if row.get("of"):
            self._percent = 100 * row.get("done", 0) / row["of"]
        self._journal.add(self._label, "progress", row["message"], percent=self._percent)
        if time.monotonic() - self._last > UPDATE_S:
            self._last = time.monotonic()
            self._show(min(self._percent, 100.0))

    def _show(self, percent: float) -> None:
        update_progress_artifact(self._artifact, percent)

    def done(self, seconds: float) -> None:
        """The stage's result is published."""
        self._show(100.0)
        self._journal.add(self._label, "done", seconds=seconds)

    def failed(self, error: BaseException) -> None:
        """The stage ended without a result."""
        self._journal.add(self._label, "failed", str(error) or type(error).__name__)
