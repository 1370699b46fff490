"""From published results to figures: the report's parts, and the flat metrics that the gate judges."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from temper.artifacts.refs import Ref, StageResult
from temper.artifacts.store import Store
from temper.bench.equivalence import metrics as equivalence_metrics
from temper.bench.ladder import P90_TURNS
from temper.bench.results import Ladder
from temper.config import ROLES
from temper.config.metrics import SPEEDS, AgentScore, EndToEnd, SliceScore, Speed
from temper.config.stages import MEASURED
from temper.report.schema import Node, Passes, Score
from temper.rows import Failure, load
from temper.stats import share_interval


def evaluations(results: Iterable[StageResult], store: Store) -> dict[str, dict[str, Any]]:
    """`scores.json` of every evaluated stage, in the order of the pipeline."""
    found = {
        result.stage.partition(":")[2]: _json(store.open(result.report) / "scores.json")
        for result in results
        if result.stage.startswith("evaluate:")
    }
    return {stage: found[stage] for stage in MEASURED if stage in found}


def agent_scores(evaluated: dict[str, dict[str, Any]]) -> dict[str, dict[str, Score]]:
    """Stage -> role, in the order of a turn -> score."""
    return {
        stage: {
            role: Score.model_validate(_score(scores["agent_scores"][role]))
            for role in ROLES
            if role in scores["agent_scores"]
        }
        for stage, scores in evaluated.items()
    }


def _score(value: dict[str, Any]) -> dict[str, Any]:
    """A score with its bounds, and its slices with theirs."""
    slices = {name: _score(part) for name, part in value.get("slices", {}).items()}
    return {**value, **_bounds(round(value["score"] * value["n"] / 100), value["n"]), "slices": slices}


def _bounds(right: int, n: int) -> dict[str, float]:
    low, high = share_interval(right, n) if n else (0.0, 100.0)
    return {"low": low, "high": high}


def changed_scores(evaluated: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Stage -> change of the prompt -> role -> score, where changed prompts were asked."""
    return {stage: scores["changed"] for stage, scores in evaluated.items() if scores.get("changed")}


def passes(evaluated: dict[str, dict[str, Any]]) -> dict[str, Passes]:
    """Stage -> end-to-end scenarios, where any were played."""
    found = {stage: scores["e2e"] for stage, scores in evaluated.items() if scores.get("e2e", {}).get("n")}
    return {
        stage: Passes.model_validate({**played, **_bounds(played["passed"], played["n"])})
        for stage, played in found.items()
    }


def benchmark(results: Iterable[StageResult], store: Store) -> Ladder | None:
    """What the benchmark measured; None without one."""
    for result in results:
        if result.stage == "benchmark":
            return Ladder.read(store.open(result.report))
    return None


def gate_inputs(results: Iterable[StageResult], store: Store) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """The gate's flat metrics, and for each agent score the outcome of every point (1 right, 0 wrong) by its id.

    A speed that this hardware only emulates is left out: a rule about it then fails as missing, and is never
    judged on a figure that means nothing. Tokens per step do not depend on the hardware and stay.
    """
    results = list(results)
    evaluated = evaluations(results, store)
    metrics: dict[str, float] = {}
    points: dict[str, dict[str, float]] = {}
    for stage, roles in agent_scores(evaluated).items():
        for role, score in roles.items():
            metrics[str(AgentScore(stage, role))] = score.score
            metrics |= {str(SliceScore(stage, role, name)): part.score for name, part in score.slices.items()}
        for point in evaluated[stage]["points"]:
            for figure in (
                AgentScore(stage, point["role"]),
                SliceScore(stage, point["role"], point["slice"]),
            ):
                points.setdefault(str(figure), {})[point["id"]] = float(point["correct"])
    for stage, played in passes(evaluated).items():
        metrics[str(EndToEnd(stage))] = 100 * played.passed / played.n
    if measured := benchmark(results, store):
        metrics |= equivalence_metrics(measured.equivalence)
        for row in measured.rows:
            metrics |= row.metrics()
    return metrics, points


def silent_metrics(results: Iterable[StageResult], store: Store) -> dict[str, str]:
    """The speeds that `gate_inputs` leaves out, each with the reason why this run cannot show it."""
    measured = benchmark(results, store)
    found: dict[str, str] = {}
    for row in measured.rows if measured else ():
        at = row.configuration, row.concurrency
        if not row.comparable:
            found |= {str(Speed(*at, name)): row.reason or "only emulated" for name in SPEEDS}
        elif row.p90_s is None:
            found[str(Speed(*at, "p90_s"))] = f"a P90 takes {P90_TURNS} turns and {row.turns} were measured"
    return found


def failures(results: Iterable[StageResult], store: Store) -> dict[str, list[Failure]]:
    """Evaluated stage -> its wrong points."""
    found: dict[str, list[Failure]] = {}
    for result in results:
        kind, _, stage = result.stage.partition(":")
        if kind == "evaluate":
            found[stage] = load(store.open(result.report) / "failures.jsonl", Failure)
    return {stage: found[stage] for stage in MEASURED if found.get(stage)}


def set_sizes(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, tuple[int, int | None]]:
    """Set -> its rows, and how many of them differ; None for that where an earlier version counted."""
    counted = metrics.get("synthesize", {})
    names = [name.removesuffix("_rows") for name in counted if name.endswith("_rows")]
    sizes = {name: counted.get(f"{name}_distinct_rows") for name in names if not name.endswith("_distinct")}
    return {name: (int(counted[f"{name}_rows"]), None if n is None else int(n)) for name, n in sizes.items()}


def curves(result: StageResult, store: Store) -> list[dict[str, float]]:
    """The stage's figures by step."""
    log = _log(result, store)
    return _json(log / "report.json")["curves"] if log else []


def node(result: StageResult, store: Store) -> Node:
    """The stage's place in the lineage. The store names a folder by its digest, so the spec's paths say the inputs."""
    log = _log(result, store)
    inputs = _json(log / "spec.json")["inputs"] if log else {}
    named = {name: PurePosixPath(path).name for name, path in inputs.items()}
    return Node(
        stage=result.stage,
        key=result.key,
        inputs={name: f"sha256:{hexed}" for name, hexed in named.items() if re.fullmatch("[0-9a-f]{64}", hexed)},
        artifacts={name: ref.digest for name, ref in result.artifacts.items() if name != "log"},
    )


def _log(result: StageResult, store: Store) -> Path | None:
    log: Ref | None = result.artifacts.get("log")
    return store.open(log) if log else None


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
