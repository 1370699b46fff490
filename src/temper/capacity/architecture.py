"""A decoder's parameters, arithmetic and cache, counted from its shape (grouped-query attention, gated MLP)."""

from dataclasses import dataclass, replace

from temper.config.plan import Shape
from temper.config.stages import SFTSettings


@dataclass(frozen=True)
class Architecture:
    """Counts for a shape with `blocks` blocks."""

    shape: Shape
    blocks: int

    @classmethod
    def of(cls, shape: Shape) -> "Architecture":
        """The model as it is released."""
        return cls(shape, shape.num_hidden_layers)

    def expanded(self, every: int) -> "Architecture":
        """One new block after every so many."""
        return replace(self, blocks=self.blocks + self.blocks // every)

    @property
    def block_linear(self) -> int:
        """Weights of one block's seven linear layers."""
        s = self.shape
        attention = s.hidden_size * s.head_dim * 2 * (s.num_attention_heads + s.num_key_value_heads)
        return attention + 3 * s.hidden_size * s.intermediate_size

    @property
    def block(self) -> int:
        """Parameters of one block, its two norms included."""
        return self.block_linear + 2 * self.shape.hidden_size

    @property
    def parameters(self) -> int:
        """All parameters."""
        s = self.shape
        embeddings = s.vocab_size * s.hidden_size * (1 if s.tie_word_embeddings else 2)
        return self.blocks * self.block + embeddings + s.hidden_size

    def tuned(self, settings: SFTSettings) -> int:
        """Parameters that SFT or DPO trains: adapters on every linear layer of the blocks from a first one on, or the
        blocks themselves; from block 0 on, all weights."""
        s, lora, blocks = self.shape, settings.lora, self.blocks - settings.from_block
        if lora is None:
            return blocks * self.block if settings.from_block else self.parameters
        queries, keys = s.head_dim * s.num_attention_heads, s.head_dim * s.num_key_value_heads
        ends = 2 * (s.hidden_size + queries) + 2 * (s.hidden_size + keys) + 3 * (s.hidden_size + s.intermediate_size)
        return blocks * lora.r * ends

    def forward_flops(self, length: float) -> float:
        """FLOPs of reading one token in a row of `length` tokens: two for each weight, and causal attention."""
        s = self.shape
        attention = 4 * s.head_dim * s.num_attention_heads * length / 2
        return self.blocks * (2 * self.block_linear + attention) + 2 * s.vocab_size * s.hidden_size

    def cache_bytes(self, width: int) -> int:
        """Keys and values of one token, with numbers of `width` bytes."""
        return 2 * self.blocks * self.shape.num_key_value_heads * self.shape.head_dim * width
