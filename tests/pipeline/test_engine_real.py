"""The real engine on a tiny model: it serves, counts, runs FP8, says why it died, and leaves nothing behind."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal

import psutil
import pytest
from pydantic import BaseModel

from temper.agents.client import Chat
from temper.bench.equivalence import compare, explained
from temper.cli.dry_run import dry_run
from temper.config import Runtime, load_preset
from temper.config.endpoint import EndpointSettings
from temper.config.engine import EngineSettings
from temper.engine import Usage, engine_python, serve
from temper.errors import EngineError
from temper.rows import Message
from temper.synthesis.endpoint import Endpoint
from tests.unit.stage_run import point

SETTINGS = EngineSettings(dtype="float32", max_model_len=256, max_num_seqs=8, kv_cache_gib=0.1, draft_length=2)
RUNTIME = Runtime(device="cpu", engine_start_timeout_s=240)
PROMPTS = ("hours", "book a test drive", "trade in")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model's folder."""
    from temper.stages.checkpoints.tiny import tiny_model

    folder = tmp_path_factory.mktemp("tiny")
    model, tokenizer = tiny_model()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("preset", ["h100", "h100x8"])
def test_the_engine_knows_every_flag_of_the_gpu_presets(preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(load_preset(preset), None) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if "temper_vllm.server" in line]
    lines = [shlex.split(line.removeprefix("$ "), comments=True)[3:] for line in printed]
    assert {"--kv-offloading-size", "--speculative-config", "--kv-cache-dtype"} <= set(chain.from_iterable(lines))
    parse = (
        "import json, sys\n"
        "from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args\n"
        "from vllm.utils.argparse_utils import FlexibleArgumentParser\n"
        "parser = make_arg_parser(FlexibleArgumentParser())\n"
        "for line in json.load(sys.stdin):\n"
        "    validate_parsed_serve_args(parser.parse_args(line))\n"
    )
    subprocess.run([engine_python(Runtime()), "-c", parse], input=json.dumps(lines), text=True, check=True)


@pytest.fixture(scope="module")
def tiny_fp8(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with every block's linear layer in static per-tensor FP8, as llm-compressor saves it."""
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("fp8") / "model"
    shutil.copytree(tiny, folder)
    tensors = load_file(tiny / "model.safetensors")
    for name in [name for name in tensors if name.endswith("proj.weight")]:
        scale = tensors[name].abs().max() / 448
        tensors[name] = (tensors[name] / scale).to(torch.float8_e4m3fn)
        tensors[f"{name}_scale"] = scale.reshape(1)
        tensors[name.replace("weight", "input_scale")] = torch.tensor([8 / 448])
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    numbers = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True, "dynamic": False}
    scheme = {"targets": ["Linear"], "weights": numbers, "input_activations": numbers}
    quantised = {"quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"]}
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {**quantised, "config_groups": {"group_0": scheme}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def asked(url: str, model: str) -> list[str]:
    """Greedy answers to all prompts at once."""

    async def ask() -> list[str]:
        async with Chat(url, model) as chat:
            messages = [[Message(role="user", content=prompt)] for prompt in PROMPTS]
            return [a.text for a in await asyncio.gather(*(chat.complete(m, max_tokens=16) for m in messages))]

    return asyncio.run(ask())


class Choice(BaseModel):
    """What even a random model can be held to."""

    right: bool
    word: Literal["yes", "no"]


def judged(url: str, model: str, journal: Path) -> tuple[Choice, dict[str, float]]:
    """An answer in a given shape, as a judge's is asked for, and what it cost."""
    settings = EndpointSettings(url=url, model=model, max_tokens=128, budget_tokens=5000)

    async def ask() -> tuple[Choice, dict[str, float]]:
        async with Endpoint(settings, journal) as endpoint:
            return await endpoint.ask([{"role": "user", "content": "Is it right?"}], Choice), endpoint.spent()

    return asyncio.run(ask())


def group(pid: int) -> list[psutil.Process]:
    """Living processes of a process group."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def test_it_serves_the_same_greedy_answers_twice_and_counts_its_tokens(tiny: Path, tmp_path: Path) -> None:
    with serve(tiny, settings=SETTINGS, runtime=RUNTIME, log=tmp_path / "log") as engine:
        before = engine.counters()
        first, second = asked(engine.url, engine.model), asked(engine.url, engine.model)
        used = Usage.between(before, engine.counters())
        choice, spent = judged(engine.url, engine.model, tmp_path / "journal")
    assert first == second
    assert choice.word in ("yes", "no")
    assert spent["prompt_tokens"] > 0 < spent["answer_tokens"]
    assert 2 * len(PROMPTS) <= used.output_tokens <= 2 * len(PROMPTS) * 16
    assert used.tokens_per_step == 1
    with pytest.raises(EngineError, match="died while serving"):
        engine.counters()


def test_a_different_answer_is_explained_by_the_margin_where_it_parts(tiny: Path, tmp_path: Path) -> None:
    with serve(tiny, settings=SETTINGS, runtime=RUNTIME, log=tmp_path / "engine.log") as engine:
        plain = asked(engine.url, engine.model)[0]
        row = replace(point("planner", "yes"), id="p", prompt=[{"role": "user", "content": PROMPTS[0]}])
        for kept in (0, len(plain) // 2):
            parted = explained(engine, [row], compare([row], [plain], [f"{plain[:kept]}\0"]), max_tokens=16)
            assert (parted.differences[0].margin_nats or 0) > 0
        longer = explained(engine, [row], compare([row], [plain], [f"{plain} and more"]), max_tokens=16)
        assert longer.differences[0].margin_nats is None


def test_fp8_runs_where_no_fp8_units_are_and_answers_change_little(tiny_fp8: Path, tmp_path: Path) -> None:
    with serve(tiny_fp8, settings=SETTINGS, runtime=RUNTIME, log=tmp_path / "log") as engine:
        assert asked(engine.url, engine.model) == asked(engine.url, engine.model)
        assert engine.capabilities.native_fp8 or engine.capabilities.fp8_reason


def test_an_engine_that_cannot_start_says_why(tiny: Path, tmp_path: Path) -> None:
    broken = SETTINGS.model_validate({**SETTINGS.model_dump(), "max_model_len": 999_999})
    with (
        pytest.raises(EngineError, match=r"max_model_len.*log: "),
        serve(tiny, settings=broken, runtime=RUNTIME, log=tmp_path / "log"),
    ):
        pass


PARENT = """
import os, sys, time
from pathlib import Path
from temper.config import Runtime
from temper.config.engine import EngineSettings
from temper.engine import serve
from tests.unit.stage_run import point
settings = EngineSettings.model_validate_json(sys.argv[3])
with serve(Path(sys.argv[1]), settings=settings, runtime=Runtime(device="cpu"), log=Path(sys.argv[2])):
    print("healthy", flush=True)
    time.sleep(600)
"""


def test_nothing_outlives_a_parent_that_is_killed(tiny: Path, tmp_path: Path) -> None:
    arguments = [str(tiny), str(tmp_path / "log"), SETTINGS.model_dump_json()]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "healthy\n"
        (guard,) = psutil.Process(parent.pid).children()
        assert len(group(guard.pid)) >= 3  # guard, server, engine
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 30
    while group(guard.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not group(guard.pid)
