"""Cache keys: what a stage computes, whoever asks for it and wherever it runs."""

import hashlib
import json
from collections.abc import Mapping

from temper.artifacts.refs import Ref
from temper.process.sources import stage_digest
from temper.process.specs import Spec

Inputs = Mapping[str, "Ref | Mapping[str, Ref] | None"]
"""References by name; a mapping of them is several inputs."""


def stage_key(spec: Spec, inputs: Inputs) -> str:
    """sha256 (hex) over what the spec says, the digests of the inputs, and the code that makes the result.

    `Runtime` has no place here: it says where a stage runs, and moving a stage must recompute nothing.
    """
    key = {
        "stage": spec.facts.word,
        "recipe": spec.facts.recipe,
        "spec": spec.identity(),
        "inputs": {name: ref.digest for name, ref in flat(inputs).items()},
        "sources": stage_digest(spec.facts.word, serves=bool(spec.facts.served)),
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True, allow_nan=False).encode()).hexdigest()


def flat(inputs: Inputs) -> dict[str, Ref]:
    """Every reference by its own name, without the inputs that a call leaves out. Raises TypeError for what is none."""
    refs: dict[str, Ref] = {}
    for name, value in inputs.items():
        if isinstance(value, Mapping):
            refs |= value
        elif isinstance(value, Ref):
            refs[name] = value
        elif value is not None:
            raise TypeError(f"{name}: a {type(value).__name__} is no part of a cache key")
    return refs
