"""A run waits for a tracking server that comes back, and says so; nothing else is waited for so long."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.states import Failed

from tasks.sft import sft
from tasks.shared import patience
from temper.config import Runtime
from temper.errors import ConfigError, EngineError, TemperError, TrackingError
from temper.process.servers import _free_port
from temper.registry.tracking import Tracker


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    context = SimpleNamespace(task=sft, parameters={"runtime": Runtime(pipeline_id="run")})
    monkeypatch.setattr(TaskRunContext, "get", lambda: context)


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which a server answers a moment later."""
    port = _free_port()

    def serve() -> None:
        time.sleep(0.3)
        server.append(http.server.HTTPServer(("127.0.0.1", port), Health))
        server[0].serve_forever()

    server: list[http.server.HTTPServer] = []
    thread = threading.Thread(target=serve)
    thread.start()
    yield port
    server[0].shutdown()
    server[0].server_close()
    thread.join()


def asked(port: int) -> None:
    Tracker(f"http://127.0.0.1:{port}")


def after(tries: int) -> TaskRun:
    return TaskRun(task_key="sft", dynamic_key="0", run_count=tries)


def notes(home: Path) -> list[str]:
    return [json.loads(line)["message"] for line in (home / "runs" / "run" / "events.jsonl").read_text().splitlines()]


def test_a_tracking_server_that_comes_back_ends_no_run(home: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "WAITS_S", [0.2] * 50)
    patience.patiently("run", lambda: asked(port))
    assert "no tracking server answers" in notes(home)[0] and "tries again" in notes(home)[0]


def test_one_that_stays_away_ends_it_after_ten_minutes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 550 < sum(patience.WAITS_S) < 700
    slept: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", slept.append)
    with pytest.raises(TrackingError, match="no tracking server answers"):
        patience.patiently("run", lambda: asked(9))
    assert slept == patience.WAITS_S and len(notes(home)) == len(slept)


@pytest.mark.usefixtures("in_a_run")
def test_a_stages_task_tries_the_tracking_server_to_the_end_and_an_engine_three_times(home: Path) -> None:
    def tries(error: TemperError) -> int:
        """How often the stage's task starts."""
        for count in range(1, (sft.retries or 0) + 1):
            if not patience.mendable(sft, after(count), Failed(data=error)):
                return count
        return (sft.retries or 0) + 1

    assert tries(TrackingError("away")) == len(patience.WAITS_S) + 1
    assert "away; tries again in about 320 s" in notes(home)[-1]
    assert (tries(EngineError("dead")), tries(ConfigError("wrong"))) == (3, 1)


def test_outside_a_run_an_address_that_is_wrong_is_told_soon() -> None:
    away: State[TrackingError] = Failed(data=TrackingError("away"))
    assert [patience.mendable(sft, after(count), away) for count in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
