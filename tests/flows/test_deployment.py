"""`prefect.yaml` as typed: deploy everything, run on a process worker to Completed, schedule what is switched on."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from temper.config import load_preset
from temper.process.guard import Process

if TYPE_CHECKING:
    from tests.flows.conftest import World

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def deployed(world: "World") -> "World":
    """A world with the work pool and every deployment of `prefect.yaml`."""
    _prefect(world, "work-pool", "create", "temper", "--type", "process")
    _prefect(world, "--no-prompt", "deploy", "--all")
    return world


def test_the_smoke_deployment_completes_on_a_process_worker(deployed: "World") -> None:
    from tests.flows.conftest import ROOT

    worker = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "temper", "--type", "process"]
    with Process(worker, env=_environment(deployed), cwd=ROOT, log=deployed.home / "worker.log"):
        changed = 'overrides=["synthesize.seed=21"]'
        _prefect(deployed, "deployment", "run", "customize/smoke", "--param", changed, "--watch")
    assert "synthesize" in deployed.executed()


def test_a_schedule_that_is_switched_on_has_runs_within_a_minute(deployed: "World") -> None:
    api = deployed.env["PREFECT_API_URL"]
    deployment = _ask(f"{api}/deployments/name/customize/demo")
    schedule = f"{api}/deployments/{deployment['id']}/schedules/{deployment['schedules'][0]['id']}"
    _ask(schedule, "PATCH", {"active": True})
    try:
        deadline = time.monotonic() + 100
        runs: list[dict[str, Any]] = []
        while not runs:
            assert time.monotonic() < deadline, "no run was scheduled"
            time.sleep(1)
            wanted = {"deployments": {"id": {"any_": [deployment["id"]]}}}
            runs = _ask(f"{api}/flow_runs/filter", "POST", wanted)
        assert all(run["state"]["type"] == "SCHEDULED" and run["auto_scheduled"] for run in runs)
        assert all("T02:00:00" in run["expected_start_time"] for run in runs)
    finally:
        _ask(schedule, "PATCH", {"active": False})


def test_deployments_are_a_form_with_bounds_and_paused_at_night(deployed: "World") -> None:
    names = ("customize/smoke", "customize/demo", "accelerate/demo", "benchmark/demo", "promote/champion")
    found = {name: _ask(f"{deployed.env['PREFECT_API_URL']}/deployments/name/{name}") for name in names}
    assert all(deployment["enforce_parameter_schema"] for deployment in found.values())
    definitions = found["customize/smoke"]["parameter_openapi_schema"]["definitions"]
    assert definitions["SFTSettings"]["properties"]["learning_rate"]["exclusiveMinimum"] == 0
    assert definitions["SFTSettings"]["properties"]["epochs"]["description"] == "Passes over the data."
    assert [schedule["active"] for schedule in found["customize/demo"]["schedules"]] == [False]


def changed(**parts: Any) -> dict[str, Any]:
    """The smoke preset as a form sends it, with changes that its fields forbid."""
    values = load_preset("smoke").model_dump(mode="json")
    return {
        name: {**value, **parts[name]} if isinstance(value, dict) and name in parts else parts.get(name, value)
        for name, value in values.items()
    }


@pytest.mark.parametrize(
    "parameters",
    [
        {"config": "smoke", "overrides": ["stf.epochs=2"]},
        {"config": "smoke", "overrides": ["sft.epochs"]},
        {"config": "smoke", "until": "sfft"},
        {"config": "smoke", "overrides": ["name=x", "../../x"]},
        {"config": changed(name="../../../x")},
        {"config": changed(runtime={"pipeline_id": "../../x"})},
        {"config": changed(benchmark={"concurrency": [0]})},
        {"config": changed(gate={"rules": []})},
    ],
)
def test_a_wrong_form_is_refused_before_a_run_is_queued(deployed: "World", parameters: dict[str, Any]) -> None:
    api = deployed.env["PREFECT_API_URL"]
    deployment = _ask(f"{api}/deployments/name/customize/smoke")["id"]
    before = _ask(f"{api}/flow_runs/count", "POST", {})
    with pytest.raises(urllib.error.HTTPError) as refused:
        _ask(f"{api}/deployments/{deployment}/create_flow_run", "POST", {"parameters": parameters})
    assert refused.value.code == 409
    assert _ask(f"{api}/flow_runs/count", "POST", {}) == before


def _environment(world: "World") -> dict[str, str]:
    from tests.flows.conftest import ROOT

    return {**os.environ, **world.env, "PWD": str(ROOT)}


def _prefect(world: "World", *words: str) -> None:
    """Prefect's own command line, from the application's root. It has to succeed."""
    from tests.flows.conftest import ROOT

    ended = subprocess.run(
        [sys.executable, "-m", "prefect", *words],
        cwd=ROOT,
        env=_environment(world),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]


def _ask(url: str, method: str = "GET", body: object = None) -> Any:
    """What Prefect's API answers."""
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data if body is not None else None, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or "null")
