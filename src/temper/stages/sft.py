"""sft: teach the adapted model its roles. LoRA on blocks' linear layers, or their weights; loss on the answer alone.

In: `parent` (a model), `data` (chat rows).   Out: `model`, the loss by step.
"""

from trl import SFTConfig

from temper.process.specs import SFTSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN
from temper.stages.training import common as training
from temper.stages.training.mapped import CHATS
from temper.stages.training.trainers import AnswerTrainer


def main(stage: Stage[SFTSpec]) -> Report:
    """Train, merge, save."""
    settings, parent = stage.spec.sft, stage.inputs["parent"]
    rows = training.rows(stage, settings, CHATS, [stage.inputs["data"] / TRAIN])
    model, tokenizer = training.load_to_tune(stage, settings)
    stage.event(f"{len(rows)} rows, {sum(rows['length'])} tokens")
    trainer = AnswerTrainer(
        model=model,
        args=SFTConfig(**training.arguments(stage, settings)),
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=training.lora(settings.lora, model, settings.from_block) if settings.lora else None,
        callbacks=[training.Progress(stage)],
    )
    metrics = training.fit(trainer, stage)
    trained = training.merged(trainer, parent)
    if trainer.is_world_process_zero():
        training.save(trained, tokenizer, stage.out("model"))
    curve = training.curves(trainer, "mean_token_accuracy")
    return Report({**metrics, "rows": float(len(rows))}, {"model": "model"}, curve)


if __name__ == "__main__":
    run(main)
