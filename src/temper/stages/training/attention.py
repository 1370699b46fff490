"""Attention as plain matrix products, for training in bfloat16 on CPUs.

torch's own kernel there takes twice as long over an agent's few hundred tokens, forward and backward
(docs/decisions/0021). Two batched products and a softmax leave the work to the library that multiplies the weights,
too. Goes when `scaled_dot_product_attention` keeps up (measured with torch 2.13).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import sdpa_mask

PRODUCTS = "products"
"""Name under which a model is told to use it: `model.set_attn_implementation(PRODUCTS)`."""


def products(
    module: Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor, scaling: float, **_: object
) -> tuple[Tensor, None]:
    """What transformers asks of an attention: [batch, heads, length, width] each, to [batch, length, heads, width].

    `attention_mask` says what is seen, [batch, 1, length, keys]; scores are in bfloat16, the softmax sums in float32.
    """
    groups: Any = module.num_key_value_groups
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    batch, heads, length, width = query.shape
    hidden = torch.zeros_like(attention_mask, dtype=torch.bfloat16)
    hidden.masked_fill_(~attention_mask, torch.finfo(torch.bfloat16).min)
    scores = torch.baddbmm(
        hidden.expand(batch, heads, -1, -1).flatten(0, 1),
        query.flatten(0, 1),
        key.flatten(0, 1).transpose(1, 2),
        alpha=scaling,
    )
    read = torch.bmm(torch.softmax(scores, dim=-1), value.flatten(0, 1))
    return read.view(batch, heads, length, width).transpose(1, 2).contiguous(), None


def _mask(**asked: Any) -> Tensor:
    """A mask in any case: `sdpa_mask` leaves a causal one out, for its kernel knows that by itself."""
    seen: Tensor = sdpa_mask(**{**asked, "allow_is_causal_skip": False})
    return seen


AttentionInterface.register(PRODUCTS, products)
AttentionMaskInterface.register(PRODUCTS, _mask)
