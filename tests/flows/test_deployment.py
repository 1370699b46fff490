"""`prefect.yaml` as typed: deploy everything, run `customize/smoke` on a process worker to Completed."""

import json
import os
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from temper.process.guard import Process

if TYPE_CHECKING:
    from tests.flows.conftest import World

pytestmark = pytest.mark.timeout(1800)


def test_the_smoke_deployment_completes_on_a_process_worker(world: "World") -> None:
    from tests.flows.conftest import ROOT

    env = {**os.environ, **world.env, "PWD": str(ROOT)}

    def prefect(*words: str) -> str:
        command = [sys.executable, "-m", "prefect", *words]
        ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=600)
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
        return ended.stdout

    prefect("work-pool", "create", "temper", "--type", "process")
    prefect("--no-prompt", "deploy", "--all")
    worker = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "temper", "--type", "process"]
    with Process(worker, env=env, cwd=ROOT, log=world.home / "worker.log"):
        prefect("deployment", "run", "customize/smoke", "--param", 'overrides=["synthesize.seed=21"]', "--watch")
    assert "synthesize" in world.executed()


def test_deployments_are_a_form_with_bounds_and_paused_at_night(world: "World") -> None:
    found = {}
    for name in ("customize/smoke", "customize/demo", "accelerate/demo", "benchmark/demo", "promote/champion"):
        with urllib.request.urlopen(f"{world.env['PREFECT_API_URL']}/deployments/name/{name}") as answer:
            found[name] = json.load(answer)
    assert all(deployment["enforce_parameter_schema"] for deployment in found.values())
    definitions = found["customize/smoke"]["parameter_openapi_schema"]["definitions"]
    assert definitions["SFTSettings"]["properties"]["learning_rate"]["exclusiveMinimum"] == 0
    assert definitions["SFTSettings"]["properties"]["epochs"]["description"] == "Passes over the data."
    assert [schedule["active"] for schedule in found["customize/demo"]["schedules"]] == [False]
