"""dpo: prefer right answers to wrong ones. LoRA, reference log-probabilities computed once, merged.

In: `parent` (a model), `data` (preference rows), `mistakes` (the same of the parent's own, or none).   Out: `model`;
margins, accuracies, log-probabilities.
"""

from pathlib import Path

from datasets import Dataset, load_from_disk
from trl import DPOConfig

from temper.errors import DataError
from temper.process.specs import DPOSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN, PairRow
from temper.stages.training import common as training
from temper.stages.training import rendering
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
    model, tokenizer = training.load_to_tune(stage, settings)
    rows = rendering.render(PairRow, rendering.preference_row, tokenizer, stage.inputs["data"] / TRAIN)
    mistakes = stage.inputs["mistakes"] / TRAIN if "mistakes" in stage.inputs else None
    if mistakes and mistakes.stat().st_size:  # a student that made none leaves an empty file
        rows += rendering.render(PairRow, rendering.preference_row, tokenizer, mistakes)
    fitting = [row for row in rows if _length(row) <= settings.max_length]
    if not fitting:
        raise DataError(f"every preference row is longer than dpo.max_length={settings.max_length} tokens: raise it")
    stage.event(f"{len(fitting)} pairs, {len(rows) - len(fitting)} too long; scoring with the reference")
    weighted = settings.sft_weight > 0
    arguments = DPOConfig(
        **training.arguments(stage, settings),
        beta=settings.beta,
        loss_type=["sigmoid", "sft"] if weighted else ["sigmoid"],
        loss_weights=[1.0, settings.sft_weight] if weighted else None,
        precompute_ref_log_probs=True,
    )
    with arguments.main_process_first():  # one process writes what all read
        train = _on_disk(fitting, stage.checkpoints / "rows")
    trainer = PreferenceTrainer(
        model=model,
        args=arguments,
        train_dataset=train,
        processing_class=tokenizer,
        peft_config=training.lora(settings.lora, model, settings.from_block),
        callbacks=[training.Progress(stage)],
    )
    metrics = training.fit(trainer, stage)
    trained = training.merged(trainer, stage.inputs["parent"])
    if trainer.is_world_process_zero():
        training.save(trained, tokenizer, stage.out("model"))
    curve = training.curves(trainer, *FIGURES)
    return Report({**metrics, **_ends(curve), "pairs": float(len(fitting))}, {"model": "model"}, curve)


def _length(row: rendering.Preferred) -> int:
    return len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))


def _on_disk(rows: list[rendering.Preferred], folder: Path) -> Dataset:
    """Rows in the run folder, where TRL then keeps the reference's scores too: a resumed run finds them again."""
    if not (folder / "state.json").exists():
        # Neighbours share prompts, so scoring them together is cheap.
        Dataset.from_list(sorted(rows, key=lambda row: (row["group"], _length(row)))).save_to_disk(folder)
    return load_from_disk(folder)


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
