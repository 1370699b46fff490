"""What M reaches with no language model, and what its agents reach without M's repairs."""

import asyncio
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest

from temper.agents.client import Answer, Request, Responder
from temper.agents.inputs import ExplainerInput
from temper.agents.runtime import Conversation, System
from temper.agents.scoring import why_wrong
from temper.config import Runtime, resolve
from temper.config.stages import EvaluateSettings
from temper.domains import load_domain
from temper.domains.base import Understanding
from temper.domains.scenario import Scenario
from temper.evaluation.floors import Rules
from temper.evaluation.points import Player, run_scenarios
from temper.evaluation.scores import Scores
from temper.process.specs import EvaluateSpec
from temper.process.stage import Stage
from temper.rows import TRAIN, ChatRow, spoken, write
from temper.stages import evaluate
from temper.synthesis.conversations import point as recorded
from temper.synthesis.customer import Traffic
from temper.synthesis.simulator import Record, play
from temper.synthesis.teacher import explain
from tests.unit.stage_run import point

DOMAIN = load_domain("automotive")
QUIET = Traffic(naive_rate=0.0, timid_rate=0.0, variants=0.0)


@cache
def rules(name: str) -> Rules:
    """Rules that learnt the words of sixty training conversations."""
    return Rules(load_domain(name), _learnt(name, 60))


def _learnt(name: str, conversations: int) -> list[ChatRow]:
    domain = load_domain(name)
    episodes = [asyncio.run(play(domain, seed, "train", Traffic())) for seed in range(conversations)]
    return [_row(record) for episode in episodes for record in episode.records]


def _row(record: Record) -> ChatRow:
    return ChatRow(id="", role=record.role, prompt=record.messages, completion=spoken(record.right))


@pytest.mark.parametrize(("name", "least"), [("automotive", 95), ("travel", 85)])
def test_a_bag_of_words_understands_most_of_what_simulated_customers_say(name: str, least: int) -> None:
    domain = load_domain(name)
    records = [r for seed in range(40) for r in asyncio.run(play(domain, seed, "test", QUIET)).records]
    heard = [
        why_wrong(point(r.role, r.right), rules(name).answer(r.role, r.messages), domain) is None
        for r in records
        if r.role == "understander"
    ]
    assert 100 * sum(heard) / len(heard) > least


@pytest.mark.parametrize(("name", "least"), [("automotive", 12), ("travel", 10)])
def test_rules_play_whole_conversations_through_the_same_runtime(name: str, least: int) -> None:
    domain, reached = load_domain(name), 0
    for seed in range(20):
        episode = asyncio.run(play(domain, seed, "test", QUIET))
        talk = Conversation(System(domain, rules(name), 20.0, 64), domain.world(seed, "test"))
        for line in episode.lines:
            asyncio.run(talk.turn(line.text))
        reached += talk.world.state_digest() == episode.goal
    assert reached >= least


def test_rules_that_learnt_nothing_still_answer_every_role() -> None:
    talk = Conversation(System(DOMAIN, Rules(DOMAIN, []), 0.0, 64), DOMAIN.world(1, "test"))
    for line in asyncio.run(play(DOMAIN, 1, "test", QUIET)).lines:
        assert asyncio.run(talk.turn(line.text)).reply


class Says:
    """A model that writes one prepared answer for each role."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        return Answer(self.answers[request.role])


HOURS = '[{"name":"opening_hours","arguments":{"department":"sales"}}]'


@pytest.mark.parametrize(
    ("answers", "said", "aided"),
    [
        # a value that nobody said, and one that was said and not understood
        ({"understander": '{"intent":"opening_hours","entities":{"department":" sales"}}'}, "When do you open?", {}),
        ({"understander": '{"intent":"opening_hours","entities":{}}'}, "And sales?", {"department": "sales"}),
    ],
)
def test_without_repairs_m_takes_what_was_understood_as_it_is(
    answers: dict[str, str], said: str, aided: dict[str, str]
) -> None:
    written = {"planner": 'seek_information(field="department")', "executor": HOURS, "explainer": "Which department?"}
    for repairs in (True, False):
        talk = Conversation(
            System(DOMAIN, Says(**written | answers), 1e9, 64, repairs=repairs), DOMAIN.world(1, "test")
        )
        turn = asyncio.run(talk.turn(said))
        entities = {} if "{}" in answers["understander"] else {"department": "sales"}
        assert talk.pending is not None
        assert talk.pending.entities == (aided if repairs else entities)
        assert bool(turn.counts) == repairs


def test_without_repairs_a_reply_that_lost_a_fact_stays_as_it_is() -> None:
    answers = {
        "understander": '{"intent":"opening_hours","entities":{"department":" sales"}}',
        "planner": 'a = opening_hours(department="sales")',
        "executor": HOURS,
        "explainer": "We are open.",
    }
    said = "When is sales open?"
    replies = [
        asyncio.run(
            Conversation(System(DOMAIN, Says(**answers), 1e9, 64, repairs=on), DOMAIN.world(1, "test")).turn(said)
        )
        for on in (False, True)
    ]
    assert replies[0].reply == "We are open."
    assert "09:00" in replies[1].reply


def test_without_repairs_a_refusal_that_no_rule_backs_stands_and_a_broken_rule_still_stops_the_plan() -> None:
    state = '{"intent":"opening_hours","entities":{"department":" sales"}}'
    refuses = Says(understander=state, planner='refuse(rule="too_late")', explainer="Sorry, the last time is 17:00.")
    talk = Conversation(System(DOMAIN, refuses, 1e9, 64, repairs=False), DOMAIN.world(1, "test"))
    assert not asyncio.run(talk.turn("When is sales open?")).counts
    sunday = '{"intent":"book_service","entities":{"service":" inspection","day":" sunday","time":" 09:00"}}'
    plan = 'a = book_service(service="inspection", day="sunday", time="09:00")'
    talk = Conversation(
        System(DOMAIN, Says(understander=sunday, planner=plan), 1e9, 64, repairs=False), DOMAIN.world(1, "test")
    )
    assert not asyncio.run(talk.turn("An inspection on sunday at 09:00.")).calls


class Bent:
    """The rules, but that one role writes something else."""

    def __init__(self, role: str, text: str) -> None:
        self.role, self.text = role, text

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        answer = await rules("automotive").respond(request, max_tokens)
        return Answer(f"{answer.text}{self.text}" if self.text else "") if request.role == self.role else answer


@pytest.mark.parametrize(("role", "text"), [("executor", ""), ("explainer", " Call us on V999.")])
def test_an_empty_executor_or_an_inventing_explainer_passes_no_scenario(role: str, text: str) -> None:
    scenarios = _scenarios(6)
    limits = EvaluateSettings(points_per_role={}, scenarios={}, concurrency=4, max_tokens=64, halstead_threshold=20.0)
    for player, passed in ((rules("automotive"), True), (Bent(role, text), False)):
        played = run_scenarios(DOMAIN, scenarios, Player(partial(_always, player)), limits, lambda *_: None)
        rows = asyncio.run(played)
        assert [row.goal_reached for row in rows].count(True) >= 4 or role == "executor"
        assert any(row.passed for row in rows) is passed


def _always(player: Responder, _: int) -> Responder:
    return player


def _scenarios(count: int) -> list[Scenario]:
    episodes = [asyncio.run(play(DOMAIN, seed, "test", QUIET)) for seed in range(count)]
    return [
        Scenario(
            id=str(episode.seed),
            seed=episode.seed,
            split="test",
            turns=tuple(line.text for line in episode.lines),
            meanings=tuple(line.truth.text() for line in episode.lines),
            facts=tuple(explain(DOMAIN, r.inputs)[1] for r in episode.records if isinstance(r.inputs, ExplainerInput)),
            goal=episode.goal,
        )
        for episode in episodes
    ]


def test_what_is_open_stays_open_without_repairs() -> None:
    model = Says(
        understander='{"intent":"book_test_drive","entities":{"vehicle":" V12"}}',
        planner='seek_information(field="day")',
        explainer="Which day?",
    )
    talk = Conversation(System(DOMAIN, model, 1e9, 64, repairs=False), DOMAIN.world(1, "test"))
    asyncio.run(talk.turn("A test drive of V12."))
    assert talk.pending == Understanding("book_test_drive", {"vehicle": "V12"}, ("day", "time"))


def test_the_stage_measures_rules_with_no_engine_and_names_them_as_floors(tmp_path: Path) -> None:
    episodes = [asyncio.run(play(DOMAIN, seed, "test", QUIET)) for seed in range(3)]
    records = [(record, episode) for episode in episodes for record in episode.records]
    points = [replace(recorded(DOMAIN, r, e), id=str(number)) for number, (r, e) in enumerate(records)]
    data = tmp_path / "evaluation"
    data.mkdir()
    write(data / "points.jsonl", points)
    write(data / "scenarios.jsonl", _scenarios(3))
    words = tmp_path / "sft"
    words.mkdir()
    write(words / TRAIN, _learnt("automotive", 20))
    spec = EvaluateSpec.of(resolve("demo", []), "rules")
    stage = Stage(spec, tmp_path / "run", {"data": data, "words": words}, Runtime())
    stage.run_dir.mkdir()
    metrics = evaluate.main(stage).metrics
    scores = Scores.read(stage.run_dir / "out" / "report")
    assert (scores.stage, scores.e2e.n) == ("rules", 3)
    assert metrics["floors.rules.executor"] == scores.agent_scores["executor"].score == 100
    assert metrics["floors.rules.e2e"] == 100 * scores.e2e.passed / 3
