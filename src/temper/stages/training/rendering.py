"""Rows as tokens, exactly as serving sees them: the chat template's prompt, then the answer's own tokens, then eos.

Prompt and answer are tokenised apart, as they are in serving, where the model writes the answer token by token: text
that is tokenised in one piece can merge across the border, and ends with what the template writes after a turn.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from transformers import PreTrainedTokenizerBase

from temper.errors import DataError
from temper.rows import ChatRow, Document, Message, PairRow, read
from temper.stages.training.control import as_text, control_tokens

RowT = TypeVar("RowT", ChatRow, Document, PairRow)
Tokens = TypeVar("Tokens")


class Answered(TypedDict):
    """Tokens to read and to learn, for TRL's SFT trainer."""

    input_ids: list[int]
    completion_mask: list[int]
    group: str
    """What a row's prompt has in common with others: the role and its instructions."""


class Preferred(TypedDict):
    """Tokens of a preference row, for TRL's DPO trainer."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    group: str


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: list[Message]) -> list[int]:
    """Tokens that the engine feeds the model for `messages`: the chat template, ready for the assistant's answer."""
    return template_ids(tokenizer, messages, add_generation_prompt=True)


def prompt_text(tokenizer: PreTrainedTokenizerBase, messages: list[Message]) -> str:
    """The text that has `prompt_ids`."""
    return str(tokenizer.apply_chat_template(_plain(messages), add_generation_prompt=True, tokenize=False))


def template_ids(
    tokenizer: PreTrainedTokenizerBase, messages: list[Message], *, add_generation_prompt: bool = False
) -> list[int]:
    """Tokens of a conversation as the chat template writes it."""
    rendered: Any = tokenizer.apply_chat_template(
        _plain(messages), add_generation_prompt=add_generation_prompt, return_dict=True
    )
    return list(rendered["input_ids"])


def answer_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokens that the model has to write: the answer and the end of its turn."""
    return [*text_ids(tokenizer, text), tokenizer.eos_token_id]


def text_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokens of a text, none of them a control token."""
    return list(tokenizer.encode(as_text(text, control_tokens(tokenizer)), add_special_tokens=False))


def chat_row(tokenizer: PreTrainedTokenizerBase, row: ChatRow) -> Answered:
    """A prompt with its answer, for the SFT trainer."""
    prompt, answer = prompt_ids(tokenizer, row.prompt), answer_ids(tokenizer, row.completion[-1]["content"])
    return _scored(prompt, answer, _group(row))


def text_row(tokenizer: PreTrainedTokenizerBase, row: Document) -> Answered:
    """A document for continual pretraining: the context C_x is read, the document is learnt."""
    context = text_ids(tokenizer, row.prompt)
    # A document without a context still needs one token to be predicted from.
    # Documents are cut to size, so their end is not an end worth learning: no eos.
    document = text_ids(tokenizer, row.completion)
    return _scored(context or [tokenizer.eos_token_id], document, "")


def preference_row(tokenizer: PreTrainedTokenizerBase, row: PairRow) -> Preferred:
    """A preference row for the DPO trainer."""
    return {
        "prompt_ids": prompt_ids(tokenizer, row.prompt),
        "chosen_ids": answer_ids(tokenizer, row.chosen[-1]["content"]),
        "rejected_ids": answer_ids(tokenizer, row.rejected[-1]["content"]),
        "group": _group(row),
    }


def render(
    kind: type[RowT],
    make: Callable[[PreTrainedTokenizerBase, RowT], Tokens],
    tokenizer: PreTrainedTokenizerBase,
    path: Path,
) -> list[Tokens]:
    """Every row of `path` through `make`. Raises DataError for a file that is missing, empty or broken."""
    rendered = [make(tokenizer, row) for row in read(path, kind)]
    if not rendered:
        raise DataError(f"{path.parent.name}/{path.name} holds no rows: a trainer needs at least one")
    return rendered


def _plain(messages: list[Message]) -> list[dict[str, str]]:
    """The messages in the type that transformers names."""
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _group(row: ChatRow | PairRow) -> str:
    first = row.prompt[0]
    return f"{row.role} {first['content'] if first['role'] == 'system' else ''}"


def _scored(prompt: list[int], answer: list[int], group: str) -> Answered:
    mask = [0] * len(prompt) + [1] * len(answer)
    return {"input_ids": prompt + answer, "completion_mask": mask, "group": group}
