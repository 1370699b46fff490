"""Cache keys: what a stage computes, whoever asks for it and wherever it runs."""

import hashlib
import json
from typing import Any

from temper.artifacts.refs import digests


def stage_key(stage: str, recipe: int, config: Any, inputs: dict[str, Any]) -> str:
    """sha256 (hex) over the stage's word, its recipe, its settings and its inputs' digests.

    `Runtime` has no place here: it says where a stage runs, and moving a stage must recompute nothing. The recipe is
    raised by hand when the code of a stage changes what the stage makes.
    """
    if "runtime" in inputs:
        raise ValueError(f"{stage}: the runtime is no part of a cache key")
    identity = {"stage": stage, "recipe": recipe, "config": digests(config), "inputs": digests(inputs)}
    return hashlib.sha256(json.dumps(identity, sort_keys=True, allow_nan=False).encode()).hexdigest()
