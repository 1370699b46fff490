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
from temper.evaluation.scores import AgentScore as AgentPoints
from temper.evaluation.scores import Scores
from temper.evaluation.scores import SliceScore as SlicePoints
from temper.report import floors
from temper.report.schema import ChangedScore, Node, Passes, Score
from temper.report.schema import SliceScore as ReportedSlice
from temper.rows import Failure, load
from temper.stats import share_interval


def evaluations(results: Iterable[StageResult], store: Store) -> dict[str, Scores]:
    """The scores of everything that was evaluated, floors included."""
    return {
        result.stage.partition(":")[2]: Scores.read(store.open(result.report))
        for result in results
        if result.stage.startswith("evaluate:")
    }


def agent_scores(evaluated: Mapping[str, Scores]) -> dict[str, dict[str, Score]]:
    """Stage, in the order of the pipeline -> role, in the order of a turn -> score."""
    return {
        stage: {role: _score(scores[role]) for role in ROLES if role in scores}
        for stage in MEASURED
        if stage in evaluated and (scores := evaluated[stage].agent_scores)
    }


def _score(agent: AgentPoints) -> Score:
    """A score with its bounds, and its slices with theirs."""
    slices = {name: ReportedSlice(**part.model_dump(), **_of(part)) for name, part in agent.slices.items()}
    return Score(score=agent.score, n=agent.n, **_of(agent), slices=slices)


def _of(points: SlicePoints) -> dict[str, float]:
    return _bounds(round(points.score * points.n / 100), points.n)


def _bounds(right: int, n: int) -> dict[str, float]:
    low, high = share_interval(right, n) if n else (0.0, 100.0)
    return {"low": low, "high": high}


def changed_scores(evaluated: Mapping[str, Scores]) -> dict[str, dict[str, dict[str, ChangedScore]]]:
    """Stage -> change of the prompt -> role -> score, where changed prompts were asked."""
    return {
        stage: {
            change: {role: ChangedScore.model_validate(score) for role, score in roles.items()}
            for change, roles in evaluated[stage].changed.items()
        }
        for stage in MEASURED
        if stage in evaluated and evaluated[stage].changed
    }


def passes(evaluated: Mapping[str, Scores]) -> dict[str, Passes]:
    """Stage -> end-to-end scenarios, where any were played."""
    return {
        stage: Passes(**played.model_dump(), **_bounds(played.passed, played.n))
        for stage in MEASURED
        if stage in evaluated and (played := evaluated[stage].e2e).n
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
        for point in evaluated[stage].points:
            for figure in (AgentScore(stage, point.role), SliceScore(stage, point.role, point.slice)):
                points.setdefault(str(figure), {})[point.id] = float(point.correct)
    for stage, played in passes(evaluated).items():
        metrics[str(EndToEnd(stage))] = 100 * played.passed / played.n
    metrics |= floors.figures(floors.floors(evaluated))
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
