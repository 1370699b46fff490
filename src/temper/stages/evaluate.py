"""Agent scores and end-to-end passes: `python -m temper.stages.evaluate RUN_DIR`.

In: evaluation set, model and drafter (neither: the scripted teacher).   Out: report with scores.json, failures.jsonl,
scenarios.jsonl. The model is measured on the engine that will serve it.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from temper.agents.client import Chat, Sampled
from temper.config.metrics import AgentScore, EndToEnd
from temper.config.stages import ROLES
from temper.domains import load_domain
from temper.domains.scenario import Scenario, load_scenarios
from temper.engine import Usage, serve
from temper.evaluation.changes import changed, score_changed
from temper.evaluation.points import Player, answer_points, run_scenarios, score_points
from temper.process.specs import EvaluateSpec
from temper.process.stage import Report, Stage, run
from temper.rows import Point, load, write
from temper.stats import pass_hat


def main(stage: Stage[EvaluateSpec]) -> Report:
    """Serve, ask, play, score."""
    spec = stage.spec
    points = _first(load(stage.inputs["data"] / "points.jsonl", Point), spec.points)
    scenarios = load_scenarios(stage.inputs["data"] / "scenarios.jsonl")[: spec.scenarios]
    domain = load_domain(spec.domain.name)
    others = changed(points, domain, spec.changed) if "model" in stage.inputs else []
    with ExitStack() as stack:
        engine = None
        if "model" in stage.inputs:
            stage.event("starting the engine")
            engine = stack.enter_context(
                serve(
                    stage.inputs["model"],
                    settings=spec.engine,
                    runtime=stage.runtime,
                    log=stage.run_dir / "engine.log",
                    drafter=stage.inputs.get("drafter"),
                )
            )
        answers, played = asyncio.run(_measure(stage, engine, [*points, *others], scenarios))
        counters = engine.counters() if engine else {}
    scores = score_points(domain, points, answers[: len(points)])
    failures = scores.pop("failures")
    before = {row["id"]: row["correct"] for row in scores["points"]}
    scores["changed"], more = score_changed(domain, others, answers[len(points) :], before)
    failures += more
    passed = sum(row["passed"] for row in played)
    tokens_per_step = Usage.between({}, counters).tokens_per_step if "drafter" in stage.inputs else None
    out = stage.out("report")
    checks = sum((Counter(row["counts"]) for row in played), Counter[str]())
    pass_hat_k = _pass_hat(played, spec.evaluate.trials)
    e2e = {"passed": passed, "n": len(played), "pass_hat": pass_hat_k, "checks": dict(checks)}
    whole = {"stage": spec.measured, **scores, "e2e": e2e, "tokens_per_step": tokens_per_step}
    (out / "scores.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
    write(out / "failures.jsonl", failures)
    write(out / "scenarios.jsonl", played)
    roles = scores["agent_scores"].items()
    metrics = {str(AgentScore(spec.measured, role)): value["score"] for role, value in roles} | scores["tools"]
    for change, changed_roles in scores["changed"].items():
        metrics |= {f"{role}_{change}_percent": value["score"] for role, value in changed_roles.items()}
    if played:
        metrics[str(EndToEnd(spec.measured))] = 100 * passed / len(played)
        metrics |= {f"{kind}_times": float(times) for kind, times in checks.items()}
    if tokens_per_step is not None:
        metrics["tokens_per_step"] = tokens_per_step
    return Report(metrics=metrics, artifacts={"report": "report"})


async def _measure(
    stage: Stage[EvaluateSpec], engine: Any, points: Sequence[Point], scenarios: list[Scenario]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Answers to the points, and scenarios played; from the engine, or as the teacher gave and gives them."""
    limits, domain = stage.spec.evaluate, load_domain(stage.spec.domain.name)

    def tick(what: str, done: int, of: int) -> None:
        if done % 20 == 0 or done == of:
            stage.event(what, done=done, of=of)

    if engine is None:
        played = await run_scenarios(domain, scenarios, Player(), limits, lambda d, n: tick("scenarios", d, n))
        return [point.teacher for point in points], played
    async with Chat(engine.url, engine.model) as chat:
        # Together: the turns of a scenario wait for each other, and the points fill the batches meanwhile.
        asked = answer_points(chat, points, limits.max_tokens, limits.concurrency, lambda d, n: tick("points", d, n))
        player = Player(partial(Sampled, chat, limits.temperature))
        playing = run_scenarios(domain, scenarios, player, limits, lambda d, n: tick("scenarios", d, n))
        answers, played = await asyncio.gather(asked, playing)
    return answers, played


def _pass_hat(played: list[dict[str, Any]], trials: int) -> dict[int, float]:
    """pass^k of the scenarios, where they were tried more than once."""
    successes = Counter({row["id"]: 0 for row in played})
    successes.update(row["id"] for row in played if row["passed"])
    return pass_hat(list(successes.values()), trials) if played and trials > 1 else {}


def _first(points: list[Point], per_role: int) -> list[Point]:
    """The first `per_role` points of each role."""
    return [row for role in ROLES for row in [p for p in points if p.role == role][:per_role]]


if __name__ == "__main__":
    run(main)
