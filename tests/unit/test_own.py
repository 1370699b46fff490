"""Other people's data: what fits becomes rows, what does not is refused with its row and reason, nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temper.cli import main
from temper.config import load_preset
from temper.config.synthesize import OwnSettings
from temper.domains import load_domain
from temper.process.keys import stage_key
from temper.process.specs import SynthesizeSpec
from temper.rows import Document
from temper.rows import lines as rows_of
from temper.synthesis.quality import alternates
from temper.synthesis.sets import build
from temper.traces.bring import CONVERT, Refusal, bring
from temper.traces.calls import Refused
from temper.traces.personal import redacted, spans
from temper.traces.remarks import remarks

TOOLS = [{"type": "function", "function": {"name": "get_order", "parameters": {"properties": {"order": {}}}}}]
CALL = {"id": "1", "type": "function", "function": {"name": "get_order", "arguments": '{"order": "W7"}'}}
CHAT: dict[str, Any] = {
    "tools": TOOLS,
    "messages": [
        {"role": "assistant", "content": "Welcome!"},
        {"role": "user", "content": "Where is W7?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "name": "get_order", "content": "shipped"},
        {"role": "assistant", "content": "It is on its way."},
    ],
}
PAIR = {"prompt": "Where is W7?", "chosen": "On its way.", "rejected": "No idea."}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for _, text in rows_of(path)]


def lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in records), encoding="utf-8")
    return path


def test_a_chat_gives_a_row_for_each_thing_the_assistant_did(tmp_path: Path) -> None:
    result = bring([lines(tmp_path / "chats.jsonl", CHAT)], "sft", tmp_path / "out")
    first, second = read(tmp_path / "out" / "train.jsonl")
    assert (result.records, result.rows, result.refusals) == (1, 2, [])
    assert [m["content"] for m in first["prompt"]] == ["tools: get_order(order)", "Where is W7?"]
    assert first["completion"][0]["content"] == '[{"name":"get_order","arguments":{"order":"W7"}}]'
    assert second["prompt"][-1] == {"role": "user", "content": "get_order: shipped"}
    assert second["completion"][0]["content"] == "It is on its way."


def test_what_does_not_fit_is_refused_with_its_row_and_the_reason(tmp_path: Path) -> None:
    silent = {"messages": [{"role": "user", "content": "Hello?"}]}
    half = {"messages": [{"role": "user", "content": "\ud83d"}, {"role": "assistant", "content": "x"}]}
    broken_call = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [{"id": "1"}]}]}
    path = lines(tmp_path / "chats.jsonl", CHAT, "{half", silent, "[1]", {"text": "x"}, half, broken_call, CHAT)
    result = bring([path], "sft", tmp_path / "out")
    assert (result.records, result.rows) == (8, 4)
    assert [refusal.row for refusal in result.refusals] == [2, 3, 4, 5, 6, 7]
    reasons = [row["reason"] for row in read(tmp_path / "out" / "refused.jsonl")]
    assert reasons[0].startswith("not JSON")
    assert reasons[-2] == "half of a surrogate pair in a text"
    assert reasons[-1] == "message 1: a tool call without a name"


def test_a_call_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    call = {"function": {"name": "get_order", "arguments": '{"order": "\\ud83d"}'}}
    chat = {
        "tools": TOOLS,
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}],
    }
    result = bring([lines(tmp_path / "chats.jsonl", chat, CHAT)], "sft", tmp_path / "out")
    assert result.refusals[0].reason == "message 1: half of a surrogate pair in a tool call"
    assert result.rows == 2


def test_both_forms_of_preferences_are_read(tmp_path: Path) -> None:
    openai_form = {
        "input": {"messages": [{"role": "user", "content": "Where is W7?"}], "tools": TOOLS},
        "preferred_output": [{"role": "assistant", "content": "On its way."}],
        "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
    }
    same = {**PAIR, "rejected": PAIR["chosen"]}
    result = bring([lines(tmp_path / "pairs.jsonl", PAIR, openai_form, same)], "dpo", tmp_path / "out")
    rows = read(tmp_path / "out" / "train.jsonl")
    assert result.refusals[0].reason == "chosen and rejected are the same"
    assert [row["chosen"][0]["content"] for row in rows] == ["On its way."] * 2
    assert rows[1]["prompt"][0]["role"] == "system"


def test_texts_come_from_files_and_from_parquet(tmp_path: Path) -> None:
    (tmp_path / "manual.md").write_text("Check the oil.")
    pyarrow.parquet.write_table(pyarrow.table({"text": ["One.", ""], "title": ["A", "B"]}), tmp_path / "t.parquet")
    result = bring([tmp_path / "manual.md", tmp_path / "t.parquet"], "cpt", tmp_path / "out")
    rows = read(tmp_path / "out" / "train.jsonl")
    assert [(row["prompt"], row["completion"]) for row in rows] == [("manual\n\n", "Check the oil."), ("A\n\n", "One.")]
    assert result.refusals == [Refusal("t.parquet", 2, "no `text`")]


def test_solved_trajectories_and_t1_plans_are_examples(tmp_path: Path) -> None:
    solved = {"task_id": 1, "reward": 1.0, "traj": CHAT["messages"]}
    failed = {"task_id": 2, "reward": 0.0, "traj": CHAT["messages"]}
    (tmp_path / "tau.json").write_text(json.dumps([solved, failed]))
    (tmp_path / "t1.csv").write_text(
        "ID,Filled_Template,Filled_Plan\n"
        '1,"user: A hotel in Rome?","hotels = search_hotels(city=[""Rome""])"\n'
        "1,assistant: I found two.,\n"
        '1,user: The cheaper one.,"best = sort_results(hotels, by=""price"")"\n'
        '2,user: A flight?,"seek_information(""city"")"\n'
    )
    result = bring([tmp_path / "tau.json", tmp_path / "t1.csv"], "sft", tmp_path / "out")
    rows = read(tmp_path / "out" / "train.jsonl")
    assert (result.records, result.rows, len(result.refusals)) == (6, 5, 1)
    assert [message["role"] for message in rows[3]["prompt"]] == ["user", "assistant", "user"]
    assert rows[4]["prompt"] == [{"role": "user", "content": "A flight?"}]


def test_the_command_reads_parquet_in_a_process_that_imported_nothing_else(tmp_path: Path) -> None:
    tool = {"name": "get_order", "parameters": {"properties": {"order": {"type": "string"}}}}
    other = {"name": "cancel", "parameters": {"properties": {"reason": {"type": "string"}}}}
    path, out = tmp_path / "chats.parquet", tmp_path / "out"
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{**chat, "tools": [tool, other]}]), path)
    command = [sys.executable, "-c", "import sys, temper.cli; sys.exit(temper.cli.main())"]
    subprocess.run([*command, "import", str(path), "--as", "sft", "--out", str(out)], check=True)
    assert read(out / "train.jsonl")[0]["prompt"][0]["content"] == "tools: get_order(order); cancel(reason)"


FIELDS = ("messages", "tools", "role", "content", "tool_calls", "prompt", "chosen", "rejected", "input", "text", "traj")
PARTS = ("function", "name", "arguments", "parameters", "properties", "role", "content", "tool_calls", "text")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["user", "assistant", "[1]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner, max_size=3),
    max_leaves=5,
)
FUNCTION = st.fixed_dictionaries({}, optional={"name": st.just("f") | JSON, "arguments": JSON, "parameters": JSON})
CALLS = st.lists(st.fixed_dictionaries({"function": FUNCTION | JSON}) | JSON, max_size=2)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]) | JSON},
    optional={"content": st.just("Hello") | JSON, "tool_calls": CALLS | JSON, "thinking": JSON},
)
MESSAGES = st.lists(MESSAGE, max_size=4)
VALUE = MESSAGES | CALLS | st.fixed_dictionaries({"messages": MESSAGES}) | JSON


# How long an example takes tells how loaded the machine is, and nothing about the importer.
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), VALUE, max_size=5))
def test_any_record_becomes_sound_rows_or_is_refused(record: dict[str, Any]) -> None:
    for convert in CONVERT.values():
        try:
            rows = convert(record)
            assert all(times > 0 for times in remarks(record).values())
        except Refused:
            continue
        assert rows
        assert all(isinstance(row, Document) or alternates(row.prompt) for row in rows)


def test_personal_data_are_found_by_form_and_checksum() -> None:
    text = "Mail jo.doe@example.org or call +49 30 901820; IBAN DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111."
    assert [kind for _, _, kind in spans(text)] == ["email", "phone", "iban", "card"]
    assert redacted(text) == "Mail [email] or call [phone]; IBAN [iban], card [card]."
    assert (
        redacted("Booking B4111, V12 for 12900, 4111 1111 1111 1112.")
        == "Booking B4111, V12 for 12900, 4111 1111 1111 1112."
    )
    assert redacted("Call 030 901820", "DE") == "Call [phone]"
    assert redacted("At 12:30:45 from 2001:db8::1, not 300.1.1.1") == "At 12:30:45 from [ip], not 300.1.1.1"


def test_the_command_reports_and_redacts_before_anything_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private = {**PAIR, "prompt": "I am jo.doe@example.org, where is W7?"}
    path, out = lines(tmp_path / "pairs.jsonl", private, "oops"), tmp_path / "out"
    assert main(["import", str(path), "--as", "dpo", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "read 2 records, made 1 rows" in said
    assert "refused 1: not JSON" in said
    assert "personal data: 1 email: kept; --redact replaces them" in said
    assert main(["import", str(path), "--as", "dpo", "--out", str(out), "--redact"]) == 0
    assert not any("jo.doe" in file.read_text() for file in out.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("gone.jsonl", None, "there is no file"),
        ("rows.xlsx", "x", "cannot read .xlsx"),
        ("rows.json", "{half", "is not JSON"),
        ("rows.jsonl", '{"text": 1}\n', "none of 1 records became a row of sft; rows.jsonl, row 1: no `messages`"),
    ],
)
def test_bad_files_are_one_line_and_leave_no_half_set(
    name: str, content: str | None, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    assert main(["import", str(tmp_path / name), "--as", "sft", "--out", str(tmp_path / "out")]) == 3
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out" / "train.jsonl").exists()


def test_an_imported_set_is_not_simulated_and_moves_the_key(tmp_path: Path) -> None:
    bring([lines(tmp_path / "chats.jsonl", *[CHAT] * 3)], "sft", tmp_path / "own")
    smoke = load_preset("smoke").synthesize
    mine = smoke.model_copy(update={"own": OwnSettings(sft=str(tmp_path / "own"))})

    def out(name: str) -> Path:
        (tmp_path / "sets" / name).mkdir(parents=True, exist_ok=True)
        return tmp_path / "sets" / name

    build(load_domain("automotive"), mine, out, tmp_path / "work", lambda _: None)
    assert read(tmp_path / "sets" / "sft" / "train.jsonl") == read(tmp_path / "own" / "train.jsonl")

    def key(own: OwnSettings) -> str:
        config = load_preset("smoke")
        config = config.model_copy(update={"synthesize": config.synthesize.model_copy(update={"own": own})})
        return stage_key(SynthesizeSpec.of(config), {})

    before = key(OwnSettings(sft=str(tmp_path / "own")))
    (tmp_path / "own").rename(tmp_path / "moved")
    assert key(OwnSettings(sft=str(tmp_path / "moved"))) == before != key(OwnSettings())
