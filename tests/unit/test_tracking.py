"""Tracking's promises: what was left open is closed, figures keep their names, a server that is away is told."""

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from temper.artifacts.refs import DatasetRef
from temper.errors import TrackingError
from temper.registry.tracking import Tracker, flat


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    home = tmp_path_factory.mktemp("home")  # one for all: making a database takes seconds
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPER_HOME", str(home))
        yield Tracker(f"sqlite:///{home / 'mlflow.db'}")


def test_a_stage_that_was_left_open_is_closed_when_it_starts_again(tracker: Tracker) -> None:
    parent = tracker.start_pipeline("p", {})
    first, second = (
        tracker.start_stage(parent, "sft", pipeline_id="p", key="k", config={"a": {"b": 1}}, inputs={}) for _ in "12"
    )
    runs = MlflowClient(tracker.uri)
    assert runs.get_run(first).info.status == "KILLED"
    assert runs.get_run(second).info.status == "RUNNING"
    assert runs.get_run(second).data.params == {"a.b": "1"}


def test_what_a_killed_run_left_open_is_closed_and_nothing_of_another_run(tracker: Tracker) -> None:
    killed, other = tracker.start_pipeline("killed", {}), tracker.start_pipeline("other", {})
    stage = tracker.start_stage(killed, "sft", pipeline_id="killed", key="k2", config={}, inputs={})
    tracker.close_left("killed")
    runs = MlflowClient(tracker.uri)
    assert [runs.get_run(run).info.status for run in (killed, stage, other)] == ["KILLED", "KILLED", "RUNNING"]


def test_a_runs_page_says_what_it_is_where_it_comes_from_and_what_data_it_used(tracker: Tracker) -> None:
    run_id = tracker.start_pipeline("p", {"name": "demo", "base": {"name": "small"}, "synthesize": {"domain": "cars"}})
    data = DatasetRef(uri="store/dataset/x", digest="sha256:" + "ab" * 32)
    tracker.link(run_id, "synthesize", "other", cached=True, datasets={"sft": data})
    run = tracker._client.get_run(run_id)
    assert "Preset `demo`: from `small`" in run.data.tags["mlflow.note.content"]
    assert run.data.tags["mlflow.source.name"] == "temper run demo"
    assert run.inputs is not None
    [taken] = run.inputs.dataset_inputs
    assert (taken.dataset.name, taken.dataset.digest) == ("synthesize.sft", ("ab" * 32)[:36])


def test_figures_with_a_plus_in_their_name_are_kept(tracker: Tracker) -> None:
    run_id = tracker.start_pipeline("p", {})
    tracker.log(run_id, metrics={"ladder.student+drafter.c1.qps": 2.0})
    assert MlflowClient(tracker.uri).get_run(run_id).data.metrics == {"ladder.student_drafter.c1.qps": 2.0}


def test_an_unreachable_server_is_told_with_its_remedy() -> None:
    with pytest.raises(TrackingError, match=r"no tracking server answers at http://127\.0\.0\.1:9 .*unset MLFLOW"):
        Tracker("http://127.0.0.1:9")


def test_settings_are_flattened_to_the_words_of_overrides() -> None:
    assert flat({"sft": {"lora": {"r": 4}}, "name": "x"}) == {"sft.lora.r": 4, "name": "x"}
