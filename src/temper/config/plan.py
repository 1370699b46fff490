"""What a dry run reckons with: the model's shape, the hardware's data sheet, how long rows are. Computes nothing."""

from pydantic import Field

from temper.config.settings import Settings


class Shape(Settings):
    """A decoder's shape, in the words of its `config.json`."""

    hidden_size: int
    """Width of the residual stream."""
    intermediate_size: int
    """Width of the gated MLP."""
    num_hidden_layers: int
    """Blocks before expansion."""
    num_attention_heads: int
    """Query heads."""
    num_key_value_heads: int
    """Key and value heads."""
    head_dim: int
    """Width of a head."""
    vocab_size: int
    """Tokens."""
    tie_word_embeddings: bool
    """Whether the head is the embedding."""


class PlanSettings(Settings):
    shape: Shape
    """The base model's, by its config.json."""
    memory_gib: float = Field(gt=0)
    """Memory of one device, in GiB."""
    reserve: float = Field(default=0.08, ge=0, lt=1)
    """Share of it that runtime and fragmentation take."""
    bf16_tflops: float = Field(gt=0)
    """Dense BF16 arithmetic of one device, in TFLOP/s, by its data sheet."""
    fp8_tflops: float | None = Field(default=None, gt=0)
    """Dense FP8 arithmetic, where the device has it."""
    bandwidth_gb_s: float = Field(gt=0)
    """Memory bandwidth of one device, in GB/s, by its data sheet."""
    utilisation: float = Field(default=0.35, gt=0, le=1)
    """Share of that arithmetic which training and prompt processing attain."""
    prompt_tokens: int = Field(ge=1)
    """Mean tokens of an agent's prompt."""
    answer_tokens: int = Field(ge=1)
    """Mean tokens of an agent's answer."""
    document_tokens: int = Field(ge=1)
    """Mean tokens of a document for continual pretraining, its context included."""
    calls_per_turn: float = Field(default=4.4, ge=1)
    """Agent calls of a customer turn."""
    unoptimised_calls_per_turn: float = Field(default=5.0, ge=1)
    """The same where the LLM Evaluator is asked about every plan."""
    cached_prompt: float = Field(default=0.65, ge=0, lt=1)
    """Share of a prompt's tokens that the prefix cache holds."""
    tokens_per_step: float = Field(default=4.2, ge=1)
    """Tokens that the engine gives in a step with the drafter."""
