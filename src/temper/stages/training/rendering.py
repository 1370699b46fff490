"""Rows as tokens, exactly as serving sees them: the chat template's prompt, then the answer's own tokens, then eos.

Prompt and answer are tokenised apart, as they are in serving, where the model writes the answer token by token: text
that is tokenised in one piece can merge across the border, and ends with what the template writes after a turn.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from temper.errors import DataError

Row = dict[str, Any]
Message = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSON-lines file. Raises DataError when it is missing, empty or broken."""
    if not path.is_file():
        raise DataError(
            f"{path.parent.name} holds no {path.name}: make the data set again (temper run ... --until synthesize)"
        )
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path.name}:{number} is not a JSON object: {error.msg}; mend or remove the line"
            ) from error
    if not rows:
        raise DataError(f"{path.name} holds no rows: a trainer needs at least one")
    return rows


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: list[Message]) -> list[int]:
    """Tokens that the engine feeds the model for `messages`: the chat template, ready for the assistant's answer."""
    rendered: Any = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
    return list(rendered["input_ids"])


def answer_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokens that the model has to write: the answer and the end of its turn."""
    return [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]


def chat_row(tokenizer: PreTrainedTokenizerBase, row: Row) -> Row:
    """A prompt/completion chat row for the SFT trainer."""
    prompt, answer = prompt_ids(tokenizer, row["prompt"]), answer_ids(tokenizer, row["completion"][0]["content"])
    return _scored(prompt, answer, _group(row))


def text_row(tokenizer: PreTrainedTokenizerBase, row: Row) -> Row:
    """A context/document row for continual pretraining: the context C_x is read, the document is learnt."""
    context = tokenizer.encode(row["prompt"], add_special_tokens=False)
    # A document without a context still needs one token to be predicted from.
    # Documents are cut to size, so their end is not an end worth learning: no eos.
    document = tokenizer.encode(row["completion"], add_special_tokens=False)
    return _scored(context or [tokenizer.eos_token_id], document, "")


def preference_row(tokenizer: PreTrainedTokenizerBase, row: Row) -> Row:
    """A chosen/rejected chat row for the DPO trainer."""
    return {
        "prompt_ids": prompt_ids(tokenizer, row["prompt"]),
        "chosen_ids": answer_ids(tokenizer, row["chosen"][0]["content"]),
        "rejected_ids": answer_ids(tokenizer, row["rejected"][0]["content"]),
        "group": _group(row),
    }


def render(
    make: Callable[[PreTrainedTokenizerBase, Row], Row], tokenizer: PreTrainedTokenizerBase, path: Path
) -> list[Row]:
    """Every row of `path` through `make`. Raises DataError that names the row which lacks a field."""
    rendered = []
    for number, row in enumerate(read_rows(path), start=1):
        try:
            rendered.append(make(tokenizer, row))
        except (KeyError, IndexError, TypeError) as error:
            raise DataError(
                f"{path.name}:{number} is not a row of this stage's form ({error!r}); see the data reference"
            ) from error
    return rendered


def _group(row: Row) -> str:
    """What a row's prompt has in common with others: the role and its instructions."""
    first = row["prompt"][0]
    return f"{row.get('role', '')} {first['content'] if first['role'] == 'system' else ''}"


def _scored(prompt: list[int], answer: list[int], group: str) -> Row:
    mask = [0] * len(prompt) + [1] * len(answer)
    return {"input_ids": prompt + answer, "completion_mask": mask, "group": group}
