"""`scores.json`: what an evaluation showed. Its types, and the one place that writes and reads it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from temper.errors import DataError

FILE = "scores.json"


class ScorePart(BaseModel):
    """A part of the file; parts of it stand in the report, too."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class SliceScore(ScorePart):
    """Points of one slice."""

    score: float
    """Percent of the points that are wholly right."""
    n: int
    """Points asked."""


class AgentScore(SliceScore):
    """All points of one agent."""

    slices: dict[str, SliceScore] = {}


class PointOutcome(ScorePart):
    """One point."""

    id: str
    role: str
    slice: str
    correct: bool
    groups: tuple[str, ...] = ()
    """The wording and the conversation that the point shares with others: they may be right or wrong together."""


class Trial(ScorePart):
    """One scenario, played once."""

    id: str
    trial: int
    passed: bool

    @property
    def name(self) -> str:
        """What tells it from other trials."""
        return f"{self.id} {self.trial}"


class ChangedScore(ScorePart):
    """One agent's points with a changed prompt."""

    score: float
    """Percent right with the changed prompt."""
    unchanged: float
    """Percent right of the same points with the prompt of training."""
    n: int
    """Points asked."""


class Played(ScorePart):
    """End-to-end scenarios."""

    passed: int
    n: int
    pass_hat: dict[int, float] = {}
    """k to pass^k, where scenarios were tried more than once."""
    checks: dict[str, int] = {}
    """How often M's own checks stepped in, by kind."""


class Scores(ScorePart):
    """What one model (or the teacher, or the rules) showed."""

    stage: str
    """Who was measured."""
    agent_scores: dict[str, AgentScore] = {}
    points: list[PointOutcome] = []
    tools: dict[str, float] = {}
    """Precision, recall and F1 of the Planner's tools and arguments, in percent."""
    changed: dict[str, dict[str, ChangedScore]] = {}
    """Change of the prompt -> role -> score."""
    e2e: Played = Played(passed=0, n=0)
    scenarios: list[Trial] = []
    tokens_per_step: float | None = None

    def write(self, folder: Path) -> None:
        """Leave the scores in an evaluation's report."""
        (folder / FILE).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Scores":
        """The scores of an evaluation's report. Raises DataError where they are not of this form."""
        try:
            return cls.model_validate_json((folder / FILE).read_bytes())
        except ValidationError as error:
            raise DataError(f"{folder / FILE}: {error.errors()[0]['msg']}; evaluate again") from error
