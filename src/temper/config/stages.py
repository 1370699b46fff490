"""The settings of each stage. What makes the experiment has no default: the preset shows it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from temper.config.endpoint import EndpointSettings
from temper.config.settings import UNKEYED, Count, Length, Settings, Share

Role = Literal["understander", "planner", "evaluator", "executor", "explainer"]
ROLES: tuple[Role, ...] = ("understander", "planner", "evaluator", "executor", "explainer")
Measured = Literal["teacher", "base", "cpt", "sft", "dpo", "final", "rules", "unaided"]
MEASURED: tuple[Measured, ...] = ("teacher", "base", "cpt", "sft", "dpo", "final")
"""Who is evaluated, in the order of the pipeline. Beside them stand floors: `rules` plays without a language model,
`unaided` is the final pair without M's repairs."""
"""What is evaluated, in the order of the pipeline; `final` is the pair that is served."""
SLICES = (
    "replan", "out_of_policy", "business_switch", "correction", "dropped_task", "missing_information", "rare_intent",
    "long_context", "distractor_tools", "changed_prompt",
)  # fmt: skip
"""Slices of the design, by precedence: a point that fits several belongs to the first."""
PLAIN = "plain"
"""The slice of a point that fits none."""


class BaseSettings(Settings):
    source: Literal["asset", "folder", "hub", "tiny"]
    """Where the base model comes from: an asset package, a local folder, the Hugging Face hub, or a tiny random one."""
    name: str
    """Asset name (smollm2-135m-instruct), folder, hub id, or a label for the tiny one."""
    revision: str | None = None
    """Commit of the hub repository (40 hex digits); a hub model is refused without it."""

    @model_validator(mode="after")
    def _pinned(self) -> "BaseSettings":
        if self.source == "hub" and not (self.revision and len(self.revision) == 40):
            raise ValueError("a hub model needs `revision`, the 40 hex digits of a commit, so that reruns are exact")
        return self


class OwnSettings(Settings):
    sft: str | None = None
    """Folder that `temper import --as sft` made; the SFT set is not simulated then."""
    dpo: str | None = None
    """Folder that `temper import --as dpo` made; the preference pairs are not simulated then."""
    cpt: str | None = None
    """Folder that `temper import --as cpt` made; in place of the domain's and public documents."""

    @field_validator("*")
    @classmethod
    def _absolute(cls, folder: str | None) -> str | None:
        return folder and str(Path(folder).expanduser().absolute())  # stages run elsewhere than the command


class SynthesizeSettings(Settings):
    domain: Annotated[str, UNKEYED]
    """What the agents work in: a built-in domain's name (automotive), or the folder of your own."""
    seed: int
    """Seed of world, simulator, teacher and judge."""
    own: Annotated[OwnSettings, UNKEYED] = OwnSettings()
    """Imported data: a set that is named here is not simulated."""
    teacher: EndpointSettings | None = None
    """Large model that plays the roles; without one, the scripted teacher, with seeded mistakes."""
    judge: EndpointSettings | None = None
    """Large model that corrects the teacher; without one, the scripted judge."""
    simulator: EndpointSettings | None = None
    """Large model that puts the customer's lines into its own words; without one, they are said as written."""
    conversations: int = Field(ge=4)
    """Simulated conversations to train on."""
    ray: Annotated[bool, UNKEYED] = False
    """Play them on Ray's workers (RAY_ADDRESS, else this machine's cores); the same rows come out."""
    corrections: float = Field(0.0, ge=0, le=1)
    """Share of requests that leave something out in which a value is wrong at first and corrected in the next line."""
    dropped_tasks: float = Field(0.0, ge=0, le=1)
    """Share of requests that leave something out and are dropped for another one, with a question open."""
    traces_per_role: dict[Role, Count]
    """SFT traces kept for each role, spread over intents and slices."""
    mistake_rate: float = Field(ge=0, le=1)
    """Share of teacher calls with a seeded mistake."""
    judge_catch_rate: float = Field(ge=0, le=1)
    """Share of mistakes that the judge finds and corrects."""
    practice_prompts: dict[Role, Count]
    """Fresh training prompts that the tuned student tries, for each role; its mistakes join the pairs. {} is none."""
    dpo_pairs: int = Field(ge=10)
    """Preference pairs, automatic and hard negatives together at 9:1."""
    cpt_domain_documents: int = Field(ge=1)
    """Automotive documents for continual pretraining."""
    cpt_public_documents: int = Field(ge=0)
    """Public documents for continual pretraining (replay included)."""
    document_characters: int = Field(ge=100)
    """Longest public document in any set, in characters; longer ones are cut."""
    draft_prompts: dict[Role, Count]
    """In-domain prompts that the aligned student answers for the drafter, for each role."""
    draft_public_prompts: int = Field(ge=0)
    """Public questions that the aligned student answers for the drafter."""
    calibration_in_domain: int = Field(ge=1)
    """In-domain rows of the FP8 calibration set."""
    calibration_public: int = Field(ge=0)
    """Public rows of the FP8 calibration set."""
    points_per_role: int = Field(ge=1)
    """Held-out evaluation points for each role."""
    scenarios: int = Field(ge=1)
    """Held-out end-to-end scenarios of ten turns."""

    @model_validator(mode="after")
    def _endpoints_are_asked_from_one_place(self) -> "SynthesizeSettings":
        if self.ray and (self.teacher or self.judge or self.simulator):
            raise ValueError(
                "ray=true would keep a budget and a journal on each worker: set it to false for a teacher, judge or"
                " simulator behind an endpoint, and raise the endpoint's `concurrency` instead"
            )
        return self

    @field_validator("domain")
    @classmethod
    def _absolute(cls, domain: str) -> str:
        own = Path(domain).expanduser()
        return str(own.absolute()) if own.is_dir() else domain


class ValidateSettings(Settings):
    near_duplicate: float = Field(gt=0, le=1)
    """Jaccard similarity of word 5-grams from which two rows count as near-duplicates."""
    longest_tokens: int = Field(ge=16)
    """Longest row in tokens of the base model's tokenizer."""


class ExpandSettings(Settings):
    every: int = Field(ge=1)
    """One new block after every so many."""


class OptimizerSettings(Settings):
    learning_rate: float = Field(gt=0)
    """Peak learning rate."""
    schedule: Literal["linear", "cosine", "constant"]
    """How the rate falls after the warm-up."""
    warmup_ratio: float = Field(ge=0, lt=1)
    """Share of the steps with a rising rate."""
    weight_decay: float = Field(ge=0)
    """AdamW's decay."""
    beta2: float = Field(default=0.999, gt=0, lt=1)
    """AdamW's memory of squared gradients: of 1 / (1 - beta2) steps or so; a run of few steps wants a short one."""
    epochs: float = Field(gt=0)
    """Passes over the data."""
    batch_size: int = Field(ge=1)
    """Rows for each optimizer step on each device."""
    accumulation: int = Field(default=1, ge=1)
    """Batches whose gradients are added before a step."""
    max_length: int = Field(ge=16)
    """Longest row in tokens; longer ones are cut."""
    precision: Literal["auto", "float32"] = "auto"
    """`auto` computes in bfloat16 where the hardware does so natively; CPUs keep the weights in float32."""
    seed: int = 0
    """Seed of order and initialisation."""


class CPTSettings(OptimizerSettings):
    trainable: Literal["new_blocks", "all"]
    """Train the inserted blocks alone, or everything."""
    merge_weight: float = Field(ge=0, le=1)
    """Share of the adapted weights in the linear merge with the expanded original; 1 keeps them as trained."""
    weights_to_compare: tuple[Share, ...] = ()
    """Merge weights whose held-out losses are measured beside it, to choose by."""


class LoRASettings(Settings):
    r: int = Field(ge=1)
    """Rank."""
    alpha: int = Field(ge=1)
    """Scale: the update is multiplied by alpha / r."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapter."""


class SFTSettings(OptimizerSettings):
    lora: LoRASettings | None
    """Adapter on every linear layer of the trained blocks, merged afterwards; null trains their weights instead."""
    from_block: int = Field(default=0, ge=0)
    """First block that is trained. Above 0, embedding, head and the blocks below stay as they are."""


class DPOSettings(SFTSettings):
    lora: LoRASettings
    """Adapter on every linear layer of the trained blocks, merged afterwards."""
    beta: float = Field(gt=0)
    """Strength of the pull towards the reference."""
    sft_weight: float = Field(ge=0)
    """Weight of the plain likelihood of the chosen answer, added so that it does not fall; 0 is pure DPO."""


class AnswersSettings(Settings):
    max_tokens: int = Field(ge=1)
    """Longest answer in tokens."""
    concurrency: int = Field(ge=1)
    """Requests in flight."""


class DraftSettings(Settings):
    vocabulary: int = Field(ge=128)
    """Size of the reduced draft vocabulary."""
    epochs: int = Field(ge=1)
    """Passes over the student's answers."""
    learning_rate: float = Field(gt=0)
    """Peak learning rate."""
    ttt_steps: int = Field(ge=1)
    """Test-time-training steps: how many positions ahead are trained."""
    batch_tokens: int = Field(ge=16)
    """Tokens of one optimizer step; rows are packed up to it."""
    max_length: int = Field(ge=16)
    """Longest row in tokens."""
    precision: Literal["auto", "float32"] = "auto"
    """`auto` takes hidden states in bfloat16 where the hardware does so natively; CPUs train in float32 on them."""
    budget_to_compare: int = Field(default=0, ge=0)
    """Answer tokens that a drafter each learns from public, from own and from both answers, to compare the three."""
    seed: int = 0
    """Seed of order and initialisation."""


class FP8Settings(Settings):
    samples: int = Field(ge=1)
    """Calibration rows that are run."""
    max_length: int = Field(ge=16)
    """Longest calibration row in tokens."""
    kv_cache: bool
    """Also calibrate an FP8 key-value cache; CPUs without AVX-512 cannot serve it."""
    drafter: Annotated[bool, UNKEYED]
    """Quantise the drafter's projections too."""
    widest_range: float = Field(default=0, ge=0)
    """Layers whose inputs reach so many times as far as the median layer's stay as they are; 0 quantises all."""
    lengths_to_compare: tuple[Length, ...] = ()
    """Lengths in tokens at which calibration on public, in-domain and mixed rows is compared by what it would clip."""


class EvaluateSettings(Settings):
    points_per_role: Annotated[dict[Measured, Count], UNKEYED]
    """Held-out points for each role, by the stage that is measured."""
    scenarios: Annotated[dict[Measured, Count], UNKEYED]
    """End-to-end scenarios by the stage that is measured; 0 leaves them out."""
    changed_points: Annotated[dict[Measured, Count], UNKEYED] = Field(default_factory=dict)
    """Points for each role and change of the prompt (see `agents.changes`), by the stage that is measured."""
    trials: int = Field(default=1, ge=1)
    """Times that each scenario is played; more than one gives pass^k, and wants a temperature."""
    temperature: float = Field(default=0.0, ge=0)
    """Sampling temperature of the scenarios; held-out points are always greedy."""
    concurrency: int = Field(ge=1)
    """Points in flight, and as many conversations beside them."""
    max_tokens: int = Field(ge=8)
    """Longest answer of one agent, in tokens."""
    halstead_threshold: float = Field(ge=0)
    """Plan volume (radon's Halstead measure) above which the LLM Evaluator is called."""


class BenchmarkSettings(Settings):
    concurrency: tuple[Length, ...] = Field(min_length=1)
    """Customer turns in flight, one measurement each."""
    round_s: float = Field(gt=0)
    """Seconds of one measurement: the window in which customer turns count."""
    rounds: int = Field(ge=1)
    """Measurements of each configuration at each concurrency; where all engines are up at once, in turns."""
    emulated_s: float = Field(ge=0)
    """The same for a configuration that this hardware only emulates (one round, marked); 0 leaves it out."""
    unoptimised: bool = False
    """Also measure the student with no prefix cache and the LLM Evaluator asked about every plan: the paper's L0."""
    latency_target_s: float = Field(default=5.0, gt=0)
    """Seconds within which a turn has to be answered to count as goodput."""
    equivalence_prompts: int = Field(ge=1)
    """Prompts whose greedy answers must be the same with and without the drafter."""
    structured_prompts: int = Field(default=0, ge=0)
    """Understander's prompts whose greedy answers are compared as well where a grammar holds them to JSON."""
    sampled_prompts: int = Field(default=0, ge=0)
    """Prompts whose answers, drawn at temperature 2, must have one distribution with and without the drafter."""
    samples: int = Field(default=64, ge=2)
    """Answers drawn for each of them."""
    token_prompts: int = Field(default=0, ge=0)
    """Held-out prompts that `vllm bench serve` streams at each concurrency, for token-level figures; 0 for none."""

    @field_validator("concurrency")
    @classmethod
    def _each_once(cls, concurrency: tuple[int, ...]) -> tuple[int, ...]:
        twice = sorted({number for number in concurrency if concurrency.count(number) > 1})
        if twice:
            raise ValueError(f"{', '.join(map(str, twice))} stands twice: name each number of turns once")
        return concurrency


class Rule(Settings):
    metric: str
    """Name of the figure (agent_scores.dpo.planner, ladder.student+drafter.c1.qps ...; see `config.metrics`)."""
    kind: Literal["least", "most", "non_inferior", "not_worse", "identical"]
    """At least; at most; shown to be no further below the baseline than the margin; not shown to be worse than the
    baseline or than `value`, for figures with too few points to show more (slices.final.* are all slices); equal."""
    value: float | None = None
    """Bound for least and most, counted from the baseline where there is one, and for not_worse; or the margin."""
    baseline: str | None = None
    """Metric to stand beside: always for non_inferior, as it is wanted for the other kinds."""
    margin: float | None = Field(default=None, gt=0, le=100)
    """Points that the figure may be below the champion's, where that is not `gate.margin` or non_inferior's own."""

    @model_validator(mode="after")
    def _complete(self) -> "Rule":
        if self.kind in ("identical", "not_worse") and (self.baseline is None) == (self.value is None):
            raise ValueError(f"{self.kind} needs either `baseline` (a metric) or `value`")
        if self.kind in ("least", "most", "non_inferior") and self.value is None:
            raise ValueError(f"{self.kind} needs `value`")
        if self.kind == "non_inferior" and (self.baseline is None or not 0 < (self.value or 0) <= 100):
            raise ValueError(
                "non_inferior needs `baseline`, the metric to stand beside, and a margin above 0 as `value`"
            )
        return self


class GateSettings(Settings):
    rules: tuple[Rule, ...] = Field(min_length=1)
    """All must hold; a figure that is missing fails its rule. Without a rule anything would become the champion."""
    margin: float = Field(default=5, gt=0, le=100)
    """Points that a candidate may be below the champion on a figure that rules name, unless the figure's rule says."""
    enforce: bool = True
    """Fail the run on a no; where false the verdict is recorded and nothing is promoted."""


class RegistrySettings(Settings):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$", max_length=200)
    """Registered model that the bundle becomes a version of."""
