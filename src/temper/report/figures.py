"""From published results to figures: the report's parts, and the flat metrics that the gate judges."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any

from temper.artifacts.refs import Ref, StageResult
from temper.artifacts.store import Store
from temper.bench.equivalence import metrics as equivalence_metrics
from temper.config import ROLES
from temper.config.metrics import PER_STEP, SPEEDS, AgentScore, EndToEnd, SliceScore
from temper.config.metrics import Speed as SpeedFigure
from temper.config.rungs import STUDENT, UNOPTIMISED, Rung
from temper.config.stages import MEASURED
from temper.report.schema import Equivalence, Node, Passes, Score, Speed
from temper.rows import Failure, load
from temper.stats import multiples, share_interval


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


def benchmark(results: Iterable[StageResult], store: Store) -> tuple[list[Speed], Equivalence | None]:
    """The ladder with its speed-ups, and whether the drafter changes answers."""
    for result in results:
        if result.stage == "benchmark":
            measured = _json(store.open(result.report) / "ladder.json")
            return _ladder(measured["rows"]), Equivalence.model_validate(measured["equivalence"])
    return [], None


def acceptance(results: Iterable[StageResult], store: Store) -> dict[str, Any]:
    """Role -> how far ahead the drafter is right, in the order of a turn."""
    for result in results:
        if result.stage == "benchmark":
            found = _json(store.open(result.report) / "ladder.json").get("acceptance", {})
            return {role: found[role] for role in ROLES if role in found}
    return {}


def served_in(results: Iterable[StageResult], store: Store) -> str | None:
    """What the benchmark's engines computed in; None without one, or where an earlier version wrote it."""
    for result in results:
        if result.stage == "benchmark":
            return _json(store.open(result.report) / "ladder.json").get("dtype")
    return None


def streamed(results: Iterable[StageResult], store: Store) -> list[dict[str, Any]]:
    """Token-level figures by vLLM's own client, where they were asked for."""
    for result in results:
        if result.stage == "benchmark":
            return list(_json(store.open(result.report) / "ladder.json").get("tokens", []))
    return []


def _ladder(rows: list[dict[str, Any]]) -> list[Speed]:
    at = {(row["configuration"], row["concurrency"]): row["rounds"] for row in rows if row["comparable"]}

    def over(row: dict[str, Any], other: Rung) -> list[float]:
        base = at.get((other.name, row["concurrency"]))
        return multiples(row["rounds"], base) if base and row["comparable"] else []

    return [_speed(row, over(row, STUDENT), over(row, UNOPTIMISED)) for row in rows]


def _speed(row: dict[str, Any], speedups: list[float], gains: list[float]) -> Speed:
    spread = {
        "speedup": median(speedups) if speedups else None,
        "speedup_rounds": speedups,
        "gain": median(gains) if gains else None,
    }
    return Speed.model_validate({**row, **spread, "qps_rounds": [found["qps"] for found in row["rounds"]]})


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
    speeds, equivalence = benchmark(results, store)
    for speed in speeds:
        metrics |= _speed_metrics(speed)
    if equivalence:
        metrics |= equivalence_metrics(equivalence.model_dump())
    return metrics, points


def silent_metrics(results: Iterable[StageResult], store: Store) -> dict[str, str]:
    """The speeds that `gate_inputs` leaves out, each with the reason why this hardware cannot show it."""
    return {
        str(SpeedFigure(speed.configuration, speed.concurrency, name)): speed.reason or "only emulated"
        for speed in benchmark(results, store)[0]
        if not speed.comparable
        for name in SPEEDS
    }


def _speed_metrics(speed: Speed) -> dict[str, float]:
    names = SPEEDS if speed.comparable else ()
    found = {name: getattr(speed, name) for name in (*names, PER_STEP)}
    return {
        str(SpeedFigure(speed.configuration, speed.concurrency, name)): value
        for name, value in found.items()
        if value is not None
    }


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
