"""Start a stage as its own process, follow it, and end it with everything it started."""

import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from temper import errors, secrets
from temper.config import Runtime
from temper.config.endpoint import EndpointSettings
from temper.config.settings import parts
from temper.config.stages import BaseSettings
from temper.home import app_root, home
from temper.process import threads
from temper.process.guard import Process
from temper.process.journal import Event, Tail
from temper.process.specs import Facts, Spec
from temper.process.stage import ERROR, EVENTS, REPORT, Report, tell

LOG = "log.txt"
POLL_S = 0.2

Listener = Callable[[Event], None]


def launch(
    spec: Spec,
    run_dir: Path,
    inputs: dict[str, Path],
    runtime: Runtime,
    *,
    on_event: Listener = lambda _: None,
) -> Report:
    """Compute `spec` on `inputs` to its end in `run_dir` and return the report; `on_event` hears each line of progress.

    A run folder that already holds a valid report is done: whoever was stopped between computing and publishing goes
    on from there. Raises the error that the stage named, else StageError with the last line of its log.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    stage = spec.facts.word
    done = _report(spec, run_dir)
    if done is not None:
        return done
    for stale in (REPORT, ERROR, EVENTS):
        (run_dir / stale).unlink(missing_ok=True)
    tell(run_dir, spec, inputs, runtime)
    line, env = command(spec.facts, run_dir, runtime), _environment(spec, runtime)
    try:
        with Process(line, env=env, cwd=run_dir, log=run_dir / LOG) as process:
            code = _follow(process, stage, run_dir, runtime.stage_timeout_s, on_event)
    finally:
        _clean(run_dir / LOG, secrets.held(env))
    report = _report(spec, run_dir) if code == 0 else None
    if report is None:
        raise _failure(stage, run_dir, code)
    return report


def command(facts: Facts, run_dir: Path, runtime: Runtime) -> list[str]:
    """The command line of a stage; torchrun's for trainers on several devices."""
    module = ["-m", f"temper.stages.{facts.word}", str(run_dir)]
    if facts.trains and runtime.processes > 1:
        module = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={runtime.processes}", *module]
    return [sys.executable, *module]


def _environment(spec: Spec, runtime: Runtime) -> dict[str, str]:
    """What the stage needs of ours, caches below TEMPER_HOME, the network closed and nobody's trackers listening in.

    A secret goes to the stage whose settings name it, and to no other.
    """
    endpoints = list(parts(spec, EndpointSettings))
    hub = any(base.source == "hub" for base in parts(spec, BaseSettings))
    keys = {endpoint.key_env for endpoint in endpoints if endpoint.key_env} | set(secrets.HUB if hub else ())
    here = {
        "TEMPER_HOME": str(home()),
        "TEMPER_ROOT": str(app_root()),
        "HF_HOME": str(home() / "huggingface"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "PYTHONUNBUFFERED": "1",
    }
    offline = {} if hub else dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"), "1")
    devices = {"CUDA_VISIBLE_DEVICES": ""} if runtime.device == "cpu" else {}
    return {
        **secrets.passed(os.environ, named=keys, online=hub or bool(endpoints)),
        secrets.LISTED: ",".join(sorted(keys)),
        **here,
        **offline,
        **devices,
        **threads.environment(runtime.threads, side_by_side=runtime.side_by_side),
    }


def _clean(log: Path, held: set[str]) -> None:
    """Take secrets out of what libraries printed; our own lines hold none."""
    if held and log.exists():
        said = log.read_text(encoding="utf-8", errors="replace")
        if (cleaned := secrets.without(said, held)) != said:
            log.write_text(cleaned, encoding="utf-8")


def _follow(process: Process, stage: str, run_dir: Path, timeout_s: float, on_event: Listener) -> int:
    """Relay events until the process ends; returns its exit code. Raises StageError when time is up."""
    deadline, events = time.monotonic() + timeout_s, Tail(run_dir / EVENTS)
    while True:
        code = process.wait(POLL_S)
        for row in events.new():
            on_event(row)
        if code is not None:
            return code
        if time.monotonic() > deadline:
            raise errors.StageError(
                f"{stage}: stopped after {timeout_s:.0f} s; raise runtime.stage_timeout_s and run again"
                f" (it goes on from {run_dir})"
            )


def _report(spec: Spec, run_dir: Path) -> Report | None:
    """The report in `run_dir` if it is valid: finite figures, and artifacts that are there and that the stage makes."""
    try:
        report = Report(**json.loads((run_dir / REPORT).read_text(encoding="utf-8")))
        metrics = {name: float(value) for name, value in report.metrics.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    finite = all(math.isfinite(value) for value in metrics.values())
    there = all((run_dir / "out" / name).is_dir() for name in report.artifacts)
    known = report.artifacts.items() <= spec.facts.outputs.items()
    return replace(report, metrics=metrics) if finite and there and known else None


def _failure(stage: str, run_dir: Path, code: int) -> errors.TemperError:
    """The error that the stage named, else what can be told from its exit code and its log."""
    log = run_dir / LOG
    try:
        named = json.loads((run_dir / ERROR).read_text(encoding="utf-8"))
        kind = {error.exit_code: error for error in errors.ALL}.get(named["exit_code"], errors.StageError)
        return kind(f"{stage}: {named['message']} (log: {log})")
    except (OSError, ValueError, KeyError):
        pass
    if code < 0:
        out_of_memory = ", out of memory perhaps" if code == -signal.SIGKILL else ""
        said = f"ended by {signal.Signals(-code).name}{out_of_memory}"
    elif code == 0:
        said = f"left no valid {REPORT} (finite figures, and its artifacts)"
    else:
        said = f"ended with code {code}"
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
    return errors.StageError(f"{stage}: {said}; its last words: {last[:300]} (log: {log})")
