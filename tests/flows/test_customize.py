"""What the main flow promises: computed once, again only what changed, judged without losing anything."""

import json
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from temper.process.journal import JournalLine

if TYPE_CHECKING:
    from tests.flows.conftest import World

pytestmark = pytest.mark.timeout(1800)
BEFORE_DPO = ["base", "synthesize", "validate", "expand", "cpt", "sft", "practice"]
AFTER_DPO = ["dpo", "answers", "draft", "fp8", "fp8:drafter", "evaluate:dpo", "evaluate:final", "evaluate:unaided"]
AFTER_DPO += ["benchmark"]
EVERY = [*BEFORE_DPO, *AFTER_DPO, "evaluate:teacher", "evaluate:rules", "evaluate:base", "evaluate:cpt", "evaluate:sft"]


@pytest.fixture(scope="module")
def whole(world: "World") -> "World":
    """A world in which the smoke preset ran once."""
    run = world.run()
    assert run.code == 0, run.said
    assert sorted(run.computed) == sorted(EVERY)
    assert not any(run.report["cached"].values())
    return world


def test_tracking_shows_the_tree_the_lineage_and_the_champion(whole: "World") -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(whole.env["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("temper")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.`temper.pipeline_id` = 'run-001'", max_results=100)
    parent = next(run for run in runs if run.data.tags["temper.kind"] == "pipeline")
    nested = {run.data.tags["temper.stage"]: run for run in runs if run.data.tags["temper.kind"] == "stage"}
    assert sorted(nested) == sorted(EVERY)
    assert all(run.data.tags["mlflow.parentRunId"] == parent.info.run_id for run in nested.values())
    assert nested["dpo"].data.tags["input.parent"] == nested["sft"].data.tags["artifact.model.digest"]
    assert parent.data.tags["stage.sft.run_id"] == nested["sft"].info.run_id
    assert parent.data.params["sft.lora.r"] == nested["sft"].data.params["sft.lora.r"] == "4"
    assert nested["sft"].data.metrics["loss"] == 0.5
    taken, listed = nested["sft"].inputs, parent.inputs
    assert taken is not None and taken.dataset_inputs[0].dataset.name == "data"
    assert listed is not None and {row.dataset.name for row in listed.dataset_inputs} >= {
        "synthesize.sft",
        "answers.data",
    }
    assert "report" in {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert client.get_model_version_by_alias("temper-smoke", "champion").version == "1"


def test_again_and_elsewhere_is_all_cache_hits(whole: "World") -> None:
    run = whole.run("runtime.threads=1", "runtime.device=cpu")
    assert (run.code, run.computed) == (0, [])
    assert all(run.report["cached"].values()) and len(run.report["cached"]) == len(EVERY)
    assert run.report["bundle"]["version"] == "1", "the same bundle is the same version"


def test_a_dpo_setting_recomputes_dpo_and_what_follows(whole: "World") -> None:
    assert sorted(whole.run("dpo.beta=0.3").computed) == sorted(AFTER_DPO)


def test_the_budget_of_one_evaluation_recomputes_that_one(whole: "World") -> None:
    assert whole.run("evaluate.points_per_role.cpt=3").computed == ["evaluate:cpt"]


def test_damaged_and_missing_artifacts_are_made_again_and_no_others(whole: "World") -> None:
    damaged, missing = _model(whole, "cpt"), _model(whole, "sft")
    damaged.chmod(0o644)
    damaged.write_bytes(bytes(reversed(damaged.read_bytes())))
    missing.unlink()
    assert whole.run().computed == ["cpt", "sft"]


def test_a_copied_home_and_garbage_in_prefects_results_cost_nothing(whole: "World", tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(whole.home, copy, ignore=shutil.ignore_patterns("*.db*", "logs"))
    moved = whole.run(TEMPER_HOME=str(copy))
    assert (moved.code, moved.computed) == (0, []), moved.said
    for path in (copy / "prefect" / "results").iterdir():
        path.write_text('{"result": garbage')
    damaged = whole.run(TEMPER_HOME=str(copy), until="sft")
    assert (damaged.code, damaged.computed) == (0, []), damaged.said


def test_a_refusal_keeps_the_training_the_report_and_the_champion(whole: "World") -> None:
    rule = "gate.rules=[{metric: agent_scores.dpo.planner, kind: least, value: 101}]"
    run = whole.run(rule)
    assert (run.code, run.computed) == (8, [])
    assert "agent_scores.dpo.planner is 100, at least 101 is asked" in run.said
    assert run.report["gate"]["passed"] is False
    assert _champion(whole) != run.report["bundle"]["version"]
    recorded = whole.run(rule, "gate.enforce=false")
    assert (recorded.code, recorded.report["gate"]["passed"]) == (0, False)


COMPARED = (
    "gate.margin=5",
    "gate.rules=[{metric: agent_scores.dpo.planner, kind: least, value: 50}]",
    "evaluate.points_per_role={teacher: 4, base: 2, cpt: 2, sft: 2, dpo: 4, final: 60}",
)


def test_a_candidate_that_is_worse_than_the_champion_is_not_promoted_and_an_equal_one_is(world: "World") -> None:
    first = world.run(*COMPARED, "registry.name=compared")
    assert first.report["gate"]["baseline"] is None, "there is no champion yet"
    worse = world.run(*COMPARED, "registry.name=compared", "dpo.beta=0.35", FAKE_SCORE="90")
    assert worse.code == 8
    assert worse.report["gate"]["baseline"] == {"name": "compared", "version": first.report["bundle"]["version"]}
    assert [rule["passed"] for rule in worse.report["gate"]["rules"]] == [True], "the fixed bound holds"
    assert worse.computed.count("evaluate:final") == 1, "the champion's answers are those that it gave as a candidate"
    assert _champion(world, "compared") == first.report["bundle"]["version"]
    equal = world.run(*COMPARED, "registry.name=compared", "dpo.beta=0.4")
    assert equal.code == 0
    assert _champion(world, "compared") == equal.report["bundle"]["version"] != first.report["bundle"]["version"]


def test_until_stops_after_its_stage(world: "World") -> None:
    run = world.run("synthesize.seed=11", until="validate")
    assert run.code == 0
    assert set(run.report["cached"]) == {"base", "synthesize", "validate"}


def test_bad_data_is_not_tried_again(world: "World") -> None:
    run = world.run("synthesize.seed=12", FAKE_FAIL="validate=DataError")
    assert run.code == 3
    assert run.computed.count("validate") == 1


def test_an_engine_that_does_not_start_is_tried_again(world: "World") -> None:
    run = world.run("synthesize.seed=13", until="answers", FAKE_FAIL="answers=EngineError")
    assert run.code == 6
    assert run.computed.count("answers") == 3


def test_two_runs_that_want_the_same_stage_compute_it_once(world: "World") -> None:
    before = len(world.executed())
    both = [world.start("synthesize.seed=14", until="synthesize", FAKE_HANG="synthesize") for _ in range(2)]
    waits = {"state": "waits", "stage": "synthesize"}
    names = [f"run-{number:03d}" for number in (world.started - 1, world.started)]
    _until(lambda: any(waits.items() <= row.items() for name in names for row in _journal(world, name)))
    (world.home / "go").touch()
    assert [world.end(process).code for process in both] == [0, 0]
    assert world.executed()[before:] == ["synthesize"]
    (world.home / "go").unlink()


def test_kill_minus_nine_leaves_no_lock_and_no_stage(world: "World") -> None:
    before = len(world.executed())
    process = world.start("synthesize.seed=15", until="synthesize", FAKE_HANG="synthesize")
    _until(lambda: world.executed()[before:][-1:] == ["synthesize"])
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert _open(world) == {"prefect": 1, "mlflow": 2}, "the run, and the run with its stage"
    run = world.run("synthesize.seed=15", until="synthesize")
    assert (run.code, run.computed) == (0, ["synthesize"])
    assert _open(world) == {"prefect": 0, "mlflow": 0}, "the next run closes what was left"
    notes = [row["message"] for row in _journal(world, f"run-{world.started:03d}") if row["state"] == "note"]
    assert notes == [f"closed run-{world.started - 1:03d}: its process is gone"]


def test_a_run_beside_others_closes_none_of_them(world: "World") -> None:
    hanging = world.start("synthesize.seed=16", until="synthesize", FAKE_HANG="synthesize")
    before = len(world.executed())
    _until(lambda: world.executed()[before:][-1:] == ["synthesize"])
    assert world.run("synthesize.seed=17", until="base").code == 0
    assert _open(world) == {"prefect": 1, "mlflow": 2}
    (world.home / "go").touch()
    assert hanging.wait(120) == 0
    (world.home / "go").unlink()


def _journal(world: "World", name: str) -> list[JournalLine]:
    path = world.home / "runs" / name / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _until(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def _open(world: "World") -> dict[str, int]:
    """Runs that Prefect and MLflow believe to go on."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(world.env["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("temper")
    assert experiment is not None
    tracked = client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
    body = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}}
    request = urllib.request.Request(
        f"{world.env['PREFECT_API_URL']}/flow_runs/filter",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return {"prefect": len(json.load(answer)), "mlflow": len(tracked)}


def _model(world: "World", stage: str) -> Path:
    """The weights that the first run's `stage` made."""
    from temper.artifacts.store import Store

    store = Store(world.home / "store")
    results = [store.result(path.stem) for path in (world.home / "store" / "results").glob("*.json")]
    found = next(r for r in results if r is not None and r.stage == stage and r.pipeline_id == "run-001")
    return Path(found.model.uri) / "model.safetensors"


def _champion(world: "World", name: str = "temper-smoke") -> str:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(world.env["MLFLOW_TRACKING_URI"])
    return str(client.get_model_version_by_alias(name, "champion").version)
