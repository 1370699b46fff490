"""`ladder.json`: what a benchmark measured, written by its stage and read by the report."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from pydantic import BaseModel, ConfigDict

from temper.config.metrics import PER_STEP, SPEEDS, STREAMED, SpeedFigure, TokensFigure
from temper.config.rungs import DRAFTER, RUNGS, STUDENT, UNOPTIMISED, Rung
from temper.engine import Capabilities, Usage
from temper.stats import multiples

FILE = "ladder.json"


class LadderPart(BaseModel):
    """A part of the file, and of the report's JSON."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class Speed(LadderPart):
    """One row of the ladder: a rung under one load. Where a figure is of rounds, it is their median."""

    configuration: str
    """Name of the rung (temper.config.rungs): unoptimised, student, student+drafter ..."""
    concurrency: int
    """Customer turns in flight."""
    qps: float
    """Customer turns answered per second, through all agents; the median of the rounds."""
    qps_rounds: list[float] = []
    """The same of each round."""
    turns: int = 0
    """Customer turns whose seconds were measured, over all rounds."""
    p50_s: float | None = None
    """Median of a customer turn's seconds, over all rounds."""
    p90_s: float | None = None
    """90th percentile of a customer turn's seconds, over all rounds; none of fewer than 100 turns."""
    tokens_per_step: float | None
    """Tokens written for each decoding pass of the target; an answer's first token is its prompt's pass's and is not
    counted. None where nothing drafts."""
    distinct_4grams_percent: float | None = None
    """Share of the answers' four words in a row that had not stood in the same answer before; a loop has few."""
    output_tokens_per_s: float
    """Generated tokens per second over all requests."""
    comparable: bool
    """Whether this hardware can show this configuration's speed."""
    reason: str | None = None
    """Why not, or what to know."""
    goodput: float | None = None
    """Customer turns per second that were answered within `benchmark.latency_target_s`."""
    calls_per_turn: float | None = None
    """Model calls of all agents for a customer turn."""
    memory_percent: float | None = None
    """Share of the memory's measured rate that reading the weights took, at least."""
    arithmetic_percent: float | None = None
    """Share of the measured arithmetic that the target's tokens took, at least."""
    speedup: float | None = None
    """QPS over the plain student's at the same concurrency, median of the rounds; none where one is not comparable."""
    speedup_rounds: list[float] = []
    """The same of each round."""
    gain: float | None = None
    """The same over the unoptimised student's; none where that was not measured."""

    def metrics(self) -> dict[str, float]:
        """Flat figures; a speed that is only emulated is no figure, tokens per step do not depend on the hardware."""
        names = (*SPEEDS, PER_STEP) if self.comparable else (PER_STEP,)
        figures = {name: getattr(self, name) for name in names}
        at = self.configuration, self.concurrency
        return {str(SpeedFigure(*at, name)): float(value) for name, value in figures.items() if value is not None}


class Round(LadderPart):
    """One measurement of a rung under a load."""

    turns: float
    """Customer turns; one that the window's end cuts counts by its part inside."""
    window_s: float
    qps: float
    goodput: float
    output_tokens_per_s: float
    calls_per_turn: float
    usage: Usage
    """The engine's counters from the first turn to the last answer, those after the window included."""
    wall_s: float
    """How long that was."""


class LadderRow(Speed):
    """A row with its rounds."""

    rounds: list[Round] = []

    def speed(self) -> Speed:
        """The row without them, as the report shows it."""
        return Speed.model_validate(self.model_dump(exclude={"rounds"}))


class Difference(LadderPart):
    """One prompt's two answers."""

    id: str
    role: str
    plain: str
    drafted: str
    margin_nats: float | None = None
    """Between the target's two likeliest tokens where the texts part: next to 0 is a tie, which rounding decides."""


class Same(LadderPart):
    """Greedy answers with and without a drafter."""

    same: int
    """Prompts with the same text."""
    n: int
    """Prompts compared."""
    differences: list[Difference] = []


class Drawn(LadderPart):
    """Answers drawn with and without the drafter."""

    temperature: float = 1.0
    """What they were drawn at; reports that do not say so are from when it was 1."""
    p_value: float
    """The chance of samples that differ so much or more if both come from one distribution."""
    power: float | None = None
    """The chance that the test finds one wrong draw in five at a level of 5 %; older reports do not say it."""
    prompts: int
    samples: int
    """For each prompt, with the drafter and without."""
    texts: int
    """Different ones, over all prompts: a prompt with one alone says nothing."""


class Equivalence(Same):
    """Whether the drafter changes what is said."""

    structured: Same | None = None
    """Under a JSON grammar."""
    sampled: Drawn | None = None
    free: dict[str, Same] = {}
    """By rung: the same prompts where tokens are guessed without a drafter."""


class Acceptance(LadderPart):
    """What the drafter is worth to one agent."""

    tokens_per_step: float
    """Tokens written for each decoding pass of the target, on held-out prompts of this role."""
    by_position: list[float]
    """Share of drafts whose token at this position was accepted."""


class Streamed(LadderPart):
    """Single prompts streamed by vLLM's own client."""

    configuration: str
    """As in the ladder."""
    concurrency: int
    """Prompts at once."""
    prompts: int
    """Prompts streamed."""
    output_tokens_per_s: float
    """Generated tokens per second over all of them."""
    first_token_ms: float
    """Median wait for the first token."""
    token_ms: float
    """Median of the time for each later token."""
    request_ms: float
    """Median of the whole answer."""

    def metrics(self) -> dict[str, float]:
        """Flat figures."""
        at = self.configuration, self.concurrency
        return {str(TokensFigure(*at, name)): float(getattr(self, name)) for name in STREAMED}


class Ladder(LadderPart):
    """Everything a benchmark measured."""

    rows: list[LadderRow]
    left_out: dict[str, str] = {}
    """Rungs that could not be served here, each with the reason."""
    equivalence: Equivalence
    acceptance: dict[str, Acceptance]
    """By role."""
    tokens: list[Streamed]
    dtype: str
    """What the engines computed in."""
    capabilities: Capabilities | None = None

    def write(self, folder: Path) -> None:
        """Write it into `folder`."""
        (folder / FILE).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Ladder":
        """What a stage wrote into `folder`."""
        return cls.model_validate_json((folder / FILE).read_text(encoding="utf-8"))


def over_free(rows: Sequence[Speed]) -> list[tuple[Speed, float]]:
    """What training a drafter brought beyond what is free: by load, the fastest row that guesses tokens without one,
    and the drafter's turns a second over that row's, as the median of the rounds.
    """
    free = {rung.name for rung in RUNGS if rung.free}
    multiples_of = []
    for drafted in (row for row in rows if row.configuration == DRAFTER.name):
        others = [row for row in rows if row.configuration in free and row.concurrency == drafted.concurrency]
        if others:
            best = max(others, key=lambda row: row.qps)
            multiples_of.append((best, median(multiples(drafted.qps_rounds, best.qps_rounds))))
    return multiples_of


def beside(rows: list[LadderRow]) -> list[LadderRow]:
    """The rows with their multiples of the student's and of the unoptimised student's turns a second."""
    at = {(row.configuration, row.concurrency): row.qps_rounds for row in rows if row.comparable}

    def over(row: LadderRow, other: Rung) -> list[float]:
        base = at.get((other.name, row.concurrency))
        return multiples(row.qps_rounds, base) if base and row.comparable else []

    return [_multiplied(row, over(row, STUDENT), over(row, UNOPTIMISED)) for row in rows]


def _multiplied(row: LadderRow, speedups: list[float], gains: list[float]) -> LadderRow:
    figures = {
        "speedup": median(speedups) if speedups else None,
        "speedup_rounds": speedups,
        "gain": median(gains) if gains else None,
    }
    return row.model_copy(update=figures)
