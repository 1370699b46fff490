"""How long a run waits for what may come back: ten minutes for the tracking server, two tries more for an engine.

A wrong address does not come here: a run asks the tracking server before its first stage, and ends if nobody answers.
"""

import time
from collections.abc import Callable
from typing import Any

from prefect import State, Task
from prefect.client.schemas.objects import TaskRun
from prefect.context import TaskRunContext

from temper.config import Runtime
from temper.errors import EngineError, TrackingError
from temper.process.journal import Journal

WAITS_S = [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0]
"""Seconds between two tries; what was computed meanwhile is kept."""
FEW_TRIES = 3
"""For an engine, and for a task outside a run: nobody has asked the tracking server before it."""


def mendable(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a retry can mend what happened: wrong settings, bad data and a refusal stay what they are."""
    error, tries = state.result(raise_on_failure=False), task_run.run_count
    if isinstance(error, TrackingError) and (pipeline_id := _pipeline_id()):
        _say(pipeline_id, error, WAITS_S[min(tries, len(WAITS_S)) - 1])
        return True
    return isinstance(error, EngineError | TrackingError) and tries < FEW_TRIES


def patiently(pipeline_id: str, tell: Callable[[], None]) -> None:
    """Tell the tracking server something between two stages. Raises TrackingError when it stays away."""
    for seconds in WAITS_S:
        try:
            return tell()
        except TrackingError as error:
            _say(pipeline_id, error, seconds)
            time.sleep(seconds)
    return tell()


def _pipeline_id() -> str:
    """The run that the current task belongs to; empty outside of one."""
    context = TaskRunContext.get()
    runtime = context.parameters.get("runtime") if context is not None else None
    return runtime.pipeline_id if isinstance(runtime, Runtime) else ""


def _say(pipeline_id: str, error: TrackingError, seconds: float) -> None:
    """Tell whoever follows the run why nothing happens."""
    Journal(pipeline_id).add("", "note", f"{error}; tries again in about {seconds:.0f} s, for ten minutes in all")
