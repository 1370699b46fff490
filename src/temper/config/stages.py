"""The settings of each stage. What makes the experiment has no default: the preset shows it.

Two long blocks have files of their own: `synthesize` and `gate`.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from temper.config.settings import UNKEYED, Count, Length, Settings, Share

Role = Literal["understander", "planner", "evaluator", "executor", "explainer"]
ROLES: tuple[Role, ...] = ("understander", "planner", "evaluator", "executor", "explainer")
Measured = Literal["teacher", "base", "cpt", "sft", "dpo", "final", "rules", "unaided"]
MEASURED: tuple[Measured, ...] = ("teacher", "base", "cpt", "sft", "dpo", "final")
"""What is evaluated, in the order of the pipeline; `final` is the pair that is served. Beside them stand floors:
`rules` plays without a language model, `unaided` is the final pair without M's repairs."""
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
    """Points for each role and change of the prompt (see `evaluation.changes`), by the stage that is measured."""
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


class RegistrySettings(Settings):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$", max_length=200)
    """Registered model that the bundle becomes a version of."""
