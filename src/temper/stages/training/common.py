"""What the trainers share: device, TRL's arguments, LoRA, progress, checkpoints, resuming, saving."""

import math
import shutil
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from peft import LoraConfig, PeftModel
from torch.nn import Linear, Module
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from temper.config.stages import DraftSettings, LoRASettings, OptimizerSettings, SFTSettings
from temper.errors import ConfigError, DataError
from temper.process.specs import Spec
from temper.process.stage import Stage
from temper.rows import lines
from temper.stages.training.attention import PRODUCTS
from temper.stages.training.blocks import blocks
from temper.stages.training.mapped import Form, RowT, mapped
from temper.stages.training.narrow import frozen_layers
from temper.stages.training.shards import gather, held_percent

WHOLE = "whole"
"""Empty file that is written into a checkpoint last: a killed process leaves checkpoints without it."""


def on_cuda(stage: Stage[Spec]) -> bool:
    """Whether this stage trains on CUDA."""
    device = stage.runtime.device
    return device == "cuda" or (device == "auto" and torch.cuda.is_available())


def in_bfloat16(stage: Stage[Spec], settings: OptimizerSettings | DraftSettings) -> bool:
    """Whether forward and backward pass run in bfloat16: never by emulation, which is slower than float32."""
    if settings.precision == "float32":
        return False
    if on_cuda(stage):
        return torch.cuda.is_bf16_supported()
    return cpu_has_bfloat16()


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def frozen_dtype(stage: Stage[Spec], settings: OptimizerSettings) -> torch.dtype:
    """Type of the weights that are loaded: bfloat16 on CUDA alone, where memory is short, and only if asked for."""
    return torch.bfloat16 if on_cuda(stage) and in_bfloat16(stage, settings) else torch.float32


def load(folder: Path, dtype: torch.dtype) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer of a checkpoint folder."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True, trust_remote_code=False)
    return model, AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def rows(stage: Stage[Spec], settings: OptimizerSettings, form: Form[RowT], files: Sequence[Path]) -> Dataset:
    """The rows to train on, as tokens. To be called before anything is computed; see `mapped`."""
    tokenizer = AutoTokenizer.from_pretrained(stage.inputs["parent"], trust_remote_code=False)
    short = mapped(form, files, tokenizer, settings.max_length, stage.checkpoints / "rows", stage.runtime.threads)
    left_out = sum(1 for path in files for _ in lines(path)) - len(short)
    if left_out:
        stage.event(f"{left_out} rows are left out: {stage.name}.max_length={settings.max_length} tokens is too short")
    return short


def load_to_tune(stage: Stage[Spec], settings: SFTSettings) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The stage's parent for SFT and DPO, frozen below `from_block`; weights that are trained are in float32.

    On CPUs that compute in bfloat16 its attention is that of `attention`. Raises ConfigError without such a block.
    """
    model, tokenizer = load(stage.inputs["parent"], frozen_dtype(stage, settings) if settings.lora else torch.float32)
    freeze(model, settings.from_block)
    if in_bfloat16(stage, settings) and not on_cuda(stage):
        model.set_attn_implementation(PRODUCTS)
    return model, tokenizer


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """A plain checkpoint: safetensors, config, tokenizer, chat template."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def plain(model: PreTrainedModel) -> PreTrainedModel:
    """`model` without the forward passes that TRL and `sharing` put on it."""
    for name in ("forward", "plain_forward", "halves"):
        vars(model).pop(name, None)
    return model


def merged(trainer: Trainer, parent: Path) -> PreTrainedModel:
    """The trained model with its adapters, if it has any, folded into the weights of `parent`: a plain checkpoint.

    Only the first process gets what it may save.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    gather(model)
    if not isinstance(model, PeftModel):
        return plain(model)
    if trainer.is_world_process_zero():
        widen(model, parent)
    return plain(model.merge_and_unload())


def widen(model: PeftModel, parent: Path) -> None:
    """Gives an adapted model that was loaded in bfloat16 its parent's own weights again, in float32.

    In bfloat16 half of a change of a tenth of a percent would be rounded away. A checkpoint in float32 is cast once,
    when it is served, and so keeps the changes of all stages in the mean.
    """
    base = model.get_base_model()
    if all(value.dtype == torch.float32 for value in base.parameters()):
        return
    whole = load(parent, torch.float32)[0].state_dict()
    for name, value in base.named_parameters():
        own = whole.get(name.replace(".base_layer.", "."))
        if own is not None:  # an adapter's own weights are float32
            value.data = own.to(value.device)
    base.config.dtype = torch.float32


def freeze(model: PreTrainedModel, from_block: int) -> None:
    """Leaves the blocks from `from_block` on to be trained, and nothing else; 0 leaves all of `model`.

    Raises ConfigError when the model has no such block.
    """
    layers = blocks(model.base_model)
    if from_block >= len(layers):
        raise ConfigError(f"from_block is {from_block}, but the model has blocks 0 to {len(layers) - 1}")
    if from_block:
        model.requires_grad_(False)
        layers[from_block:].requires_grad_(True)


def lora(settings: LoRASettings, model: PreTrainedModel, from_block: int = 0) -> LoraConfig:
    """Adapters on every linear layer of the blocks from `from_block` on; embedding and head stay as they are."""
    # PEFT's "all-linear" cannot be limited to some blocks; the body's linear layers are the same without the head.
    linear = {name.rpartition(".")[2] for name, part in model.base_model.named_modules() if isinstance(part, Linear)}
    return LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=sorted(linear),
        layers_to_transform=list(range(from_block, model.config.num_hidden_layers)),
        task_type="CAUSAL_LM",
    )


def arguments(stage: Stage[Spec], settings: OptimizerSettings) -> dict[str, Any]:
    """Arguments of transformers' Trainer: activations are recomputed on CUDA alone, CPUs lose by it."""
    cuda, sharded = on_cuda(stage), stage.spec.facts.sharded and stage.runtime.sharded
    return {
        "output_dir": str(stage.checkpoints),
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.batch_size,
        "per_device_eval_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulation,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": {"constant": "constant_with_warmup"}.get(settings.schedule, settings.schedule),
        "warmup_steps": settings.warmup_ratio,  # below 1 the trainer takes it as a share of all steps
        "weight_decay": settings.weight_decay,
        "adam_beta2": settings.beta2,
        "seed": settings.seed,
        "max_length": settings.max_length,
        "optim": "adamw_torch_fused",
        "bf16": in_bfloat16(stage, settings),
        "gradient_checkpointing": cuda and not sharded,
        "fsdp": sharded,
        "fsdp_config": {"activation_checkpointing": cuda} if sharded else None,
        "use_cpu": not cuda,
        "dataloader_pin_memory": cuda,
        "save_strategy": "no",  # `Progress` asks for checkpoints by the clock
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
    }


class Progress(TrainerCallback):
    """Tells the person who waits, asks for checkpoints by the clock and marks the whole ones, keeps the curve."""

    def __init__(self, stage: Stage[Spec]) -> None:
        self.stage = stage
        self.every_s = stage.runtime.checkpoint_s
        self.saved = self.reported = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """Ask for a checkpoint when the last one is old enough."""
        due = [time.monotonic() - self.saved >= self.every_s and state.global_step < state.max_steps]
        control.should_save = bool(broadcast_object_list(due)[0])  # all processes save together or not at all
        return control

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """The checkpoint is whole once this is reached."""
        if state.is_world_process_zero:
            (Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / WHOLE).touch()
        self.saved = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """At most one event a second."""
        if state.is_world_process_zero and logs and "loss" in logs and time.monotonic() - self.reported >= 1:
            self.reported = time.monotonic()
            self.stage.event(f"step {state.global_step}", done=state.global_step, of=state.max_steps, loss=logs["loss"])


def whole_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end; unfinished ones are removed."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for path in checkpoints:
        if not (path / WHOLE).exists():
            shutil.rmtree(path)
    whole = [path for path in checkpoints if path.exists()]
    return str(whole[-1]) if whole else None


def fit(trainer: Trainer, stage: Stage[Spec]) -> dict[str, float]:
    """Train from the last whole checkpoint or the start; figures for the report. Raises DataError if it diverged."""
    last = whole_checkpoint(stage.checkpoints)
    if last:
        stage.event(f"resumed from {Path(last).name}")
    begun = time.monotonic()
    model = trainer.model
    assert isinstance(model, Module)
    with (
        frozen_layers(model) if trainer.args.bf16 and trainer.args.use_cpu and not trainer.args.fsdp else nullcontext()
    ):
        result = trainer.train(resume_from_checkpoint=last)
    wall = time.monotonic() - begun
    logged = [row for row in trainer.state.log_history if "loss" in row]
    losses = [row["loss"] for row in logged]
    if not losses or not math.isfinite(losses[-1]):
        raise DataError(f"{stage.name} did not converge (last losses {losses[-3:]}): lower {stage.name}.learning_rate")
    tail = losses[-max(1, len(losses) // 10) :]
    return {
        "train_loss": sum(tail) / len(tail),
        "steps": float(result.global_step),
        "resumed_at_step": float(Path(last).name.split("-")[1]) if last else 0.0,
        "train_wall_s": wall,
        "weights_held_percent": held_percent(model),
        "tokens_per_s": logged[-1]["num_tokens"] / wall,
    }


def curves(trainer: Trainer, *names: str) -> list[dict[str, float]]:
    """Loss, learning rate and the figures `names` by step, under names without slashes."""
    rows = [row for row in trainer.state.log_history if "loss" in row]
    wanted = ("step", "loss", "learning_rate", *names)
    return [{name.replace("/", "_"): float(row[name]) for name in wanted if name in row} for row in rows]
