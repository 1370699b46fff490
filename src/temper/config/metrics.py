"""Names of figures: the one place that makes them, parses them, and knows which a configuration can produce.

agent_scores.STAGE.ROLE                percent of the points that are right
slices.STAGE.ROLE.SLICE                the same of one slice; slices.STAGE.* and slices.STAGE.ROLE.* are all of them
e2e.STAGE                              percent of the scenarios that succeed
floors.KIND.ROLE, floors.KIND.e2e      the same of what a model has to be better than
ladder.RUNG.cN.FIGURE                  speed of whole customer turns, N in flight
tokens.RUNG.cN.FIGURE                  speed of single prompts, streamed
equivalence.FIGURE                     whether the drafter changes what is said
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from temper.config.rungs import ladder
from temper.config.stages import MEASURED, PLAIN, ROLES, SLICES, Measured

if TYPE_CHECKING:
    from temper.config.pipeline import PipelineConfig

EVERY = "*"
"""In the place of a role or a slice: each of them."""
FLOORS: tuple[Measured, ...] = ("rules", "base", "unaided")
"""Rule code without a language model, the base model, and the student without M's repairs."""
SPEEDS = ("qps", "p90_s", "goodput", "output_tokens_per_s", "calls_per_turn", "speedup", "gain")
"""Figures of a ladder's row that mean nothing where the rung is only emulated."""
PER_STEP = "tokens_per_step"
"""Of a rung that guesses tokens ahead; depends on no hardware."""
STREAMED = ("output_tokens_per_s", "first_token_ms", "token_ms", "request_ms")
SAME, SAME_IN_JSON, DRAWN = "same_percent", "structured_same_percent", "sampled_p_value"


@dataclass(frozen=True)
class Figure:
    """A figure's name in its parts; `str` is the name itself."""

    family: ClassVar[str]

    def __str__(self) -> str:
        parts = (getattr(self, part.name) for part in fields(self))
        return ".".join([self.family, *(f"c{part}" if isinstance(part, int) else part for part in parts)])


@dataclass(frozen=True)
class AgentFigure(Figure):
    """Percent of one agent's points that are right after a stage."""

    family = "agent_scores"
    stage: str
    role: str


@dataclass(frozen=True)
class SliceFigure(Figure):
    """The same of one slice; `*` is every role or every slice."""

    family = "slices"
    stage: str
    role: str
    slice: str


@dataclass(frozen=True)
class EndToEndFigure(Figure):
    """Percent of the scenarios that succeed after a stage."""

    family = "e2e"
    stage: str


@dataclass(frozen=True)
class FloorFigure(Figure):
    """What a model has to be better than: `part` is a role, or e2e."""

    family = "floors"
    kind: str
    part: str


@dataclass(frozen=True)
class SpeedFigure(Figure):
    """A figure of a rung of the ladder at so many customers in flight."""

    family = "ladder"
    rung: str
    customers: int
    figure: str


@dataclass(frozen=True)
class TokensFigure(Figure):
    """A figure of single prompts that are streamed from a rung."""

    family = "tokens"
    rung: str
    customers: int
    figure: str


@dataclass(frozen=True)
class EquivalenceFigure(Figure):
    """Whether the drafter changes what is said."""

    family = "equivalence"
    figure: str


FAMILIES: dict[str, type[Figure]] = {
    kind.family: kind
    for kind in (AgentFigure, SliceFigure, EndToEndFigure, FloorFigure, SpeedFigure, TokensFigure, EquivalenceFigure)
}


def parse(name: str) -> Figure:
    """The figure of this name. Raises ValueError where the name has none of the forms above."""
    family, *parts = name.split(".")
    kind = FAMILIES.get(family)
    if kind is SliceFigure and parts[1:] == [EVERY]:
        parts.append(EVERY)
    if kind is None or len(parts) != len(fields(kind)) or not all(parts):
        raise ValueError(
            f"{name!r} is no figure's name: one begins with {', '.join(FAMILIES)} (docs/reference/report.md)"
        )
    if kind in (SpeedFigure, TokensFigure):
        rung, at, figure = parts
        if not (at[:1] == "c" and at[1:].isdecimal()):
            raise ValueError(
                f"{name!r} must say the customers in flight as c and a number: {family}.{rung}.c1.{figure}"
            )
        return kind(rung, int(at[1:]), figure)
    return kind(*parts)


def produced(config: "PipelineConfig") -> set[str]:
    """Names of all figures that a whole run of `config` can produce."""
    return {str(figure) for figure in _produced(config)}


def refusal(name: str, config: "PipelineConfig") -> str | None:
    """Why no run of `config` produces the figure, with the nearest that it does; None where one does."""
    try:
        figure = str(parse(name))
    except ValueError as error:
        return f"{error}{_near(name, produced(config))}"
    known = produced(config)
    return None if figure in known else f"no run of this configuration produces {name!r}{_near(name, known)}"


def _near(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.7)
    return f"; nearest are {', '.join(near)}" if near else ""


def _produced(config: "PipelineConfig") -> Iterator[Figure]:
    points, scenarios = config.evaluate.points_per_role, config.evaluate.scenarios
    for stage in MEASURED:
        if points.get(stage, 0) > 0:
            yield SliceFigure(stage, EVERY, EVERY)
            for role in ROLES:
                yield AgentFigure(stage, role)
                yield from (SliceFigure(stage, role, name) for name in (*SLICES, PLAIN, EVERY))
        if scenarios.get(stage, 0) > 0:
            yield EndToEndFigure(stage)
    yield from _floors(config)
    yield from _speeds(config)
    yield EquivalenceFigure(SAME)
    if config.benchmark.structured_prompts:
        yield EquivalenceFigure(SAME_IN_JSON)
    if config.benchmark.sampled_prompts:
        yield EquivalenceFigure(DRAWN)


def _speeds(config: "PipelineConfig") -> Iterator[Figure]:
    settings = config.benchmark
    for rung in ladder(settings):
        for customers in settings.concurrency:
            yield from (
                SpeedFigure(rung.name, customers, name) for name in SPEEDS if name != "gain" or settings.unoptimised
            )
            if rung.drafted:
                yield SpeedFigure(rung.name, customers, PER_STEP)
            if settings.token_prompts and rung.optimised:
                yield from (TokensFigure(rung.name, customers, name) for name in STREAMED)


def _floors(config: "PipelineConfig") -> Iterator[Figure]:
    """Figures of the floors. `unaided` takes the final pair's answers to points and plays scenarios of its own."""
    points, scenarios = config.evaluate.points_per_role, config.evaluate.scenarios
    for kind in FLOORS:
        if points.get("final" if kind == "unaided" else kind, 0) > 0:
            yield from (FloorFigure(kind, role) for role in ROLES)
        if scenarios.get(kind, 0) > 0:
            yield FloorFigure(kind, "e2e")
