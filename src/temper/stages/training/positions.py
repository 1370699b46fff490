"""A document's loss by token position, behind its context C_x and without one: the paper's Figure 5."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from temper.rows import Document
from temper.stages.training.rendering import document_ids

POSITIONS = (0, 1, 2, 4, 8, 16, 32, 64)
"""Borders of the ranges of positions that are averaged; what stands after the last is not read."""
AT_ONCE = 8


def by_position(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Document]
) -> list[dict[str, float]]:
    """For each range of positions its first one, from 1 (`step`), and the mean loss in nats per token both ways.

    Ranges that no document reaches are left out.
    """
    losses = {
        name: torch.cat([_losses(model, tokenizer, part) for part in _parts(shown)])
        for name, shown in (("with_context", rows), ("without_context", [replace(row, prompt="") for row in rows]))
    }
    longest = int((~losses["with_context"].isnan()).sum(1).max())
    ranges = [(start, end) for start, end in pairwise(POSITIONS) if start < longest]
    means = {name: [float(of[:, start:end].nanmean()) for start, end in ranges] for name, of in losses.items()}
    return [
        {"step": start + 1, **{f"position_loss_{name}": values[number] for name, values in means.items()}}
        for number, (start, _) in enumerate(ranges)
    ]


@torch.no_grad()
def _losses(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Document]) -> Tensor:
    """[rows, positions]: each document token's loss; not a number after a document's end."""
    parts = [document_ids(tokenizer, row) for row in rows]
    starts = [len(context) for context, _ in parts]
    ids = [context + document[: POSITIONS[-1]] for context, document in parts]
    width = max(map(len, ids))
    device = model.device
    padded = torch.tensor([row + [0] * (width - len(row)) for row in ids], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids], device=device)
    log_p = torch.log_softmax(model(input_ids=padded, attention_mask=mask).logits.float(), dim=-1)
    surprise = -log_p[:, :-1].gather(2, padded[:, 1:, None]).squeeze(2)
    losses = torch.full((len(ids), POSITIONS[-1]), torch.nan)
    for number, (row, start) in enumerate(zip(ids, starts, strict=True)):
        losses[number, : len(row) - start] = surprise[number, start - 1 : len(row) - 1].cpu()
    return losses


def _parts(rows: Sequence[Document]) -> list[Sequence[Document]]:
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
