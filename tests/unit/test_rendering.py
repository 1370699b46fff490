"""Training and serving see the same tokens."""

from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from temper.domains.base import Understanding
from temper.errors import DataError
from temper.rows import ChatRow, Message, PairRow, parsed
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import rendering
from temper.stages.training.mapped import CHATS, mapped
from tests.unit.stage_run import chat, pair, rows


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return tiny_model()[1]


def _served(tokenizer: Any, messages: list[Message]) -> list[int]:
    """What the engine's chat endpoint feeds the model."""
    ids: list[int] = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    return ids


def test_a_chat_row_is_the_served_prompt_then_the_answer_then_its_end(tokenizer: PreTrainedTokenizerBase) -> None:
    row = parsed(chat(3), ChatRow)
    served = _served(tokenizer, row.prompt)
    answer = tokenizer.encode(row.completion[0]["content"])
    rendered = rendering.chat_row(tokenizer, row, 1024)
    assert rendered is not None
    assert rendered["input_ids"] == [*served, *answer, tokenizer.eos_token_id]
    assert rendered["labels"] == [rendering.IGNORED] * len(served) + [*answer, tokenizer.eos_token_id]


def test_preference_rows_share_the_served_prompt(tokenizer: PreTrainedTokenizerBase) -> None:
    row = parsed(pair(3), PairRow)
    rendered = rendering.preference_row(tokenizer, row, 1024)
    assert rendered is not None
    served = _served(tokenizer, row.prompt)
    assert rendered["prompt_ids"] == served
    assert tokenizer.decode(rendered["chosen_ids"]) == row.chosen[0]["content"] + tokenizer.eos_token
    assert tokenizer.decode(rendered["rejected_ids"]) == row.rejected[0]["content"] + tokenizer.eos_token


def test_a_later_turn_continues_the_tokens_of_the_earlier_one(tokenizer: PreTrainedTokenizerBase) -> None:
    row = parsed(chat(3), ChatRow)
    rendered = rendering.chat_row(tokenizer, row, 1024)
    assert rendered is not None
    earlier = rendered["input_ids"]
    later = [*row.prompt, *row.completion, Message(role="user", content="And the price?")]
    assert rendering.prompt_ids(tokenizer, later)[: len(earlier)] == earlier


def test_no_system_prompt_that_nobody_wrote(tokenizer: PreTrainedTokenizerBase) -> None:
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert text == "<|im_start|>user\nHi<|im_end|>\n"


def test_digits_are_tokens_of_their_own(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.tokenize("2026") == ["2", "0", "2", "6"]


def test_what_the_understander_copies_has_the_tokens_that_the_customer_said(tokenizer: PreTrainedTokenizerBase) -> None:
    name = " ".join(tokenizer.tokenize(" Suzuki Swift"))
    assert name in " ".join(tokenizer.tokenize("customer: Do you take a Suzuki Swift?"))
    assert name in " ".join(tokenizer.tokenize(Understanding("value_trade_in", {"model": "Suzuki Swift"}).text()))


def test_bad_rows_are_named(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    broken = chat(1)
    del broken["prompt"]
    path = rows(tmp_path, [chat(0), broken]) / "train.jsonl"
    with pytest.raises(DataError, match=r"train\.jsonl, row 2: field `prompt`"):
        mapped(CHATS, [path], tokenizer, 100, tmp_path / "rows")
    path.write_text("")
    with pytest.raises(DataError, match="holds no rows"):
        mapped(CHATS, [path], tokenizer, 100, tmp_path / "rows")
