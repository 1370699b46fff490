"""draft: train an EAGLE-3 drafter on the aligned student's own answers with speculators' trainer.

    python -m temper.stages.draft RUN_DIR

In: the aligned student (`parent`) and its answers (`data`). Out: `model`, a speculators checkpoint that vLLM serves
with `{"method": "eagle3"}`, and in it `temper.json`, which binds the drafter to the one target it was made for.
"""

import json
import logging
import random
import shutil
import statistics
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import torch
from speculators.train.cli import main as train_speculator
from speculators.train.config import TrainConfig
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from temper.config.stages import DraftSettings
from temper.errors import DataError
from temper.stage import Report, Stage, run
from temper.stages import hidden_states, manifest, training
from temper.stages.hidden_states import Row
from temper.stages.rendering import read_rows
from temper.stages.speculators_cpu import on_cpu

TRAIN_SHARE = 0.9
"""Share of the rows to train on; the rest gives the accuracy by position."""
LOG_STEPS = 10
"""Optimizer steps between two points of the loss curve."""


def main(stage: Stage) -> Report:
    """Hidden states, then training, then the best checkpoint by validation loss."""
    settings = DraftSettings.model_validate(stage.config)
    target, started = stage.inputs["parent"], time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(target)
    rows = _rows(stage.inputs["data"] / "train.jsonl", tokenizer, settings)
    data, speculator = stage.checkpoints / "data", stage.checkpoints / "speculator"
    _extract(stage, settings, rows, data)
    extracted = time.perf_counter()
    coverage = _token_frequencies(rows, settings, data / "token_freq.pt")
    _drop_torn(speculator)
    cuda = training.on_cuda(stage)
    with nullcontext() if cuda else on_cpu(), _Progress(stage, settings.epochs) as progress:
        train_speculator(_train_config(settings, target, data, speculator, cuda))
    trained = time.perf_counter()
    best = _export(speculator, stage.out("model"))
    manifest.write(stage.out("model"), manifest.drafter_manifest(target, stage.inputs["data"], settings))
    shutil.rmtree(data)
    tokens = sum(len(row.input_ids) for row in rows)
    metrics = {
        "train_tokens": float(tokens),
        "answer_tokens": float(sum(sum(row.loss_mask) for row in rows)),
        "vocabulary_coverage_percent": 100 * coverage,
        "hidden_states_s": extracted - started,
        "training_s": trained - extracted,
        "tokens_per_s": statistics.median(progress.speeds),
        **best,
    }
    return Report(metrics, {"model": "model"}, progress.curves)


def _rows(path: Path, tokenizer: PreTrainedTokenizerBase, settings: DraftSettings) -> list[Row]:
    """The answers as tokens, in the seed's order: the trainer validates on the last ones. Raises DataError."""
    rendered = [hidden_states.render(tokenizer, row, settings.max_length) for row in read_rows(path)]
    rows = [row for row in rendered if row is not None]
    if len(rows) < 1 / (1 - TRAIN_SHARE):
        raise DataError(
            f"{len(rows)} of {len(rendered)} answers fit into draft.max_length={settings.max_length}: "
            "raise it, or synthesize.draft_prompts"
        )
    random.Random(settings.seed).shuffle(rows)
    return rows


def _extract(stage: Stage, settings: DraftSettings, rows: list[Row], data: Path) -> None:
    target = stage.inputs["parent"]
    dtype = torch.bfloat16 if training.in_bfloat16(stage, settings) else torch.float32
    need = hidden_states.bytes_needed(rows, AutoConfig.from_pretrained(target).hidden_size, dtype)
    data.mkdir(parents=True, exist_ok=True)
    hidden_states.check_disk(data, need)
    stage.event(f"hidden states of {len(rows)} answers: {need / 2**20:.0f} MiB of disk until the end of training")
    device = "cuda" if training.on_cuda(stage) else "cpu"
    model = AutoModelForCausalLM.from_pretrained(target, dtype=dtype, device_map=device).eval()
    hidden_states.write(model, rows, data, stage)


def _token_frequencies(rows: list[Row], settings: DraftSettings, path: Path) -> float:
    """Writes how often each token is drafted in the training rows; the drafter's vocabulary is the head of it.

    Returns the share of the validation rows' tokens that this vocabulary holds.
    """
    split = int(len(rows) * TRAIN_SHARE)
    frequency, held_out = _drafted(rows[:split]), _drafted(rows[split:])
    torch.save(dict(frequency), path)
    vocabulary = {token for token, _ in frequency.most_common(settings.vocabulary)}
    return sum(count for token, count in held_out.items() if token in vocabulary) / held_out.total()


def _drafted(rows: list[Row]) -> Counter[int]:
    return Counter(token for row in rows for token in row.drafted)


def _train_config(settings: DraftSettings, target: Path, data: Path, speculator: Path, cuda: bool) -> TrainConfig:
    """The library's configuration; what is not named here is its default for EAGLE-3."""
    portable = {"loss_implementation": "eager", "draft_attn_impl": "sdpa", "num_workers": 0}
    return TrainConfig.from_flat(
        {
            "speculator_type": "eagle3",
            "verifier_name_or_path": str(target),
            "data_path": str(data),
            "hidden_states_path": None,
            "hidden_states_dtype": "bfloat16" if cuda else "float32",  # and of the training itself (0021)
            "on_missing": "raise",
            "train_data_ratio": TRAIN_SHARE,
            "total_seq_len": max(settings.batch_tokens, settings.max_length),
            "draft_vocab_size": min(settings.vocabulary, AutoConfig.from_pretrained(target).vocab_size),
            "token_freq_path": str(data / "token_freq.pt"),
            "full_attention_indices": [0],  # agent prompts outgrow the default window
            "target_layer_ids": hidden_states.tapped_layers(AutoConfig.from_pretrained(target).num_hidden_layers),
            "ttt_steps": settings.ttt_steps,
            "optimizer": "adamw",
            "lr": settings.learning_rate,
            "scheduler_type": "linear",
            "scheduler_warmup_ratio": 0.05,
            "epochs": settings.epochs,
            "save_path": str(speculator),
            "seed": settings.seed,
            "log_freq": LOG_STEPS,
            **({} if cuda else portable),
        }
    )


def _drop_torn(speculator: Path) -> None:
    """Removes the epoch that a kill cut short: the trainer writes `training_state.json` last and resumes from any."""
    for epoch in speculator.glob("[0-9]*"):
        if not (epoch / "training_state.json").is_file():
            shutil.rmtree(epoch)


def _export(speculator: Path, model: Path) -> dict[str, float]:
    """The epoch with the lowest validation loss as a drafter to serve; returns its figures.

    The checkpoint names the target by its path here, which another machine does not have: it is blanked, and
    `temper.json` names the target by digest.
    """
    best = (speculator / "checkpoint_best").resolve(strict=True)
    config = json.loads((best / "config.json").read_text(encoding="utf-8"))
    config["speculators_config"]["verifier"]["name_or_path"] = ""
    (model / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(best / "model.safetensors", model / "model.safetensors")
    return _figures(json.loads((best / "val_metrics.json").read_text(encoding="utf-8")))


class _Progress(logging.Handler):
    """Hears the trainer's own metric records and turns them into events and curves."""

    def __init__(self, stage: Stage, epochs: int) -> None:
        super().__init__()
        self.stage, self.epochs = stage, epochs
        self.curves: list[dict[str, float]] = []
        self.speeds: list[float] = []

    def __enter__(self) -> "_Progress":
        logging.getLogger().addHandler(self)  # the trainer empties its own loggers' handlers, not the root's
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "speculators.metrics" or not isinstance(record.msg, dict):
            return
        epoch, step = record.msg.get("epoch", 0), getattr(record, "step", 0)
        if train := record.msg.get("train"):
            self.speeds.append(record.msg["profile"]["tokens_per_s"])
            self.curves.append({"step": step, "loss": train["loss"]})
            self.stage.event("training", done=epoch, of=self.epochs, step=step, loss=train["loss"])
        if val := record.msg.get("val"):
            figures = _figures(val)
            self.curves.append({"step": step, **figures})
            self.stage.event("validation", done=epoch + 1, of=self.epochs, **figures)


def _figures(validation: dict[str, float]) -> dict[str, float]:
    """The trainer's validation metrics under our names; a position counts as right when all before it were, too."""
    prefix, suffix = "full_acc_", "_epoch"
    accuracy = {
        f"accuracy_position_{name.removeprefix(prefix).removesuffix(suffix)}": value
        for name, value in validation.items()
        if name.startswith(prefix)
    }
    return {"draft_loss": validation["loss_epoch"], **accuracy, "expected_tokens_per_step": 1 + sum(accuracy.values())}


if __name__ == "__main__":
    run(main)
