"""Plans: counts are the libraries' own, a stage that does not fit is refused."""

import pytest
import torch
from peft import get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from temper.capacity.architecture import Architecture
from temper.capacity.memory import needs
from temper.capacity.speed import ladder
from temper.capacity.work import work
from temper.cli.dry_run import dry_run
from temper.config import load_preset, override
from temper.config.plan import Shape
from temper.config.rungs import DRAFTER, FP8, STUDENT, UNOPTIMISED
from temper.config.stages import LoRASettings
from temper.errors import ConfigError
from temper.stages.training import common as training

SMOL = Shape(
    hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
    head_dim=64, vocab_size=49152, tie_word_embeddings=True,
)  # fmt: skip
PAPERS = load_preset("h100x8")


@pytest.mark.parametrize("shape", [SMOL, PAPERS.plan and PAPERS.plan.shape], ids=["135M", "8B"])
def test_parameters_are_those_of_the_library(shape: Shape) -> None:
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**shape.model_dump()))
    assert Architecture.of(shape).parameters == sum(p.numel() for p in model.parameters())


def test_adapters_are_those_of_peft() -> None:
    adapters = LoRASettings(r=8, alpha=16)
    settings = PAPERS.sft.model_copy(update={"lora": adapters, "from_block": 16})
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**SMOL.model_dump()))
        adapted = get_peft_model(model, training.lora(adapters, model, settings.from_block))
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert Architecture.of(SMOL).tuned(settings) == trained


def test_reading_costs_two_flops_a_weight() -> None:
    """torch's own counter over the matrix products of one row; attention's are counted whole there, causal here."""
    length = 128
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**SMOL.model_dump() | {"attn_implementation": "eager"}))
        row = torch.zeros((1, length), dtype=torch.long)
        with FlopCounterMode(display=False) as counter:
            model(row)
    whole = 4 * SMOL.head_dim * SMOL.num_attention_heads * length * SMOL.num_hidden_layers
    expected = counter.get_total_flops() / length - whole / 2
    assert Architecture.of(SMOL).forward_flops(length) == pytest.approx(expected, rel=1e-3)


def test_the_papers_preset_fits_its_devices(capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(PAPERS, None) == 0
    said = capsys.readouterr().out
    assert "expanded 9.78 B" in said
    assert "torch.distributed.run --standalone --nproc-per-node=8 -m temper.stages.sft" in said
    assert "--tensor-parallel-size 8" in said and "--kv-cache-dtype fp8" in said


def test_one_device_takes_the_same_steps_and_fits_too(capsys: pytest.CaptureFixture[str]) -> None:
    one = load_preset("h100")
    for stage in ("cpt", "sft", "dpo"):
        rows = [
            getattr(c, stage).batch_size * getattr(c, stage).accumulation * c.runtime.processes for c in (PAPERS, one)
        ]
        assert rows[0] == rows[1], stage
    assert dry_run(one, None) == 0
    assert "torch.distributed.run" not in capsys.readouterr().out


def test_what_does_not_fit_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"sft \(\d+ GiB\)"):
        dry_run(override(PAPERS, ["sft.batch_size=32"]), None)


def test_twice_the_rows_take_twice_the_hours() -> None:
    assert PAPERS.plan is not None
    base = Architecture.of(PAPERS.plan.shape)
    more = override(PAPERS, ["sft.epochs=2"])
    once, twice = ({w.stage: w for w in work(c, PAPERS.plan, base)} for c in (PAPERS, more))
    assert twice["sft"].hours == pytest.approx(2 * once["sft"].hours)
    assert twice["cpt"] == once["cpt"]


def test_the_data_sheet_bounds_the_ladder(capsys: pytest.CaptureFixture[str]) -> None:
    assert PAPERS.plan is not None
    base, student = Architecture.of(PAPERS.plan.shape), Architecture.of(PAPERS.plan.shape).expanded(PAPERS.expand.every)
    plan = PAPERS.plan.model_copy(update={"calls_per_turn": 1.0, "answer_tokens": 1, "cached_prompt": 0.5})
    alone, quantised, lowest = (ladder(PAPERS, plan, base, (rung,)) for rung in (STUDENT, FP8, UNOPTIMISED))
    read = 2 * (student.parameters - student.shape.vocab_size * student.shape.hidden_size)  # BF16, embedding looked up
    once = read / (PAPERS.engine.tensor_parallel * plan.bandwidth_gb_s * 1e9)
    assert (alone[0].concurrency, alone[0].bound) == (1, "memory")
    assert alone[0].turns_per_s == pytest.approx(1 / once)
    assert quantised[0].turns_per_s == pytest.approx(2 / once)
    assert lowest[0].turns_per_s == pytest.approx(1 / once / plan.unoptimised_calls_per_turn)
    drafted = {row.concurrency: row for row in ladder(PAPERS, PAPERS.plan, base, (DRAFTER,))}
    plain = {row.concurrency: row for row in ladder(PAPERS, PAPERS.plan, base, (STUDENT,))}
    assert all(1 < drafted[load].turns_per_s / plain[load].turns_per_s < PAPERS.plan.tokens_per_step for load in plain)
    dry_run(PAPERS, None)
    assert "student+drafter+fp8  1: " in capsys.readouterr().out


def test_half_the_devices_hold_twice_the_weights_each() -> None:
    assert PAPERS.plan is not None
    base = Architecture.of(PAPERS.plan.shape)
    whole, half = ({n.stage: n for n in needs(override(PAPERS, [f"engine.tensor_parallel={k}"]), base)} for k in (8, 4))
    assert half["engine"].parts["weights"] == 2 * whole["engine"].parts["weights"]


def test_shares_of_the_weights_shrink_with_the_processes_and_need_several() -> None:
    assert PAPERS.plan is not None
    base, told = Architecture.of(PAPERS.plan.shape), "runtime.sharded=true"
    eight, four = (
        {n.stage: n for n in needs(override(PAPERS, [told, f"runtime.processes={k}"]), base)} for k in (8, 4)
    )
    whole = {n.stage: n for n in needs(PAPERS, base)}
    assert four["dpo"].parts["training"] == 2 * eight["dpo"].parts["training"] == whole["dpo"].parts["training"] / 4
    assert eight["sft"].parts["weights"] < four["sft"].parts["weights"] < whole["sft"].parts["weights"]
    assert eight["cpt"] == whole["cpt"]
    full = [told, "runtime.processes=8", "sft.lora=null"]
    trained = {n.stage: n for n in needs(override(PAPERS, full), base)}["sft"].parts
    # In FP32: gradient, two moments and the exchanged part beside each weight.
    assert trained["training"] == base.expanded(PAPERS.expand.every).parameters * 16 / 8
    with pytest.raises(ConfigError, match=r"runtime\.processes"):
        override(PAPERS, [told, "runtime.processes=1"])
