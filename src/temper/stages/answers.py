"""answers: the student answers prompts greedily, and the drafter learns to say the same.

    python -m temper.stages.answers RUN_DIR

In: the student (`student`) and prompts (`data`). Out: `data`, the answered chats in the order of the prompts.
Each answer is kept as soon as it is there: a killed run goes on with the prompts that are still open.
"""

import asyncio
import time
from dataclasses import replace
from typing import IO

from temper.agents.client import Chat
from temper.engine import engine_versions, serve
from temper.process.specs import AnswersSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN, AnsweredRow, PromptRow, line, load, resume, spoken, write

REPORT_EVERY = 20
"""Answers between two lines of progress."""


def main(stage: Stage[AnswersSpec]) -> Report:
    """Serve the student, ask what is still open, write all in the prompts' order."""
    prompts = load(stage.inputs["data"] / TRAIN, PromptRow)
    partial = stage.checkpoints / "answers.jsonl"
    partial.parent.mkdir(parents=True, exist_ok=True)
    earlier = {row.id for row in resume(partial, AnsweredRow)}
    still_open = [row for row in prompts if row.id not in earlier]
    seconds = 0.0
    if still_open:
        stage.event("starting the engine")
        log = stage.run_dir / "engine.log"
        with (
            serve(stage.inputs["student"], settings=stage.spec.engine, runtime=stage.runtime, log=log) as engine,
            partial.open("a", encoding="utf-8") as file,
        ):
            started = time.perf_counter()
            asyncio.run(_ask(stage, Chat(engine.url, engine.model), still_open, file))
            seconds = time.perf_counter() - started
    answered = {row.id: row for row in resume(partial, AnsweredRow)}
    rows = [answered[row.id] for row in prompts]
    write(stage.out("data") / TRAIN, (replace(row, output_tokens=None) for row in rows))
    return Report(
        _metrics(rows, {row.id for row in still_open}, seconds),
        {"data": "dataset"},
        versions=engine_versions(stage.runtime),
    )


async def _ask(stage: Stage[AnswersSpec], chat: Chat, prompts: list[PromptRow], file: IO[str]) -> None:
    """Every prompt once, `concurrency` at a time; each answer is one line of `file` as it arrives."""
    free, done = asyncio.Semaphore(stage.spec.answers.concurrency), 0

    async def one(row: PromptRow) -> None:
        nonlocal done
        async with free:
            answer = await chat.complete(row.prompt, max_tokens=stage.spec.answers.max_tokens)
        kept = AnsweredRow(
            id=row.id,
            role=row.role,
            source=row.source,
            messages=row.prompt + spoken(answer.text),
            truncated=answer.finish_reason == "length",
            output_tokens=answer.completion_tokens,
        )
        file.write(line(kept))
        file.flush()
        done += 1
        if done % REPORT_EVERY == 0 or done == len(prompts):
            stage.event("answers", done=done, of=len(prompts))

    async with chat, asyncio.TaskGroup() as group:
        for row in prompts:
            group.create_task(one(row))


def _metrics(rows: list[AnsweredRow], fresh: set[str], seconds: float) -> dict[str, float]:
    """Counts over all answers; the speed is that of the answers made in this run."""
    metrics = {
        "answers": float(len(rows)),
        "output_tokens": float(sum(row.output_tokens or 0 for row in rows)),
        "truncated_percent": 100 * sum(row.truncated for row in rows) / len(rows),
    }
    if fresh:
        metrics["output_tokens_per_s"] = sum(row.output_tokens or 0 for row in rows if row.id in fresh) / seconds
    return metrics


if __name__ == "__main__":
    run(main)
