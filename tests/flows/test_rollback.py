"""Over a real tracking server: a rollback stays, and whoever registers at once registers once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.flows.conftest import World

pytestmark = pytest.mark.timeout(1800)
OLD, NEW = ("registry.name=kept", "synthesize.seed=51"), ("registry.name=kept", "synthesize.seed=51", "dpo.beta=0.4")
REGISTERS = """
import sys
from pathlib import Path
from temper.registry.tracking import Tracker
from tests.unit.champion_case import Case
case = Case(Tracker(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
candidate = case.bundle("same")
print("ready", flush=True)
sys.stdin.readline()
print(case.champions.enter(*candidate, candidate[0].verdict, case.run_id).version)
"""


def temper(world: "World", *words: str) -> "subprocess.CompletedProcess[str]":
    from tests.flows.conftest import ROOT

    command = [sys.executable, "-c", "import sys; from temper.cli import main; sys.exit(main())", *words]
    env = {**os.environ, **world.env}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_a_rollback_stays_when_the_same_preset_runs_again_from_its_cache(world: "World") -> None:
    assert [world.run(*preset).report["bundle"]["version"] for preset in (OLD, NEW)] == ["1", "2"]
    back = temper(world, "rollback", "kept", "--why", "prices were wrong")
    assert (back.returncode, back.stdout) == (0, "kept: the champion was version 2 and is version 1 again\n")

    for preset, why in ((NEW, "prices were wrong"), (OLD, "champion already")):
        again = world.run(*preset)
        assert (again.code, again.computed) == (0, [])
        assert why in again.report["bundle"]["why"]
        assert champion(world) == "1"

    forth = temper(world, "promote", "kept", "2")
    assert (forth.returncode, forth.stdout) == (0, "kept: version 2 is the champion\n")
    assert not world.run(*OLD).report["bundle"]["champion"], "an older preset does not demote a newer champion"
    assert champion(world) == "2"


@pytest.mark.parametrize("homes", [1, 4], ids=["one-home", "several-machines"])
def test_who_registers_a_bundle_at_once_registers_it_once(world: "World", tmp_path: Path, homes: int) -> None:
    from mlflow.tracking import MlflowClient

    from tests.flows.conftest import ROOT

    uri, name = world.env["MLFLOW_TRACKING_URI"], f"raced-{homes}"
    processes = []
    for number in range(4):
        home = tmp_path / str(number % homes)
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", REGISTERS, uri, str(home), name],
                cwd=ROOT,
                env={**os.environ, "TEMPER_HOME": str(home)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=300)[0].strip() for process in processes]
    assert told == ["1"] * 4
    client = MlflowClient(uri)
    assert [found.version for found in client.search_model_versions(f"name = '{name}'")] == ["1"]
    assert client.get_registered_model(name).aliases == {"champion": "1"}


def champion(world: "World") -> str:
    from mlflow.tracking import MlflowClient

    return str(MlflowClient(world.env["MLFLOW_TRACKING_URI"]).get_model_version_by_alias("kept", "champion").version)
