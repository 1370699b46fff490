"""Other people's files, case by case: what is read of them, and what the report counts or says."""

import gzip
import json
import shutil
from pathlib import Path

import pyarrow
import pytest

from temper.cli import main
from temper.errors import DataError
from temper.rows import TRAIN, ChatRow, load
from temper.traces.bring import REPORT, Imported, SetName, bring

CASES = Path(__file__).parents[1] / "cases"
CHAT = '{"messages": [{"role": "user", "content": "Is B7 free?"}, {"role": "assistant", "content": "Yes."}]}\n'


def case(name: str) -> Path:
    (path,) = CASES.glob(f"{name}-*")
    return path


def reasons(result: Imported) -> dict[int, str]:
    return {refusal.row: refusal.reason for refusal in result.refusals}


@pytest.mark.parametrize(
    ("name", "made", "remarks"),
    [
        ("03", 6, {"no_arguments": 2}),
        ("05", 3, {"parts": 1}),
        ("12", 5, {"greetings": 1}),
        ("14", 7, {"direction_marks": 1}),
        ("27", 6, {"not_offered": 2}),
        ("40", 4, {"reasoning": 4}),
        ("49", 5, {"repeats": 2, "other_answers": 1}),
    ],
)
def test_the_report_counts_what_the_rows_do_not_show(
    name: str, made: int, remarks: dict[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(case(name)), "--as", "sft", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / REPORT).read_text())
    assert report["made"] == made == len(load(tmp_path / TRAIN, ChatRow))
    assert remarks.items() <= report["remarks"].items()
    said = capsys.readouterr().out
    assert all(f"\n{times} " in said for times in remarks.values())
    assert "not looked for: names, postal addresses" in said


def test_reasoning_is_learnt_nowhere_and_an_answer_of_nothing_else_is_refused(tmp_path: Path) -> None:
    result = bring([case("40")], "sft", tmp_path)
    assert {row.completion[0]["content"] for row in load(tmp_path / TRAIN, ChatRow)} == {"Yes.", "No."}
    assert "think" not in (tmp_path / TRAIN).read_text()
    assert reasons(result) == {4: "message 1 is empty but for its reasoning, which is not learnt"}


def test_a_customers_text_that_begins_like_reasoning_is_kept(tmp_path: Path) -> None:
    said = {"role": "user", "content": "<think>twice</think> is my name."}
    path = tmp_path / "talk.jsonl"
    path.write_text(json.dumps({"messages": [said, {"role": "assistant", "content": "Welcome."}]}))
    bring([path], "sft", tmp_path)
    assert load(tmp_path / TRAIN, ChatRow)[0].prompt[0]["content"] == said["content"]


def test_of_a_long_talk_it_is_said_that_its_rows_grow_with_the_square(tmp_path: Path) -> None:
    turns = [{"role": role, "content": f"{role} {i}"} for i in range(300) for role in ("user", "assistant")]
    (tmp_path / "long.jsonl").write_text(json.dumps({"messages": turns}))
    result = bring([tmp_path / "long.jsonl"], "sft", tmp_path)
    assert (result.rows, result.remarks["long_talks"]) == (300, 1)


def test_keys_and_addresses_of_machines_are_found_like_those_of_people(tmp_path: Path) -> None:
    result = bring([case("47")], "sft", tmp_path, redact=True)
    assert result.personal == {"email": 1, "card": 1, "key": 2, "ip": 1}
    text = (tmp_path / TRAIN).read_text()
    assert not any(secret in text for secret in ("sk-a", "AKIA", "192.0.2.7", "4111", "example.org"))
    assert json.loads((tmp_path / REPORT).read_text())["not_looked_for"] == ["names", "postal addresses"]


def test_repeats_are_left_out_on_request(tmp_path: Path) -> None:
    assert main(["import", str(case("49")), "--as", "sft", "--out", str(tmp_path), "--distinct"]) == 0
    rows = load(tmp_path / TRAIN, ChatRow)
    assert [row.completion[0]["content"] for row in rows] == ["Yes.", "Yes.", "No."]
    assert len({row.id for row in rows}) == 3


def test_marks_of_bytes_and_of_line_ends_are_in_no_row(tmp_path: Path) -> None:
    bring([case("15")], "sft", tmp_path)
    assert [row.prompt[0]["content"] for row in load(tmp_path / TRAIN, ChatRow)] == ["Is B7 free?"] * 3
    assert not any(mark in (tmp_path / TRAIN).read_bytes() for mark in (b"\xef\xbb\xbf", b"\r", b"\\r", b"\\ufeff"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("08", "ShareGPT's form (`conversations`), which is not read yet; convert it to OpenAI's `messages`"),
        ("23", "23-empty.jsonl: no records in it"),
        ("24", "24-blank-lines.jsonl: no records in it"),
        ("25", "is not UTF-8; convert it first (iconv"),
        ("28", "xLAM's form (`query`, `answers`), which is not read yet; convert it to OpenAI's `messages`"),
        ("30", "Alpaca's form (`instruction`, `output`), which is not read yet; convert it to OpenAI's `messages`"),
        ("44", "tau2-bench's form (`simulations`), which is not read yet; convert it to OpenAI's `messages`"),
    ],
)
def test_a_file_that_gives_no_row_ends_with_code_3_and_the_remedy(
    name: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(case(name)), "--as", "sft", "--out", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert why in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / TRAIN).exists()


def test_every_form_that_is_not_read_is_refused_by_its_name(tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_text(CHAT)
    result = bring([case("30"), good], "sft", tmp_path)
    names = ["`instruction`", "`instruction`", "`completion`", "`completion`", "`question`"]
    assert all(name in reasons(result)[row] for row, name in enumerate(names, start=1))


@pytest.mark.parametrize(("name", "made"), [("sft", 1), ("dpo", 1), ("cpt", 2)])
def test_each_row_of_a_mixed_file_is_judged_alone(name: SetName, made: int, tmp_path: Path) -> None:
    result = bring([case("37")], name, tmp_path)
    assert (result.records, result.rows, len(result.refusals)) == (11, made, 11 - made)


def test_only_solved_trajectories_are_learnt_and_no_mark_of_the_end(tmp_path: Path) -> None:
    result = bring([case("43")], "sft", tmp_path)
    assert result.rows == 2
    assert "###STOP###" not in (tmp_path / TRAIN).read_text()
    assert [reasons(result)[row].split(":")[0] for row in (2, 3, 4)] == ["reward 0.0", "`traj` is empty", "reward None"]


def test_a_folder_is_read_in_order_without_hidden_files_and_notes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(case("46"), folder)
    (folder / "nested" / "bad.ndjson").write_text("{half\n")
    result = bring([folder], "sft", folder / "own")
    assert (result.records, result.rows) == (5, 4)
    assert [refusal.file for refusal in result.refusals] == ["nested/bad.ndjson"]
    again = bring([folder], "sft", folder / "own")
    assert again.records == 5, "what an import wrote is not read again"
    assert bring([folder], "cpt", tmp_path / "texts").rows == 1, "notes are texts"


@pytest.mark.parametrize("name", ["talks.jsonl.gz", "TALKS.JSONL", "talks.ndjson", "talks.ndjson.gz"])
def test_lines_of_json_are_read_under_each_of_their_names(name: str, tmp_path: Path) -> None:
    content = CHAT.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert bring([tmp_path / name], "sft", tmp_path / "out").rows == 1


def test_a_cut_gzip_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(CHAT.encode() * 50)[:-12])
    with pytest.raises(DataError, match=r"cut\.jsonl\.gz is no whole gzip file"):
        bring([tmp_path / "cut.jsonl.gz"], "sft", tmp_path / "out")


def test_a_folder_that_datasets_saved_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    table = pyarrow.Table.from_pylist([json.loads(CHAT)] * 3)
    with pyarrow.OSFile(str(folder / "data-0.arrow"), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as out:
        out.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-0.arrow"}]}))
    (folder / "dataset_info.json").write_text("{}")
    assert bring([folder], "sft", tmp_path / "out").rows == 3
    (folder / "data-0.arrow").write_bytes(b"cut")
    with pytest.raises(DataError, match="to_parquet"):
        bring([folder], "sft", tmp_path / "out")
