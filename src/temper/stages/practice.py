"""practice: the tuned model answers fresh training prompts; what it gets wrong, beside what is right, it learns from.

    python -m temper.stages.practice RUN_DIR

In: the tuned model (`tuned`), prompts with the right answer (`data`). Out: `data`, preference rows: the right answer
chosen, its own rejected, each by the checker that scores evaluations.
"""

import asyncio
from collections import Counter

from temper.agents.client import Chat
from temper.domains import load_domain
from temper.domains.base import Domain
from temper.engine import engine_versions, serve
from temper.evaluation.points import answer_points, score_points
from temper.process.specs import PracticeSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN, Failure, PairRow, Point, load, pair, write
from temper.synthesis.kinds import kind_of

REPORT_EVERY = 50
"""Answers between two lines of progress."""


def main(stage: Stage[PracticeSpec]) -> Report:
    """Serve, ask, keep the mistakes."""
    domain, prompts = load_domain(stage.spec.domain.name), load(stage.inputs["data"] / TRAIN, Point)
    answers = asyncio.run(_asked(stage, prompts))
    scored = score_points(domain, prompts, answers)
    pairs = [_pair(number, wrong, domain) for number, wrong in enumerate(scored.failures)]
    write(stage.out("data") / TRAIN, pairs)
    right = {f"{role}_percent": score.score for role, score in scored.agent_scores.items()}
    kinds = {f"{kind}_pairs": float(count) for kind, count in Counter(row.kind for row in pairs).items()}
    return Report(
        {**right, **kinds, "prompts": float(len(prompts)), "pairs": float(len(pairs))},
        {"data": "dataset"},
        versions=engine_versions(stage.runtime),
    )


def _pair(number: int, wrong: Failure, domain: Domain) -> PairRow:
    """The right answer beside the model's own."""
    return pair(
        id=f"practice-{number}",
        role=wrong.role,
        kind=kind_of(wrong.role, wrong.got, wrong.expected, domain),
        origin="own",
        prompt=wrong.prompt,
        right=wrong.expected,
        wrong=wrong.got,
    )


async def _asked(stage: Stage[PracticeSpec], prompts: list[Point]) -> list[str]:
    """The model's greedy answers, in the prompts' order."""

    def tick(done: int, of: int) -> None:
        if done % REPORT_EVERY == 0 or done == of:
            stage.event("prompts", done=done, of=of)

    stage.event("starting the engine")
    log = stage.run_dir / "engine.log"
    with serve(stage.inputs["tuned"], settings=stage.spec.engine, runtime=stage.runtime, log=log) as engine:
        async with Chat(engine.url, engine.model) as chat:
            limits = stage.spec.practice
            return await answer_points(chat, prompts, limits.max_tokens, limits.concurrency, tick)


if __name__ == "__main__":
    run(main)
