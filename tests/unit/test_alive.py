"""A run is taken for dead only when its process is gone, on this machine, and nobody closed it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from temper.errors import ConfigError
from temper.process.alive import RECORD, Held, left


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path))
    return tmp_path


def started(home: Path) -> "subprocess.Popen[str]":
    """A process that holds the run `other` until it is killed."""
    code = "from temper.process.alive import Held; held = Held('other', 'flow'); print('held', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TEMPER_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_killed_run_is_left_and_a_living_one_is_not(home: Path) -> None:
    process = started(home)
    assert list(left()) == []
    process.kill()
    process.communicate()
    assert [(run.pipeline_id, run.flow_run_id) for run in left()] == [("other", "flow")]
    for run in left():
        run.forget()
    assert list(left()) == []


def test_a_run_of_another_machine_is_never_judged(home: Path) -> None:
    process = started(home)
    process.kill()
    process.communicate()
    record = home / "runs" / "other" / RECORD
    record.write_text(json.dumps(json.loads(record.read_text()) | {"place": ["another-start", "another-machine"]}))
    assert list(left()) == []


def test_a_run_that_ended_leaves_nothing(home: Path) -> None:
    held = Held("mine", "flow")
    held.ended()
    assert list(left()) == []
    assert list((home / "runs" / "mine").iterdir()) == []


def test_a_run_that_failed_to_tell_everybody_is_left(home: Path) -> None:
    Held("mine", "flow").drop()
    assert [run.pipeline_id for run in left()] == ["mine"]


def test_the_same_identity_cannot_go_on_twice(home: Path) -> None:
    process = started(home)
    with pytest.raises(ConfigError, match="run other goes on already"):
        Held("other", "flow")
    process.kill()
    process.communicate()
    Held("other", "again").ended()
