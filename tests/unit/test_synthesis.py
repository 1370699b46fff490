"""The sets: deterministic, verified pairs, nothing shared with evaluation, and bad rows refused by name."""

import asyncio
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from temper.agents.roles import parses
from temper.agents.scoring import why_wrong
from temper.config import load_preset
from temper.domains import load_domain
from temper.domains.scenario import load_scenarios
from temper.errors import DataError
from temper.rows import TRAIN, ChatRow, Document, Message, PairRow, Point, load, spoken
from temper.stages.validate import TRAINING
from temper.synthesis.customer import Traffic
from temper.synthesis.overlap import Index, customer_line, key_text
from temper.synthesis.quality import alternates, check, flat
from temper.synthesis.sets import build
from temper.synthesis.simulator import play

DOMAIN = load_domain("automotive")


def row(id: str, question: str, role: str = "planner") -> ChatRow:
    return ChatRow(id=id, role=role, prompt=[{"role": "user", "content": question}], completion=spoken("x"))


def make(folder: Path, **other: Any) -> dict[str, float]:
    def out(name: str) -> Path:
        (folder / name).mkdir(parents=True, exist_ok=True)
        return folder / name

    settings = load_preset("smoke").synthesize.model_copy(update=other)
    return build(DOMAIN, settings, out, folder / "work", lambda _: None)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    make(folder)
    return folder


def test_the_same_seed_gives_the_same_bytes(sets: Path, tmp_path: Path) -> None:
    make(tmp_path)
    for path in sorted(sets.rglob("*.jsonl")):
        assert path.read_bytes() == (tmp_path / path.relative_to(sets)).read_bytes(), path.name


def test_other_prompts_for_the_drafter_change_no_other_training_set(sets: Path, tmp_path: Path) -> None:
    make(tmp_path, draft_public_prompts=0)
    trained_on = ("cpt", "sft", "practice", "dpo", "calibration")
    rows = {name: (sets / name / "train.jsonl").read_bytes() for name in (*trained_on, "draft_prompts")}
    made = {name: (tmp_path / name / "train.jsonl").read_bytes() for name in rows}
    assert [name for name in rows if rows[name] != made[name]] == ["draft_prompts"]


def test_what_the_assets_cannot_give_ends_it_before_anything_is_simulated(tmp_path: Path) -> None:
    sizes = {"draft_public_prompts": 77_000, "calibration_public": 1_400, "cpt_public_documents": 20_000}
    with pytest.raises(DataError) as refused:
        make(tmp_path, **sizes, document_characters=60_000)
    said = str(refused.value)
    assert "\n" not in said
    assert "draft_public_prompts asks for 77,000 public questions, there are 1,000 (lower it to 1000" in said
    assert all(f"synthesize.{name} asks for" in said for name in (*sizes, "document_characters"))
    assert list(tmp_path.iterdir()) == [], "nothing was played or written"


def test_what_the_conversations_cannot_give_ends_it_with_every_figure(tmp_path: Path) -> None:
    sizes = {"traces_per_role": {"executor": 5_000, "planner": 8}, "dpo_pairs": 900}
    with pytest.raises(DataError) as refused:
        make(tmp_path, **sizes)
    said = str(refused.value)
    assert said.startswith("2 of the requests cannot be met")
    for name in ("traces_per_role.executor", "dpo_pairs"):
        assert re.search(
            rf"synthesize\.{name} asks for [\d,]+ (rows|pairs), there are [\d,]+ \(lower it to \d+ or raise", said
        )


def test_rows_are_counted_beside_distinct_rows(sets: Path, tmp_path: Path) -> None:
    figures = make(tmp_path, traces_per_role={"executor": 200})
    rows = load(tmp_path / "sft" / TRAIN, ChatRow)
    different = {json.dumps([row.prompt, row.completion]) for row in rows}
    assert figures["sft_rows"] == len(rows) == 200
    assert figures["sft_distinct_rows"] == len(different) < 200


def test_no_held_out_document_is_trained_on(tmp_path: Path) -> None:
    make(tmp_path, cpt_domain_documents=300)
    trained, held = (
        {row.completion for row in load(tmp_path / "cpt" / name, Document)} for name in ("train.jsonl", "heldout.jsonl")
    )
    assert len(trained) == 304
    assert not trained & held


def test_pairs_differ_and_hard_negatives_are_a_tenth(sets: Path) -> None:
    rows = load(sets / "dpo" / TRAIN, PairRow)
    assert all(row.chosen != row.rejected for row in rows)
    origins = Counter(row.origin for row in rows)
    assert origins["hard_negative"] == max(1, len(rows) // 10)


def test_pairs_stand_on_both_sides_of_a_decision(tmp_path: Path) -> None:
    make(tmp_path, conversations=400, dpo_pairs=120)
    sides: Counter[tuple[str, str]] = Counter()
    for row in load(tmp_path / "dpo" / TRAIN, PairRow):
        chosen, rejected = (objections(row.role, side[0]["content"]) for side in (row.chosen, row.rejected))
        if chosen != rejected:
            sides[row.role, "too many" if rejected > chosen else "too few"] += 1
    for role in ("understander", "planner", "evaluator"):
        many, few = sides[role, "too many"], sides[role, "too few"]
        assert 2 * min(many, few) >= max(many, few) > 0, sides


def objections(role: str, said: str) -> int:
    """Fields called missing, or rules called broken."""
    return len(json.loads(said)["missing"]) if role == "understander" else said.count("broken")


def test_expected_answers_are_right_by_the_checker(sets: Path) -> None:
    for point in load(sets / "evaluation" / "points.jsonl", Point):
        assert why_wrong(point, point.expected, DOMAIN) is None, point


def test_scenarios_are_ten_turns(sets: Path) -> None:
    for scenario in load_scenarios(sets / "evaluation" / "scenarios.jsonl"):
        assert len(scenario.turns) == len(scenario.meanings) == len(scenario.facts) == 10


def test_training_and_evaluation_share_nothing(sets: Path) -> None:
    index = Index((key_text(row) for row in load(sets / "evaluation" / "points.jsonl", Point)), 0.9)
    for name, kind in TRAINING.items():
        assert index.hits([key_text(row) for row in load(sets / name / TRAIN, kind)]) == {}, name


def test_no_line_of_a_scenario_is_trained_on(sets: Path) -> None:
    lines = [line for scenario in load_scenarios(sets / "evaluation" / "scenarios.jsonl") for line in scenario.turns]
    index, heard = Index(lines, 0.9), set()
    for name, kind in TRAINING.items():
        texts = [customer_line(row) for row in load(sets / name / TRAIN, kind)]
        assert index.hits(texts) == {}, name
        heard |= set(texts)
    assert len(heard) > 20
    assert index.hits([lines[0]]) == {0: lines[0]}


def test_a_leaked_row_is_found_even_when_a_word_was_changed(sets: Path) -> None:
    points = load(sets / "evaluation" / "points.jsonl", Point)
    text = max((key_text(row) for row in points), key=len)
    index = Index([text], 0.8)
    assert index.hits([text, "something else altogether", text + " thanks"]).keys() == {0, 2}


def test_a_suite_names_the_bad_rows(tmp_path: Path) -> None:
    good = row("1", "hello")
    bad = replace(good, id="2", prompt=[{"role": "assistant", "content": "hello"}])
    long = row("3", "hello " * 50)
    wordless = replace(good, id="4", role="evaluator", completion=[{"role": "assistant", "content": ""}])
    records = flat("sft", [good, bad, long, wordless], lambda text: len(text.split()), lambda role, text: text == "x")
    failed = [finding for finding in check({"sft": records}, 20, tmp_path) if not finding.success]
    assert sorted(finding.column for finding in failed) == ["alternates", "answer", "answer_tokens", "parses", "tokens"]
    assert (tmp_path / "index.html").is_file()


def test_what_the_teacher_gets_wrong_is_still_of_its_roles_form(sets: Path) -> None:
    for name in ("automotive", "travel"):
        domain = load_domain(name)
        for seed in range(150):
            episode = asyncio.run(play(domain, seed, "train", Traffic(mistake_rate=0.5, catch_rate=0.0)))
            for record in episode.records:
                assert parses(record.role, record.judged, domain), (record.kind, record.judged)


def test_answers_parse_by_their_role() -> None:
    call = '[{"name":"opening_hours","arguments":{"department":"service"}}]'
    assert parses("executor", call, DOMAIN)
    assert not parses("executor", call.replace("department", "dept"), DOMAIN)
    assert not parses("executor", call[:-1], DOMAIN)
    assert parses("evaluator", "safe", DOMAIN)
    assert not parses("evaluator", "sure", DOMAIN)
    assert parses("public", "anything", DOMAIN)


def test_one_role_alone_is_not_a_balanced_set(tmp_path: Path) -> None:
    rows = [row(str(number), "hello", "planner" if number else "executor") for number in range(60)]
    records = flat("sft", rows, len, lambda *_: True)
    failed = [finding for finding in check({"sft": records}, 20, tmp_path) if not finding.success]
    assert [finding.expectation for finding in failed] == ["roles_to_be_balanced"]


def test_alternation() -> None:
    system, user, assistant = (Message(role=role, content="x") for role in ("system", "user", "assistant"))
    assert alternates([system, user, assistant])
    assert not alternates([user, user])
    assert not alternates([])
    assert not alternates([{"role": "user", "content": ""}])
