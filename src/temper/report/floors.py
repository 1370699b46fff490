"""Floors beside the scores: what is reached without the model, and how much of the end-to-end figure is the model's."""

from collections.abc import Mapping

from temper.config import ROLES
from temper.config.metrics import FloorFigure
from temper.evaluation.scores import Scores
from temper.report.schema import Floor, FloorPasses, Floors, Passes, RunReport

SERVED = "final"
"""The pair that is served: M is played without repairs with it."""


def floors(evaluated: Mapping[str, Scores]) -> Floors:
    """The floors that a run measured."""
    unaided, served = evaluated.get("unaided"), evaluated.get(SERVED)
    return Floors(
        rules=_floor(evaluated["rules"]) if "rules" in evaluated else None,
        base=_floor(evaluated["base"]) if "base" in evaluated else None,
        # A point is scored on what the model wrote, which no repair touches: the scores are those of the served pair.
        unaided=_floor(unaided, served) if unaided else None,
    )


def _floor(played: Scores, scores_of_points: Scores | None = None) -> Floor:
    scores = (scores_of_points or played).agent_scores
    return Floor(
        **{role: scores[role].score for role in ROLES if role in scores},
        e2e=FloorPasses(passed=played.e2e.passed, n=played.e2e.n) if played.e2e.n else None,
    )


def figures(floors: Floors) -> dict[str, float]:
    """The floors by the names that a gate's rule may use, in percent."""
    named: dict[str, float] = {}
    for kind, floor in floors:
        for role in ROLES if floor else ():
            if (score := getattr(floor, role)) is not None:
                named[str(FloorFigure(kind, role))] = score
        if floor and floor.e2e:
            named[str(FloorFigure(kind, "e2e"))] = 100 * floor.e2e.passed / floor.e2e.n
    return named


def line(report: RunReport) -> str:
    """In plain words, how much of the end-to-end figure is the model's and how much the code's.

    Empty where no floor was measured.
    """
    stage = next((stage for stage in (SERVED, "dpo") if stage in report.e2e), None)
    if stage is None:
        return ""
    played = report.e2e[stage]
    share = 100 * played.passed / played.n
    sentences = [f"Of the scenarios, {_share(played)} pass with the model ({stage})."]
    if report.floors.rules and (rules := report.floors.rules.e2e):
        sentences.append(
            f"Rule code with a bag of words and no language model passes {_share(rules)}: "
            f"{_points(share - 100 * rules.passed / rules.n)} the model's own."
        )
    if report.floors.base and (base := report.floors.base.e2e):
        sentences.append(f"The base model passes {_share(base)}.")
    if stage == SERVED and report.floors.unaided and (unaided := report.floors.unaided.e2e):
        sentences.append(
            f"The same model without M's repairs passes {_share(unaided)}: "
            f"{_points(share - 100 * unaided.passed / unaided.n)} the repairs'."
        )
    return " ".join(sentences) if len(sentences) > 1 else ""


def _share(played: Passes | FloorPasses) -> str:
    return f"{100 * played.passed / played.n:.0f} % ({played.passed} of {played.n})"


def _points(difference: float) -> str:
    """`3 points are`, `no point is`; below 0 the other side is ahead, and the words say so."""
    if abs(difference) < 0.05:
        return "no point is"
    many = f"{abs(difference):.1f}".removesuffix(".0")
    return f"{'' if difference > 0 else 'minus '}{many} point{' is' if many == '1' else 's are'}"
