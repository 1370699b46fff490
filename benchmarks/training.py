"""SFT and DPO of temper beside plain TRL: the same rows, model and settings, in turns, on an otherwise idle machine.

    .venv/bin/python benchmarks/training.py --stage sft --rows 120 --rounds 3 --out docs/results/training-sft.md

Rows are a sample of the demo's; both sides start from SmolLM2-135M with the demo's new block, and are measured from the
loaded model to the last step, DPO's reference scores included. Quality is the loss on held-out answers after it.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from temper.config import load_preset
from temper.domains import load_domain
from temper.process.launch import launch
from temper.process.specs import BaseSpec, ExpandSpec, spec_of
from temper.process.stage import EVENTS, write
from temper.rows import TRAIN, ChatRow, Message, PairRow, Point, lines, load
from temper.rows import write as write_rows
from temper.stages.training import common as training
from temper.stages.training import rendering
from temper.synthesis.sets import build

SIDES = ("temper", "temper, all blocks", "plain TRL", "plain TRL, no recomputation")
KINDS: dict[str, type[ChatRow | PairRow]] = {"sft": ChatRow, "dpo": PairRow}
HELD_OUT = 60
CONVERSATIONS = 400


def main() -> None:
    """Make data and model, run the sides in turns, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=("sft", "dpo"), required=True)
    parser.add_argument("--rows", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    demo = load_preset("demo")
    settings = getattr(demo, options.stage)
    work = Path(tempfile.mkdtemp(prefix="temper-training-"))
    os.environ["TEMPER_HOME"] = str(work / "home")
    parent, data = _parent(demo, work), _data(demo, options.stage, options.rows, work)
    held_out = load(work / "sets" / "evaluation" / "points.jsonl", Point)
    held_out = random.Random(0).sample(held_out, HELD_OUT)
    tokens = _tokens(parent, data, options.stage)
    rows_of: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        first = number % len(SIDES)
        for side in (*SIDES[first:], *SIDES[:first]):
            run = work / f"{number}-{SIDES.index(side)}"
            seconds = _run(side, options.stage, settings, run, {"parent": parent, "data": data}, demo)
            row = {"tokens_per_s": tokens / seconds, "loss": _loss(run / "out" / "model", held_out)}
            rows_of[side].append(row)
            print(f"round {number + 1}, {side}: {row['tokens_per_s']:.0f} tokens/s, loss {row['loss']:.4f}", flush=True)
            shutil.rmtree(run)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(_page(options, tokens, rows_of), encoding="utf-8")
    shutil.rmtree(work)
    print(options.out.read_text(encoding="utf-8"))


def _parent(demo: Any, work: Path) -> Path:
    launch(BaseSpec.of(demo), work / "base", {}, demo.runtime)
    launch(ExpandSpec.of(demo), work / "expand", {"parent": work / "base" / "out" / "model"}, demo.runtime)
    return work / "expand" / "out" / "model"


def _data(demo: Any, stage: str, count: int, work: Path) -> Path:
    """`count` rows of the demo's set, roles in the demo's proportions."""

    def out(name: str) -> Path:
        (work / "sets" / name).mkdir(parents=True, exist_ok=True)
        return work / "sets" / name

    all_roles = demo.synthesize.traces_per_role
    share = {role: max(8, round(count * n / sum(all_roles.values()))) for role, n in all_roles.items()}
    less = {"conversations": CONVERSATIONS, "traces_per_role": share, "points_per_role": 40, "scenarios": 1}
    made = demo.synthesize.model_copy(update={**less, "dpo_pairs": max(10, count)})
    build(load_domain(made.domain), made, out, work / "synthesis", lambda *_, **__: None)
    rows = load(work / "sets" / stage / TRAIN, KINDS[stage])[:count]
    (work / "data").mkdir()
    write_rows(work / "data" / TRAIN, rows)
    return work / "data"


def _tokens(parent: Path, data: Path, stage: str) -> int:
    """Tokens of the rows, padding and repetition aside; a pair counts as two rows."""
    tokenizer = training.load(parent, torch.float32)[1]

    def answers(row: ChatRow | PairRow) -> list[list[Message]]:
        return [row.completion] if isinstance(row, ChatRow) else [row.chosen, row.rejected]

    return sum(
        len(rendering.prompt_ids(tokenizer, row.prompt)) + len(rendering.answer_ids(tokenizer, answer[-1]["content"]))
        for row in load(data / TRAIN, KINDS[stage])
        for answer in answers(row)
    )


def _run(side: str, stage: str, settings: Any, run: Path, inputs: dict[str, Path], demo: Any) -> float:
    """Seconds from the loaded model to the last step."""
    if not side.startswith("temper"):
        return by_plain_trl(stage, settings, run, inputs, recompute=side == "plain TRL")
    own = settings if side == SIDES[0] else _everywhere(settings)
    launch(spec_of(stage).model_validate({stage: own}), run, inputs, demo.runtime)
    events = [json.loads(text) for _, text in lines(run / EVENTS)]
    return events[-1]["time"] - events[0]["time"]


def by_plain_trl(stage: str, settings: Any, run: Path, inputs: dict[str, Path], *, recompute: bool) -> float:
    """Seconds from the loaded model to the last step of `plain_trl.py`, which leaves `out/model` in `run`."""
    run.mkdir()
    spec = {
        "stage": stage,
        "config": settings.model_dump(mode="json"),
        "inputs": {name: str(path) for name, path in inputs.items()},
    }
    write(run / "spec.json", {**spec, "recompute": recompute, "bf16": training.cpu_has_bfloat16()})
    script = Path(__file__).with_name("plain_trl.py")
    with (run / "log.txt").open("w") as log:
        subprocess.run([sys.executable, str(script), str(run)], check=True, stdout=log, stderr=log)
    return float(json.loads((run / "plain.json").read_text(encoding="utf-8"))["seconds"])


def _everywhere(settings: Any) -> Any:
    """The same with every block trained, as TRL's own example has it."""
    return settings.model_copy(update={"from_block": 0})


def _loss(folder: Path, points: list[Point]) -> float:
    """Mean negative log-likelihood of the right answers' tokens, in nats."""
    model, tokenizer = training.load(folder, torch.float32)
    total, count = 0.0, 0
    with torch.inference_mode():
        for point in points:
            prompt = rendering.prompt_ids(tokenizer, point.prompt)
            answer = rendering.answer_ids(tokenizer, point.expected)
            logits = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
            total += float(torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum"))
            count += len(answer)
    return total / count


def _page(options: argparse.Namespace, tokens: int, rows_of: dict[str, list[dict[str, float]]]) -> str:
    command = f"benchmarks/training.py --stage {options.stage} --rows {options.rows} --rounds {options.rounds}"
    lines = [
        f"# {options.stage.upper()} beside plain TRL",
        "",
        f"Made by `.venv/bin/python {command} --out {options.out}` on {os.cpu_count()} CPU cores: {options.rows} rows,",
        f"{tokens} tokens, {options.rounds} rounds, the sides in turns. Median, and lowest and highest in brackets.",
        "Every side reads the same rows once, so the loss says what a row taught; temper's batches hold one role each.",
        "",
        "| | tokens a second | temper over it, round by round | held-out loss, nats |",
        "|---|---|---|---|",
    ]
    ours = [row["tokens_per_s"] for row in rows_of["temper"]]
    for side, rows in rows_of.items():
        speeds = [row["tokens_per_s"] for row in rows]
        ratios = [mine / theirs for mine, theirs in zip(ours, speeds, strict=True)]
        losses = [row["loss"] for row in rows]
        lines.append(f"| {side} | {_spread(speeds, 0)} | {_spread(ratios, 2)} | {_spread(losses, 3)} |")
    return "\n".join(lines) + "\n"


def _spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
