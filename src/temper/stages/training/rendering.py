"""Rows as tokens, exactly as serving sees them: the chat template's prompt, then the answer's own tokens, then eos.

Prompt and answer are tokenised apart, as they are in serving, where the model writes the answer token by token: text
that is tokenised in one piece can merge across the border, and ends with what the template writes after a turn.
"""

from typing import TypedDict

from transformers import BatchEncoding, PreTrainedTokenizerBase

from temper.rows import ChatRow, Document, Message, PairRow
from temper.stages.training.control import as_text, control_tokens

IGNORED = -100
"""Label of a token that is not scored."""


class Answered(TypedDict):
    """Tokens to read and to learn, for TRL's SFT trainer."""

    input_ids: list[int]
    labels: list[int]
    """The same tokens, `IGNORED` where they are read and not learnt."""
    group: str
    """What a row's prompt has in common with others: the role and its instructions."""
    length: int
    """Tokens of the row."""


class Preferred(TypedDict):
    """Tokens of a preference row, for TRL's DPO trainer."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    group: str
    length: int
    """Tokens of the prompt and the longer answer."""


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
    rendered = tokenizer.apply_chat_template(
        _plain(messages), add_generation_prompt=add_generation_prompt, return_dict=True
    )
    assert isinstance(rendered, BatchEncoding)  # because of `return_dict`
    return list(rendered["input_ids"])


def answer_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokens that the model has to write: the answer and the end of its turn."""
    return [*text_ids(tokenizer, text), tokenizer.eos_token_id]


def text_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokens of a text, none of them a control token."""
    return list(tokenizer.encode(as_text(text, control_tokens(tokenizer)), add_special_tokens=False))


def chat_row(tokenizer: PreTrainedTokenizerBase, row: ChatRow, max_length: int) -> Answered | None:
    """A prompt with its answer, cut to `max_length` tokens; None where that leaves nothing of the answer."""
    prompt, answer = prompt_ids(tokenizer, row.prompt), answer_ids(tokenizer, row.completion[-1]["content"])
    return _answered(prompt, answer, _group(row), max_length)


def text_row(tokenizer: PreTrainedTokenizerBase, row: Document, max_length: int) -> Answered | None:
    """A document for continual pretraining, cut likewise: the context C_x is read, the document is learnt."""
    return _answered(*document_ids(tokenizer, row), "", max_length)


def document_ids(tokenizer: PreTrainedTokenizerBase, row: Document) -> tuple[list[int], list[int]]:
    """Tokens of a document's context and of its own."""
    # A document without a context still needs one token to be predicted from.
    # Documents are cut to size, so their end is not an end worth learning: no eos.
    return text_ids(tokenizer, row.prompt) or [tokenizer.eos_token_id], text_ids(tokenizer, row.completion)


def preference_row(tokenizer: PreTrainedTokenizerBase, row: PairRow, max_length: int) -> Preferred | None:
    """A preference row; None where it is longer than `max_length` tokens."""
    prompt = prompt_ids(tokenizer, row.prompt)
    chosen, rejected = (answer_ids(tokenizer, answer[-1]["content"]) for answer in (row.chosen, row.rejected))
    length = len(prompt) + max(len(chosen), len(rejected))
    if length > max_length:
        return None
    return {
        "prompt_ids": prompt,
        "chosen_ids": chosen,
        "rejected_ids": rejected,
        "group": _group(row),
        "length": length,
    }


def _plain(messages: list[Message]) -> list[dict[str, str]]:
    """The messages in the type that transformers names."""
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _group(row: ChatRow | PairRow) -> str:
    first = row.prompt[0]
    return f"{row.role} {first['content'] if first['role'] == 'system' else ''}"


def _answered(prompt: list[int], answer: list[int], group: str, max_length: int) -> Answered | None:
    ids = (prompt + answer)[:max_length]
    if len(ids) <= len(prompt):
        return None
    labels = [IGNORED] * len(prompt) + ids[len(prompt) :]
    return {"input_ids": ids, "labels": labels, "group": group, "length": len(ids)}
