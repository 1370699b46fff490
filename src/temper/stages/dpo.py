"""dpo: prefer right answers to wrong ones. LoRA, reference log-probabilities computed once, merged.

In: `parent` (a model), `data` (preference rows), `mistakes` (the same of the parent's own, or none).   Out: `model`;
margins, accuracies, log-probabilities.
"""

from trl import DPOConfig

from temper.process.specs import DPOSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN
from temper.stages.training import common as training
from temper.stages.training.mapped import PAIRS
from temper.stages.training.trainers import PreferenceTrainer

FIGURES = (
    "rewards/margins",
    "rewards/accuracies",
    "rewards/chosen",
    "rewards/rejected",
    "logps/chosen",
    "logps/rejected",
)
"""TRL's own names; a chosen log-probability that falls while margins grow is DPO's known failure."""


def main(stage: Stage[DPOSpec]) -> Report:
    """Score with the reference, train, merge, save."""
    settings = stage.spec.dpo
    files = [stage.inputs[name] / TRAIN for name in ("data", "mistakes") if name in stage.inputs]
    # Neighbours share prompts, so scoring them together is cheap.
    rows = training.rows(stage, settings, PAIRS, files).sort(["group", "length"])
    model, tokenizer = training.load_to_tune(stage, settings)
    stage.event(f"{len(rows)} pairs; scoring with the reference")
    weighted = settings.sft_weight > 0
    trainer = PreferenceTrainer(
        model=model,
        args=DPOConfig(
            **training.arguments(stage, settings),
            beta=settings.beta,
            loss_type=["sigmoid", "sft"] if weighted else ["sigmoid"],
            loss_weights=[1.0, settings.sft_weight] if weighted else None,
            precompute_ref_log_probs=True,
        ),
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=training.lora(settings.lora, model, settings.from_block),
        callbacks=[training.Progress(stage)],
    )
    metrics = training.fit(trainer, stage)
    trained = training.merged(trainer, stage.inputs["parent"])
    if trainer.is_world_process_zero():
        training.save(trained, tokenizer, stage.out("model"))
    curve = training.curves(trainer, *FIGURES)
    return Report({**metrics, **_ends(curve), "pairs": float(len(rows))}, {"model": "model"}, curve)


def _ends(curve: list[dict[str, float]]) -> dict[str, float]:
    """Means over the first and the last tenth of the steps, so that a fall shows."""
    tenth = max(1, len(curve) // 10)
    parts = {"first": curve[:tenth], "last": curve[-tenth:]}
    names = [name.replace("/", "_") for name in FIGURES]
    return {
        f"{name}_{when}": sum(row[name] for row in part) / len(part) for when, part in parts.items() for name in names
    }


if __name__ == "__main__":
    run(main)
