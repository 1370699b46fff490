"""Agent scores and end-to-end passes: `python -m temper.stages.evaluate RUN_DIR`.

In: evaluation set; model and drafter, or the SFT set as words for rules without a language model (neither: the scripted
teacher).   Out: report with scores.json, failures.jsonl, scenarios.jsonl. The model is measured on the engine that will
serve it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from temper.agents.client import Chat, Sampled
from temper.config.metrics import FLOORS, AgentFigure, EndToEndFigure, FloorFigure
from temper.config.stages import ROLES
from temper.domains import load_domain
from temper.domains.scenario import Scenario, load_scenarios
from temper.engine import Engine, Usage, engine_versions, serve
from temper.evaluation.changes import changed, score_changed
from temper.evaluation.floors import Rules
from temper.evaluation.points import PlayedScenario, Player, answer_points, run_scenarios, score_points
from temper.evaluation.scores import Played, Scores, Trial
from temper.process.specs import EvaluateSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN, ChatRow, Point, load, read, write
from temper.stats import pass_hat


def main(stage: Stage[EvaluateSpec]) -> Report:
    """Serve, ask, play, score."""
    spec = stage.spec
    points = _first(load(stage.inputs["data"] / "points.jsonl", Point), spec.points)
    scenarios = load_scenarios(stage.inputs["data"] / "scenarios.jsonl")[: spec.scenarios]
    domain = load_domain(spec.domain.name)
    others = changed(points, domain, spec.changed) if "model" in stage.inputs else []
    with ExitStack() as stack:
        engine = _engine(stage, stack) if "model" in stage.inputs else None
        answers, played = asyncio.run(_measure(stage, engine, [*points, *others], scenarios))
        counters = engine.counters() if engine else {}
    scored = score_points(domain, points, answers[: len(points)])
    before = {row.id: row.correct for row in scored.points}
    changes, more = score_changed(domain, others, answers[len(points) :], before)
    tokens_per_step = Usage.between({}, counters).tokens_per_step if "drafter" in stage.inputs else None
    e2e = _played(played, spec.evaluate.trials)
    scores = Scores(
        stage=spec.measured,
        agent_scores=scored.agent_scores,
        points=scored.points,
        tools=scored.tools,
        changed=changes,
        e2e=e2e,
        scenarios=[Trial(id=row.id, trial=row.trial, passed=row.passed) for row in played],
        tokens_per_step=tokens_per_step,
    )
    out = stage.out("report")
    scores.write(out)
    write(out / "failures.jsonl", scored.failures + more)
    write(out / "scenarios.jsonl", played)
    versions = engine_versions(stage.runtime) if "model" in stage.inputs else {}
    return Report(metrics=_metrics(scores), artifacts={"report": "report"}, versions=versions)


def _engine(stage: Stage[EvaluateSpec], stack: ExitStack) -> Engine:
    stage.event("starting the engine")
    model, drafter = stage.inputs["model"], stage.inputs.get("drafter")
    log = stage.run_dir / "engine.log"
    serving = serve(model, settings=stage.spec.engine, runtime=stage.runtime, log=log, drafter=drafter)
    return stack.enter_context(serving)


async def _measure(
    stage: Stage[EvaluateSpec], engine: Engine | None, points: Sequence[Point], scenarios: list[Scenario]
) -> tuple[list[str], list[PlayedScenario]]:
    """Answers to the points, and scenarios played: by the engine, by rules, or as the teacher gave and gives them."""
    spec, domain = stage.spec, load_domain(stage.spec.domain.name)
    limits = spec.evaluate

    def tick(what: str, done: int, of: int) -> None:
        if done % 20 == 0 or done == of:
            stage.event(what, done=done, of=of)

    async def play(player: Player) -> list[PlayedScenario]:
        return await run_scenarios(domain, scenarios, player, limits, partial(tick, "scenarios"))

    if engine:
        async with Chat(engine.url, engine.model) as chat:
            # Together: the turns of a scenario wait for each other, and the points fill the batches meanwhile.
            asked = answer_points(chat, points, limits.max_tokens, limits.concurrency, partial(tick, "points"))
            playing = play(Player(partial(Sampled, chat, limits.temperature), spec.repairs))
            answers, played = await asyncio.gather(asked, playing)
        return answers, played
    if "words" in stage.inputs:
        rules = Rules(domain, read(stage.inputs["words"] / TRAIN, ChatRow))
        answers = [rules.answer(point.role, point.prompt) for point in points]
        return answers, await play(Player(lambda _: rules))
    return [point.teacher for point in points], await play(Player())


def _played(played: Sequence[PlayedScenario], trials: int) -> Played:
    """How many scenarios passed, and what M's checks did over all of them."""
    checks = sum((Counter(row.counts) for row in played), Counter[str]())
    passed = sum(row.passed for row in played)
    return Played(passed=passed, n=len(played), pass_hat=_pass_hat(played, trials), checks=dict(checks))


def _metrics(scores: Scores) -> dict[str, float]:
    """The scores by the names that they have everywhere; those of what is only a floor are floors."""
    who, floor = scores.stage, scores.stage in FLOORS and scores.stage != "base"
    metrics = {
        str(FloorFigure(who, role) if floor else AgentFigure(who, role)): value.score
        for role, value in scores.agent_scores.items()
    } | scores.tools
    for change, roles in scores.changed.items():
        metrics |= {f"{role}_{change}_percent": value.score for role, value in roles.items()}
    if scores.e2e.n:
        metrics[str(FloorFigure(who, "e2e") if floor else EndToEndFigure(who))] = 100 * scores.e2e.passed / scores.e2e.n
        metrics |= {f"{kind}_times": float(times) for kind, times in scores.e2e.checks.items()}
    if scores.tokens_per_step is not None:
        metrics["tokens_per_step"] = scores.tokens_per_step
    return metrics


def _pass_hat(played: Sequence[PlayedScenario], trials: int) -> dict[int, float]:
    """pass^k of the scenarios, where they were tried more than once."""
    successes = Counter({row.id: 0 for row in played})
    successes.update(row.id for row in played if row.passed)
    return pass_hat(list(successes.values()), trials) if played and trials > 1 else {}


def _first(points: list[Point], per_role: int) -> list[Point]:
    """The first `per_role` points of each role."""
    return [row for role in ROLES for row in [p for p in points if p.role == role][:per_role]]


if __name__ == "__main__":
    run(main)
