"""Frozen linear layers in bfloat16 while a trainer computes in it: autocast would cast each of them anew at every step.

The products are autocast's own, of the same numbers. Afterwards the layers have their float32 weights again, for
adapters to be folded into.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn import Linear, Module, Parameter


@contextmanager
def frozen_layers(model: Module) -> Iterator[None]:
    """Narrows every linear layer of `model` that is not trained; a head that is the embedding leaves that as it is."""
    kept = {
        layer: layer.weight for layer in model.modules() if isinstance(layer, Linear) and not layer.weight.requires_grad
    }
    for layer, weight in kept.items():
        layer.weight = Parameter(weight.to(torch.bfloat16), requires_grad=False)
    try:
        yield
    finally:
        for layer, weight in kept.items():
            layer.weight = weight
