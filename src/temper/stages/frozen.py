"""Blocks that are not trained run without a gradient, and what they make of the instructions is remembered.

A model whose first blocks are frozen gives the same instructions the same states at step after step up to there; only
the trained blocks have to read them again. Both parts are the model's own forward pass over some of its blocks.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Identity
from transformers import DynamicCache, PreTrainedModel

MOST = 16
"""Instructions that are remembered, the last used ones: some megabytes each."""


class Halves:
    """The body of `model` as its frozen blocks and its trained ones."""

    def __init__(self, model: PreTrainedModel) -> None:
        body: Any = model.base_model
        trained = [n for n, block in enumerate(body.layers) if any(p.requires_grad for p in block.parameters())]
        self.border = min(trained, default=len(body.layers)) if not _trains_before(body) else 0
        """Index of the first trained block."""
        self._lower = _part(body, body.layers[: self.border], Identity())
        self._upper = _part(body, body.layers[self.border :], body.norm)
        self._remembered: list[_Known] = []

    def caches(self) -> tuple[DynamicCache, DynamicCache]:
        """Empty ones for both parts."""
        return _Cache(0), _Cache(self.border)

    def run(self, ids: Tensor, mask: Tensor, place: Tensor, caches: tuple[DynamicCache, DynamicCache]) -> Tensor:
        """Last hidden states of `ids`, [rows, length], which continue what the caches hold."""
        told = {"attention_mask": mask, "position_ids": place, "use_cache": True}
        if not self.border:
            return self._upper(input_ids=ids, past_key_values=caches[1], **told).last_hidden_state
        with torch.no_grad():
            if len(ids) == 1 and caches[0].get_seq_length() == 0:
                states = self._first(ids, mask, place, caches[0])
            else:
                states = self._lower(input_ids=ids, past_key_values=caches[0], **told).last_hidden_state
        return self._upper(inputs_embeds=states, past_key_values=caches[1], **told).last_hidden_state

    def _first(self, ids: Tensor, mask: Tensor, place: Tensor, cache: DynamicCache) -> Tensor:
        """States of one row from its start: as far as it is remembered from memory, the rest computed."""
        known = max(self._remembered, key=lambda known: known.common(ids[0]), default=None)
        length = known.common(ids[0]) if known else 0
        if not known or 2 * length < ids.size(1):
            states = self._lower(
                input_ids=ids, attention_mask=mask, position_ids=place, past_key_values=cache, use_cache=True
            ).last_hidden_state
            layers: list[Any] = cache.layers
            made = [(layer.keys, layer.values) for layer in layers]
            self._remembered = [*self._remembered[-MOST + 1 :], _Known(ids[0], states, made)]
            return states
        self._remembered.sort(key=lambda other: other is known)
        for number, (keys, values) in enumerate(known.made):
            cache.update(keys[:, :, :length], values[:, :, :length], number)
        if length == ids.size(1):
            return known.states[:, :length]
        rest = self._lower(
            input_ids=ids[:, length:],
            attention_mask=mask,
            position_ids=place[:, length:],
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        return torch.cat([known.states[:, :length], rest], dim=1)


@dataclass(frozen=True)
class _Known:
    """What the frozen blocks made of one row: states, and keys and values by block. Any beginning of it holds alone."""

    ids: Tensor
    states: Tensor
    made: list[tuple[Tensor, Tensor]]

    def common(self, ids: Tensor) -> int:
        """Tokens at the start that are the same."""
        most = min(len(ids), len(self.ids))
        differs = (ids[:most] != self.ids[:most]).nonzero()
        return int(differs[0]) if len(differs) else most


class _Cache(DynamicCache):
    """Keys and values of the blocks from `first` on."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any) -> Any:
        return super().update(key_states, value_states, layer_idx - self._first, *args, **kwargs)


def _part(body: Any, blocks: Any, norm: Any) -> Any:
    """`body` with some of its blocks alone; weights are shared, nothing is copied."""
    part = copy.copy(body)
    part._modules = dict(body._modules)
    part.layers, part.norm = blocks, norm
    return part


def _trains_before(body: Any) -> bool:
    return any(p.requires_grad for p in body.get_input_embeddings().parameters())
