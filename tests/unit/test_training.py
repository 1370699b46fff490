"""The training stages end with plain checkpoints, and go on where they were killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from temper.errors import ConfigError
from temper.stage import EVENTS, REPORT
from temper.stages import cpt, dpo, expand, sft, training
from temper.stages.tiny import tiny_model
from temper.stages.trainers import GroupedBatches
from tests.unit.stage_run import LORA, OPTIMIZER, chat, pair, rows, stage


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parent")
    training.save(*tiny_model(), folder)
    return folder


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return training.load(folder, torch.float32)[0].state_dict()


def test_sft_lowers_the_loss_and_leaves_a_plain_checkpoint(parent: Path, tmp_path: Path) -> None:
    data = rows(tmp_path / "data", [chat(i, role) for i in range(24) for role in ("planner", "executor")])
    config = {**OPTIMIZER, "learning_rate": 1e-2, "epochs": 3, "lora": LORA}
    run = stage(tmp_path / "run", "sft", config, {"parent": parent, "data": data})
    report = sft.main(run)
    assert report.metrics["steps"] == 36
    assert report.curves[-1]["loss"] < report.curves[0]["loss"] - 0.5
    assert _weights(run.out("model")).keys() == _weights(parent).keys()


def test_dpo_widens_the_margin(parent: Path, tmp_path: Path) -> None:
    data = rows(tmp_path / "data", [pair(i) for i in range(24)])
    config = {**OPTIMIZER, "learning_rate": 5e-3, "epochs": 2, "lora": LORA, "beta": 0.1, "sft_weight": 0.5}
    run = stage(tmp_path / "run", "dpo", config, {"parent": parent, "data": data})
    report = dpo.main(run)
    assert report.metrics["rewards_margins_last"] > report.metrics["rewards_margins_first"]
    assert report.metrics["logps_chosen_last"] > report.metrics["logps_chosen_first"]
    assert report.curves[0]["rewards_margins"] == 0  # the reference is the model that training starts from
    assert _weights(run.out("model")).keys() == _weights(parent).keys()


def test_cpt_trains_the_new_blocks_alone_and_merges(parent: Path, tmp_path: Path) -> None:
    expanded = stage(tmp_path / "expand", "expand", {"every": 4}, {"parent": parent})
    expand.main(expanded)
    documents = [{"prompt": "About cars.", "completion": f"The Aster number {i} costs {i}00 euro."} for i in range(16)]
    data = rows(tmp_path / "data", documents)
    rows(data, documents[:4], "heldout.jsonl")
    config = {**OPTIMIZER, "learning_rate": 1e-2, "epochs": 2, "trainable": "new_blocks", "merge_weight": 0.5}
    run = stage(tmp_path / "run", "cpt", config, {"parent": expanded.out("model"), "data": data})
    report = cpt.main(run)
    before, after = _weights(expanded.out("model")), _weights(run.out("model"))
    changed = {name.split(".")[2] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"4", "9"}
    assert report.metrics["heldout_loss_after"] < report.metrics["heldout_loss_before"]


def test_the_merge_is_linear(parent: Path) -> None:
    trained, original = training.load(parent, torch.float32)[0], training.load(parent, torch.float32)[0]
    trained.model.norm.weight.data += 1
    cpt.merge(trained, original, 0.25)
    torch.testing.assert_close(trained.model.norm.weight, original.model.norm.weight + 0.25)


def test_new_blocks_of_a_model_that_was_never_expanded_are_refused(parent: Path) -> None:
    with pytest.raises(ConfigError, match="run expand first"):
        cpt.freeze_old_blocks(training.load(parent, torch.float32)[0], parent)


def test_batches_hold_one_role_and_an_epoch_holds_every_row() -> None:
    groups = ["planner"] * 13 + ["executor"] * 10
    order = GroupedBatches(groups, list(range(23)), 4, seed=1)
    first = list(order)
    assert sorted(first) == list(range(23))
    assert list(order) == first
    for start in range(0, 20, 4):  # 3 + 2 whole batches, then the three rows that are left over
        assert len({groups[number] for number in first[start : start + 4]}) == 1
    order.set_epoch(1)
    assert list(order) != first


def test_a_killed_stage_goes_on_from_its_last_whole_checkpoint(parent: Path, tmp_path: Path) -> None:
    data = rows(tmp_path / "data", [chat(i) for i in range(400)])
    config = {**OPTIMIZER, "epochs": 2, "lora": LORA}
    run = stage(tmp_path / "run", "sft", config, {"parent": parent, "data": data}, checkpoint_s=0.5)
    # One thread: the tiny model's tensors are too small to share.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "temper.stages.sft", str(run.run_dir)]
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    _until(lambda: list(run.checkpoints.glob(f"checkpoint-*/{training.WHOLE}")), first)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    (run.checkpoints / "checkpoint-9999").mkdir()  # what a kill in the middle of writing leaves
    reached = max(
        int(path.parent.name.split("-")[1]) for path in run.checkpoints.glob(f"checkpoint-*/{training.WHOLE}")
    )
    assert subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 0
    report = json.loads((run.run_dir / REPORT).read_text())
    assert report["metrics"]["resumed_at_step"] == reached
    assert report["metrics"]["steps"] == 200
    assert [row["step"] for row in report["curves"]] == list(range(1, 201))
    assert f"resumed from checkpoint-{reached}" in (run.run_dir / EVENTS).read_text()


def _until(ready: Callable[[], object], process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, "the stage ended before its first checkpoint"
        assert time.monotonic() < end, "no checkpoint"
        time.sleep(0.05)
