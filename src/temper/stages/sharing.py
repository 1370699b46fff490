"""Score answers without computing anything twice: common prefixes run once, only answer tokens meet the vocabulary.

Agent prompts repeat: rows of one role share their instructions, and the two answers of a preference pair share their
whole prompt. A causal model gives equal prefixes equal states, so each distinct prefix runs once, its keys and values
go to every row that continues it, and the gradient flows back through them: the plain forward pass's result from a
fraction of its tokens. TRL's own scoring skips a prompt's positions on Triton devices only; elsewhere it projects every
position on the vocabulary.
"""

import types
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from trl.trainer.utils import FusedCausalLMOutput

from temper.stages.frozen import Halves

IGNORED = -100
"""Label of a token that is not scored."""


@dataclass(frozen=True)
class Level:
    """Sequences that continue those of the level before, padded on the right to [rows, length]."""

    ids: Tensor
    mask: Tensor
    """1 where a token stands."""
    parent: Tensor
    """Row of the level before that each row continues; unused in the first level."""


def share_prefixes(model: Any) -> None:
    """Let `model(..., labels=..., fused_lm_head=True)`, TRL's call on a causal model, go through `score`."""
    if getattr(model.forward, "__func__", None) is _forward:
        return
    model.halves = Halves(model)
    model.plain_forward = model.forward
    model.forward = types.MethodType(_forward, model)


def _forward(self: Any, *args: Any, fused_lm_head: bool = False, **inputs: Any) -> Any:
    if not fused_lm_head:
        return self.plain_forward(*args, **inputs)
    return score(self, inputs["input_ids"], inputs["attention_mask"], inputs["labels"])


def score(model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> FusedCausalLMOutput:
    """Log-probabilities of the labelled tokens of [rows, length] inputs, padded on the right; zero elsewhere."""
    length = attention_mask.sum(1)
    scored = labels[:, 1:] != IGNORED
    # The state before the first scored token is the first that is needed: up to there a prefix may be shared.
    first = torch.where(scored.any(1), scored.int().argmax(1), length - 1)
    levels, start = _levels(input_ids, length, first)
    states = _run(model, levels)
    rows, positions = scored.nonzero(as_tuple=True)
    logits = model.get_output_embeddings()(states[rows, positions - start[rows]])
    targets = input_ids[rows, positions + 1]
    log_p = torch.log_softmax(logits.float(), dim=-1)
    chosen = log_p.gather(1, targets[:, None]).squeeze(1)
    with torch.no_grad():
        entropy = -(log_p.exp() * log_p).sum(-1)
        top = logits.argmax(-1) == targets
        mean = logits.mean(-1).to(log_p.dtype)

    def spread(values: Tensor) -> Tensor:
        return values.new_zeros(scored.shape).masked_scatter(scored, values)

    return FusedCausalLMOutput(
        loss=-chosen.sum() / scored.sum().clamp(min=1),
        log_probs=spread(chosen),
        entropy=spread(entropy),
        mean_logits=spread(mean),
        is_top1=spread(top),
        label_mask=scored,
    )


def _run(model: PreTrainedModel, levels: list[Level]) -> Tensor:
    """Last hidden states of the last level, [rows, length, hidden]."""
    if len(levels) == 1:
        return model.base_model(levels[0].ids, attention_mask=levels[0].mask, use_cache=False).last_hidden_state
    halves: Any = model.halves
    caches = halves.caches()
    mask = levels[0].mask[:, :0]
    for number, level in enumerate(levels):
        if number:
            for cache in caches:
                cache.batch_select_indices(level.parent)
            mask = mask[level.parent]
        mask = torch.cat([mask, level.mask], dim=1)
        place = (mask.cumsum(1) - 1).clamp(min=0)[:, -level.ids.size(1) :]
        states = halves.run(level.ids, mask, place, caches)
    return states


def _levels(ids: Tensor, length: Tensor, first: Tensor) -> tuple[list[Level], Tensor]:
    """The batch as a tree (what all share, distinct prompts, answers), and where each row's last part starts."""
    rows = [row[:n] for row, n in zip(ids.tolist(), length.tolist(), strict=True)]
    ends = first.tolist()
    shortest = min(ends) if len(rows) > 1 else 0
    differs = (ids[:, :shortest] != ids[:1, :shortest]).any(0)
    common = int(differs.int().argmax()) if bool(differs.any()) else shortest
    levels = [_level([rows[0][:common]], [0], ids)] if common else []
    parent, starts = [0] * len(rows), [common] * len(rows)
    prompts = [tuple(row[common:end]) for row, end in zip(rows, ends, strict=True)]
    distinct = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    if len(distinct) < len(rows) and all(prompts):  # an empty row would have nothing to attend to
        levels.append(_level([list(prompt) for prompt in distinct], [0] * len(distinct), ids))
        parent, starts = [distinct[prompt] for prompt in prompts], ends
    levels.append(_level([row[start:] for row, start in zip(rows, starts, strict=True)], parent, ids))
    return levels, torch.tensor(starts, device=ids.device)


def _level(rows: list[list[int]], parent: list[int], like: Tensor) -> Level:
    width = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=like.device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=like.device)
    return Level(ids, mask, torch.tensor(parent, device=like.device))
