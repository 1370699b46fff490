"""Runs that `kill -9` or a power cut left open in Prefect and MLflow, closed at the next start.

Prefect is told over its own port, so that the slot of a deployment is free again at once and not after five minutes.
"""

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from temper.errors import TrackingError
from temper.process.alive import Left, left

ANSWER_S = 10.0
"""Seconds that Prefect gets to answer."""
OPEN = ["RUNNING", "PENDING", "CANCELLING", "PAUSED"]
"""Types of a state that a dead process can leave behind."""


def close_left(prefect_api: str, close_tracked: Callable[[str], None]) -> list[str]:
    """Close what is left in Prefect and, by `close_tracked(pipeline_id)`, in the tracking server.

    Returns the ids of those that Prefect still believed to go on. A run that this Prefect server does not know stays
    recorded: it may be another server's. A server that fails us harms nothing either: the next start tries again.
    """
    closed = []
    for run in left():
        try:
            state = _state(prefect_api.rstrip("/"), run)
            if state is None:
                continue
            if state in OPEN:
                _close(prefect_api.rstrip("/"), run)
                closed.append(run.pipeline_id)
            close_tracked(run.pipeline_id)
        except (OSError, ValueError, TrackingError):
            continue
        run.forget()
    return closed


def described(closed: list[str]) -> str:
    """One line for the person who waits."""
    many = len(closed) > 1
    return f"closed {', '.join(closed)}: {'their processes are' if many else 'its process is'} gone"


def _state(api: str, run: Left) -> str | None:
    """Type of the run's state in Prefect; None when Prefect does not know the run."""
    try:
        return str(_ask(f"{api}/flow_runs/{run.flow_run_id}")["state_type"])
    except urllib.error.HTTPError as error:
        if error.code in {404, 405, 422}:  # another server's run, or one without an id
            return None
        raise


def _close(api: str, run: Left) -> None:
    wanted = {"flow_runs": {"id": {"any_": [run.flow_run_id]}}, "task_runs": {"state": {"type": {"any_": OPEN}}}}
    for task in _ask(f"{api}/task_runs/filter", wanted):
        _ask(f"{api}/task_runs/{task['id']}/set_state", _crashed())
    _ask(f"{api}/flow_runs/{run.flow_run_id}/set_state", _crashed())


def _crashed() -> dict[str, object]:
    state = {"type": "CRASHED", "name": "Crashed", "message": "its process is gone; closed at the next start"}
    return {"state": state, "force": True}


def _ask(url: str, body: dict[str, object] | None = None) -> Any:
    """What Prefect's API answers, as JSON."""
    headers = {"Content-Type": "application/json"}
    if secret := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
    elif secret := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {secret}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=ANSWER_S) as answer:
        return json.load(answer)
