"""The rows that trainers read are mapped from a file: the same tokens, labels and order as in memory."""

from pathlib import Path

import pytest
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from temper.errors import DataError
from temper.rows import TRAIN, ChatRow, load
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import mapped as module
from temper.stages.training.mapped import CHATS, PAIRS, groups_and_lengths, mapped
from temper.stages.training.rendering import answer_ids, preference_row, prompt_ids
from temper.stages.training.trainers import GroupedBatches
from tests.unit.stage_run import chat, pair, rows

MODEL, TOKENIZER = tiny_model()
LONGEST = 120


@pytest.mark.parametrize("span", [3, 1000], ids=["several processes", "one process"])
def test_mapped_rows_are_those_that_trl_prepares_from_lists(
    span: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chats = [chat(number, role) for number in range(10) for role in ("planner", "executor")]
    chats[4]["completion"][0]["content"] = "a long answer that is cut " * 20
    chats[5]["prompt"][0]["content"] = "a prompt that leaves no room for its answer " * 20
    path = rows(tmp_path / "data", chats) / TRAIN
    monkeypatch.setattr(module, "SPAN", span)
    tokens = mapped(CHATS, [path], TOKENIZER, LONGEST, tmp_path / "rows", processes=2)
    assert len(tokens) == len(chats) - 1
    prepared = _prepared(load(path, ChatRow), tmp_path)
    assert list(tokens["input_ids"]) == list(prepared["input_ids"])
    assert list(tokens["labels"]) == list(prepared["labels"])
    groups, lengths = groups_and_lengths(tokens)
    by_text = GroupedBatches(list(prepared["group"]), [len(ids) for ids in prepared["input_ids"]], 4, seed=7)
    assert list(GroupedBatches(groups, lengths, 4, seed=7)) == list(by_text)


def _prepared(chats: list[ChatRow], folder: Path) -> Dataset:
    """What TRL makes of tokens and masks in lists."""
    prompts = [prompt_ids(TOKENIZER, row.prompt) for row in chats]
    answers = [answer_ids(TOKENIZER, row.completion[-1]["content"]) for row in chats]
    lists = [
        {
            "input_ids": prompt + answer,
            "completion_mask": [0] * len(prompt) + [1] * len(answer),
            "group": f"{row.role} {row.prompt[0]['content'] if row.prompt[0]['role'] == 'system' else ''}",
        }
        for row, prompt, answer in zip(chats, prompts, answers, strict=True)
    ]
    args = SFTConfig(output_dir=str(folder), completion_only_loss=True, max_length=LONGEST, use_cpu=True, bf16=False)
    trainer = SFTTrainer(MODEL, args, train_dataset=Dataset.from_list(lists), processing_class=TOKENIZER)
    assert isinstance(trainer.train_dataset, Dataset)
    return trainer.train_dataset


def test_mapped_pairs_are_sorted_as_lists_are(tmp_path: Path) -> None:
    starts = {"data": 0, "mistakes": 95}
    files = [rows(tmp_path / name, [pair(start + i) for i in range(12)]) / TRAIN for name, start in starts.items()]
    tokens = mapped(PAIRS, files, TOKENIZER, 1024, tmp_path / "rows").sort(["group", "length"])
    plain = [row for path in files for pair in load(path, PAIRS.kind) if (row := preference_row(TOKENIZER, pair, 1024))]
    assert list(tokens) == sorted(plain, key=lambda row: (row["group"], row["length"]))


def test_a_resumed_stage_renders_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rows(tmp_path / "data", [chat(number) for number in range(5)]) / TRAIN
    first = mapped(CHATS, [path], TOKENIZER, LONGEST, tmp_path / "rows")
    monkeypatch.setattr(module, "_rendered", lambda **_: pytest.fail("rendered again"))
    again = mapped(CHATS, [path], TOKENIZER, LONGEST, tmp_path / "rows")
    assert list(again) == list(first)
    assert again.cache_files == first.cache_files
    assert Path(again.cache_files[0]["filename"]).is_relative_to(tmp_path / "rows")


def test_rows_that_are_all_too_long_are_refused(tmp_path: Path) -> None:
    path = rows(tmp_path / "data", [chat(0)]) / TRAIN
    with pytest.raises(DataError, match=r"data/train\.jsonl is too long for max_length=3"):
        mapped(CHATS, [path], TOKENIZER, 3, tmp_path / "rows")
