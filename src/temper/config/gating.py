"""What a gate's rules ask of a configuration: figures that its run produces, and points enough for what they claim."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from temper.config import metrics
from temper.config.gate import GateRule
from temper.config.metrics import EVERY, AgentFigure, EndToEndFigure, Figure, SliceFigure

if TYPE_CHECKING:
    from temper.config.pipeline import PipelineConfig

LEVEL = 0.95
"""One-sided confidence of a claim that a figure is not worse."""
SERVED, CHAMPION = "final", "champion"
"""The stages whose scores are compared: the pair that is to be served, and the pair that is."""


def least_points(margin: float) -> int:
    """Points without which nobody is shown to be at most `margin` points worse, even if no outcome differs."""
    return 1 if margin >= 100 else math.ceil(math.log(1 - LEVEL) / math.log(1 - margin / 100))


def champion_rules(rules: tuple[GateRule, ...], margin: float) -> tuple[GateRule, ...]:
    """Rules that hold the candidate, as it is served, against the champion: one for each figure that `rules` gate.

    A rule about an earlier stage of the same agent gates it too. A figure's margin is its own rule's, else `margin`.
    """
    own: dict[Figure, float | None] = {}
    for rule in rules:
        figure = metrics.parse(rule.metric)
        if isinstance(figure, AgentFigure | EndToEndFigure | SliceFigure) and figure.stage != "teacher":
            own_margin = rule.margin or (rule.value if rule.kind == "non_inferior" and figure.stage == SERVED else None)
            served = _at(figure, SERVED)
            own[served] = own.get(served) or own_margin
    return tuple(_beside(figure, own_margin or margin) for figure, own_margin in own.items())


def _beside(figure: Figure, margin: float) -> GateRule:
    baseline = str(_at(figure, CHAMPION))
    if isinstance(figure, SliceFigure):
        return GateRule(metric=str(figure), kind="not_worse", baseline=baseline)
    return GateRule(metric=str(figure), kind="non_inferior", value=margin, baseline=baseline)


def of_champion(name: str) -> bool:
    """Whether the figure of this name is the champion's and not the candidate's."""
    return getattr(metrics.parse(name), "stage", None) == CHAMPION


def _at(figure: Figure, stage: str) -> Figure:
    """The same figure of another stage."""
    family, _, *parts = str(figure).split(".")
    return metrics.parse(".".join((family, stage, *parts)))


def refusals(config: "PipelineConfig") -> Iterator[str]:
    """Why rules of the configuration's gate could never be judged, or never hold; names come first."""
    for number, rule in enumerate(config.gate.rules):
        for field, name in (("metric", rule.metric), ("baseline", rule.baseline)):
            why = name and metrics.refusal(name, config)
            if why:
                yield f"gate.rules.{number}.{field}: {why}"
            elif name and EVERY in name and rule.kind != "not_worse":
                yield f"gate.rules.{number}.{field}: {name!r} is several figures, which not_worse alone can judge"
    for number, rule in enumerate(config.gate.rules):
        yield from _too_few(f"gate.rules.{number}", rule, config)
    for rule in champion_rules(config.gate.rules, config.gate.margin):
        if metrics.refusal(rule.metric, config) is None:
            yield from _too_few("gate.margin", rule, config)


def _too_few(where: str, rule: GateRule, config: "PipelineConfig") -> Iterator[str]:
    if rule.kind != "non_inferior" or rule.value is None:
        return
    have, need = points_behind(rule.metric, config), least_points(rule.value)
    if have < need:
        yield (
            f"{where}: {have} points of {rule.metric} can never show that it is at most {rule.value:g} points worse:"
            f" that takes {need}, so ask for more, or allow {_least_margin(have):.1f} points (`margin` of its rule)"
        )


def points_behind(name: str, config: "PipelineConfig") -> int:
    """Outcomes that a run asks for a figure."""
    figure, settings = metrics.parse(name), config.evaluate
    if isinstance(figure, EndToEndFigure):
        return {str(stage): n for stage, n in settings.scenarios.items()}.get(figure.stage, 0) * settings.trials
    return {str(stage): n for stage, n in settings.points_per_role.items()}.get(getattr(figure, "stage", ""), 0)


def _least_margin(points: int) -> float:
    return 100 * (1 - (1 - LEVEL) ** (1 / max(1, points))) + 0.05
