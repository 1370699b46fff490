"""Rows on their way to disk and back: the same rows whatever their texts hold, and errors that say where and what."""

import json
import tracemalloc
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from temper.errors import DataError
from temper.rows import (
    TRAIN,
    AnsweredRow,
    ChatRow,
    Document,
    Message,
    PairRow,
    Point,
    WorldState,
    line,
    load,
    pair,
    read,
    resume,
    spoken,
    write,
)
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training.rendering import chat_row
from temper.traces.bring import bring

ENDS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\r\n"
"""What `str.splitlines` takes for the end of a line."""
TEXT = st.text(st.sampled_from(ENDS) | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SAYS = TEXT.map(lambda text: f"a{text}z")
"""Texts that stripping leaves as they are."""
MESSAGE = st.builds(lambda role, text: Message(role=role, content=text), TEXT, TEXT)
MESSAGES = st.lists(MESSAGE, min_size=1, max_size=3)
VALUE = TEXT | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
CALLS = st.lists(st.tuples(TEXT, st.dictionaries(TEXT, VALUE, max_size=2)), max_size=2)
ROWS = st.one_of(
    st.builds(ChatRow, id=TEXT, role=TEXT, slice=st.none() | TEXT, prompt=MESSAGES, completion=MESSAGES),
    st.builds(pair, id=TEXT, role=TEXT, kind=TEXT, origin=TEXT, prompt=MESSAGES, right=TEXT, wrong=TEXT),
    st.builds(Document, id=st.none() | TEXT, prompt=TEXT, completion=TEXT, source=TEXT),
    st.builds(AnsweredRow, id=TEXT, role=TEXT, source=TEXT, messages=MESSAGES, truncated=st.booleans()),
    st.builds(
        Point,
        id=TEXT,
        role=TEXT,
        slice=TEXT,
        prompt=MESSAGES,
        expected=TEXT,
        teacher=TEXT,
        facts=st.lists(TEXT, max_size=2),
        world=st.builds(WorldState, seed=st.integers(0, 2**31), split=TEXT, calls=CALLS),
        change=st.none(),
    ),
)


@settings(deadline=None)
@given(st.lists(ROWS, max_size=4))
def test_rows_come_back_as_they_were_whatever_their_texts_hold(
    tmp_path_factory: pytest.TempPathFactory, rows: list[ChatRow | PairRow | Document | AnsweredRow | Point]
) -> None:
    path = tmp_path_factory.mktemp("rows") / TRAIN
    for row in rows:
        write(path, [row, row])
        assert load(path, type(row)) == [row, row]


@cache
def tokenizer() -> PreTrainedTokenizerBase:
    return tiny_model()[1]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(SAYS, SAYS), min_size=1, max_size=3))
def test_imported_chats_reach_training_with_the_turns_that_they_had(
    tmp_path_factory: pytest.TempPathFactory, talk: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("import")
    messages = [m for asked, said in talk for m in (Message(role="user", content=asked), *spoken(said))]
    chats = folder / "chats.jsonl"
    chats.write_text(json.dumps({"messages": messages}, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    bring([chats], "sft", folder / "own")
    rows = load(folder / "own" / TRAIN, ChatRow)
    assert [m["content"] for m in [*rows[-1].prompt, *rows[-1].completion]] == [
        m["content"].replace("\0", "") for m in messages
    ]
    rendered = [chat_row(tokenizer(), row, 4096) for row in rows]
    starts = [row["input_ids"].count(tokenizer().bos_token_id) for row in rendered if row]
    assert starts == [2 * (number + 1) for number in range(len(talk))]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("not json", "not JSON"),
        ("[1]", "not an object; a ChatRow has the fields id, role, slice, prompt, completion"),
        ('{"id": "1", "role": "planner", "completion": []}', "field `prompt`: field required"),
        (
            '{"id": "1", "role": "x", "prompt": [{"role": "user"}], "completion": []}',
            "field `prompt.0.content`: field required",
        ),
    ],
)
def test_a_broken_row_is_named_with_its_file_field_and_remedy(tmp_path: Path, broken: str, why: str) -> None:
    path = tmp_path / TRAIN
    whole = ChatRow(id="1", role="planner", prompt=[{"role": "user", "content": "\u2028"}], completion=spoken("x"))
    path.write_text(line(whole) + broken + "\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        load(path, ChatRow)
    said = str(error.value)
    assert f"{tmp_path.name}/{TRAIN}, row 2: {why}" in said
    assert said.endswith("mend or remove the row")
    assert "\n" not in said


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path.name} holds no {TRAIN}"):
        load(tmp_path / TRAIN, ChatRow)


def test_a_line_that_a_kill_cut_short_is_cut_off(tmp_path: Path) -> None:
    row = AnsweredRow(id="1", role="planner", source="public", messages=spoken("\u2028 \x85"))
    path = tmp_path / "answers.jsonl"
    path.write_text(line(row) + line(row)[:40], encoding="utf-8")
    assert resume(path, AnsweredRow) == [row]
    with path.open("a", encoding="utf-8") as file:
        file.write(line(row))
    assert resume(path, AnsweredRow) == [row, row]
    assert resume(tmp_path / "none.jsonl", AnsweredRow) == []


def test_a_killed_writer_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / TRAIN
    write(path, [Document(prompt="", completion="whole")])

    def killed() -> Iterator[Document]:
        yield Document(prompt="", completion="half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, killed())
    assert [row.completion for row in read(path, Document)] == ["whole"]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / TRAIN
    write(path, (Document(prompt="", completion="x" * 1000) for _ in range(5000)))
    tracemalloc.start()
    assert sum(len(row.completion) for row in read(path, Document)) == 5_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
