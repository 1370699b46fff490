"""Training on several devices: two CPU processes under torchrun (gloo) end with the weights of one."""

from pathlib import Path

import pytest
import torch

from temper.config import Runtime
from temper.launch import launch
from temper.stages import training
from temper.stages.tiny import tiny_model
from tests.unit.stage_run import LORA, OPTIMIZER, chat, rows


def test_two_processes_train_what_one_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "home"))
    training.save(*tiny_model(), tmp_path / "parent")
    data = rows(tmp_path / "data", [chat(i, role) for i in range(8) for role in ("planner", "executor")])
    weights = []
    for processes in (1, 2):
        config = {**OPTIMIZER, "learning_rate": 1e-2, "lora": LORA, "batch_size": 4 // processes}
        config["precision"] = "float32"  # in bfloat16 the order of a sum shows
        run, inputs = tmp_path / f"run{processes}", {"parent": tmp_path / "parent", "data": data}
        report = launch("sft", run, config, inputs, Runtime(device="cpu", threads=1, processes=processes))
        assert report.metrics["steps"] == 4
        weights.append(training.load(run / "out" / "model", torch.float32)[0].state_dict())
    before = training.load(tmp_path / "parent", torch.float32)[0].state_dict()
    one, two = weights
    assert max(float((one[name] - before[name]).abs().max()) for name in one) > 1e-3
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6
