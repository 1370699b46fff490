"""Blocks that are not trained run without a gradient, and what they make of the instructions is remembered.

A model whose first blocks are frozen gives the same instructions the same states at step after step up to there; only
the trained blocks have to read them again. Both parts are the model's own forward pass over some of its blocks.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Identity, Module, ModuleList
from transformers import DynamicCache, PreTrainedModel

from temper.stages.training.blocks import blocks, last_norm

MOST = 16
"""Instructions that are remembered, the last used ones: some megabytes each."""


class Halves:
    """The body of `model` as its frozen blocks and its trained ones."""

    def __init__(self, model: PreTrainedModel) -> None:
        body, layers = model.base_model, blocks(model.base_model)
        trained = [n for n, block in enumerate(layers) if any(p.requires_grad for p in block.parameters())]
        self.border = min(trained, default=len(layers)) if not _trains_embedding(model) else 0
        """Index of the first trained block."""
        self._lower = _part(body, layers[: self.border], Identity())
        self._upper = _part(body, layers[self.border :], last_norm(body))
        self._remembered: list[_Known] = []

    def run(self, ids: Tensor, sees: Tensor, place: Tensor, first: int) -> Tensor:
        """Last hidden states, [1, length, hidden], of `sharing.Tree`'s row, whose first `first` tokens may be known."""
        if not self.border:
            return self._upper(
                input_ids=ids, attention_mask=sees, position_ids=place, use_cache=False
            ).last_hidden_state
        with torch.no_grad():
            states = self._frozen(ids, sees, place, first)
        return self._upper(
            inputs_embeds=states, attention_mask=sees, position_ids=place, use_cache=False
        ).last_hidden_state

    def _frozen(self, ids: Tensor, sees: Tensor, place: Tensor, first: int) -> Tensor:
        """States before the first trained block: as far as they are remembered from memory, the rest computed."""
        start = ids[0, :first]
        known = max(self._remembered, key=lambda known: known.common(start), default=None)
        length = known.common(start) if known else 0
        length = min(length, ids.size(1) - 1)  # one token at least is computed
        if 2 * length < first:
            known, length = None, 0
        cache = DynamicCache()
        if known:
            self._remembered.sort(key=lambda other: other is known)
            for number, (keys, values) in enumerate(known.cached):
                cache.update(keys[:, :, :length], values[:, :, :length], number)
        states = self._lower(
            input_ids=ids[:, length:],
            attention_mask=sees[:, :, length:],
            position_ids=place[:, length:],
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        if known:
            return torch.cat([known.states[:, :length], states], dim=1)
        layers: list[Any] = cache.layers
        cached = [(layer.keys[:, :, :first].clone(), layer.values[:, :, :first].clone()) for layer in layers]
        self._remembered = [*self._remembered[-MOST + 1 :], _Known(start, states[:, :first].clone(), cached)]
        return states


@dataclass(frozen=True)
class _Known:
    """What the frozen blocks made of one row: states, and keys and values by block.

    Each beginning of it holds alone.
    """

    ids: Tensor
    states: Tensor
    cached: list[tuple[Tensor, Tensor]]

    def common(self, ids: Tensor) -> int:
        """Tokens at the start that are the same."""
        most = min(len(ids), len(self.ids))
        differs = (ids[:most] != self.ids[:most]).nonzero()
        return int(differs[0]) if len(differs) else most


def _part(body: Module, layers: ModuleList, norm: Module) -> Module:
    """`body` with some of its blocks alone; weights are shared, nothing is copied."""
    part = copy.copy(body)
    part._modules = dict(body._modules)
    part.layers, part.norm = layers, norm
    return part


def _trains_embedding(model: PreTrainedModel) -> bool:
    return any(p.requires_grad for p in model.get_input_embeddings().parameters())
