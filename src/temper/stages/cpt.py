"""cpt: continual pretraining with contexts (they are read, the document is learnt), then a merge with the parent.

In: `parent` (an expanded model), `data` (context/document rows, `heldout.jsonl` beside them).   Out: `model`, losses.
"""

import json
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedModel
from trl import SFTConfig

from temper.config.stages import CPTSettings
from temper.errors import ConfigError
from temper.stage import Report, Stage, run
from temper.stages import rendering, training
from temper.stages.expand import EXPANSION
from temper.stages.trainers import AnswerTrainer


def main(stage: Stage) -> Report:
    """Measure the held-out loss, train, merge, measure again, save."""
    settings = CPTSettings.model_validate(stage.config)
    parent, data = stage.inputs["parent"], stage.inputs["data"]
    model, tokenizer = training.load(parent, torch.float32)
    if settings.trainable == "new_blocks":
        freeze_old_blocks(model, parent)
    train, heldout = (
        Dataset.from_list(rendering.render(rendering.text_row, tokenizer, data / name))
        for name in ("train.jsonl", "heldout.jsonl")
    )
    trainer = AnswerTrainer(
        model=model,
        args=SFTConfig(**training.arguments(stage, settings), completion_only_loss=True),
        train_dataset=train,
        eval_dataset=heldout,
        processing_class=tokenizer,
        callbacks=[training.Progress(stage)],
    )
    before = trainer.evaluate()["eval_loss"]
    stage.event(f"{len(train)} documents; held-out loss {before:.3f}")
    metrics = training.fit(trainer, stage)
    trained = trainer.accelerator.unwrap_model(trainer.model)
    merge(trained, training.load(parent, torch.float32)[0], settings.merge_weight)
    after = trainer.evaluate()["eval_loss"]
    if trainer.is_world_process_zero():
        training.save(training.plain(trained), tokenizer, stage.out("model"))
    figures = {"heldout_loss_before": before, "heldout_loss_after": after, "documents": float(len(train))}
    return Report({**metrics, **figures}, {"model": "model"}, training.curves(trainer))


def freeze_old_blocks(model: PreTrainedModel, folder: Path) -> None:
    """Leave only the blocks that expansion added trainable. Raises ConfigError when there are none."""
    if not (folder / EXPANSION).is_file():
        raise ConfigError(
            "cpt.trainable=new_blocks needs an expanded parent: run expand first, or set cpt.trainable=all"
        )
    new_blocks = json.loads((folder / EXPANSION).read_text(encoding="utf-8"))["new_blocks"]
    model.requires_grad_(False)
    blocks: Any = model.base_model.layers
    for number in new_blocks:
        blocks[number].requires_grad_(True)


def merge(trained: PreTrainedModel, parent: PreTrainedModel, weight: float) -> None:
    """`trained` becomes weight * trained + (1 - weight) * parent, in place; what did not change stays exactly so."""
    original = dict(parent.named_parameters())
    with torch.no_grad():
        for name, value in trained.named_parameters():
            value.copy_(torch.lerp(original[name].to(value.device), value, weight))


if __name__ == "__main__":
    run(main)
