"""The two servers, for whoever has none: Prefect and MLflow on loopback, over SQLite under TEMPER_HOME."""

import contextlib
import fcntl
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from temper import secrets
from temper.config.addresses import HTTP, TRACKING, malformed
from temper.errors import ConfigError, TemperError, TrackingError
from temper.home import home, roomy_home
from temper.process.guard import Process

START_S = 300.0
"""Seconds that a server gets to become healthy; a cold database and a busy machine take most of a minute."""
ADDRESSES = {"PREFECT_API_URL": HTTP, "MLFLOW_TRACKING_URI": TRACKING}
"""Variables that name servers, and how such an address begins."""
ANSWER_S = 5.0
"""Seconds that a running server gets to answer."""


class ServerError(TemperError):
    """A server did not start."""

    exit_code = TrackingError.exit_code


def prefect_environment() -> dict[str, str]:
    """Prefect's settings: all state under TEMPER_HOME, nothing told to anyone."""
    folder = home() / "prefect"
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_LOCAL_STORAGE_PATH": str(folder / "results"),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


@contextlib.contextmanager
def servers(*, prefect_port: int = 0, mlflow_port: int = 0, every: bool = False) -> Iterator[dict[str, str]]:
    """Start the servers that PREFECT_API_URL and MLFLOW_TRACKING_URI do not name (or `every` one), both at once.

    Yields the environment to use them. Port 0 takes a free one. Leaving stops what was started. One start at a time: a
    server makes and migrates its database first, and two that do so at once break it.
    Raises ConfigError for a variable that holds no address, ServerError.
    """
    for variable, schemes in {} if every else ADDRESSES.items():
        if (address := os.environ.get(variable)) and (why := malformed(address, schemes)):
            raise ConfigError(f"{variable}: {why}; mend it, or unset it to have a server started")
    env: dict[str, str] = prefect_environment()
    waiting: list[tuple[str, Process, str, Path]] = []
    with contextlib.ExitStack() as stack, contextlib.ExitStack() as starting:
        starting.enter_context(_alone())
        for name, variable, path, health, asked, command in (
            ("Prefect", "PREFECT_API_URL", "/api", "/api/health", prefect_port, _prefect),
            ("MLflow", "MLFLOW_TRACKING_URI", "", "/health", mlflow_port, _mlflow),
        ):
            if os.environ.get(variable) and not every:
                env[variable] = os.environ[variable]
                _answers(name, variable, env[variable].removesuffix(path) + health)
                continue
            port = asked or _free_port()
            log = _log(name)
            process = stack.enter_context(_start(name, port, command, log))
            env[variable] = f"http://127.0.0.1:{port}{path}"
            waiting.append((name, process, f"http://127.0.0.1:{port}{health}", log))
        for name, process, url, log in waiting:
            _healthy(name, process, url, log)
        starting.close()
        yield env


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """No other start of servers on this home meanwhile; the kernel frees the lock of a killed one."""
    with (home() / "servers.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another run starts its servers on the same home: waits", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prefect(port: int) -> list[str]:
    return ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


def _mlflow(port: int) -> list[str]:
    database, artifacts = home() / "mlflow.db", home() / "mlartifacts"
    places = ["--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(artifacts)]
    return ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *places]


def _start(name: str, port: int, command: Callable[[int], list[str]], log: Path) -> Process:
    if not _is_free(port):
        raise ServerError(f"{name} cannot start: port {port} is taken; give another one, or stop what uses it")
    quiet = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # nine processes and two GiB that nothing here uses
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    ours = secrets.passed(os.environ, families=("PREFECT_", "MLFLOW_"))
    inherited = {key: value for key, value in ours.items() if not key.startswith("PREFECT_API_URL")}
    env = {**inherited, **prefect_environment(), **quiet}
    return Process([sys.executable, "-m", *command(port)], env=env, cwd=home(), log=log)


def _healthy(name: str, process: Process, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.wait(0.3) is not None:
            roomy_home()  # a full disk is the usual reason, and a log that cannot be written does not name it
            raise ServerError(f"{name} ended while it started; its log: {log}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
    raise ServerError(f"{name} was not healthy after {START_S:.0f} s; its log: {log}")


def _answers(name: str, variable: str, url: str) -> None:
    """Ask a server that was named to us whether it is there. Raises ServerError."""
    if not url.startswith("http"):
        return  # a database, say: whoever opens it will tell
    try:
        urllib.request.urlopen(url, timeout=ANSWER_S).close()
    except OSError as error:
        raise ServerError(
            f"no {name} server answers at {os.environ[variable]} ({getattr(error, 'reason', error)}):"
            f" start it, or unset {variable} to have one started"
        ) from error


def _log(name: str) -> Path:
    folder = home() / "logs"
    folder.mkdir(exist_ok=True)
    return folder / f"{name.lower()}.log"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
