"""draft: train an EAGLE-3 drafter on the student's own answers with speculators' trainer.

    python -m temper.stages.draft RUN_DIR

In: the student (`student`) and its answers (`data`). Out: `model`, a speculators checkpoint that vLLM serves
with `{"method": "eagle3"}`, and in it `temper.json`, which binds the drafter to the one student it was made for.
"""

import json
import random
import shutil
import time
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from temper.config.stages import DraftSettings
from temper.errors import DataError
from temper.process.specs import DraftSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN, AnsweredRow, read
from temper.stages.drafting import hidden_states, manifest
from temper.stages.drafting import sources as draft_sources
from temper.stages.drafting import trainer as drafter_training
from temper.stages.drafting.hidden_states import Row
from temper.stages.training import common as training

TRAIN_SHARE = 0.9
"""Share of the rows to train on; the rest gives the accuracy by position."""


def main(stage: Stage[DraftSpec]) -> Report:
    """Hidden states, then training, then the best checkpoint by validation loss."""
    settings = stage.spec.draft
    student, started = stage.inputs["student"], time.perf_counter()
    rows = _rows(stage.inputs["data"] / TRAIN, AutoTokenizer.from_pretrained(student), settings)
    data, split = stage.checkpoints / "data", int(len(rows) * TRAIN_SHARE)
    _extract(stage, settings, rows, data)
    figures = {"hidden_states_s": time.perf_counter() - started}
    trained = drafter_training.fit(stage, settings, rows, split, data, stage.checkpoints / "speculator", "training")
    _export(trained.checkpoint, stage.out("model"))
    manifest.write(stage.out("model"), manifest.drafter_manifest(student, stage.inputs["data"], settings))
    figures |= trained.figures
    if settings.budget_to_compare:
        figures |= draft_sources.compare(stage, settings, rows, split, data)
    shutil.rmtree(data)
    return Report(figures, {"model": "model"}, trained.curves)


def _rows(path: Path, tokenizer: PreTrainedTokenizerBase, settings: DraftSettings) -> list[Row]:
    """The answers as tokens, in the seed's order: the trainer validates on the last ones. Raises DataError."""
    rendered = [hidden_states.render(tokenizer, row, settings.max_length) for row in read(path, AnsweredRow)]
    rows = [row for row in rendered if row is not None]
    if len(rows) < 1 / (1 - TRAIN_SHARE):
        raise DataError(
            f"{len(rows)} of {len(rendered)} answers fit into draft.max_length={settings.max_length}: "
            "raise it, or synthesize.draft_prompts"
        )
    random.Random(settings.seed).shuffle(rows)
    return rows


def _extract(stage: Stage[DraftSpec], settings: DraftSettings, rows: list[Row], data: Path) -> None:
    student = stage.inputs["student"]
    dtype = torch.bfloat16 if training.in_bfloat16(stage, settings) else torch.float32
    need = hidden_states.bytes_needed(rows, AutoConfig.from_pretrained(student).hidden_size, dtype)
    data.mkdir(parents=True, exist_ok=True)
    hidden_states.check_disk(data, need)
    stage.event(f"hidden states of {len(rows)} answers: {need / 2**20:.0f} MiB of disk until the end of training")
    device = "cuda" if training.on_cuda(stage) else "cpu"
    model = AutoModelForCausalLM.from_pretrained(student, dtype=dtype, device_map=device).eval()
    hidden_states.write(model, rows, data, stage)


def _export(checkpoint: Path, model: Path) -> None:
    """The drafter to serve.

    The checkpoint names the student by its path here, which another machine does not have: it is blanked, and
    `temper.json` names the student by digest.
    """
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    config["speculators_config"]["verifier"]["name_or_path"] = ""
    (model / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(checkpoint / "model.safetensors", model / "model.safetensors")


if __name__ == "__main__":
    run(main)
