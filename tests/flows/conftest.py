"""A world for flow tests: both servers over a temporary TEMPER_HOME, real flows, fake stages behind a real process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from temper.process.servers import servers

ROOT = Path(__file__).parents[2]


@dataclass
class Run:
    """What came of one run of the flow."""

    code: int
    computed: list[str]
    """Stages that were executed, in order."""
    report: dict[str, Any]
    said: str
    """Its last line on stderr."""


@dataclass
class World:
    """Starts flows and counts what they compute."""

    home: Path
    env: dict[str, str]
    started: int = field(default=0)

    @property
    def log(self) -> Path:
        """One line for each execution of a stage."""
        return self.home / "executed"

    def start(
        self, *overrides: str, flow: str = "customize.customize", until: str | None = None, **fake: str
    ) -> "subprocess.Popen[str]":
        """Start a flow (`file.name` in flows/) on the smoke preset with `overrides`."""
        self.started += 1
        file, _, name = flow.partition(".")
        code = (
            f"import sys; from flows.{file} import {name} as flow; from temper.config import resolve;"
            "from temper.errors import TemperError\n"
            f"try: flow(resolve('smoke', sys.argv[1:]) {f', until={until!r}' if until else ''})\n"
            "except TemperError as error: print(error, file=sys.stderr); sys.exit(error.exit_code)"
        )
        command = [sys.executable, "-c", code, f"runtime.pipeline_id=run-{self.started:03d}", *overrides]
        env = {**os.environ, **self.env, **fake}
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )

    def end(self, process: "subprocess.Popen[str]", before: int = 0) -> Run:
        """Wait for a started flow."""
        said = process.communicate(timeout=600)[1].strip().splitlines()
        path = self.home / "runs" / f"run-{self.started:03d}" / "report.json"
        report = json.loads(path.read_text()) if path.exists() else {}
        return Run(process.returncode, self.executed()[before:], report, said[-1] if said else "")

    def run(self, *overrides: str, flow: str = "customize.customize", until: str | None = None, **fake: str) -> Run:
        """Run a flow to its end."""
        before = len(self.executed())
        return self.end(self.start(*overrides, flow=flow, until=until, **fake), before)

    def executed(self) -> list[str]:
        """All executions so far."""
        return self.log.read_text().split() if self.log.exists() else []


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both servers, and an empty home."""
    home = tmp_path_factory.mktemp("home")
    before = {name: os.environ.pop(name, None) for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "TEMPER_HOME")}
    os.environ["TEMPER_HOME"] = str(home)
    fakes = {"PYTHONPATH": str(ROOT / "tests" / "fakes"), "FAKE_LOG": str(home / "executed")}
    try:
        with servers() as env:
            yield World(home, {**env, **fakes, "TEMPER_HOME": str(home)})
    finally:
        del os.environ["TEMPER_HOME"]
        os.environ.update({name: value for name, value in before.items() if value is not None})
