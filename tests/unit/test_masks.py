"""What the trainers learn from: never the prompt, never the context, and the same numbers as the plain forward pass."""

from pathlib import Path
from typing import Any

import pytest
import torch
from trl import SFTConfig
from trl.trainer.utils import add_fused_lm_head

from temper.rows import TRAIN
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import sharing
from temper.stages.training.mapped import CHATS, TEXTS, Form, mapped
from temper.stages.training.trainers import AnswerTrainer
from tests.unit.stage_run import chat, rows

CONTEXT, DOCUMENT = "Electric cars of the dealer.", "The Aster has a range of 412 km."


def _labels(form: Form[Any], row: dict[str, Any], folder: Path) -> tuple[torch.Tensor, Any]:
    """Labels that reach the loss for `row`, and the tokenizer."""
    model, tokenizer = tiny_model()
    tokens = mapped(form, [rows(folder / "data", [row]) / TRAIN], tokenizer, 1024, folder / "tokens")
    args = SFTConfig(output_dir=str(folder), use_cpu=True, bf16=False, gradient_checkpointing=False)
    trainer = AnswerTrainer(model=model, args=args, train_dataset=tokens, processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    return batch["labels"][0], tokenizer


def test_only_the_answer_and_its_end_are_learnt(tmp_path: Path) -> None:
    row = chat(7)
    labels, tokenizer = _labels(CHATS, row, tmp_path)
    learnt = labels[labels != sharing.IGNORED]
    assert tokenizer.decode(learnt) == row["completion"][0]["content"] + "<|im_end|>"
    assert (labels[: len(labels) - len(learnt)] == sharing.IGNORED).all()


def test_the_context_of_a_document_is_read_and_not_learnt(tmp_path: Path) -> None:
    labels, tokenizer = _labels(TEXTS, {"prompt": CONTEXT, "completion": DOCUMENT}, tmp_path)
    assert tokenizer.decode(labels[labels != sharing.IGNORED]) == DOCUMENT


def _batch(texts: list[tuple[str, str]]) -> dict[str, torch.Tensor]:
    _, tokenizer = tiny_model()
    pairs = [(tokenizer.encode(prompt), tokenizer.encode(answer)) for prompt, answer in texts]
    width = max(len(prompt) + len(answer) for prompt, answer in pairs)
    batch: dict[str, Any] = {"input_ids": [], "attention_mask": [], "labels": []}
    for prompt, answer in pairs:
        rest = width - len(prompt) - len(answer)
        batch["input_ids"].append(prompt + answer + [2] * rest)
        batch["attention_mask"].append([1] * (width - rest) + [0] * rest)
        batch["labels"].append([sharing.IGNORED] * len(prompt) + answer + [sharing.IGNORED] * rest)
    return {name: torch.tensor(value) for name, value in batch.items()}


SHARED = "You are the planner. Answer in one line. "
BATCHES = {
    "shared instructions": [(SHARED + "Sell car 5.", "sell(5)"), (SHARED + "Show it, please.", "show()")],
    "pairs": [
        (SHARED + "Sell.", "a"),
        (SHARED + "Buy it now.", "b c"),
        (SHARED + "Sell.", "d e"),
        (SHARED + "Buy it now.", "f"),
    ],
    "pairs without a common prefix": [("Sell.", "a"), ("Buy now.", "b"), ("Sell.", "c"), ("Buy now.", "d")],
    "one prompt": [(SHARED, "a long answer"), (SHARED, "short")],
    "nothing shared": [("Sell.", "yes"), ("Buy now.", "no no")],
    "one row": [("Sell.", "yes")],
}


@pytest.mark.parametrize("texts", BATCHES.values(), ids=BATCHES.keys())
def test_shared_prefixes_give_the_plain_results_and_gradients(texts: list[tuple[str, str]]) -> None:
    batch = _batch(texts)
    results = []
    for scored in (add_fused_lm_head, sharing.share_prefixes):
        model, _ = tiny_model()
        scored(model)
        output = model(**batch, fused_lm_head=True)
        output.log_probs.sum().backward()
        results.append((output.log_probs.detach(), output.loss.detach(), [p.grad for p in model.parameters()]))
    (plain, loss, gradients), (shared, shared_loss, shared_gradients) = results
    torch.testing.assert_close(shared, plain)
    torch.testing.assert_close(shared_loss, loss)
    for one, other in zip(gradients, shared_gradients, strict=True):
        torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-3)


def test_shared_prefixes_run_once() -> None:
    batch = _batch(BATCHES["pairs"])
    model, _ = tiny_model()
    seen = []
    model.model.embed_tokens.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].numel()))
    sharing.share_prefixes(model)
    model(**batch, fused_lm_head=True)
    assert sum(seen) < 0.5 * batch["input_ids"].numel()


def _half_frozen() -> Any:
    model, _ = tiny_model()
    model.requires_grad_(False)
    for block in model.model.layers[3:]:
        block.requires_grad_(True)
    return model


def test_frozen_blocks_remember_instructions_and_change_nothing() -> None:
    asked = ["shared instructions", "pairs", "one prompt", "nothing shared", "shared instructions"]
    plain, halved = _half_frozen(), _half_frozen()
    add_fused_lm_head(plain)
    sharing.share_prefixes(halved)
    read: list[int] = []
    halved.model.layers[0].register_forward_hook(lambda _, inputs, __: read.append(inputs[0].shape[:2].numel()))
    tokens = []
    for name in asked:
        read.clear()
        for model in (plain, halved):
            model(**_batch(BATCHES[name]), fused_lm_head=True).log_probs.sum().backward()
        tokens.append(sum(read))
    for one, other in zip(plain.parameters(), halved.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, atol=1e-5, rtol=1e-3)
    assert tokens[-1] < 0.7 * tokens[0]  # the same batch: what its rows share was known
