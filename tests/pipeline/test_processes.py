"""Training on several devices: two CPU processes under torchrun (gloo) end with the weights of one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from temper.config import Runtime
from temper.process.launch import launch
from temper.process.specs import Spec, spec_of
from temper.process.stage import REPORT
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import common as training
from tests.unit.stage_run import LORA, OPTIMIZER, chat, pair, rows

Weights = dict[str, torch.Tensor]
PREFERENCES = {"beta": 0.1, "sft_weight": 0.0}  # TRL weighs a batch's tokens by process, not by their number


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_two_processes_train_what_one_trains(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "home"))
    training.save(*tiny_model(), tmp_path / "parent")
    inputs = {"parent": tmp_path / "parent", "data": _data(stage, tmp_path / "data")}
    config = {**OPTIMIZER, "learning_rate": 1e-2, "lora": LORA, **(PREFERENCES if stage == "dpo" else {})}
    config["precision"] = "float32"  # in bfloat16 the order of a sum shows
    before, one = load_file(tmp_path / "parent" / "model.safetensors"), _train(stage, config, inputs, tmp_path / "one")
    assert _apart(before, one) > 1e-3
    for sharded in (False, True):
        run = tmp_path / f"two-{sharded}"
        assert _apart(one, _train(stage, config, inputs, run, processes=2, sharded=sharded)) < 1e-6


def test_shares_go_on_from_their_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "home"))
    training.save(*tiny_model(), tmp_path / "parent")
    inputs = {"parent": tmp_path / "parent", "data": _data("sft", tmp_path / "data")}
    config = {**OPTIMIZER, "learning_rate": 1e-2, "lora": LORA, "precision": "float32"}
    runtime, run = Runtime(device="cpu", threads=1, processes=2, sharded=True, checkpoint_s=1e-3), tmp_path / "run"
    ended = []
    for resumed_at in (0, 3):  # a checkpoint after each step but the last
        report = launch(spec("sft", config | {"batch_size": 2}), run, inputs, runtime)
        assert report.metrics["resumed_at_step"] == resumed_at
        ended.append(load_file(run / "out" / "model" / "model.safetensors"))
        (run / REPORT).unlink()
    assert _apart(*ended) == 0


def spec(stage: str, config: dict[str, object]) -> Spec:
    return spec_of(stage).model_validate({stage: config})


def _data(stage: str, folder: Path) -> Path:
    if stage == "dpo":
        return rows(folder, [pair(number) for number in range(16)])
    return rows(folder, [chat(number, role) for number in range(8) for role in ("planner", "executor")])


def _train(stage: str, config: dict[str, object], inputs: dict[str, Path], run: Path, **runtime: int) -> Weights:
    """The saved weights; a step has the same rows whatever the number of processes."""
    each = {**config, "batch_size": 4 // runtime.get("processes", 1)}
    report = launch(spec(stage, each), run, inputs, Runtime(device="cpu", threads=1, **runtime))
    assert report.metrics["steps"] == 4
    assert report.metrics["weights_held_percent"] == pytest.approx(50 if runtime.get("sharded") else 100, abs=1)
    return load_file(run / "out" / "model" / "model.safetensors")


def _apart(some: Weights, others: Weights) -> float:
    assert some.keys() == others.keys()
    return max(float((some[name] - others[name]).abs().max()) for name in some)
