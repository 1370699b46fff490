"""TRL as its documentation shows it: SFTTrainer or DPOTrainer on conversational rows, with LoRA if that is asked for.

    python benchmarks/plain_trl.py RUN_DIR

Reads `spec.json` in RUN_DIR as a stage would. What is not named here is TRL's default, bfloat16 included where the CPU
has it; `recompute` false also turns off activation checkpointing, which a CPU only loses by.
Writes `plain.json` (seconds from the loaded model to the last step) and the merged model to `out/model`.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

KINDS: dict[str, Any] = {"sft": (SFTConfig, SFTTrainer), "dpo": (DPOConfig, DPOTrainer)}
COLUMNS = {"sft": ("prompt", "completion"), "dpo": ("prompt", "chosen", "rejected")}


def main(run_dir: Path) -> None:
    """Train and write what it took."""
    spec = json.loads((run_dir / "spec.json").read_text(encoding="utf-8"))
    stage, settings, inputs = spec["stage"], spec["config"], spec["inputs"]
    model = AutoModelForCausalLM.from_pretrained(inputs["parent"], dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(inputs["parent"])
    began = time.perf_counter()
    lines = (Path(inputs["data"]) / "train.jsonl").read_bytes().strip().split(b"\n")
    rows = [{name: row[name] for name in COLUMNS[stage]} for row in map(json.loads, lines)]
    config, trainer = KINDS[stage]
    loss = {}
    if stage == "dpo":
        loss = {
            "beta": settings["beta"],
            "loss_type": ["sigmoid", "sft"],
            "loss_weights": [1.0, settings["sft_weight"]],
        }
    fitted = trainer(
        model=model,
        args=config(
            output_dir=str(run_dir / "checkpoints"),
            num_train_epochs=settings["epochs"],
            per_device_train_batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            adam_beta2=settings["beta2"],
            lr_scheduler_type=settings["schedule"],
            warmup_steps=settings["warmup_ratio"],
            max_length=settings["max_length"],
            gradient_checkpointing=spec["recompute"],
            bf16=spec["bf16"],
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **loss,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=_adapter(settings["lora"]) if settings["lora"] else None,
    )
    fitted.train()
    seconds = time.perf_counter() - began
    trained: Any = fitted.model
    (trained.merge_and_unload() if settings["lora"] else trained).save_pretrained(run_dir / "out" / "model")
    tokenizer.save_pretrained(run_dir / "out" / "model")
    (run_dir / "plain.json").write_text(json.dumps({"seconds": seconds}), encoding="utf-8")


def _adapter(settings: dict[str, Any]) -> LoraConfig:
    return LoraConfig(r=settings["r"], lora_alpha=settings["alpha"], target_modules="all-linear", task_type="CAUSAL_LM")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
