"""The blocks of a decoder, as transformers names them in every family that we train."""

from torch.nn import Module, ModuleList


def blocks(body: Module) -> ModuleList:
    """The blocks of a model's body, first to last."""
    layers = body.layers
    assert isinstance(layers, ModuleList)
    return layers


def last_norm(body: Module) -> Module:
    """The norm behind the last block."""
    norm = body.norm
    assert isinstance(norm, Module)
    return norm
