"""Two people type `temper run` at once on a home that holds nothing yet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(1200)
CODE = "from temper.process.servers import servers\nwith servers(): print('both are healthy')"


def test_two_first_starts_of_the_servers_do_not_break_the_databases(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    command, env = [sys.executable, "-c", CODE], env | {"TEMPER_HOME": str(tmp_path)}
    both = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    ends = [process.communicate(timeout=900) for process in both]
    assert [process.returncode for process in both] == [0, 0], [said for _, said in ends]
    assert [printed for printed, _ in ends] == ["both are healthy\n"] * 2
    assert sum("waits" in said for _, said in ends) == 1, "the second says why nothing happens"
