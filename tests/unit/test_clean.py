"""`temper clean` removes what is old and can be had again, and nothing that a run, a result or a bundle needs."""

import os
import time
from pathlib import Path

import pytest

from temper.artifacts.refs import ModelRef, Ref, StageResult
from temper.artifacts.store import Store
from temper.cli.main import main
from temper.process.alive import Held
from temper.process.journal import Journal

OLD = time.time() - 8 * 86400


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


def aged(path: Path) -> Path:
    for one in (path, *path.rglob("*")):
        os.utime(one, (OLD, OLD))
    return path


def published(home: Path, text: str, kind: str = "model") -> Ref:
    """An artifact that was published eight days ago."""
    ref = Store().publish(folder(home / "made" / text[:9], config_json=text), kind)
    os.utime(ref.uri + ".json", (OLD, OLD))
    return ref


def run(home: Path, name: str, state: str, **files: str) -> Path:
    made = folder(home / "runs" / name, **files)
    Journal(name).add("sft", "cached" if state == "cached" else "done")
    return aged(made)


def test_old_work_is_removed_and_what_a_killed_run_touched_this_week_is_not(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = folder(home / "work" / "sft-1" / "checkpoint", model_bin="x" * 2_000_000)
    aged(old.parent)
    new = aged(folder(home / "work" / "sft-2"))
    (folder(new / "checkpoint", model_bin="x")).touch()
    assert main(["clean", "--dry-run"]) == 0
    assert old.exists() and "would free 2.0 MB" in capsys.readouterr().out
    assert main(["clean"]) == 0
    assert [path.name for path in (home / "work").iterdir()] == ["sft-2"]
    assert "freed 2.0 MB" in capsys.readouterr().out


def test_answers_that_were_paid_for_stay(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paid = aged(folder(home / "work" / "synthesize-1", teacher_sqlite="answers"))
    assert main(["clean"]) == 0
    assert paid.exists() and str(paid) in capsys.readouterr().out


def test_a_run_that_only_repeated_is_removed_but_for_the_latest_report_of_its_configuration(home: Path) -> None:
    run(home, "1-computed", "done", config_yaml="a")
    run(home, "2-repeated", "cached", config_yaml="a", report_json="{}")
    run(home, "3-repeated", "cached", config_yaml="a", report_json="{}")
    run(home, "4-other", "cached", config_yaml="b", report_json="{}")
    aged(folder(home / "runs" / "5-dry", config_yaml="a"))
    broken = folder(home / "runs" / "6-broken", events_jsonl="no journal\n")
    aged(broken)
    folder(home / "runs" / "7-new", config_yaml="a")
    assert main(["clean"]) == 0
    left = sorted(path.name for path in (home / "runs").iterdir())
    assert left == ["1-computed", "3-repeated", "4-other", "6-broken", "7-new"]


def test_the_store_keeps_what_a_result_or_a_bundle_names(home: Path) -> None:
    of_result, of_bundle, unnamed = (published(home, text) for text in ("result", "bundle", "unnamed"))
    bundle = published(home, f'{{"student": "{of_bundle.digest}"}}', "bundle")
    key = "0" * 64
    result = StageResult(
        stage="sft",
        key=key,
        artifacts={"model": of_result},
        metrics={},
        versions={},
        wall_s=1,
        run_id="",
        pipeline_id="",
    )
    Store().put_result(result)
    new = Store().publish(folder(home / "made" / "new", config_json="new"), "model")
    aged(folder(Path(unnamed.uri).with_name(".half.0"), config_json="half"))
    assert main(["clean"]) == 0
    assert all(Store().whole(ref) for ref in (of_result, of_bundle, bundle, new))
    assert sorted(path.name for path in (home / "store" / "model").iterdir()) == sorted(
        name for ref in (of_result, of_bundle, new) for name in (Path(ref.uri).name, Path(ref.uri).name + ".json")
    )
    assert not Store().whole(ModelRef(**unnamed.model_dump()))


def test_nothing_is_removed_while_a_run_goes_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = aged(folder(home / "work" / "sft-1"))
    held = Held("mine", "")
    assert main(["clean"]) == 2
    assert old.exists() and "mine may still go on" in capsys.readouterr().err
    held.drop()
    assert main(["clean"]) == 0
    assert not old.exists()


def test_what_is_younger_than_a_day_is_never_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", "--older", "0"]) == 2
    assert "at least 1 day" in capsys.readouterr().err
