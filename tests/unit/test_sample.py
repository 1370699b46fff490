"""An even choice of a stream: the same rows in any order and from any number of parts, and little memory."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temper.config import load_preset
from temper.domains import load_domain
from temper.rows import ChatRow, Message, spoken
from temper.synthesis import gather as gathering
from temper.synthesis.gather import TrainingRows, gather, spread_over_ray
from temper.synthesis.sample import SLACK, Sample

STREAMS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 40)), max_size=120)
"""(label, number that makes the row)."""


def row(name: str, number: int, text: str = "x") -> ChatRow:
    asked: list[Message] = [{"role": "user", "content": f"{name} {number}"}]
    return ChatRow(id="", role="planner", prompt=asked, completion=spoken(text))


def filled(stream: list[tuple[str, int]], count: int) -> Sample[ChatRow]:
    sample: Sample[ChatRow] = Sample(count, seed=3)
    for name, number in stream:
        sample.add(name, row(name, number))
    return sample


@given(STREAMS, st.integers(1, 30), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_order_and_parts_do_not_matter(
    stream: list[tuple[str, int]], count: int, rng: random.Random, parts: int
) -> None:
    whole = filled(stream, count).rows()
    again = rng.sample(stream, len(stream))
    merged: Sample[ChatRow] = Sample(count, seed=3)
    for part in range(parts):
        merged.load(json.loads(json.dumps(filled(again[part::parts], count).dump())), ChatRow)
    assert merged.rows() == whole


@given(st.permutations(["right", "wrong", "right", "other", "right", "wrong"]), st.integers(1, 3))
@settings(deadline=None)
def test_a_question_that_is_often_asked_gets_its_commonest_answer(answers: list[str], parts: int) -> None:
    merged: Sample[ChatRow] = Sample(4, seed=3, repeats=4)
    for part in range(parts):
        sample: Sample[ChatRow] = Sample(4, seed=3, repeats=4)
        for answer in answers[part::parts]:
            sample.add("a", row("a", 1, answer), text="a 1")
        merged.load(json.loads(json.dumps(sample.dump())), ChatRow)
    assert [chosen.completion[0]["content"] for chosen in merged.rows()] == ["right"] * 4


@given(STREAMS, st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_labels_have_equal_parts_as_far_as_they_go(stream: list[tuple[str, int]], count: int) -> None:
    distinct = {name: len({n for other, n in stream if other == name}) for name, _ in stream}
    chosen = [r.prompt[0]["content"] for r in filled(stream, count).rows()]
    assert len(chosen) == len(set(chosen)) == min(count, sum(distinct.values()))
    got = {name: sum(text.startswith(name) for text in chosen) for name in distinct}
    most = max(got.values(), default=0)
    assert all(number in (distinct[name], most, most - 1) for name, number in got.items())


def test_memory_does_not_grow_with_the_stream() -> None:
    sample = Sample(20, seed=1)
    for number in range(20_000):
        sample.add(str(number % 7), row("r", number))
        assert len(sample.dump()) <= SLACK * 20 + 7
    assert len(sample.rows()) == 20


DOMAIN = load_domain("automotive")
SETTINGS = load_preset("smoke").synthesize


def test_a_killed_simulation_goes_on_and_ends_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "KEEP", 4)
    whole, _ = gather(DOMAIN, SETTINGS, 14, tmp_path / "whole", lambda *_, **__: None)

    def killed(*_: object, done: int = 0, **__: object) -> None:
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gather(DOMAIN, SETTINGS, 14, tmp_path / "killed", killed)
    said: list[object] = []
    resumed, _ = gather(DOMAIN, SETTINGS, 14, tmp_path / "killed", lambda *words, **_: said.extend(words))
    assert said[0] == "goes on after conversation 8"
    assert rows(resumed) == rows(whole)


@pytest.mark.slow
def test_ray_plays_the_same_conversations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "KEEP", 5)
    alone, _ = gather(DOMAIN, SETTINGS, 12, tmp_path, lambda *_, **__: None)
    together = TrainingRows(DOMAIN, SETTINGS)
    spread_over_ray(together, SETTINGS, 12)
    assert rows(together) == rows(alone)


def rows(training: TrainingRows) -> list[Any]:
    return [*(sample.rows() for sample in training.sft.values()), training.dpo.rows()]


def test_a_label_with_too_few_rows_gives_them_again_and_the_others_once() -> None:
    sample = Sample(12, seed=3, repeats=4)
    for name, number in [("few", 1), ("few", 2), *(("many", number) for number in range(30))]:
        sample.add(name, row(name, number))
    texts = [entry.prompt[0]["content"] for entry in sample.rows()]
    assert len(texts) == 12
    few = [text for text in texts if text.startswith("few")]
    assert sorted(few) == ["few 1"] * 3 + ["few 2"] * 3
    assert len(set(texts) - set(few)) == 6
