"""Secrets go to the process that needs them and to no other, and nothing that is written holds one."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from temper import secrets
from temper.config import Runtime, resolve
from temper.config.endpoint import EndpointSettings
from temper.engine.command import inherited
from temper.errors import ConfigError, StageError
from temper.process.launch import launch
from temper.process.specs import BaseSpec, SFTSpec, Spec, SynthesizeSpec
from temper.synthesis.endpoint import Endpoint
from tests.fakes.endpoint import FakeEndpoint

FAKES = Path(__file__).parents[1] / "fakes"
KEY = "big-Model_key.0123456789"
MANY = {
    "PATH": "/bin",
    "HF_HOME": "/h",
    "CUDA_VISIBLE_DEVICES": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "https_proxy": "http://me:secret@proxy",
    "HF_TOKEN": "hf_0123456789",
    "VLLM_API_KEY": "vllm-key-1",
    "AWS_SECRET_ACCESS_KEY": "aws-key-12",
    "MLFLOW_TRACKING_PASSWORD": "password-1",
    "OPENAI_API_KEY": KEY,
    "MINE": "value",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fake stages behind a real process, and an environment full of secrets."""
    for name, value in MANY.items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    return tmp_path


def test_a_process_gets_what_it_needs_and_no_secret() -> None:
    assert set(secrets.passed(MANY)) == {"PATH", "HF_HOME", "CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM"}
    assert set(inherited(MANY)) == set(secrets.passed(MANY))
    more = secrets.passed({**MANY, secrets.FURTHER: "MI*, NOTHING"}, named={"HF_TOKEN"}, online=True)
    assert set(more) - set(secrets.passed(MANY)) == {"HF_TOKEN", "https_proxy", "MINE", secrets.FURTHER}


HIRED = "synthesize.judge={url: http://here/v1, model: big, key_env: %s, budget_tokens: 1}"
HUB = "base={source: hub, name: x, revision: '" + "0" * 40 + "'}"


@pytest.mark.parametrize(
    ("spec", "gets"),
    [
        (BaseSpec.of(resolve("smoke", [])), set()),
        (BaseSpec.of(resolve("smoke", [HUB])), {"HF_TOKEN", "https_proxy"}),
        (SynthesizeSpec.of(resolve("smoke", [HIRED % "OPENAI_API_KEY"])), {"OPENAI_API_KEY", "https_proxy"}),
        (SFTSpec.of(resolve("smoke", [HUB, HIRED % "OPENAI_API_KEY"])), set()),
    ],
)
def test_a_key_goes_to_the_stage_whose_settings_name_it(
    spec: Spec, gets: set[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENV", str(home / "seen.json"))
    launch(spec, home / "run", {}, Runtime())
    seen = json.loads((home / "seen.json").read_text())
    kept = {"HF_HOME", "CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM", "PATH"}
    assert set(seen) & set(MANY) - kept == gets


def test_a_stage_writes_none_of_its_secrets_whatever_raises(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PRINT", "MINE")
    monkeypatch.setenv("MINE", KEY)
    heard: list[object] = []
    with pytest.raises(StageError, match=r"raised \*\*\*") as failed:
        launch(
            SynthesizeSpec.of(resolve("smoke", [HIRED % "MINE"])), home / "run", {}, Runtime(), on_event=heard.append
        )
    written = "".join(path.read_text() for path in (home / "run").rglob("*") if path.is_file())
    assert "printed ***" in written
    assert "event ***" in str(heard)
    assert KEY not in f"{written} {heard} {failed.value}"


@pytest.mark.parametrize(
    "text",
    [
        "{'Authorization': 'Bearer abcdefgh12345'}",
        "authorization: Basic abcdefgh12345",
        "x-api-key: abcdefgh12345",
        "at https://me:abcdefgh12345@host/v1",
        "Incorrect API key provided: sk-abcdefgh12345abcdefgh12345",
        f"you sent {KEY}",
        f"you sent {base64.b64encode(KEY.encode()).decode()}",
    ],
)
def test_what_looks_like_a_secret_is_masked_and_its_neighbours_are_not(text: str) -> None:
    said = secrets.redacted(f"before {text} after", [KEY])
    assert "abcdefgh12345" not in said
    assert not secrets.repeats(said, KEY)
    assert said.startswith("before ")
    assert said.endswith(" after")


def test_ordinary_words_stay() -> None:
    said = "sft.epochs: set key_env, or HF_HUB_OFFLINE; api_key: none; task-specific-something-long-enough"
    assert secrets.redacted(said, [KEY]) == said


class Said(BaseModel):
    text: str


@pytest.mark.parametrize("text", [KEY[:12], " ".join(KEY), KEY.upper(), f"{KEY[:9]}\n{KEY[9:]}"])
def test_a_key_that_is_cut_or_spaced_is_seen(text: str) -> None:
    assert secrets.repeats(f"before {text} after", KEY)
    assert not secrets.repeats(f"before {text[:5]} after", KEY)


def test_an_endpoint_that_repeats_the_key_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", KEY)

    def refused(faults: tuple[str, ...]) -> str:
        async def go(settings: EndpointSettings) -> str:
            async with Endpoint(settings, tmp_path / "journal.sqlite", pause_s=0.01) as endpoint:
                return (await endpoint.ask([{"role": "user", "content": "Who?"}], Said)).text

        with FakeEndpoint(lambda _: json.dumps({"text": f"my key is {KEY}"}), faults) as server:
            settings = EndpointSettings(url=server.url, model="big", key_env="MINE", budget_tokens=1000)
            return asyncio.run(go(settings))

    with pytest.raises(ConfigError, match=r"refuses: .*left out; check url, model and the key in \$MINE") as error:
        refused(("echo",))
    assert not secrets.repeats(str(error.value), KEY)
    assert KEY not in refused(())
    assert KEY.encode() not in (tmp_path / "journal.sqlite").read_bytes()
