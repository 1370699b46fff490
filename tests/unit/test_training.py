"""The training stages end with plain checkpoints, and go on where they were killed."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import get_peft_model
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from temper.config.stages import LoRASettings, OptimizerSettings, SFTSettings
from temper.errors import ConfigError
from temper.process.stage import EVENTS, REPORT
from temper.rows import Document
from temper.stages import cpt, dpo, expand, sft
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import common as training
from temper.stages.training.attention import PRODUCTS, products
from temper.stages.training.narrow import frozen_layers
from temper.stages.training.positions import by_position
from temper.stages.training.trainers import GroupedBatches
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


def test_sft_without_adapters_trains_all_weights(parent: Path, tmp_path: Path) -> None:
    data = rows(tmp_path / "data", [chat(i) for i in range(8)])
    run = stage(
        tmp_path / "run", "sft", {**OPTIMIZER, "learning_rate": 1e-3, "lora": None}, {"parent": parent, "data": data}
    )
    sft.main(run)
    before, after = _weights(parent), _weights(run.out("model"))
    assert before.keys() == after.keys()
    assert not any(torch.equal(before[name], after[name]) for name in before if "proj" in name or "embed" in name)


@pytest.mark.parametrize("own", [0, 3])
def test_dpo_learns_from_the_students_own_mistakes_too(parent: Path, tmp_path: Path, own: int) -> None:
    data = rows(tmp_path / "data", [pair(i) for i in range(8)])
    mistakes = rows(tmp_path / "mistakes", [pair(100 + i) for i in range(own)])
    config = {**OPTIMIZER, "lora": LORA, "beta": 0.1, "sft_weight": 0.5}
    run = stage(tmp_path / "run", "dpo", config, {"parent": parent, "data": data, "mistakes": mistakes})
    assert dpo.main(run).metrics["pairs"] == 8 + own


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
    config["weights_to_compare"] = [0, 1]
    run = stage(tmp_path / "run", "cpt", config, {"parent": expanded.out("model"), "data": data})
    report = cpt.main(run)
    before, after = _weights(expanded.out("model")), _weights(run.out("model"))
    changed = {name.split(".")[2] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"4", "9"}
    started, ended = (report.metrics[f"heldout_loss_domain_{when}"] for when in ("before", "after"))
    assert ended < started
    merges = {row["step"]: row["merged_loss_domain"] for row in report.curves if "merged_loss_domain" in row}
    assert merges[0] == pytest.approx(started, abs=1e-4)  # all of the parent, nothing of what was trained
    assert merges[100] < ended < merges[0]


def test_a_loss_by_position_is_the_models_own(parent: Path) -> None:
    model, tokenizer = training.load(parent, torch.float32)
    found = by_position(
        model, tokenizer, [Document(prompt="About cars. ", completion="The Aster is a car of the year.")]
    )
    read = tokenizer.encode("About cars. ")
    document = tokenizer.encode("The Aster is a car of the year.")
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.tensor([read + document])).logits[0], dim=-1)
    first, second = (-float(log_p[len(read) - 1 + i, document[i]]) for i in (0, 1))
    reached = [start for start in (1, 2, 3, 5, 9, 17, 33) if start <= len(document)]
    assert [row["step"] for row in found] == reached
    assert all(math.isfinite(value) for row in found for value in row.values())
    assert found[0]["position_loss_with_context"] == pytest.approx(first, abs=1e-4)
    assert found[1]["position_loss_with_context"] == pytest.approx(second, abs=1e-4)
    assert found[0]["position_loss_without_context"] != pytest.approx(first, abs=1e-4)


@pytest.mark.parametrize("lora", [LORA, None])
def test_what_is_trained_starts_at_its_first_block(lora: dict[str, int] | None, parent: Path, tmp_path: Path) -> None:
    data = rows(tmp_path / "data", [chat(i) for i in range(8)])
    config = {**OPTIMIZER, "learning_rate": 1e-2, "lora": lora, "from_block": 3}
    run = stage(tmp_path / "run", "sft", config, {"parent": parent, "data": data})
    sft.main(run)
    before, after = _weights(parent), _weights(run.out("model"))
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    blocks = training.load(parent, torch.float32)[0].config.num_hidden_layers
    assert {int(name.split(".layers.")[1].split(".")[0]) for name in moved} == set(range(3, blocks))


def test_a_first_block_that_the_model_lacks_is_refused(parent: Path) -> None:
    with pytest.raises(ConfigError, match="from_block is 99, but the model has blocks 0 to"):
        training.freeze(training.load(parent, torch.float32)[0], 99)


def test_the_merge_is_linear(parent: Path) -> None:
    trained, original = training.load(parent, torch.float32)[0], training.load(parent, torch.float32)[0]
    trained.model.norm.weight.data += 1
    cpt.merge(trained, original, 0.25)
    torch.testing.assert_close(trained.model.norm.weight, original.model.norm.weight + 0.25)


def test_a_small_change_is_not_rounded_away_where_weights_were_loaded_in_bfloat16(parent: Path) -> None:
    before = training.load(parent, torch.float32)[0]
    model: Any = get_peft_model(
        training.load(parent, torch.bfloat16)[0], training.lora(LoRASettings(r=2, alpha=2), before)
    )
    layer = model.get_base_model().model.layers[0].mlp.up_proj
    small = 1e-3 * float(before.model.layers[0].mlp.up_proj.weight.abs().mean())
    torch.nn.init.constant_(layer.lora_A["default"].weight, 1.0)
    torch.nn.init.constant_(layer.lora_B["default"].weight, small / 2)
    training.widen(model, parent)
    after = model.merge_and_unload()
    change = after.model.layers[0].mlp.up_proj.weight - before.model.layers[0].mlp.up_proj.weight
    torch.testing.assert_close(change, torch.full_like(change, small), rtol=1e-2, atol=1e-8)
    for name, value in after.named_parameters():
        assert value.dtype == torch.float32
        if "layers" not in name:
            assert torch.equal(value, before.get_parameter(name)), name


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


@pytest.mark.parametrize("tuned", [{"lora": LORA}, {"lora": None, "from_block": 3}], ids=["adapters", "weights"])
def test_a_killed_stage_goes_on_from_its_last_whole_checkpoint(
    tuned: dict[str, Any], parent: Path, tmp_path: Path
) -> None:
    data = rows(tmp_path / "data", [chat(i) for i in range(400)])
    config = {**OPTIMIZER, "epochs": 2, **tuned}
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
    undisturbed = stage(tmp_path / "whole", "sft", config, {"parent": parent, "data": data})
    sft.main(undisturbed)
    whole = _weights(undisturbed.out("model"))
    assert all(torch.equal(value, whole[name]) for name, value in _weights(run.out("model")).items())


def _until(ready: Callable[[], object], process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, "the stage ended before its first checkpoint"
        assert time.monotonic() < end, "no checkpoint"
        time.sleep(0.05)


@pytest.mark.parametrize("able", [{"avx512_bf16": True}, {"amx_bf16": True}, {"avx512_bf16": False}, {}])
@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_bfloat16_only_where_it_is_native_and_wanted(
    precision: str, able: dict[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    settings = OptimizerSettings.model_validate({**OPTIMIZER, "precision": precision})
    given = stage(tmp_path, "sft", {**OPTIMIZER, "lora": None}, {})
    assert training.arguments(given, settings)["bf16"] == (precision == "auto" and any(able.values()))
    assert training.frozen_dtype(given, settings) == torch.float32


def test_frozen_layers_are_narrow_only_while_they_compute(parent: Path) -> None:
    base, _ = training.load(parent, torch.float32)
    model = get_peft_model(base, training.lora(LoRASettings.model_validate(LORA), base))
    head, before = base.get_output_embeddings(), dict(model.named_parameters())
    ids = torch.arange(12)[None]
    with torch.autocast("cpu", torch.bfloat16):
        plain = model(input_ids=ids).logits
        with frozen_layers(model):
            assert head.weight.dtype == torch.bfloat16
            assert base.get_input_embeddings().weight.dtype == torch.float32
            assert torch.equal(model(input_ids=ids).logits, plain)
    assert all(value is before[name] for name, value in model.named_parameters())


def test_attention_as_products_is_torchs_own() -> None:
    drawn = torch.Generator().manual_seed(0)
    sizes = {"query": (2, 6, 11, 8), "key": (2, 2, 11, 8), "value": (2, 2, 11, 8)}
    given = {name: torch.randn(size, generator=drawn).bfloat16() for name, size in sizes.items()}
    seen = (torch.rand(2, 1, 11, 11, generator=drawn) < 0.5) | torch.eye(11, dtype=torch.bool)
    found: list[list[torch.Tensor | None]] = []
    attentions: tuple[Callable[..., Any], ...] = (products, sdpa_attention_forward)
    for attend in attentions:
        inputs = {name: value.clone().requires_grad_() for name, value in given.items()}
        module = SimpleNamespace(num_key_value_groups=3)
        read, _ = attend(module, **inputs, attention_mask=seen, scaling=0.35)
        (read.float() ** 2).sum().backward()
        found.append([read, *(value.grad for value in inputs.values())])
    for ours, plain in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, atol=0.1, rtol=0.03)


def test_attention_as_products_sees_nothing_that_is_to_come(parent: Path) -> None:
    model, _ = training.load(parent, torch.float32)
    model.set_attn_implementation(PRODUCTS)
    ids = torch.arange(20)[None]
    with torch.autocast("cpu", torch.bfloat16):
        whole, beginning = model(input_ids=ids).logits, model(input_ids=ids[:, :9]).logits
    torch.testing.assert_close(whole[:, :9], beginning)


@pytest.mark.parametrize("able", [True, False])
def test_attention_is_made_of_products_where_a_cpu_multiplies_in_bfloat16(
    able: bool, parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
    given = stage(tmp_path, "sft", {**OPTIMIZER, "lora": None}, {"parent": parent})
    model, _ = training.load_to_tune(given, SFTSettings.model_validate({**OPTIMIZER, "lora": LORA}))
    assert model.config._attn_implementation == (PRODUCTS if able else "sdpa")
    training.save(model, *tiny_model()[1:], tmp_path / "saved")
    assert PRODUCTS not in (tmp_path / "saved" / "config.json").read_text(encoding="utf-8")


def test_float32_is_float32_on_cuda_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    given = stage(tmp_path, "sft", {**OPTIMIZER, "lora": None}, {}, device="cuda")
    for precision, dtype in (("auto", torch.bfloat16), ("float32", torch.float32)):
        settings = OptimizerSettings.model_validate({**OPTIMIZER, "precision": precision})
        assert training.frozen_dtype(given, settings) == dtype
        assert training.arguments(given, settings)["bf16"] == (dtype == torch.bfloat16)


@pytest.mark.parametrize("lora", [LORA, None])
def test_weights_that_are_trained_are_wide_on_cuda_too(
    lora: dict[str, int] | None, parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    given = stage(tmp_path, "sft", {**OPTIMIZER, "lora": None}, {"parent": parent}, device="cuda")
    model, _ = training.load_to_tune(given, SFTSettings.model_validate({**OPTIMIZER, "lora": lora}))
    assert model.dtype == (torch.bfloat16 if lora else torch.float32)
