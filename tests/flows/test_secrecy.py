"""An endpoint's key, end to end: real stages, an endpoint that repeats it in its refusal, every file that is left."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from tests.fakes.endpoint import FakeEndpoint

if TYPE_CHECKING:
    from tests.flows.conftest import World

KEY = "Very-Secret_9f8e7d6c5b4a3210"


def test_an_endpoint_that_repeats_the_key_leaves_it_in_no_file(world: "World") -> None:
    with FakeEndpoint(lambda _: "", ("echo",)) as server:
        teacher = f"synthesize.teacher={{url: {server.url}, model: big, key_env: MINE, budget_tokens: 1000}}"
        # Without the fakes' PYTHONPATH the stages are real.
        process = world.start(teacher, until="synthesize", MINE=KEY, PYTHONPATH="", PREFECT_LOGGING_LEVEL="DEBUG")
        _, said = process.communicate(timeout=600)
    assert process.returncode == 2
    assert server.asked
    assert "refuses" in said
    assert KEY not in said
    assert holders(world.home) == []


def test_every_port_that_is_opened_is_on_loopback(world: "World") -> None:
    ours = [child for child in psutil.Process().children(recursive=True) if child.is_running()]
    heard = [port for child in ours for port in child.net_connections() if port.status == psutil.CONN_LISTEN]
    assert {urlsplit(world.env[name]).port for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI")} <= {
        port.laddr.port for port in heard
    }
    assert {port.laddr.ip for port in heard} == {"127.0.0.1"}


def holders(home: Path) -> list[str]:
    """Files below `home` that hold the key."""
    ended = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", KEY, str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout.split()
