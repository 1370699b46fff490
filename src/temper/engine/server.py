"""`serve`: start vLLM on a free loopback port, wait until it is healthy, and end it with everything it started."""

import json
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from temper.config import Runtime
from temper.config.engine import EngineSettings
from temper.engine.capabilities import Capabilities, probe
from temper.engine.command import HOST, NAME, Drafter, command, environment, inherited
from temper.engine.installation import engine_python
from temper.engine.metrics import parse_counters
from temper.errors import ConfigError, EngineError, TemperError
from temper.home import home
from temper.process.guard import Process

POLL_S, TELL_S = 0.2, 10.0
STOP_GRACE_S = 10.0
"""Seconds to end by itself; idle it takes under one, and it has been seen to hang for minutes."""
_RAISED = re.compile(r"(?:^|[\s\]])((?:\w+\.)*\w*(?:Error|Exception)\b(?:: | #).*|\S+: error: .*)$")
_USAGE = re.compile(r"^\S+: error: (.+)$", re.MULTILINE)
USAGE = 2
"""Exit code of a command line that its parser refuses."""
_BODY = re.compile(r"^\(.*?\)\s*")
_ECHO = ("Engine core initialization failed", "EngineDeadError", "WorkerProc initialization failed")
"""Errors that only repeat that another process failed."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Engine:
    """A healthy engine."""

    url: str
    """OpenAI-compatible base, such as http://127.0.0.1:8000/v1."""
    model: str
    """Name to ask for."""
    start_s: float
    """Seconds from start to healthy."""
    log: Path
    capabilities: Capabilities

    def counters(self) -> dict[str, float]:
        """Its Prometheus counters summed over labels (metrics.parse_counters). Raises EngineError if it is gone."""
        try:
            with urllib.request.urlopen(self.url.removesuffix("/v1") + "/metrics", timeout=30) as reply:
                return parse_counters(reply.read().decode())
        except OSError as error:
            raise EngineError(_dead("the engine died while serving", self.log)) from error


@contextmanager
def serve(
    model: Path,
    *,
    settings: EngineSettings,
    runtime: Runtime,
    log: Path,
    drafter: Drafter | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[Engine]:
    """A healthy engine for `model` (with a `drafter`); whatever happens, nothing of it is left at the end.

    Raises EngineError with the decisive line of its log when it dies or is not healthy within
    `runtime.engine_start_timeout_s`.
    """
    python, capabilities = engine_python(runtime), probe(runtime)
    settings, port = capabilities.served(settings), _free_port()
    line = command(
        python,
        model.absolute(),
        settings,
        device=capabilities.device,
        port=port,
        drafter=drafter.absolute() if isinstance(drafter, Path) else drafter,
        fp8_kv=_wants_fp8_kv(model, capabilities),
    )
    added = environment(
        python, settings, device=capabilities.device, cpus=_cpus(runtime.threads), cache=home() / "cache"
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    began = time.monotonic()
    with Process(line, env={**inherited(os.environ), **added}, cwd=log.parent, log=log) as process:
        try:
            _wait(process, port, runtime.engine_start_timeout_s, log, progress)
            start_s = time.monotonic() - began
            progress(f"engine healthy after {start_s:.0f} s")
            yield Engine(f"http://{HOST}:{port}/v1", NAME, start_s, log, capabilities)
        finally:
            process.stop(STOP_GRACE_S)


def _wait(process: Process, port: int, timeout_s: float, log: Path, progress: Progress) -> None:
    """Until /health answers. Raises EngineError when the process ends or time is up."""
    began, last_told = time.monotonic(), 0.0
    while not _healthy(port):
        code, waited = process.wait(POLL_S), time.monotonic() - began
        if code is not None:
            raise _did_not_start(code, log)
        if waited > timeout_s:
            raise EngineError(
                _dead(f"the engine was not healthy after {timeout_s:.0f} s (runtime.engine_start_timeout_s)", log)
            )
        if waited - last_told >= TELL_S:
            last_told = waited
            progress(f"engine starting, {waited:.0f} s")


def _did_not_start(code: int, log: Path) -> TemperError:
    """What the log says; a command line that the engine's parser refuses is a setting, and no retry mends it."""
    if code == USAGE and (refused := _USAGE.search(log.read_text(encoding="utf-8", errors="replace"))):
        return ConfigError(f"the engine refuses its command line: {refused[1]}; mend engine.flags (log: {log})")
    return EngineError(_dead(f"the engine did not start (code {code})", log))


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _dead(what: str, log: Path) -> str:
    return f"{what}: {decisive_line(log.read_text(encoding='utf-8', errors='replace'))} (log: {log})"


def decisive_line(text: str) -> str:
    """The line of an engine's log that says why it ended: the last error that is not an echo of another one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    pairs = zip_longest(lines, lines[1:], fillvalue="")  # pydantic says on the line below what was wrong
    raised = [
        f"{found[1]}: {_BODY.sub('', below)}" if "validation error" in line else found[1]
        for line, below in pairs
        if (found := _RAISED.search(line))
    ]
    causes = [line for line in raised if not any(echo in line for echo in _ECHO)]
    chosen = causes or raised or lines or ["it wrote nothing"]
    return chosen[-1][:400]


def _wants_fp8_kv(model: Path, capabilities: Capabilities) -> bool:
    """Whether the checkpoint was calibrated for an FP8 cache. Raises EngineError where this machine has none."""
    try:
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{model} is no model folder (config.json: {error}): name a published model") from error
    fp8_cache = (config.get("quantization_config") or {}).get("kv_cache_scheme") is not None
    if fp8_cache and not capabilities.fp8_kv:
        raise EngineError(
            f"{model} carries an FP8 key-value cache, which {capabilities.devices[0]} cannot serve:"
            " quantise with fp8.kv_cache=false for this machine"
        )
    return fp8_cache


def _cpus(threads: int) -> list[int]:
    """The cores that this process may use, the first `threads` of them when that is not 0."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return list(allowed)[: threads or None]


def _free_port() -> int:
    with socket.socket() as probing:
        probing.bind((HOST, 0))
        return int(probing.getsockname()[1])
