"""speculators' trainer on rows and hidden states that lie in a folder: its settings, its progress, its figures."""

import json
import logging
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from speculators.train.cli import main as train_speculator
from speculators.train.config import TrainConfig
from transformers import AutoConfig

from temper.config.stages import DraftSettings
from temper.process.specs import Spec
from temper.process.stage import Stage
from temper.stages.drafting import hidden_states
from temper.stages.drafting.hidden_states import Row
from temper.stages.drafting.speculators_cpu import on_cpu
from temper.stages.training import common as training

FREQUENCIES = "token_freq.pt"
LOG_STEPS = 10
"""Optimizer steps between two points of the loss curve."""


@dataclass(frozen=True)
class Trained:
    """A trained drafter: speculators' checkpoint with the lowest validation loss, and its figures."""

    checkpoint: Path
    figures: dict[str, float]
    curves: list[dict[str, float]]


def fit(
    stage: Stage[Spec], settings: DraftSettings, rows: Sequence[Row], split: int, data: Path, save: Path, name: str
) -> Trained:
    """Train on the first `split` of `rows`, whose states lie in `data`, and validate on the others.

    What `save` holds of an earlier, killed run is gone on from, by whole epochs; `name` is what progress is told under.
    """
    started = time.perf_counter()
    coverage = _token_frequencies(rows, split, settings, data / FREQUENCIES)
    _drop_torn(save)
    cuda = training.on_cuda(stage)
    config = trainer_config(settings, stage.inputs["student"], data, save, (split + 0.5) / len(rows), cuda=cuda)
    with nullcontext() if cuda else on_cpu(), _Progress(stage, settings.epochs, name) as progress:
        train_speculator(config)
    best = (save / "checkpoint_best").resolve(strict=True)
    figures = {
        "train_tokens": float(sum(len(row.input_ids) for row in rows[:split])),
        "answer_tokens": float(answer_tokens(rows[:split])),
        "vocabulary_coverage_percent": 100 * coverage,
        "training_s": time.perf_counter() - started,
        **_figures(json.loads((best / "val_metrics.json").read_text(encoding="utf-8"))),
    }
    if progress.speeds:  # not where every epoch was trained before a kill
        figures["tokens_per_s"] = statistics.median(progress.speeds)
    return Trained(best, figures, progress.curves)


def answer_tokens(rows: Sequence[Row]) -> int:
    """Tokens that a drafter learns to propose."""
    return sum(sum(row.loss_mask) for row in rows)


def trainer_config(
    settings: DraftSettings, student: Path, data: Path, save: Path, train_share: float, *, cuda: bool
) -> TrainConfig:
    """The library's configuration; what is not named here is its default for EAGLE-3."""
    portable = {"loss_implementation": "eager", "draft_attn_impl": "sdpa", "num_workers": 0}
    return TrainConfig.from_flat(
        {
            "speculator_type": "eagle3",
            "verifier_name_or_path": str(student),
            "data_path": str(data),
            "hidden_states_path": None,
            "hidden_states_dtype": "bfloat16" if cuda else "float32",  # and of the training itself (0021)
            "on_missing": "raise",
            "train_data_ratio": train_share,
            "total_seq_len": max(settings.batch_tokens, settings.max_length),
            "draft_vocab_size": min(settings.vocabulary, AutoConfig.from_pretrained(student).vocab_size),
            "token_freq_path": str(data / FREQUENCIES),
            "full_attention_indices": [0],  # agent prompts outgrow the default window
            "target_layer_ids": hidden_states.tapped_layers(AutoConfig.from_pretrained(student).num_hidden_layers),
            "ttt_steps": settings.ttt_steps,
            "optimizer": "adamw",
            "lr": settings.learning_rate,
            "scheduler_type": "linear",
            "scheduler_warmup_ratio": 0.05,
            "epochs": settings.epochs,
            "save_path": str(save),
            "seed": settings.seed,
            "log_freq": LOG_STEPS,
            **({} if cuda else portable),
        }
    )


def _token_frequencies(rows: Sequence[Row], split: int, settings: DraftSettings, path: Path) -> float:
    """Writes how often each token is drafted in the training rows; the drafter's vocabulary is the head of it.

    Returns the share of the validation rows' tokens that this vocabulary holds.
    """
    frequency, held_out = _drafted(rows[:split]), _drafted(rows[split:])
    torch.save(dict(frequency), path)
    vocabulary = {token for token, _ in frequency.most_common(settings.vocabulary)}
    return sum(count for token, count in held_out.items() if token in vocabulary) / held_out.total()


def _drafted(rows: Sequence[Row]) -> Counter[int]:
    return Counter(token for row in rows for token in row.drafted)


def _drop_torn(speculator: Path) -> None:
    """Removes the epoch that a kill cut short: the trainer writes `training_state.json` last and resumes from any."""
    for epoch in speculator.glob("[0-9]*"):
        if not (epoch / "training_state.json").is_file():
            shutil.rmtree(epoch)


class _Progress(logging.Handler):
    """Hears the trainer's own metric records and turns them into events and curves."""

    def __init__(self, stage: Stage[Spec], epochs: int, label: str) -> None:
        super().__init__()
        self.stage, self.epochs, self.label = stage, epochs, label
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
            self.stage.event(self.label, done=epoch, of=self.epochs, step=step, loss=train["loss"])
        if val := record.msg.get("val"):
            figures = _figures(val)
            self.curves.append({"step": step, **figures})
            self.stage.event(f"{self.label}: validated", done=epoch + 1, of=self.epochs, **figures)


def _figures(validation: dict[str, float]) -> dict[str, float]:
    """The trainer's validation metrics under our names; a position counts as right when all before it were, too."""
    prefix, suffix = "full_acc_", "_epoch"
    accuracy = {
        f"accuracy_position_{name.removeprefix(prefix).removesuffix(suffix)}": value
        for name, value in validation.items()
        if name.startswith(prefix)
    }
    return {"draft_loss": validation["loss_epoch"], **accuracy, "expected_tokens_per_step": 1 + sum(accuracy.values())}
