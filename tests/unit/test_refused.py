"""What is refused when settings are read: paths out of the home, passwords, open doors, what could only fail later."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from temper.config import PipelineConfig, Runtime, load_preset, resolve
from temper.config.engine import EngineSettings
from temper.config.flags import SETTINGS, refusal
from temper.engine.server import serve
from temper.errors import ConfigError, StoreError
from temper.home import home, roomy_home
from temper.process.journal import run_folder

ROOT = Path(__file__).parents[2]
ENDPOINT = "model: big, budget_tokens: 1"
PASSWORD = "pass-word-9"


def said(*overrides: str) -> str:
    """The one line that the settings are refused with."""
    with pytest.raises(ConfigError) as error:
        resolve("smoke", list(overrides))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["../../../x", "/x", "a/b", "..", ".x", "", "a\\b", "a\nb", "x" * 200])
def test_a_name_that_becomes_a_folder_stays_in_the_home(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "a" / "b" / "home"))
    values = load_preset("smoke").model_dump()
    with pytest.raises(ValueError, match="name"):
        PipelineConfig.model_validate(values | {"name": name})
    if name:
        with pytest.raises(ValueError, match="pipeline_id"):
            Runtime(pipeline_id=name)
    with pytest.raises(ConfigError, match="is no run's id"):
        run_folder(name)
    assert not list(tmp_path.rglob("x*"))


def test_names_as_they_are_made_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path))
    assert run_folder("20261128-170102-my_demo.2-ab12").parent == tmp_path / "runs"


@pytest.mark.parametrize(
    ("change", "wants"),
    [
        ("gate.rules=[]", r"gate\.rules: .*at least 1 item"),
        ("registry.name=a/b:c", r"registry\.name: .*it is 'a/b:c'"),
        ("sft.epochs=.inf", r"sft\.epochs: .*finite number \(it is inf\)"),
        ("dpo.beta=.nan", r"dpo\.beta: .*finite number"),
        ("sft.epochs=-1", r"sft\.epochs: .*greater than 0 \(it is -1\)"),
        ("benchmark.concurrency=[]", r"benchmark\.concurrency: .*at least 1 item"),
        ("benchmark.concurrency=[0]", r"benchmark\.concurrency\.0: .*greater than or equal to 1 \(it is 0\)"),
        ("benchmark.concurrency=[1,-3]", r"benchmark\.concurrency\.1: .*greater than or equal to 1"),
        ("benchmark.concurrency=[1,4,4]", r"benchmark\.concurrency: 4 stands twice"),
        ("evaluate.points_per_role={dpo: -1}", r"evaluate\.points_per_role\.dpo: .*\(it is -1\)"),
        ("synthesize.traces_per_role={planner: -1}", r"synthesize\.traces_per_role\.planner: "),
        ("cpt.weights_to_compare=[2]", r"cpt\.weights_to_compare\.0: "),
        ("runtime.tracking_uri=nonsense", r"runtime\.tracking_uri: 'nonsense' does not begin with"),
        ("runtime.tracking_uri=http://", r"runtime\.tracking_uri: 'http://' names no host"),
        ("synthesize.judge={url: here, " + ENDPOINT + "}", r"synthesize\.judge\.url: 'here' does not begin with http"),
        ("synthesize.judge={url: 'http://h:x/', " + ENDPOINT + "}", r"synthesize\.judge\.url: it is no address"),
    ],
)
def test_what_could_only_fail_later_is_refused_at_once(change: str, wants: str) -> None:
    assert re.search(wants, said(change))


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (f"synthesize.judge={{url: 'https://me:{PASSWORD}@host/v1', {ENDPOINT}}}", "key_env"),
        (f"synthesize.judge={{url: 'https://{PASSWORD}@host/v1', {ENDPOINT}}}", "key_env"),
        (f"synthesize.judge={{url: 'https://host/v1?api-key={PASSWORD}', {ENDPOINT}}}", "key_env"),
        (f"synthesize.judge={{url: 'me:{PASSWORD}@host', {ENDPOINT}}}", "key_env"),
        (f"synthesize.judge={{url: 'http://host/v1', key_env: {PASSWORD}, {ENDPOINT}}}", "name of an environment"),
        (f"runtime.tracking_uri=https://me:{PASSWORD}@host", "MLFLOW_TRACKING_URI"),
        (f"runtime.tracking_uri=postgresql://me:{PASSWORD}@host/runs", "MLFLOW_TRACKING_URI"),
        (f"runtime.store=s3://me:{PASSWORD}@bucket/store", "AWS_"),
    ],
)
def test_a_password_at_a_wrong_place_is_refused_and_not_repeated(change: str, remedy: str) -> None:
    line = said(change)
    assert PASSWORD not in line
    assert remedy in line


@pytest.mark.parametrize(
    "flag",
    [
        *("--host", "--host=0.0.0.0", "--port", "--trust-remote-code", "--trust_remote_code", "--trust-rem"),
        *("--model=x", "--served_model_name", "--api-key", "--allowed-origins", "--allowed_origins=['*']", "--config"),
        *("--load-format=pt", "--Host", "--tokenizer", "--chat-template", "--worker-cls", "--middleware", "--uds"),
        *("--hf-overrides.x", "--kv-transfer-config", "--logits-processors", "-tp", "-tp=2", "--dtype", "-sc.model=x"),
        *("--max_model_len", "--no-enable-prefix-caching", "--speculative_config", "--", "-"),
    ],
)
def test_a_flag_that_opens_a_door_or_has_a_setting_is_refused(flag: str) -> None:
    assert re.search(r"engine\.flags: .*is not taken|is no flag", said(f"engine.flags=[{flag!r}, '0.0.0.0']"))


@pytest.mark.parametrize(
    "flag",
    [
        *("--gpu-memory-utilization", "0.85", "-1", "--no-enforce-eager", "--enforce-eager", "--seed", "--block-size"),
        *("--max-num-batched-tokens=8192", "--attention-backend", "--async-scheduling", "--quantization", "-O3"),
        *("--cpu-offload-gb", "--pipeline-parallel-size", "--data-parallel-size", "--enable-expert-parallel"),
    ],
)
def test_flags_of_speed_are_taken(flag: str) -> None:
    assert refusal(flag) is None


def test_every_setting_that_a_refusal_names_is_there() -> None:
    values = load_preset("smoke").model_dump()
    assert all(name.partition(".")[2] in values[name.partition(".")[0]] for name in SETTINGS.values())


def test_a_command_line_that_the_engine_refuses_is_a_setting_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "home"))
    engine = tmp_path / "python"
    engine.write_text("#!/bin/sh\necho usage\necho 'server.py: error: unrecognized arguments: --wrong 1' >&2\nexit 2\n")
    engine.chmod(0o755)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    settings = EngineSettings.model_validate(load_preset("smoke").engine.model_dump() | {"flags": ("--wrong", "1")})
    runtime = Runtime(engine_python=str(engine), device="cpu")
    with (
        pytest.raises(ConfigError, match=r"unrecognized arguments: --wrong 1; mend engine\.flags"),
        serve(model, settings=settings, runtime=runtime, log=tmp_path / "log"),
    ):
        pass


@pytest.mark.parametrize("variable", ["PREFECT_API_URL", "MLFLOW_TRACKING_URI"])
def test_a_servers_address_that_is_none_is_one_line_before_anything_starts(variable: str, tmp_path: Path) -> None:
    ended = temper(tmp_path, "run", "smoke", **{variable: "garbage"})
    assert ended.returncode == ConfigError.exit_code
    assert ended.stderr.startswith(f"temper: {variable}: 'garbage' does not begin with ")
    assert not (tmp_path / "logs").exists()


def test_a_home_that_cannot_be_made_is_one_line_and_the_doctor_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = tmp_path / "file" / "home"
    ended = temper(nowhere, "run", "smoke")
    assert (ended.returncode, ended.stdout) == (StoreError.exit_code, "")
    assert re.fullmatch(r"temper: .*/file/home cannot be made \(Not a directory\): set TEMPER_HOME .*\n", ended.stderr)
    lines = temper(nowhere, "doctor", PREFECT_API_URL="garbage").stdout.splitlines()
    assert any(line.startswith("fail") and "cannot be made" in line for line in lines)
    assert any(line.startswith("fail  PREFECT_API_URL: 'garbage' does not begin with") for line in lines)
    assert any("port 5000" in line for line in lines), "the last check is still looked at"


@pytest.mark.parametrize("value", ["!!python/object/apply:os.mkdir [{}]", "!!python/name:os.system"])
def test_a_tag_that_would_run_code_is_no_value(value: str, tmp_path: Path) -> None:
    tagged = value.format(tmp_path / "run")
    assert "is not a YAML value" in said(f"sft.epochs={tagged}")
    (tmp_path / "mine.yaml").write_text(f"extends: smoke\nname: {tagged}\n")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        resolve(str(tmp_path / "mine.yaml"), [])
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_named_before_a_run_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path))
    assert roomy_home() == home() == tmp_path
    monkeypatch.setattr(shutil, "disk_usage", lambda _: (10**12, 10**12, 10**6))
    with pytest.raises(StoreError, match=rf"{tmp_path} has 1 MB free: free some, or set TEMPER_HOME"):
        roomy_home()


def temper(home: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """The command line with this home, and no servers but those that are named."""
    names = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI")
    env = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [Path(sys.executable).with_name("temper"), *words],
        cwd=ROOT,
        env={**env, "TEMPER_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
