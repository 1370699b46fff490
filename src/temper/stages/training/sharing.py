"""Score answers without computing anything twice: common prefixes run once, only answer tokens meet the vocabulary.

Agent prompts repeat: rows of one role share their instructions, and the two answers of a preference pair share their
whole prompt. A causal model gives equal prefixes equal states, so a batch is laid out as a tree: each distinct prefix
stands once in one long row, and a token sees its own segment and those that it continues. The gradient flows back
through them: the plain forward pass's result from a fraction of its tokens, and no padding. TRL's own scoring skips a
prompt's positions on Triton devices only; elsewhere it projects every position on the vocabulary.
"""

import itertools
import types
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from trl.trainer.utils import FusedCausalLMOutput

from temper.stages.training.frozen import Halves
from temper.stages.training.rendering import IGNORED


@dataclass(frozen=True)
class Tree:
    """A batch as one row of `length` tokens: segments, each after the one that it continues."""

    ids: Tensor
    """[1, length]."""
    place: Tensor
    """[1, length]: the position of each token in its own sequence."""
    sees: Tensor
    """[1, 1, length, length]: whether a token (third axis) attends to another."""
    first: int
    """Tokens of the first segment, which continues none."""
    shift: Tensor
    """[rows of the batch]: what leads from a position in its last segment to one in `ids`."""


def share_prefixes(model: Any) -> None:
    """Let `model(..., labels=..., fused_lm_head=True)`, TRL's call on a causal model, go through `score`."""
    if getattr(model.forward, "__func__", None) is _forward:
        return
    model.halves = Halves(model)
    model.plain_forward = model.forward
    model.forward = types.MethodType(_forward, model)


def _forward(self: Any, *args: object, fused_lm_head: bool = False, **inputs: Tensor) -> object:
    if not fused_lm_head:
        return self.plain_forward(*args, **inputs)
    return score(self, inputs["input_ids"], inputs["attention_mask"], inputs["labels"])


def score(model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> FusedCausalLMOutput:
    """Log-probabilities of the labelled tokens of [rows, length] inputs, padded on the right; zero elsewhere."""
    length = attention_mask.sum(1)
    scored = labels[:, 1:] != IGNORED
    # The state before the first scored token is the first that is needed: up to there a prefix may be shared.
    first = torch.where(scored.any(1), scored.int().argmax(1), length - 1)
    tree = plant([row[:n] for row, n in zip(input_ids.tolist(), length.tolist(), strict=True)], first.tolist())
    halves = model.halves
    assert isinstance(halves, Halves)
    states = halves.run(tree.ids, tree.sees, tree.place, tree.first)[0]
    rows, positions = scored.nonzero(as_tuple=True)
    logits = model.get_output_embeddings()(states[positions + tree.shift[rows]])
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


def plant(rows: list[list[int]], ends: list[int]) -> Tree:
    """The tree of a batch: what all share, distinct prompts, the rest. A row is shared up to its `end`, not further."""
    most = min(ends) if len(rows) > 1 else 0
    common = next((n for n in range(most) if any(row[n] != rows[0][n] for row in rows)), most)
    segments = [_Segment(rows[0][:common], 0, None)] if common else []
    root = 0 if common else None
    prompts = [tuple(row[common:end]) for row, end in zip(rows, ends, strict=True)]
    if len(set(prompts)) < len(rows):
        where = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts), start=len(segments))}
        segments += [_Segment(list(prompt), common, root) for prompt in where]
        last = [_Segment(row[end:], end, where[p]) for row, end, p in zip(rows, ends, prompts, strict=True)]
    else:
        last = [_Segment(row[common:], common, root) for row in rows]
    return _laid_out([*segments, *last], len(rows))


@dataclass(frozen=True)
class _Segment:
    ids: list[int]
    start: int
    """Position of its first token in its sequence."""
    parent: int | None
    """Number of the segment that it continues."""


def _laid_out(segments: list[_Segment], rows: int) -> Tree:
    """The segments one after the other; the last `rows` of them end the batch's rows."""
    family = torch.eye(len(segments), dtype=torch.bool)
    for number, segment in enumerate(segments):
        if segment.parent is not None:
            family[number] |= family[segment.parent]
    member = torch.tensor([number for number, segment in enumerate(segments) for _ in segment.ids])
    place = torch.tensor([segment.start + n for segment in segments for n in range(len(segment.ids))])
    sees = family[member][:, member] & (place[None, :] <= place[:, None])
    offsets = [0, *itertools.accumulate(len(segment.ids) for segment in segments)]
    shift = [offsets[number] - segments[number].start for number in range(len(segments) - rows, len(segments))]
    ids = torch.tensor([token for segment in segments for token in segment.ids])
    return Tree(ids[None], place[None], sees[None, None], len(segments[0].ids), torch.tensor(shift))
