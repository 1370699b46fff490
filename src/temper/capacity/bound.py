"""How much of what the hardware can do a ladder row uses: memory traffic and arithmetic, both measured in the run.

A step of the engine reads every weight once, whatever its batch, and computes two FLOPs for each weight and token
(`planning.architecture`). What the larger of a row's two shares lacks is overhead: Python, scheduling, small shapes.
Keys, values, activations and the drafter's arithmetic are left out, so that the shares are lower bounds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temper.capacity.architecture import Architecture
from temper.config.plan import Shape
from temper.engine import Usage

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
CONTEXT = 256
"""Tokens that a token looks back at, for the attention's arithmetic: prompts of M are of that size."""


@dataclass(frozen=True)
class Hardware:
    """What this machine reaches on large operands."""

    bytes_per_s: float
    """Read out of the memory."""
    flops: float
    """Matrix products, per second."""


@dataclass(frozen=True)
class Served:
    """What an engine reads in a step and computes for a token."""

    weights: float
    """Bytes of the target that a step reads."""
    drafter: float
    """Bytes of the drafter that it takes to propose one token more to all requests of a step; 0 without one."""
    flops_each: float
    """FLOPs of the target for a token."""

    @classmethod
    def of(cls, target: Path, drafter: Path | None, dtype: str) -> "Served":
        """From checkpoint folders that are served in `dtype`; quantised weights stay as they are stored."""
        config: Mapping[str, Any] = json.loads((target / "config.json").read_text(encoding="utf-8"))
        values = {"head_dim": config["hidden_size"] // config["num_attention_heads"]}
        values |= {name: value for name, value in config.items() if value is not None}
        shape = Shape.model_validate({name: values[name] for name in Shape.model_fields})
        model = Architecture.of(shape)
        looked_up = 0 if shape.tie_word_embeddings else shape.vocab_size * shape.hidden_size  # rows, never the whole
        read = _size(target, dtype) * (1 - looked_up / model.parameters)
        return cls(read, _size(drafter, dtype) if drafter else 0, model.forward_flops(CONTEXT))

    def shares(self, usage: Usage, wall_s: float, hardware: Hardware) -> dict[str, float]:
        """Percent of the memory's and of the arithmetic's rate that were used in `wall_s` seconds."""
        drafting = min(usage.steps, usage.drafts)  # a step drafts for all its requests at once
        ahead = usage.proposed / usage.drafts if usage.drafts else 0
        read = usage.steps * self.weights + drafting * ahead * self.drafter
        scored = usage.drafts + usage.proposed if self.drafter else usage.output_tokens
        return {
            "memory_percent": 100 * read / wall_s / hardware.bytes_per_s,
            "arithmetic_percent": 100 * (usage.read_tokens + scored) * self.flops_each / wall_s / hardware.flops,
        }


def _size(folder: Path, dtype: str) -> float:
    """Bytes of the weights as the engine holds them."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if config.get("quantization_config"):
        return stored
    return stored * BYTES[dtype] / BYTES[config.get("dtype") or config.get("torch_dtype") or dtype]
