"""A stage's process: what goes in, what comes out, and that it never outlives whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from temper.config import Runtime, load_preset
from temper.errors import DataError, StageError
from temper.process.journal import Event
from temper.process.launch import launch
from temper.process.specs import SFTSpec, ValidateSpec

SFT, VALIDATE = SFTSpec.of(load_preset("smoke")), ValidateSpec.of(load_preset("smoke"))
FAKES = Path(__file__).parents[1] / "fakes"


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def test_spec_in_report_and_events_out(tmp_path: Path) -> None:
    heard: list[Event] = []
    report = launch(SFT, tmp_path / "run", {"data": tmp_path}, Runtime(), on_event=heard.append)
    assert report.metrics == {"loss": 0.5}
    assert report.artifacts == {"model": "model"}
    assert (tmp_path / "run" / "out" / "model" / "model.safetensors").exists()
    assert [(row["message"], row["done"], row["of"]) for row in heard] == [("working", 1, 2)]


def test_a_run_folder_with_a_report_is_done(tmp_path: Path, log: Path) -> None:
    first = launch(SFT, tmp_path / "run", {}, Runtime())
    assert launch(SFT, tmp_path / "run", {}, Runtime()) == first
    assert log.read_text() == "sft\n"


def test_the_stages_own_error_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAIL", "validate=DataError")
    with pytest.raises(DataError, match=r"validate: as the test wants \(log: .*log\.txt\)"):
        launch(VALIDATE, tmp_path / "run", {}, Runtime())


def test_a_stage_that_dies_early_tells_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(StageError, match=r"sft: KeyError: .parent."):
        launch(SFT, tmp_path / "run", {}, Runtime())


def test_time_out_ends_the_whole_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_HANG", "sft")
    with pytest.raises(StageError, match="stopped after 2 s; raise runtime"):
        launch(SFT, tmp_path / "run", {}, Runtime(stage_timeout_s=2))
    assert not running(tmp_path)


def test_a_killed_stage_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_HANG", "sft")

    def kill(_: Event) -> None:
        for process in running(tmp_path):
            if "-m" in process.cmdline() and "guard.py" not in " ".join(process.cmdline()):
                process.kill()

    with pytest.raises(StageError, match="ended by SIGKILL, out of memory perhaps"):
        launch(SFT, tmp_path / "run", {}, Runtime(), on_event=kill)


def test_kill_minus_nine_of_the_starter_ends_the_stage(tmp_path: Path, log: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from temper.config import Runtime, load_preset\n"
        "from temper.process.launch import launch; from temper.process.specs import SFTSpec\n"
        f"launch(SFTSpec.of(load_preset('smoke')), Path({str(tmp_path / 'run')!r}), {{}}, Runtime())"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "FAKE_HANG": "sft"})
    until(log.exists)
    assert running(tmp_path)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    until(lambda: not running(tmp_path))


def running(tmp_path: Path) -> list[psutil.Process]:
    """Processes that have this test's run folder on their command line, guards included."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if str(tmp_path / "run") in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def until(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
