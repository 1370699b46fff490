"""Other people's files, case by case: what they mean is learnt, or the row is refused with what is wrong."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from temper.rows import TRAIN, ChatRow, PairRow, load
from temper.traces.bring import Imported, SetName, bring

CASES = Path(__file__).parents[1] / "cases"


def imported(name: str, out: Path, kind: SetName = "sft") -> tuple[Imported, list[ChatRow]]:
    """The case's rows and what was refused."""
    (path,) = CASES.glob(f"{name}-*")
    result = bring([path], kind, out)
    return result, load(out / TRAIN, ChatRow) if kind == "sft" else []


def refused(result: Imported) -> dict[int, str]:
    return {refusal.row: refusal.reason for refusal in result.refusals}


@pytest.mark.parametrize(
    ("name", "rows", "reasons"),
    [
        ("03", 6, {2: "arguments of find_boat are not JSON"}),
        ("05", 3, {2: "holds nothing but image_url"}),
        ("06", 8, {4: "message 2 is empty"}),
        ("14", 7, {7: "surrogate"}),
        ("20", 2, {}),
        ("21", 2, {}),
        ("27", 6, {4: "`tools` is a text that is not JSON"}),
        ("39", 5, {6: "weight is 0"}),
    ],
)
def test_a_case_gives_its_rows_and_its_reasons(name: str, rows: int, reasons: dict[int, str], tmp_path: Path) -> None:
    result, made = imported(name, tmp_path)
    assert len(made) == rows
    assert refused(result).keys() == reasons.keys()
    assert all(reason in refused(result)[row] for row, reason in reasons.items())


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("10", ["answers no call", "answers no call", "nothing came back", "answers no call"]),
        ("41", ["Anthropic's content blocks"] * 3),
        ("50", ["twice", "births", "needs berths", "sell_boat, which is not offered", "tool 1"]),
    ],
)
def test_what_would_teach_something_else_is_refused(name: str, reasons: list[str], tmp_path: Path) -> None:
    (path,) = CASES.glob(f"{name}-*")
    good = tmp_path / "good.jsonl"
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    good.write_text(json.dumps(chat) + "\n")
    result = bring([path, good], "sft", tmp_path / "out")
    assert result.rows == (1 if result.remarks["not_offered"] == 0 else 3)  # calls of no listed tool are counted
    for (_, said), reason in zip(sorted(refused(result).items()), reasons, strict=True):
        assert reason in said


def test_what_is_weighed_0_is_never_the_answer(tmp_path: Path) -> None:
    _, rows = imported("39", tmp_path)
    answers = {row.completion[0]["content"] for row in rows}
    assert answers == {"Yes, B7 is free.", "B7 is free."}


def test_both_halves_of_a_split_answer_are_learnt(tmp_path: Path) -> None:
    _, rows = imported("12", tmp_path)
    assert rows[1].completion[0]["content"] == "Let me look.\nYes, it is."


def test_parallel_calls_are_one_answer_and_results_carry_their_names(tmp_path: Path) -> None:
    _, rows = imported("11", tmp_path)
    assert json.loads(rows[0].completion[0]["content"])[1]["arguments"]["harbour"] == "Havn"
    assert rows[1].prompt[-1]["content"].startswith("find_boat: ")
    assert len(rows) == 4


def test_older_function_calls_are_calls(tmp_path: Path) -> None:
    _, rows = imported("07", tmp_path)
    assert rows[0].prompt[0]["content"].startswith("tools: find_boat(harbour, berths)")
    assert json.loads(rows[0].completion[0]["content"])[0]["name"] == "find_boat"


def test_parquet_gives_the_rows_of_the_same_talks_in_json(tmp_path: Path) -> None:
    (lines,) = CASES.glob("02-*")
    first = json.loads(lines.read_text())
    call = {"name": "book_boat", "arguments": {"boat_id": "B7", "day": "Friday"}}
    first["messages"][2]["tool_calls"][0]["function"]["arguments"] = {"harbour": "Lunden", "berths": 4}
    second = {
        "messages": [
            {"role": "user", "content": "Book B7."},
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        ],
        "tools": first["tools"],
    }
    (tmp_path / "talks.json").write_text(json.dumps([first, second]))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([first, second]), tmp_path / "talks.parquet")
    for kind in ("json", "parquet"):
        bring([tmp_path / f"talks.{kind}"], "sft", tmp_path / kind)
    assert (tmp_path / "parquet" / TRAIN).read_bytes() == (tmp_path / "json" / TRAIN).read_bytes()


def test_pairs_answer_the_same_question(tmp_path: Path) -> None:
    result, _ = imported("32", tmp_path, "dpo")
    assert list(refused(result)) == [3, 4, 5]
    assert [[m["content"] for m in row.prompt] for row in load(tmp_path / TRAIN, PairRow)] == [["Is B7 free?"]] * 2
    imported("31", tmp_path, "dpo")
    assert load(tmp_path / TRAIN, PairRow)[1].prompt[0]["content"] == "Be brief."
    imported("35", tmp_path, "dpo")
    rows = load(tmp_path / TRAIN, PairRow)
    assert len(rows) == 3
    assert all(row.prompt[0]["content"].startswith("tools: find_boat") for row in rows)
    assert "find_boat: " in rows[0].prompt[-1]["content"] or "tool: " in rows[0].prompt[-1]["content"]
