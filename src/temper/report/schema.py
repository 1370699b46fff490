"""`report.json`: what a run showed, for programs. Described for people in docs/reference/report.md.

Within one `schema_version` fields are only added; one that is renamed or changes its meaning raises the version.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class Bounds(Part):
    """The 95 % bootstrap interval of a share, in percent."""

    low: float = 0.0
    """Lower end."""
    high: float = 100.0
    """Upper end."""


class SliceScore(Bounds):
    """Points answered right."""

    score: float
    """Percent of the points that are wholly right."""
    n: int
    """Points asked."""


class Score(SliceScore):
    """One agent's points after one stage."""

    slices: dict[str, SliceScore] = {}
    """The same by slice (replan, out of policy ...)."""


class ChangedScore(Part):
    """One agent's points with a changed prompt."""

    score: float
    """Percent right with the changed prompt."""
    unchanged: float
    """Percent right of the same points with the prompt of training."""
    n: int
    """Points asked."""


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


class Speed(Part):
    """One row of the ladder: a configuration under one load."""

    configuration: str
    """Name of the rung (temper.config.rungs): unoptimised, student, student+drafter ..."""
    concurrency: int
    """Customer turns in flight."""
    qps: float
    """Customer turns answered per second, through all agents; the median of the rounds."""
    qps_rounds: list[float] = []
    """The same of each round."""
    p90_s: float
    """90th percentile of a customer turn's seconds."""
    tokens_per_step: float | None
    """1 + accepted / drafts; none without a drafter."""
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
    """The same of each round, whose conversations both answered."""
    gain: float | None = None
    """The same over the unoptimised student's; none where that was not measured."""


class Difference(Part):
    """One prompt's two answers."""

    id: str
    role: str
    plain: str
    drafted: str
    margin_nats: float | None
    """Between the target's two likeliest tokens where the texts part: next to 0 is a tie, which rounding decides."""


class Same(Part):
    """Greedy answers with and without the drafter."""

    same: int
    """Prompts with the same text."""
    n: int
    """Prompts compared."""
    differences: list[Difference] = []


class Drawn(Part):
    """Answers drawn with and without the drafter."""

    temperature: float = 1.0
    """What they were drawn at; reports that do not say so are from when it was 1."""
    p_value: float
    """The chance of samples that differ so much or more if both come from one distribution."""
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


class Acceptance(Part):
    """What the drafter is worth to one agent."""

    tokens_per_step: float
    """1 + accepted / drafts, on held-out prompts of this role."""
    by_position: list[float]
    """Share of drafts whose token at this position was accepted."""


class Streamed(Part):
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


class RuleVerdict(Part):
    """What the gate says of one rule."""

    metric: str
    """The figure that is judged."""
    passed: bool
    """Whether the rule holds."""
    reason: str
    """Why, with the figures."""


class Gate(Part):
    """The gate's verdict."""

    passed: bool
    """Whether every rule holds."""
    rules: list[RuleVerdict]
    """In the preset's order."""


class Bundle(Part):
    """What was registered."""

    name: str
    """Registered model."""
    version: str
    """Its version."""
    digests: dict[str, str]
    """Digest of each part."""


class Node(Part):
    """One stage's place in the lineage."""

    stage: str
    """As in `wall_s`."""
    key: str
    """Cache key."""
    inputs: dict[str, str]
    """Digest of each input, by the stage's name for it."""
    artifacts: dict[str, str]
    """Digest of each artifact that it made."""


class Report(Part):
    """Everything a run showed."""

    schema_version: Literal[1] = 1
    """Version of this description."""
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
    ladder: list[Speed]
    """Speed of whole customer turns."""
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
    bundle: Bundle | None
    """None where nothing was registered."""
    metrics: dict[str, dict[str, float]]
    """Every stage's figures as they stand in the tracking server."""
    curves: dict[str, list[dict[str, float]]]
    """Every stage's figures by step."""
    lineage: list[Node]
    """Every stage with the digests that it took and made."""
    config: dict[str, Any]
    """The resolved configuration; runs again as it is."""
