"""Seconds and memory of the rows that SFT reads: as Python lists that TRL prepares, and mapped from a file.

    .venv/bin/python benchmarks/rows.py 50000

Each way in a process of its own, up to the trainer and the order of its first epoch, with the tiny model.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from temper.rows import TRAIN, ChatRow, Message, load, spoken, write
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training.mapped import CHATS, mapped
from temper.stages.training.rendering import answer_ids, prompt_ids
from temper.stages.training.trainers import AnswerTrainer

SYSTEM = "You plan for a car dealer. " + " ".join(f"Tool number {n} takes a city and a price." for n in range(40))


def chat(number: int) -> ChatRow:
    """A row of some hundred tokens."""
    asked = [Message(role="system", content=SYSTEM), Message(role="user", content=f"What is car {number}?" * 4)]
    return ChatRow(id=str(number), role="planner", prompt=asked, completion=spoken(f"x = get_car(id={number})" * 4))


def main(way: str, work: Path) -> None:
    """Prepare the rows in one way; prints seconds and MiB, those of the libraries and the model left out."""
    model, tokenizer = tiny_model()
    kind, train = (AnswerTrainer if way == "mapped" else SFTTrainer), work / TRAIN
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    if way == "mapped":
        rows = mapped(CHATS, [train], tokenizer, 2048, work / "rows")
    else:
        both = ((prompt_ids(tokenizer, r.prompt), answer_ids(tokenizer, r.completion[-1]["content"]))
                for r in load(train, ChatRow))  # fmt: skip
        lists = [{"input_ids": p + a, "completion_mask": [0] * len(p) + [1] * len(a)} for p, a in both]
        rows = Dataset.from_list(lists)
    args = SFTConfig(str(work), completion_only_loss=way == "lists", max_length=2048, use_cpu=True, bf16=False)
    trainer = kind(model, args, train_dataset=rows, processing_class=tokenizer)
    first = next(iter(trainer.get_train_dataloader()))["input_ids"]
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    print(f"{way}: {time.monotonic() - started:.0f} s, {used} MiB; first batch {tuple(first.shape)}")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / TRAIN, map(chat, range(int(sys.argv[1]))))
            for each in ("lists", "mapped"):
                subprocess.run([sys.executable, __file__, each, folder], check=True)
    else:
        main(sys.argv[1], Path(sys.argv[2]))
