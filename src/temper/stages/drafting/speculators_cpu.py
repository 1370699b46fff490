"""speculators 0.9 on a machine without an accelerator: what has to be replaced while its trainer runs, and why.

1. `torch.accelerator.synchronize` raises without a device: it does nothing instead.
2. `get_local_rank` is used as a device and says 0, the first GPU: it says "cpu".
3. `get_current_device` says "cuda:0", so a resume loads its checkpoint there: it says "cpu".
4. `Eagle3DraftModel.forward` unrolls every test-time-training step over every token, prompts included, though only
   answers count. `forward_answers` takes keys and values alone from the prompts. Same loss and gradients (tested),
   a multiple of the speed on agent prompts. On CUDA the library's own compiled forward is used.

1 to 3 can go when speculators supports CPU training, 4 when its forward skips what the loss mask hides.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from speculators.losses import LossConfig
from speculators.losses.utils import compound_loss, exp_loss_decay
from speculators.models.eagle3.attention import create_combined_mask_mod
from speculators.models.eagle3.core import Eagle3DraftModel
from torch.nn.attention.flex_attention import create_mask
from transformers import DynamicCache
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb


@contextmanager
def on_cpu() -> Iterator[None]:
    """Replaces the four for the time of the block."""
    with ExitStack() as stack:
        stack.enter_context(patch("torch.accelerator.synchronize", lambda *_args: None))
        stack.enter_context(patch("speculators.train.trainer.get_local_rank", lambda: "cpu"))
        stack.enter_context(patch("speculators.train.checkpointer.get_current_device", lambda: "cpu"))
        stack.enter_context(patch.object(Eagle3DraftModel, "forward", forward_answers))
        yield


def forward_answers(
    self: Eagle3DraftModel,
    hidden_states: torch.Tensor,
    input_ids: torch.Tensor,
    document_ids: torch.Tensor,
    loss_mask: torch.Tensor,
    position_ids: torch.Tensor,
    verifier_last_hidden_states: torch.Tensor,
    ttt_steps: int,
    ttt_step_loss_decay: float,
    loss_config: LossConfig,
    **_bookkeeping: object,
) -> tuple[list[torch.Tensor], torch.Tensor, dict[str, torch.Tensor]]:
    """`Eagle3DraftModel.forward` for a one-layer drafter, computing only what reaches the loss.

    Shapes as there: [1, T, 3H] taps, [1, T] ids, documents, mask and positions, [1, T, H] last states; step k at
    position t predicts token t + k, so the A positions kept are those up to `ttt_steps` - 1 before an answer token.
    Returns no draft tokens (the trainer ignores them), the loss and the library's metrics.
    """
    counted = loss_mask[0].bool()
    kept = _dilated(counted, ttt_steps).nonzero()[:, 0]
    context = (~_dilated(counted, ttt_steps)).nonzero()[:, 0]
    allowed = _allowed(document_ids[0])[kept][:, torch.cat([context, kept])]
    with torch.no_grad():
        targets = self.verifier_lm_head(self.verifier_norm(verifier_last_hidden_states[:, counted]))
        row_of = torch.cumsum(counted, 0) - 1  # [T]: where a position's target stands in `targets`
    hidden = self.fc(self.input_norm(hidden_states) if self.input_norm is not None else hidden_states)
    cache = DynamicCache()
    _remember(self, cache, input_ids[:, context], hidden[:, context], position_ids[:, context])
    hidden, positions, correct = hidden[:, kept], position_ids[:, kept], counted[kept]
    loss = torch.zeros(())
    metrics: dict[str, torch.Tensor] = {}
    for step in range(ttt_steps):
        aimed = (kept + step).clamp(max=len(counted) - 1)
        hidden = _layer(
            self, cache, input_ids=input_ids[:, aimed], hidden=hidden, positions=positions + step, allowed=allowed
        )
        normed = self.norm(hidden)
        hidden = normed if self.config.norm_output else hidden
        reach = counted[aimed] & (kept + step < len(counted))
        logits, wanted = self.lm_head(normed[:, reach]), targets[:, row_of[aimed[reach]]]
        step_loss = _loss(logits, wanted, step, ttt_step_loss_decay, loss_config)
        correct[reach] &= (logits.argmax(-1) == wanted.argmax(-1))[0]
        metrics |= _counted(f"loss_{step}", step_loss.detach(), 1) | _counted(
            f"full_acc_{step}", correct[reach].sum(), reach.sum()
        )
        loss = loss + step_loss
        allowed = torch.cat([allowed, torch.eye(len(kept), dtype=torch.bool)], dim=1)
    return [], loss, metrics | _counted("loss", loss.detach(), 1)


def _dilated(counted: torch.Tensor, steps: int) -> torch.Tensor:
    """[T] true where a position or one of the `steps` - 1 behind it counts: where a draft starts or passes."""
    padded = torch.nn.functional.pad(counted, (0, steps - 1))
    return padded.unfold(0, steps, 1).any(dim=1)


def _allowed(document_ids: torch.Tensor) -> torch.Tensor:
    """[T, T] true where a query sees a key: causal within its document; padding sees itself."""
    length = len(document_ids)
    mask = create_combined_mask_mod(document_ids, length)
    return create_mask(mask, B=None, H=None, Q_LEN=length, KV_LEN=length, device="cpu")[0, 0]


def _remember(
    self: Eagle3DraftModel, cache: DynamicCache, input_ids: torch.Tensor, hidden: torch.Tensor, positions: torch.Tensor
) -> None:
    """Puts the keys and values of context tokens into the cache: all that an answer needs of its prompt."""
    layer: Any = self.layers[0]
    attention = layer.self_attn
    seen = torch.cat([layer.input_layernorm(self.embed_tokens(input_ids)), layer.hidden_norm(hidden)], dim=-1)
    heads = (*seen.shape[:2], -1, attention.head_dim)
    keys = attention.k_proj(seen).view(heads).transpose(1, 2)
    values = attention.v_proj(seen).view(heads).transpose(1, 2)
    _, keys = apply_rotary_pos_emb(keys, keys, *self.rotary_emb(seen, positions))
    cache.update(keys, values, 0)


def _layer(
    self: Eagle3DraftModel,
    cache: DynamicCache,
    *,
    input_ids: torch.Tensor,
    hidden: torch.Tensor,
    positions: torch.Tensor,
    allowed: torch.Tensor,
) -> torch.Tensor:
    """The drafter's layer over [1, A] tokens; adds their keys and values to the cache."""
    both = torch.cat([self.embed_tokens(input_ids), hidden], dim=-1)
    return self.layers[0](
        both,
        attention_mask=allowed[None, None],
        position_ids=positions,
        past_key_values=cache,
        position_embeddings=self.rotary_emb(both, positions),
    )


def _loss(logits: torch.Tensor, wanted: torch.Tensor, step: int, decay: float, loss_config: LossConfig) -> torch.Tensor:
    """The library's loss over [1, n, V] logits that all count, all of them at test-time-training step `step`."""
    every = torch.ones(logits.shape[:2])
    decay_fn = partial(exp_loss_decay, gamma=decay)
    return compound_loss(logits, wanted, every, every * step, loss_config=loss_config, decay_fn=decay_fn)[0]


def _counted(name: str, total: torch.Tensor, count: torch.Tensor | int) -> dict[str, torch.Tensor]:
    """A metric as the trainer adds it up: a sum and what to divide it by."""
    return {f"{name}_sum": total.clone(), f"{name}_total": torch.as_tensor(count, dtype=torch.float32)}
