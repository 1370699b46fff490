"""`temper run`: resolve the settings, start the servers and the flow, relay its progress, show what came of it."""

import os
import sys
import time
from pathlib import Path
from typing import TextIO

from temper import secrets
from temper.cli.dry_run import dry_run as show
from temper.config import PipelineConfig, resolve
from temper.config.endpoint import EndpointSettings
from temper.config.settings import parts
from temper.errors import ConfigError, StageError
from temper.home import app_root, roomy_home
from temper.process.guard import Process
from temper.process.journal import JournalLine, Tail, new_id, run_folder, write_config
from temper.process.leftovers import close_left, described
from temper.process.servers import servers
from temper.process.specs import STAGES
from temper.synthesis.requests import beyond_assets, refuse

POLL_S = 0.3
LOOK_S = 30.0
"""Seconds between two looks of `temper ui` for runs whose process is gone."""
QUIET_S = 10.0
"""Seconds between two lines about the same stage, unless it ends."""


def run(preset: str, overrides: list[str], *, until: str | None, dry_run: bool) -> int:
    """Run `preset` with `overrides`; returns the flow's exit code. Raises ConfigError, DataError for requests
    that this machine's assets cannot meet, and what servers raise.
    """
    config = resolve(preset, overrides)
    if until is not None and until not in STAGES:
        raise ConfigError(f"no stage named {until!r} to stop after: choose one of {', '.join(STAGES)}")
    roomy_home()
    pipeline_id = new_id(config.name)
    path = write_config(config, pipeline_id)
    print(f"run {pipeline_id}\nconfig {path}", flush=True)
    if until != "base":
        refuse(beyond_assets(config.synthesize))
    if dry_run:
        return show(config, until)
    if config.runtime.tracking_uri:
        os.environ["MLFLOW_TRACKING_URI"] = config.runtime.tracking_uri
    with servers() as env:
        return _flow(pipeline_id, until, _environment(config) | env)


def ui(prefect_port: int, mlflow_port: int) -> int:
    """Both servers until Ctrl-C."""
    print("starting both servers ...", flush=True)
    with servers(prefect_port=prefect_port, mlflow_port=mlflow_port, every=True) as env:
        print(f"Prefect  {env['PREFECT_API_URL'].removesuffix('/api')}")
        print(f"MLflow   {env['MLFLOW_TRACKING_URI']}")
        print("to use them: " + " ".join(f"{key}={env[key]}" for key in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI")))
        print("Ctrl-C stops both", flush=True)
        try:
            while True:
                _close_left(env)
                time.sleep(LOOK_S)
        except KeyboardInterrupt:
            return 0


def _close_left(env: dict[str, str]) -> None:
    """A killed worker's run would keep its deployment's slot for five minutes."""
    from temper.registry.tracking import Tracker

    def close_tracked(pipeline_id: str) -> None:
        Tracker(env["MLFLOW_TRACKING_URI"]).close_left(pipeline_id)

    if closed := close_left(env["PREFECT_API_URL"], close_tracked):
        print(described(closed), flush=True)


def _flow(pipeline_id: str, until: str | None, env: dict[str, str]) -> int:
    folder = run_folder(pipeline_id)
    command = [sys.executable, "-m", "flows.customize", str(folder / "config.yaml"), "--pipeline-id", pipeline_id]
    if until:
        command += ["--until", until]
    log, started = folder / "flow.log", time.monotonic()
    here = {**env, "PYTHONUNBUFFERED": "1", "PREFECT_LOGGING_COLORS": "false"}
    with Process(command, env=here, cwd=app_root(), log=log) as process:
        code = _relay(process, Tail(folder / "events.jsonl"), sys.stdout)
    print(f"{'ended' if code else 'done'} after {time.monotonic() - started:.0f} s", flush=True)
    report = folder / "report.json"
    if report.exists():
        _show(report)
    if code:
        return _explain(code, log)
    return 0


def _environment(config: PipelineConfig) -> dict[str, str]:
    """What the flow needs of ours: its servers' settings, storage's where it is remote, and the keys for its stages."""
    keys = {endpoint.key_env for endpoint in parts(config, EndpointSettings) if endpoint.key_env}
    hub = set(secrets.HUB) if config.base.source == "hub" else set()
    remote = "://" in (config.runtime.store or "") or "MLFLOW_TRACKING_URI" in os.environ
    families = ("PREFECT_", "MLFLOW_", *(secrets.REMOTE_STORAGE if remote else ()))
    ours = secrets.passed(os.environ, named=keys | hub, families=families, online=True)
    return ours | {secrets.LISTED: ",".join(sorted(keys))}


def _relay(process: Process, events: Tail, out: TextIO) -> int:
    """Print the journal until the flow ends; returns its exit code."""
    printed_at: dict[str, float] = {}
    while True:
        code = process.wait(POLL_S)
        for row in events.new():
            now, stage = time.monotonic(), row["stage"]
            if row["state"] != "progress" or now - printed_at.get(stage, 0) >= QUIET_S:
                printed_at[stage] = now
                print(_line(row), file=out, flush=True)
        if code is not None:
            return code


def _line(row: JournalLine) -> str:
    state, stage = row["state"], row["stage"]
    if state == "started":
        return f"{stage:<17} runs"
    if state == "progress":
        return f"{stage:<17} {row.get('percent', 0):3.0f} %  {row['message']}"
    if state == "note":
        return str(row["message"])
    if state == "waits":
        return f"{stage:<17} waits: {row['message']}"
    if state == "failed":
        return f"{stage:<17} failed"
    return f"{stage:<17} {'done in' if state == 'done' else 'cached,'} {row['seconds']:.1f} s"


def _show(path: Path) -> None:
    from temper.report import RunReport, text

    report = RunReport.model_validate_json(path.read_text(encoding="utf-8"))
    print(f"\n{text(report, path.parent)}", flush=True)


def _explain(code: int, log: Path) -> int:
    """Say the flow's own last line, which names the remedy. Raises StageError when it left none."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.startswith("temper: ")), None)
    if last is None:
        roomy_home()  # a flow that cannot write cannot say so
        raise StageError(f"the flow ended with code {code}; its log: {log}")
    print(last, file=sys.stderr)
    return code
