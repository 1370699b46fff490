"""Memory of one device, by stage, part by part: what `temper run --dry-run` holds against the device's size.

Upper bounds, for rows of the longest length. Training keeps block inputs alone and computes a block again for its
gradient (activation checkpointing, Chen et al., 2016); TRL computes logits in chunks, which are left out.
"""

from dataclasses import dataclass

from temper.capacity.architecture import Architecture
from temper.config import PipelineConfig
from temper.config.stages import OptimizerSettings, SFTSettings

GIB = 2**30
BF16, FP32 = 2, 4
TRAINED = 4 * FP32
"""Bytes for each trained parameter beside itself: gradient, Adam's two moments, the bucket that is exchanged."""


@dataclass(frozen=True)
class Need:
    """What one stage keeps on one device, in bytes by part."""

    stage: str
    parts: dict[str, float]

    @property
    def gib(self) -> float:
        """All parts, in GiB."""
        return sum(self.parts.values()) / GIB


def needs(config: PipelineConfig, base: Architecture) -> list[Need]:
    """Every stage that holds a model on a device."""
    student = base.expanded(config.expand.every)
    shares = config.runtime.processes if config.runtime.sharded else 1
    return [
        _cpt(config, student, new=student.blocks - base.blocks),
        _tuned("sft", student, config.sft, rows=1, shares=shares),
        _tuned("dpo", student, config.dpo, rows=2, shares=shares),
        _draft(config, student),
        Need("fp8", {"weights": student.parameters * BF16, "a block": _block(student, 1, config.fp8.max_length)}),
        _serving(config, student),
    ]


def _cpt(config: PipelineConfig, student: Architecture, new: int) -> Need:
    """Frozen weights in BF16; trained ones, the `new` blocks or all, in FP32."""
    trained = new * student.block if config.cpt.trainable == "new_blocks" else student.parameters
    weights = (student.parameters - trained) * BF16 + trained * FP32
    return Need("cpt", {"weights": weights, "training": trained * TRAINED} | _activations(student, config.cpt, 1))


def _tuned(stage: str, student: Architecture, to: SFTSettings, *, rows: int, shares: int) -> Need:
    """Weights in BF16 and adapters in FP32; without adapters the weights are in FP32.

    Of several `shares` (FSDP) each is in FP32, and one block is whole while it computes.
    """
    trained, narrow = student.tuned(to), to.lora is not None and shares == 1
    weights = student.parameters * (BF16 if narrow else FP32) + (trained * FP32 if to.lora else 0)
    training = trained * float(TRAINED)
    whole = student.block * BF16 if shares > 1 else 0
    parts = {"weights": weights / shares + whole, "training": training / shares}
    return Need(stage, parts | _activations(student, to, rows))


def _activations(student: Architecture, to: OptimizerSettings, rows: int) -> dict[str, float]:
    tokens = rows * to.batch_size * to.max_length
    inputs = student.blocks * tokens * student.shape.hidden_size * FP32
    return {"block inputs": inputs, "a block": _block(student, rows * to.batch_size, to.max_length)}


def _block(student: Architecture, rows: int, length: int) -> float:
    """What one block computes on the way, with a fused attention: no length x length matrix."""
    return rows * length * (8 * student.shape.hidden_size + 4 * student.shape.intermediate_size) * float(BF16)


def drafter(config: PipelineConfig, student: Architecture) -> int:
    """Trained parameters of an EAGLE-3 drafter: a block that reads two inputs, the fusion of three, a small head."""
    s = student.shape
    wider = s.hidden_size * s.head_dim * (s.num_attention_heads + 2 * s.num_key_value_heads)
    return student.block + wider + 3 * s.hidden_size**2 + config.draft.vocabulary * s.hidden_size


def _draft(config: PipelineConfig, student: Architecture) -> Need:
    trained, s = drafter(config, student), student.shape
    width = s.hidden_size * 3 + s.intermediate_size * 2 + config.draft.vocabulary * 2
    return Need(
        "draft",
        {
            "weights": 2.0 * s.vocab_size * s.hidden_size * BF16 + trained * FP32,
            "training": trained * 3.0 * FP32,
            "steps ahead": config.draft.ttt_steps * config.draft.batch_tokens * width * float(FP32),
        },
    )


def _serving(config: PipelineConfig, student: Architecture) -> Need:
    """One sequence of full length at least; what is left of the device holds more of them."""
    shared = config.engine.tensor_parallel
    among = min(shared, student.shape.num_key_value_heads)  # beyond its heads the cache is copied, not shared
    width = 1 if config.fp8.kv_cache else BF16
    return Need(
        "engine",
        {
            "weights": (student.parameters + drafter(config, student)) * BF16 / shared,
            "cache": student.cache_bytes(width) * config.engine.max_model_len / among,
            "a block": _block(student, 1, config.engine.max_model_len) / shared,
        },
    )
