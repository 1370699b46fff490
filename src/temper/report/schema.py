"""`report.json`: what a run showed, for programs. Described for people in docs/reference/report.md.

Within one `schema_version` fields are only added; one that is renamed or changes its meaning raises the version.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from temper.bench.results import Acceptance, Equivalence, Speed, Streamed
from temper.evaluation.scores import ChangedScore
from temper.registry.gates import Baseline


class ReportPart(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class Bounds(ReportPart):
    """The 95 % Wilson interval of a share, in percent, of as many points as independent ones are worth as much."""

    low: float = 0.0
    """Lower end."""
    high: float = 100.0
    """Upper end."""


class BoundedScore(Bounds):
    """Points answered right."""

    score: float
    """Percent of the points that are wholly right."""
    n: int
    """Points asked."""


class Score(BoundedScore):
    """One agent's points after one stage."""

    slices: dict[str, BoundedScore] = {}
    """The same by slice (replan, out of policy ...)."""


class Passes(Bounds):
    """End-to-end scenarios after one stage."""

    passed: int
    """Scenarios in the goal state, every required fact told, nothing invented, no rule broken."""
    n: int
    """Scenarios played, each trial counted."""
    pass_hat: dict[int, float] = {}
    """k to pass^k: the percentage of scenarios that succeed k times in a row; empty where each was played once."""
    checks: dict[str, int] = {}
    """How often M's own checks stepped in over all turns, by kind (`understander_completed`); absent where never."""


class FloorPasses(ReportPart):
    """End-to-end scenarios of a floor."""

    passed: int
    """As in `Passes`."""
    n: int
    """Scenarios played."""


class Floor(ReportPart):
    """What is reached without the trained model, or without M's repairs: percent of points by role, and scenarios."""

    understander: float | None = None
    planner: float | None = None
    evaluator: float | None = None
    executor: float | None = None
    explainer: float | None = None
    e2e: FloorPasses | None = None
    """None where no scenarios were played."""


class Floors(ReportPart):
    """What stands below every score; None where it was not measured."""

    rules: Floor | None = None
    """M's rule code with bags of words and no language model, on the same points and scenarios."""
    base: Floor | None = None
    """The base model, untrained."""
    unaided: Floor | None = None
    """The served pair in an M that does not mend what agents write. A point is scored on what the model wrote, which no
    repair touches: by role these are the served pair's scores, and the scenarios are played again."""


class RuleReport(ReportPart):
    """What the gate says of one rule."""

    metric: str
    """The figure that is judged."""
    passed: bool
    """Whether the rule holds."""
    reason: str
    """Why, with the figures."""


class Gate(ReportPart):
    """The gate's verdict."""

    passed: bool
    """Whether every rule holds, and nothing is worse than the champion's."""
    rules: list[RuleReport]
    """In the preset's order."""
    compared: list[RuleReport] = []
    """Each gated figure beside the champion's."""
    baseline: Baseline | None = None
    """The champion that the candidate was compared with; none on a first run, and where the two are the same."""


class RegisteredBundle(ReportPart):
    """What was registered."""

    name: str
    """Registered model."""
    version: str
    """Its version."""
    champion: bool = False
    """Whether it was the champion when the run ended."""
    why: str = ""
    """What became of the champion, and why; empty in reports of before it was told."""
    digests: dict[str, str]
    """Digest of each part."""


class Node(ReportPart):
    """One stage's place in the lineage."""

    stage: str
    """As in `wall_s`."""
    key: str
    """Cache key."""
    inputs: dict[str, str]
    """Digest of each input, by the stage's name for it."""
    artifacts: dict[str, str]
    """Digest of each artifact that it made."""


class RunReport(ReportPart):
    """Everything a run showed."""

    schema_version: Literal[1, 2] = 2
    """Version of this description. In 1, `tokens_per_step` counted tokens behind an answer's end, and `p90_s` was a
    median of few turns' percentiles."""
    run_id: str
    """Pipeline run, and name of the folder under `runs`."""
    name: str
    """The configuration's name."""
    base: str
    """The model that it started from."""
    created: str
    """UTC, ISO 8601."""
    wall_s: dict[str, float]
    """Seconds of each stage, when it was computed."""
    cached: dict[str, bool]
    """Whether each stage's result was taken from an earlier run."""
    agent_scores: dict[str, dict[str, Score]]
    """Stage (teacher, base, cpt, sft, dpo, final) -> role in lower case -> score."""
    changed: dict[str, dict[str, dict[str, ChangedScore]]] = {}
    """Stage -> change of the prompt -> role -> score; empty where none was asked."""
    e2e: dict[str, Passes]
    """Stage -> scenarios."""
    floors: Floors = Floors()
    """What is reached without the model."""
    ladder: list[Speed]
    """Speed of whole customer turns."""
    left_out: dict[str, str] = {}
    """Rungs of the ladder that could not be served, each with the reason."""
    equivalence: Equivalence | None
    """Whether speculation changes answers; none without a benchmark."""
    acceptance: dict[str, Acceptance] = {}
    """Role -> how far ahead the drafter is right; empty without a benchmark."""
    tokens: list[Streamed] = []
    """Token-level figures by `vllm bench serve`; empty unless `benchmark.token_prompts` asks for them."""
    served_in: str | None = None
    """What the benchmark's engines computed in, as `engine.dtype` came out here; none without a benchmark."""
    gate: Gate | None
    """None where the run ended before the gate."""
    bundle: RegisteredBundle | None
    """None where nothing was registered."""
    metrics: dict[str, dict[str, float]]
    """Every stage's figures as they stand in the tracking server."""
    curves: dict[str, list[dict[str, float]]]
    """Every stage's figures by step."""
    lineage: list[Node]
    """Every stage with the digests that it took and made."""
    config: dict[str, Any]
    """The resolved configuration; runs again as it is."""
