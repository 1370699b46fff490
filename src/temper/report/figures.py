"""From published results to figures: the report's parts, and the flat metrics that the gate judges."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from temper.artifacts.refs import Ref, StageResult
from temper.artifacts.store import Store
from temper.bench.equivalence import metrics as equivalence_metrics
from temper.bench.ladder import P90_TURNS
from temper.bench.results import Ladder
from temper.config import ROLES
from temper.config.gating import CHAMPION
from temper.config.metrics import SPEEDS, AgentFigure, EndToEndFigure, Figure, SliceFigure, SpeedFigure
from temper.config.stages import MEASURED
from temper.evaluation.scores import AgentScore, ChangedScore, PointOutcome, Scores, SliceScore
from temper.report import floors
from temper.report.schema import BoundedScore, Node, Passes, Score
from temper.rows import Failure, load
from temper.stats import design_effect, share_interval


def evaluations(results: Iterable[StageResult], store: Store) -> dict[str, Scores]:
    """The scores of everything that was evaluated, floors included."""
    return {
        result.stage.partition(":")[2]: Scores.read(store.open(result.report))
        for result in results
        if result.stage.startswith("evaluate:")
    }


def agent_scores(evaluated: Mapping[str, Scores], stages: Sequence[str] = MEASURED) -> dict[str, dict[str, Score]]:
    """Stage, in the order of the pipeline -> role, in the order of a turn -> score."""
    return {
        stage: {role: _score(scores[role], _of_role(evaluated[stage], role)) for role in ROLES if role in scores}
        for stage in stages
        if stage in evaluated and (scores := evaluated[stage].agent_scores)
    }


def _of_role(scores: Scores, role: str) -> list[PointOutcome]:
    return [point for point in scores.points if point.role == role]


def _score(agent: AgentScore, points: Sequence[PointOutcome]) -> Score:
    """A score with its bounds, and its slices with theirs."""
    slices = {
        name: BoundedScore(**part.model_dump(), **_of(part, [point for point in points if point.slice == name]))
        for name, part in agent.slices.items()
    }
    return Score(score=agent.score, n=agent.n, **_of(agent, points), slices=slices)


def _of(part: SliceScore, points: Sequence[PointOutcome]) -> dict[str, float]:
    """Bounds; points of one wording or conversation are worth less than independent ones."""
    has_groups = points and all(point.groups for point in points)
    shared = list(zip(*(point.groups for point in points), strict=True)) if has_groups else []
    effect = design_effect([float(point.correct) for point in points], shared) if points else 1.0
    return _bounds(round(part.score * part.n / 100), part.n, effect)


def _bounds(right: int, n: int, effect: float) -> dict[str, float]:
    low, high = share_interval(right, n, effect=effect) if n else (0.0, 100.0)
    return {"low": low, "high": high}


def changed_scores(evaluated: Mapping[str, Scores]) -> dict[str, dict[str, dict[str, ChangedScore]]]:
    """Stage -> change of the prompt -> role -> score, where changed prompts were asked."""
    return {stage: evaluated[stage].changed for stage in MEASURED if stage in evaluated and evaluated[stage].changed}


def passes(evaluated: Mapping[str, Scores], stages: Sequence[str] = MEASURED) -> dict[str, Passes]:
    """Stage -> end-to-end scenarios, where any were played."""
    return {stage: _passes(evaluated[stage]) for stage in stages if stage in evaluated and evaluated[stage].e2e.n}


def _passes(scores: Scores) -> Passes:
    """Scenarios with their bounds; trials of one scenario are worth less than as many scenarios."""
    tried, played = scores.scenarios, scores.e2e
    effect = design_effect([float(one.passed) for one in tried], [[one.id for one in tried]]) if tried else 1.0
    return Passes(**played.model_dump(), **_bounds(played.passed, played.n, effect))


def benchmark(results: Iterable[StageResult], store: Store) -> Ladder | None:
    """What the benchmark measured; None without one."""
    for result in results:
        if result.stage == "benchmark":
            return Ladder.read(store.open(result.report))
    return None


def gate_inputs(results: Iterable[StageResult], store: Store) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """The gate's flat metrics, and the outcomes behind a share (1 right, 0 wrong) by evaluation point or scenario.

    The champion's are among them where it was asked.

    A speed that this hardware only emulates is left out: a rule about it then fails as missing, and is never
    judged on a figure that means nothing. Tokens per step do not depend on the hardware and stay.
    """
    results = list(results)
    evaluated, stages = evaluations(results, store), (*MEASURED, CHAMPION)
    metrics: dict[str, float] = {}
    points: dict[str, dict[str, float]] = {}
    for stage, roles in agent_scores(evaluated, stages).items():
        for role, score in roles.items():
            metrics[str(AgentFigure(stage, role))] = score.score
            metrics |= {str(SliceFigure(stage, role, name)): part.score for name, part in score.slices.items()}
    for stage, played in passes(evaluated, stages).items():
        metrics[str(EndToEndFigure(stage))] = 100 * played.passed / played.n
    for stage in stages:
        for figure, name, right in _outcomes(stage, evaluated.get(stage)):
            points.setdefault(str(figure), {})[name] = float(right)
    metrics |= floors.figures(floors.floors(evaluated))
    if measured := benchmark(results, store):
        metrics |= equivalence_metrics(measured.equivalence)
        for row in measured.rows:
            metrics |= row.metrics()
    return metrics, points


def _outcomes(stage: str, scores: Scores | None) -> Iterator[tuple[Figure, str, bool]]:
    """Each figure with a point of it and whether that was right."""
    for point in scores.points if scores else ():
        yield AgentFigure(stage, point.role), point.id, point.correct
        yield SliceFigure(stage, point.role, point.slice), point.id, point.correct
    for one in scores.scenarios if scores else ():
        yield EndToEndFigure(stage), one.name, one.passed


def groups(results: Iterable[StageResult], store: Store) -> dict[str, tuple[str, ...]]:
    """By evaluation point, the wording and the conversation that it comes from; by trial, its scenario."""
    groups_of: dict[str, tuple[str, ...]] = {}
    for scores in evaluations(results, store).values():
        groups_of |= {point.id: point.groups for point in scores.points if point.groups}
        groups_of |= {one.name: (one.id,) for one in scores.scenarios}
    return groups_of


def silent_metrics(results: Iterable[StageResult], store: Store) -> dict[str, str]:
    """The speeds that `gate_inputs` leaves out, each with the reason why this run cannot show it."""
    measured = benchmark(results, store)
    reasons: dict[str, str] = {}
    for row in measured.rows if measured else ():
        at = row.configuration, row.concurrency
        if not row.comparable:
            reasons |= {str(SpeedFigure(*at, name)): row.reason or "only emulated" for name in SPEEDS}
        elif row.p90_s is None:
            reasons[str(SpeedFigure(*at, "p90_s"))] = f"a P90 takes {P90_TURNS} turns and {row.turns} were measured"
    return reasons


def failures(results: Iterable[StageResult], store: Store) -> dict[str, list[Failure]]:
    """Evaluated stage -> its wrong points."""
    failures_of: dict[str, list[Failure]] = {}
    for result in results:
        kind, _, stage = result.stage.partition(":")
        if kind == "evaluate":
            failures_of[stage] = load(store.open(result.report) / "failures.jsonl", Failure)
    return {stage: failures_of[stage] for stage in MEASURED if failures_of.get(stage)}


def set_sizes(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, tuple[int, int | None]]:
    """Set -> its rows, and how many of them differ; None for that where an earlier version counted."""
    counted = metrics.get("synthesize", {})
    names = [name.removesuffix("_rows") for name in counted if name.endswith("_rows")]
    sizes = {name: counted.get(f"{name}_distinct_rows") for name in names if not name.endswith("_distinct")}
    return {name: (int(counted[f"{name}_rows"]), None if n is None else int(n)) for name, n in sizes.items()}


def curves(result: StageResult, store: Store) -> list[dict[str, float]]:
    """The stage's figures by step."""
    log = _log(result, store)
    if log is None:
        return []
    rows: list[dict[str, float]] = json.loads((log / "report.json").read_text(encoding="utf-8"))["curves"]
    return rows


def node(result: StageResult, store: Store) -> Node:
    """The stage's place in the lineage. The store names a folder by its digest, so the spec's paths say the inputs."""
    log = _log(result, store)
    inputs: dict[str, str] = {}
    if log is not None:
        inputs = json.loads((log / "spec.json").read_text(encoding="utf-8"))["inputs"]
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
