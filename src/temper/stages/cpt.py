"""cpt: continual pretraining with contexts (they are read, the document is learnt), then a merge with the parent.

In: `parent` (an expanded model), `data` (context/document rows, `heldout.jsonl` beside them).   Out: `model`; losses
by step, of merges, by token position.
"""

import json
from pathlib import Path

import torch
from datasets import Dataset
from transformers import PreTrainedModel
from trl import SFTConfig

from temper.errors import ConfigError
from temper.process.specs import CPTSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN, Document, load
from temper.stages.expand import EXPANSION
from temper.stages.training import common as training
from temper.stages.training.blocks import blocks
from temper.stages.training.mapped import TEXTS
from temper.stages.training.positions import by_position
from temper.stages.training.rendering import Answered, text_row
from temper.stages.training.trainers import AnswerTrainer


def main(stage: Stage[CPTSpec]) -> Report:
    """Measure the held-out loss, train, merge, measure again, save."""
    settings = stage.spec.cpt
    parent, data = stage.inputs["parent"], stage.inputs["data"]
    rows = training.rows(stage, settings, TEXTS, [data / TRAIN])
    model, tokenizer = training.load(parent, torch.float32)
    if settings.trainable == "new_blocks":
        freeze_old_blocks(model, parent, training.frozen_dtype(stage, settings))
    heldout = load(data / "heldout.jsonl", Document)
    trainer = AnswerTrainer(
        model=model,
        args=SFTConfig(**training.arguments(stage, settings)),
        train_dataset=rows,
        eval_dataset=_by_source(heldout, [text_row(tokenizer, row, settings.max_length) for row in heldout]),
        processing_class=tokenizer,
        callbacks=[training.Progress(stage)],
    )
    before = _losses(trainer)
    stage.event(f"{len(rows)} documents; held-out loss {', '.join(f'{v:.3f} ({k})' for k, v in before.items())}")
    metrics = training.fit(trainer, stage)
    trained = trainer.accelerator.unwrap_model(trainer.model)
    original = training.load(parent, torch.float32)[0]
    weighed = []
    if settings.weights_to_compare:
        whole = {name: value.detach().clone() for name, value in trained.named_parameters() if value.requires_grad}
        for weight in settings.weights_to_compare:
            merge(trained, original, weight)
            losses = {f"merged_loss_{source}": loss for source, loss in _losses(trainer).items()}
            weighed.append({"step": round(100 * weight), **losses})
            trained.load_state_dict(whole, strict=False)
    merge(trained, original, settings.merge_weight)
    after = _losses(trainer)
    places = by_position(training.plain(trained), tokenizer, heldout)
    if trainer.is_world_process_zero():
        training.save(training.plain(trained), tokenizer, stage.out("model"))
    figures = {f"heldout_loss_{source}_before": loss for source, loss in before.items()}
    figures |= {f"heldout_loss_{source}_after": loss for source, loss in after.items()}
    curves = [*training.curves(trainer), *weighed, *places]
    return Report({**metrics, **figures, "documents": float(len(rows))}, {"model": "model"}, curves)


def _by_source(rows: list[Document], rendered: list[Answered | None]) -> dict[str, Dataset]:
    """Held-out documents by what they show: `domain` what was learnt, `public` what was forgotten."""
    sources: dict[str, list[Answered]] = {}
    for row, tokens in zip(rows, rendered, strict=True):
        if tokens:
            sources.setdefault("public" if row.source == "public" else "domain", []).append(tokens)
    return {source: Dataset.from_list(some) for source, some in sources.items()}


def _losses(trainer: AnswerTrainer) -> dict[str, float]:
    """Held-out loss by source, in nats per token."""
    losses = trainer.evaluate()
    sources = trainer.eval_dataset
    assert isinstance(sources, dict)
    return {source: losses[f"eval_{source}_loss"] for source in sources}


def freeze_old_blocks(model: PreTrainedModel, folder: Path, frozen: torch.dtype = torch.float32) -> None:
    """Leave only the blocks that expansion added trainable, the others in type `frozen`.

    Raises ConfigError when there are none.
    """
    if not (folder / EXPANSION).is_file():
        raise ConfigError(
            "cpt.trainable=new_blocks needs an expanded parent: run expand first, or set cpt.trainable=all"
        )
    new_blocks = json.loads((folder / EXPANSION).read_text(encoding="utf-8"))["new_blocks"]
    model.requires_grad_(False)
    for number in new_blocks:
        blocks(model.base_model)[number].requires_grad_(True)
    for value in model.parameters():
        if not value.requires_grad:
            value.data = value.data.to(frozen)


def merge(trained: PreTrainedModel, parent: PreTrainedModel, weight: float) -> None:
    """`trained` becomes weight * trained + (1 - weight) * parent, in place; what did not change stays exactly so."""
    original = dict(parent.named_parameters())
    with torch.no_grad():
        for name, value in trained.named_parameters():
            whole = original[name].to(value.device)
            value.copy_(torch.lerp(whole, value.to(whole.dtype), weight))


if __name__ == "__main__":
    run(main)
