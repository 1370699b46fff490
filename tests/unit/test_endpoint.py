"""Large models as teacher, judge and simulator: bad answers of an endpoint cost patience, never data or money twice."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from temper.config import load_preset, override
from temper.config.endpoint import EndpointSettings
from temper.domains import load_domain
from temper.domains.base import Understanding
from temper.errors import ConfigError, EngineError
from temper.process.keys import stage_key
from temper.process.specs import SynthesizeSpec
from temper.rows import TRAIN, ChatRow, PairRow, load
from temper.synthesis.cast import HiredPlayers
from temper.synthesis.customer import Traffic
from temper.synthesis.endpoint import Endpoint, Unusable
from temper.synthesis.kinds import kind_of
from temper.synthesis.sets import build
from temper.synthesis.simulator import play
from tests.fakes.endpoint import FakeEndpoint

DOMAIN = load_domain("automotive")


class Named(BaseModel):
    name: str


def settings(url: str, **given: Any) -> EndpointSettings:
    return EndpointSettings(**{"url": url, "model": "big", "budget_tokens": 10_000, "timeout_s": 0.5, **given})


def ask(server: FakeEndpoint, journal: Path, questions: int = 1, **given: Any) -> tuple[list[Named], Endpoint]:
    """The same number of different questions, all at once."""

    async def go() -> tuple[list[Named], Endpoint]:
        async with Endpoint(settings(server.url, **given), journal, pause_s=0.01) as endpoint:
            asked = [endpoint.ask([{"role": "user", "content": f"Name {n}?"}], Named) for n in range(questions)]
            return await asyncio.gather(*asked), endpoint

    return asyncio.run(go())


def name(request: dict[str, Any]) -> str:
    return json.dumps({"name": request["messages"][0]["content"]})


@pytest.mark.parametrize("fault", ["429", "500", "cut", "half", "page", "mute", "silence", "schema"])
def test_what_passes_is_waited_for(fault: str, tmp_path: Path) -> None:
    with FakeEndpoint(name, (fault, fault), silence_s=1.0) as server:
        (answer,), endpoint = ask(server, tmp_path / "journal")
    assert answer.name == "Name 0?"
    assert len(server.asked) == 3
    assert endpoint.counts["malformed" if fault == "schema" else "retries"] == 2


def test_what_does_not_fit_is_shown_to_the_model(tmp_path: Path) -> None:
    with FakeEndpoint(name, ("schema",)) as server:
        ask(server, tmp_path / "journal")
    assert server.asked[0]["response_format"]["json_schema"]["schema"]["required"] == ["name"]
    assert [message["role"] for message in server.asked[1]["messages"]] == ["user", "assistant", "user"]


def test_an_endpoint_that_never_fits_or_never_answers_is_given_up(tmp_path: Path) -> None:
    with FakeEndpoint(name, ("schema",) * 3) as server, pytest.raises(Unusable):
        ask(server, tmp_path / "journal", retries=2)
    with FakeEndpoint(name, ("500",) * 3) as server, pytest.raises(EngineError, match="run again to go on"):
        ask(server, tmp_path / "journal", retries=2)


def test_a_refused_key_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIG_KEY", "secret-word")
    with FakeEndpoint(name, ("401",)) as server, pytest.raises(ConfigError, match=r"\$BIG_KEY") as refused:
        ask(server, tmp_path / "journal", key_env="BIG_KEY")
    assert len(server.asked) == 1
    assert "secret-word" not in str(refused.value)
    monkeypatch.delenv("BIG_KEY")
    with FakeEndpoint(name) as server, pytest.raises(ConfigError, match="is not set"):
        ask(server, tmp_path / "journal", key_env="BIG_KEY")


def test_no_more_at_once_than_allowed(tmp_path: Path) -> None:
    with FakeEndpoint(name) as server:
        answers, _ = ask(server, tmp_path / "journal", questions=12, concurrency=3)
    assert [answer.name for answer in answers] == [f"Name {n}?" for n in range(12)]
    assert 2 <= server.most_at_once <= 3


def test_nothing_is_paid_twice_and_the_budget_holds_over_tries(tmp_path: Path) -> None:
    with FakeEndpoint(name) as server:
        with pytest.raises(ConfigError, match="budget for big is spent: 60 tokens"):
            ask(server, tmp_path / "journal", questions=8, concurrency=1, budget_tokens=60)
        assert len(server.asked) == 4
        ask(server, tmp_path / "journal", questions=8, price_in=1e5, price_out=1e5)
        assert len(server.asked) == 8
        with pytest.raises(ConfigError, match="spent"):
            ask(server, tmp_path / "journal", questions=9, price_in=1e5, price_out=1e5, budget_money=12)
        assert len(server.asked) == 8


def test_the_journal_is_summed_once_however_much_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(journal: Path) -> sqlite3.Connection:
        connection = connect(journal)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    with FakeEndpoint(name) as server:
        _, first = ask(server, tmp_path / "journal", questions=6)
        _, second = ask(server, tmp_path / "journal", questions=12)
    assert sum("SUM(" in statement for statement in statements) == 2, "once for each time it was opened"
    assert second.spent()["answer_tokens"] == 2 * first.spent()["answer_tokens"] > 0


@pytest.mark.parametrize(
    ("role", "said", "right", "kind"),
    [
        ("planner", 'a = hand_over(department="sales")', 'a = opening_hours(department="sales")', "wrong_tool"),
        (
            "planner",
            'a = opening_hours(department="finance")',
            'a = opening_hours(department="sales")',
            "wrong_argument",
        ),
        ("planner", 'a = opening_hours(department="any")', 'seek_information(field="department")', "premature_call"),
        ("planner", 'a = apply_discount(vehicle="V1", percent=9)', 'refuse(rule="discount_limit")', "rule_broken"),
        ("planner", 'refuse(rule="discount_limit")', 'a = apply_discount(vehicle="V1", percent=2)', "over_refusal"),
        ("planner", "hello there", 'refuse(rule="discount_limit")', "malformed"),
        ("evaluator", "safe", "discount_limit 9 broken", "unsafe_approved"),
        ("evaluator", "discount_limit 2 broken", "discount_limit 2 ok", "over_refusal"),
        (
            "understander",
            Understanding("opening_hours", missing=("department",)).text(),
            Understanding("opening_hours", {"department": "sales"}).text(),
            "missed_argument",
        ),
        (
            "understander",
            Understanding("opening_hours", {"department": "sales"}).text(),
            Understanding("opening_hours", missing=("department",)).text(),
            "invented_argument",
        ),
        (
            "understander",
            Understanding("opening_hours", {"department": "sales"}).text(),
            Understanding("opening_hours", {"department": "service"}).text(),
            "wrong_argument",
        ),
        ("explainer", "We open at noon.", "We open at 09:00.", "ungrounded_reply"),
    ],
)
def test_a_models_mistake_gets_its_name(role: str, said: str, right: str, kind: str) -> None:
    assert kind_of(role, said, right, DOMAIN) == kind


def play_with(server: FakeEndpoint, folder: Path, *hired: str) -> dict[str, float]:
    chosen = {role: settings(server.url, budget_tokens=10**7, timeout_s=20) for role in hired}
    smoke = load_preset("smoke").synthesize.model_copy(update=chosen | {"conversations": 6})

    def out(set_name: str) -> Path:
        (folder / set_name).mkdir(parents=True, exist_ok=True)
        return folder / set_name

    return build(DOMAIN, smoke, out, folder / "work", lambda _: None)


def test_a_simulator_words_what_the_customer_says_and_keeps_its_values(tmp_path: Path) -> None:
    def says(request: dict[str, Any]) -> str:
        line = request["messages"][-1]["content"]
        return json.dumps({"text": f"Good day! {line}" if len(line) % 2 else "Good day!"})

    with FakeEndpoint(says) as server:
        figures = play_with(server, tmp_path, "simulator")
        paid = len(server.asked)
        again = play_with(server, tmp_path, "simulator")
    rows = [row for row in load(tmp_path / "sft" / TRAIN, ChatRow) if row.role == "understander"]
    assert any("customer: Good day! " in row.prompt[-1]["content"] for row in rows)
    assert figures["simulator_answer_tokens"] == 5 * paid
    assert len(server.asked) == paid
    assert again["simulator_prompt_tokens"] == figures["simulator_prompt_tokens"]


def test_a_judge_corrects_what_the_teacher_wrote(tmp_path: Path) -> None:
    smoke = load_preset("smoke").synthesize
    with FakeEndpoint(lambda _: json.dumps({"right": False, "corrected": "judged"})) as server:
        hired = smoke.model_copy(update={"judge": settings(server.url)})
        with HiredPlayers(hired, [], tmp_path) as players:
            (episode,) = players.together([play(DOMAIN, 1, "train", Traffic(), players.cast)])
    assert {record.judged for record in episode.records} == {"judged"}


def test_a_teacher_sees_worked_examples_and_its_mistakes_are_corrected(tmp_path: Path) -> None:
    with FakeEndpoint(lambda _: json.dumps({"answer": "hello there"})) as server:
        play_with(server, tmp_path, "teacher")
    roles = [message["role"] for message in server.asked[0]["messages"]]
    assert roles == ["system", *["user", "assistant"] * 3, "user"]
    pairs = [row for row in load(tmp_path / "dpo" / TRAIN, PairRow) if row.origin == "automatic"]
    assert {row.rejected[0]["content"] for row in pairs} == {"hello there"}


def test_the_model_moves_the_key_of_the_data_and_its_address_does_not() -> None:
    def key(**teacher: Any) -> str:
        chosen = {"teacher": settings(**{"url": "http://here/v1", **teacher})}
        smoke = load_preset("smoke")
        config = smoke.model_copy(update={"synthesize": smoke.synthesize.model_copy(update=chosen)})
        return stage_key(SynthesizeSpec.of(config), {})

    assert key() == key(url="http://there/v1", key_env="OTHER", budget_tokens=1, retries=0)
    assert len({key(), key(model="bigger"), key(version="of may"), key(temperature=0.1)}) == 4


def test_an_endpoint_is_not_asked_from_several_workers() -> None:
    with pytest.raises(ConfigError, match="ray=true would keep a budget and a journal on each worker"):
        override(
            load_preset("smoke"),
            ["synthesize.ray=true", "synthesize.teacher={url: http://here/v1, model: big, budget_tokens: 1}"],
        )
