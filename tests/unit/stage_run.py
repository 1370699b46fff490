"""A stage in a folder of its own, for tests: the same `Stage` that its process would read."""

import json
from pathlib import Path
from typing import Any, Literal

import torch

from temper.config import Runtime
from temper.process.specs import spec_of
from temper.process.stage import Stage, read, tell
from temper.rows import Point, WorldState

torch.set_num_threads(1)  # the tiny model's tensors are too small to share among threads

Device = Literal["cpu", "cuda"]
OPTIMIZER = {
    "learning_rate": 1e-3,
    "schedule": "linear",
    "warmup_ratio": 0.1,
    "weight_decay": 0.0,
    "epochs": 1,
    "batch_size": 4,
    "max_length": 256,
}
LORA = {"r": 4, "alpha": 8}


def stage(
    folder: Path, name: str, config: dict[str, Any], inputs: dict[str, Path], device: Device = "cpu", **runtime: float
) -> Stage[Any]:
    """The stage `name` with `config` as its own block of settings, its spec written to `folder` and read again."""
    folder.mkdir(parents=True, exist_ok=True)
    where = Runtime.model_validate({"device": device, **runtime})
    tell(folder, spec_of(name).model_validate({name: config}), inputs, where)
    return read(folder)


def rows(folder: Path, rows: list[dict[str, Any]], name: str = "train.jsonl") -> Path:
    """A data folder with these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def point(role: str, expected: str, asked: str = "hello") -> Point:
    """An evaluation point in the first test world."""
    return Point(
        id="",
        role=role,
        slice="plain",
        prompt=[{"role": "user", "content": asked}],
        expected=expected,
        teacher="",
        facts=[],
        world=WorldState(seed=1, split="test", calls=[]),
    )


def chat(number: int, role: str = "planner") -> dict[str, Any]:
    """An SFT row of that role."""
    return {
        "id": str(number),
        "role": role,
        "slice": "plain",
        "prompt": [
            {"role": "system", "content": f"You are the {role} of a car dealer. Answer in one line."},
            {"role": "user", "content": f"Book a test drive of car {number} at {number % 12} o'clock."},
        ],
        "completion": [{"role": "assistant", "content": f"drive = book(car={number}, hour={number % 12})"}],
    }


def pair(number: int) -> dict[str, Any]:
    """A DPO row."""
    row = chat(number)
    wrong = [{"role": "assistant", "content": "drive = cancel()"}]
    return {**row, "kind": "wrong_tool", "origin": "automatic", "chosen": row["completion"], "rejected": wrong}
