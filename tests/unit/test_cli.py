"""The command line: one line and a distinct exit code for whatever goes wrong, nothing started before it is checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from temper import errors
from temper.config import load_preset, resolve

ROOT = Path(__file__).parents[2]


def temper(home: Path, *words: str, cwd: Path = ROOT, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "import sys; from temper.cli import main; sys.exit(main())", *words]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPER_", "MLFLOW_"))}
    env = {**inherited, "TEMPER_HOME": str(home), **env}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=180)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "smoke", "sft.epoch=1"], errors.ConfigError.exit_code),
        (["run", "nothing"], errors.ConfigError.exit_code),
        (["run", "smoke", "--until", "dinner"], errors.ConfigError.exit_code),
        (["report"], errors.DataError.exit_code),
        (["rollback", "nobody"], errors.MissingModelError.exit_code),
    ],
)
def test_a_mistake_is_one_line_and_its_own_exit_code(tmp_path: Path, words: list[str], code: int) -> None:
    ended = temper(tmp_path, *words)
    assert ended.returncode == code, ended.stderr
    said = [line for line in ended.stderr.splitlines() if line.startswith("temper: ")]
    assert len(said) == 1
    assert "Traceback" not in ended.stderr


def test_an_unreachable_tracking_server_is_told_quickly(tmp_path: Path) -> None:
    ended = temper(tmp_path, "rollback", "someone", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert ended.returncode == errors.TrackingError.exit_code
    assert "no tracking server answers at http://127.0.0.1:9" in ended.stderr
    assert "unset MLFLOW_TRACKING_URI" in ended.stderr


def test_outside_the_application_it_says_where_to_go(tmp_path: Path) -> None:
    ended = temper(tmp_path, "presets", cwd=tmp_path)
    assert ended.returncode == errors.ConfigError.exit_code
    assert "run temper from a checkout" in ended.stderr


def test_a_dry_run_writes_the_resolved_config_and_stops(tmp_path: Path) -> None:
    ended = temper(tmp_path, "run", "smoke", "sft.epochs=3", "--until", "sft", "dpo.beta=0.2", "--dry-run")
    assert ended.returncode == 0, ended.stderr
    [config] = (tmp_path / "runs").glob("*/config.yaml")
    assert load_preset(str(config)) == resolve("smoke", ["sft.epochs=3", "dpo.beta=0.2"])
    assert "would run base synthesize validate expand cpt sft," in ended.stdout
    assert not (tmp_path / "store").exists() and not (tmp_path / "prefect").exists()


@pytest.mark.parametrize("more", [["--until", "synthesize"], ["--dry-run"]])
def test_requests_that_the_assets_cannot_meet_are_told_before_anything_starts(tmp_path: Path, more: list[str]) -> None:
    asked = ["synthesize.draft_public_prompts=77000", "synthesize.calibration_public=1400"]
    ended = temper(tmp_path, "run", "smoke", *asked, *more)
    assert ended.returncode == errors.DataError.exit_code
    (said,) = ended.stderr.splitlines()
    assert "draft_public_prompts asks for 77,000 public questions, there are 1,000 (lower it to 1000)" in said
    assert "calibration_public asks for 1,400 public documents, there are 817" in said
    assert "starting" not in ended.stdout


def test_presets_are_listed_with_what_they_are_for(tmp_path: Path) -> None:
    lines = temper(tmp_path, "presets").stdout.splitlines()
    assert {line.split()[0] for line in lines} >= {"smoke", "demo", "cpu", "h100x8"}


def test_every_error_has_its_own_exit_code() -> None:
    codes = [error.exit_code for error in errors.ALL]
    assert len(set(codes)) == len(codes)
    assert not {0, 1} & set(codes)


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_URI", "PREFECT_API_URL"])
def test_a_server_that_is_named_but_not_there_is_told_before_anything_starts(tmp_path: Path, variable: str) -> None:
    ended = temper(tmp_path, "run", "smoke", cwd=ROOT, **{variable: "http://127.0.0.1:9"})
    assert ended.returncode == errors.TrackingError.exit_code
    assert "server answers at http://127.0.0.1:9" in ended.stderr
    assert f"unset {variable}" in ended.stderr
