"""Whoever stops `temper run`, and however: nothing is left running, and the next run goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(1200)


def start(home: Path, *, hang: bool) -> "subprocess.Popen[str]":
    """`temper run smoke` up to its data, on fake stages and with servers of its own."""
    # A shell that runs the tests in the background has Ctrl-C ignored, and children inherit that.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heed}; import sys; from temper.cli import main; sys.exit(main())"
    fakes = {"PYTHONPATH": str(ROOT / "tests" / "fakes"), "FAKE_LOG": str(home / "executed")}
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    env |= {"TEMPER_HOME": str(home), **fakes, **({"FAKE_HANG": "synthesize"} if hang else {})}
    command = [sys.executable, "-c", code, "run", "smoke", "--until", "synthesize"]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_stopped_run_leaves_nothing_behind_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, hang=True)
    wait(lambda: "synthesize" in executed(tmp_path))
    assert len(left(tmp_path)) > 3, "servers, flow and stage"
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert said.strip().splitlines()[-1] == "temper: stopped; run the same command again to go on"
        assert "Traceback" not in said
    wait(lambda: not left(tmp_path))

    if number == signal.SIGKILL:  # once is enough: a run takes a while
        again = start(tmp_path, hang=False)
        printed, said = again.communicate(timeout=600)
        assert again.returncode == 0, said
        assert "base              cached" in printed
        assert "synthesize        done in" in printed


def executed(home: Path) -> list[str]:
    log = home / "executed"
    return log.read_text().split() if log.exists() else []


def left(home: Path) -> list[psutil.Process]:
    """Processes that work for this home, the command itself not counted."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("TEMPER_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE
            if mine and "from temper.cli import main" not in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait(condition: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
