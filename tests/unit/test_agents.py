"""M under a teacher, under rules, and under models that write nonsense."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temper.agents.client import Answer, Request
from temper.agents.inputs import ExplainerInput
from temper.agents.plan import Malformed
from temper.agents.roles import completed, grounded, holds, parse_calls, parse_understanding, parse_verdict, ungrounded
from temper.agents.running import Run
from temper.agents.runtime import SAFE_REFUSAL, Conversation, System
from temper.agents.scoring import tool_metrics, why_wrong
from temper.domains import load_domain
from temper.domains.base import Understanding
from temper.synthesis.customer import Traffic
from temper.synthesis.domain_check import HARD
from temper.synthesis.simulator import play
from temper.synthesis.teacher import Oracle, Teacher
from tests.unit.stage_run import point

DOMAIN = load_domain("automotive")


class Says:
    """A model that writes prepared answers by role."""

    def __init__(self, **answers: str | list[str]) -> None:
        self.answers = answers

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        answer = self.answers[request.role]
        return Answer(answer.pop(0) if isinstance(answer, list) else answer)


def talk(model: object, threshold: float = 1e9, seed: int = 1) -> Conversation:
    return Conversation(System(DOMAIN, model, threshold, 64), DOMAIN.world(seed, "test"))  # type: ignore[arg-type]


@pytest.mark.parametrize("changes_of_mind", [0.0, 0.5])
def test_a_faultless_teacher_reaches_every_goal(changes_of_mind: float) -> None:
    traffic = Traffic(naive_rate=0.0, timid_rate=0.0, corrections=changes_of_mind, dropped=changes_of_mind)
    slices: set[str] = set()
    for seed in range(20):
        episode = asyncio.run(play(DOMAIN, seed, "test", traffic))
        slices |= {name for line in episode.lines for name in line.slices}
        world = DOMAIN.world(seed, "test")
        oracle = Oracle(DOMAIN, world)
        again = Conversation(System(DOMAIN, Teacher(oracle, random.Random(0), 0.0), 15.0, 64), world)
        for line in episode.lines:
            oracle.truth = line.truth
            turn = asyncio.run(again.turn(line.text))
            assert not set(turn.counts) - {"reference_empty"}, (line, turn.counts)  # a search may find nothing
        assert world.state_digest() == episode.goal
    assert ({"correction", "dropped_task"} <= slices) == bool(changes_of_mind)


def test_a_teacher_that_always_errs_still_ends_every_conversation() -> None:
    for seed in range(40):
        episode = asyncio.run(play(DOMAIN, seed, "test", Traffic()))
        world = DOMAIN.world(seed, "test")
        oracle = Oracle(DOMAIN, world)
        erring = Conversation(System(DOMAIN, Teacher(oracle, random.Random(seed), 1.0), 15.0, 64), world)
        for line in episode.lines:
            oracle.truth = line.truth
            assert asyncio.run(erring.turn(line.text)).reply


def test_a_conversation_switches_business_in_the_middle() -> None:
    episode = asyncio.run(play(DOMAIN, 3, "train", Traffic()))
    businesses = [DOMAIN.intents[line.truth.intent].business for line in episode.lines]
    assert len(set(businesses[:5])) == len(set(businesses[5:])) == 1
    assert businesses[0] != businesses[-1]


def test_a_rule_stops_a_plan_and_a_stubborn_planner_is_refused_safely() -> None:
    model = Says(
        understander='{"intent":"book_service","entities":{"service":"inspection","day":"sunday","time":"09:00"},"missing":[]}',
        planner='a = book_service(service="inspection", day="sunday", time="09:00")',
    )
    conversation = talk(model)
    before = conversation.world.state_digest()
    turn = asyncio.run(conversation.turn("Book an inspection on sunday at 09:00."))
    assert turn.reply == SAFE_REFUSAL
    assert turn.counts["replanned"] == 3
    assert not turn.calls
    assert conversation.world.state_digest() == before


BOOKED = 'a = service_price(service="inspection")\nb = book_service(service="inspection", day="monday", time="09:00")'


BOOKING = (
    '[{"name":"service_price","arguments":{"service":"inspection"}},'
    '{"name":"book_service","arguments":{"service":"inspection","day":"monday","time":"09:00"}}]'
)


@pytest.mark.parametrize("first", ['refuse(rule="too_late")', 'seek_information(field="time")'])
def test_a_refusal_that_no_rule_backs_goes_back_to_the_planner_once(first: str) -> None:
    state = '{"intent":"book_service","entities":{"service":"inspection","day":"monday","time":"09:00"},"missing":[]}'
    answers = {"understander": state, "executor": BOOKING, "explainer": "Booked."}
    model = Says(**answers, planner=[first, BOOKED])
    turn = asyncio.run(talk(model).turn("Book an inspection on monday at 09:00."))
    planner = [trace for trace in turn.traces if trace.role == "planner"]
    assert planner[1].messages[-1]["content"].endswith("book_service feedback: allowed")
    assert [name for name, _ in turn.calls] == ["service_price", "book_service"]
    stubborn = Says(**answers, planner='refuse(rule="too_late")')
    turn = asyncio.run(talk(stubborn).turn("Book an inspection on monday at 09:00."))
    assert not turn.calls
    assert turn.counts["refusal_sent_back"] == 1


def test_an_objection_that_no_check_backs_makes_m_look_twice_and_loses_nothing() -> None:
    model = Says(
        understander='{"intent":"book_service","entities":{"service":"inspection","day":"monday","time":"09:00"},"missing":[]}',
        planner=[BOOKED, 'refuse(rule="saturday_jobs")', BOOKED],
        evaluator="closed_sunday monday ok, too_late 09:00 ok, saturday_jobs monday inspection broken",
        executor=BOOKING,
        explainer="Booked.",
    )
    turn = asyncio.run(talk(model, threshold=1.0).turn("Book an inspection on monday at 09:00."))
    assert [trace.role for trace in turn.traces].count("evaluator") == 1
    assert [name for name, _ in turn.calls] == ["service_price", "book_service"]
    assert (turn.counts["replanned"], turn.counts["refusal_sent_back"]) == (1, 1)


def test_an_objection_that_a_check_backs_stands() -> None:
    sunday = BOOKED.replace("monday", "sunday")
    model = Says(
        understander='{"intent":"book_service","entities":{"service":"inspection","day":"sunday","time":"09:00"},"missing":[]}',
        planner=[sunday, 'refuse(rule="closed_sunday")'],
        evaluator="closed_sunday sunday broken",
        explainer="Sorry, we are closed on sunday.",
    )
    turn = asyncio.run(talk(model, threshold=0.0).turn("Book an inspection on sunday at 09:00."))
    assert not turn.calls
    assert turn.counts == {"replanned": 1}


def test_a_refusal_by_another_rule_than_the_first_broken_one_goes_back() -> None:
    model = Says(
        understander='{"intent":"book_service","entities":{"service":"inspection","day":"sunday","time":"21:00"},"missing":[]}',
        planner=['refuse(rule="too_late")', 'refuse(rule="closed_sunday")'],
        explainer="Sorry, we are closed on sunday.",
    )
    turn = asyncio.run(talk(model).turn("Book an inspection on sunday at 21:00."))
    planner = [trace for trace in turn.traces if trace.role == "planner"]
    assert planner[1].messages[-1]["content"].endswith("book_service feedback: closed_sunday")
    assert turn.counts == {"refusal_sent_back": 1}


def test_what_the_explainer_drops_of_a_result_follows_in_brackets() -> None:
    answers = {
        "understander": '{"intent":"opening_hours","entities":{"department":"sales"},"missing":[]}',
        "planner": 'a = opening_hours(department="sales")',
        "executor": '[{"name":"opening_hours","arguments":{"department":"sales"}}]',
    }
    turn = asyncio.run(talk(Says(**answers, explainer="We open at 09:00.")).turn("When is sales open?"))
    inputs = turn.traces[-1].inputs
    assert isinstance(inputs, ExplainerInput)
    assert isinstance(inputs.happened, Run)
    facts = inputs.happened.outcomes[-1].facts
    assert turn.reply.startswith("We open at 09:00. (")
    assert holds(turn.reply, facts)
    assert turn.counts["explainer_completed"] == 1
    whole = f"Here you are: {', '.join(facts)}."
    assert asyncio.run(talk(Says(**answers, explainer=whole)).turn("When is sales open?")).reply == whole


def test_a_refusal_that_does_not_say_why_is_followed_by_the_rule() -> None:
    wanted = '{"service":"inspection","day":"monday","time":"21:00"}'
    answers = {
        "understander": f'{{"intent":"book_service","entities":{wanted},"missing":[]}}',
        "planner": 'refuse(rule="too_late")',
    }
    vague = asyncio.run(talk(Says(**answers, explainer="Sorry, you are late.")).turn("Inspection on monday at 21:00."))
    assert vague.reply == "Sorry, you are late. (time up to 17:00)"
    assert vague.counts["explainer_completed"] == 1
    clear = asyncio.run(talk(Says(**answers, explainer="At 17:00 at most.")).turn("Inspection on monday at 21:00."))
    assert clear.reply == "At 17:00 at most."


def test_a_refusal_that_a_rule_backs_is_told_at_once() -> None:
    model = Says(
        understander='{"intent":"book_service","entities":{"service":"inspection","day":"sunday","time":"09:00"},"missing":[]}',
        planner=['refuse(rule="closed_sunday")'],
        explainer="Sorry, we are closed on sunday.",
    )
    assert not asyncio.run(talk(model).turn("Book an inspection on sunday at 09:00.")).counts


@pytest.mark.parametrize(
    ("executor", "handled"),
    [
        ("", "executor_malformed"),
        ("[]", "executor_malformed"),
        ('[{"name":"opening_hours","arguments":{"department":7}}]', "executor_malformed"),
        ('[{"name":"hand_over","arguments":{"department":"sales"}}]', "executor_deviated"),
        ('[{"name":"opening_hours","arguments":{"department":"service"}}]', "executor_deviated"),
    ],
)
def test_what_the_executor_writes_is_what_runs_and_only_what_was_approved_does(executor: str, handled: str) -> None:
    model = Says(
        understander='{"intent":"opening_hours","entities":{"department":"sales"},"missing":[]}',
        planner='a = opening_hours(department="sales")',
        executor=executor,
        explainer="The sales department is open from 09:00 to 18:00.",
    )
    conversation = talk(model)
    before = conversation.world.state_digest()
    turn = asyncio.run(conversation.turn("When is sales open?"))
    assert (turn.calls, turn.reply, turn.counts) == ([], SAFE_REFUSAL, {handled: 1})
    assert conversation.world.state_digest() == before
    model.answers["executor"] = '[{"name":"opening_hours","arguments":{"department":"sales"}}]'
    turn = asyncio.run(conversation.turn("When is sales open?"))
    assert turn.calls == [("opening_hours", {"department": "sales"})]


def test_the_llm_evaluator_is_asked_about_complex_plans_alone() -> None:
    answers = {
        "understander": '{"intent":"service_price","entities":{"service":"inspection"},"missing":[]}',
        "planner": 'a = service_price(service="inspection")',
        "evaluator": "safe",
        "executor": "[]",
        "explainer": "The inspection is 150 euros.",
    }
    roles = [t.role for t in asyncio.run(talk(Says(**answers), threshold=15.0).turn("Price?")).traces]
    assert "evaluator" not in roles
    roles = [t.role for t in asyncio.run(talk(Says(**answers), threshold=1.0).turn("Price?")).traces]
    assert "evaluator" in roles


NONSENSE = st.text(max_size=120) | st.sampled_from(
    [
        '{"intent":"find_vehicles","entities":{}}',
        "[" * 400,
        '{"a":1',
        "safe",
        'refuse(rule="x")',
        "1e999",
        "NaN",
        "null",
    ]
)


@settings(max_examples=150, deadline=None)
@given(NONSENSE, NONSENSE, NONSENSE, NONSENSE, NONSENSE)
def test_a_turn_never_raises_for_what_a_model_wrote(
    understander: str, planner: str, evaluator: str, executor: str, explainer: str
) -> None:
    model = Says(
        understander=understander, planner=planner, evaluator=evaluator, executor=executor, explainer=explainer
    )
    turn = asyncio.run(talk(model, threshold=0.0).turn("Hello"))
    assert isinstance(turn.reply, str)


@settings(max_examples=150, deadline=None)
@given(NONSENSE)
def test_parsers_raise_malformed_alone(text: str) -> None:
    for parser in (parse_understanding, parse_verdict, parse_calls):
        try:
            parser(text, DOMAIN)
        except Malformed:
            continue


def test_invented_specifics_are_found() -> None:
    given_text = "book_test_drive: B7 V12 monday 14:00"
    assert ungrounded("Your test drive of V12 on monday at 14:00 is booked: B7.", given_text, DOMAIN) == []
    assert ungrounded("V13 on tuesday at 14:00 in a Volvo.", given_text, DOMAIN) == ["tuesday", "v13", "volvo"]


def test_what_a_reply_invents_is_found_beside_the_facts_that_m_appends() -> None:
    model = Says(
        understander='{"intent":"opening_hours","entities":{"department":"sales"},"missing":[]}',
        planner='a = opening_hours(department="sales")',
        executor='[{"name":"opening_hours","arguments":{"department":"sales"}}]',
        explainer="Come on friday.",
    )
    turn = asyncio.run(talk(model).turn("When is sales open?"))
    assert "09:00" in turn.reply
    assert turn.invented == ["friday"]
    assert turn.counts == {"explainer_completed": 1, "explainer_ungrounded": 1}


def test_what_nobody_said_is_asked_for_and_what_was_said_stays() -> None:
    answer = '{"intent":"book_test_drive","entities":{"vehicle":"V12","time":"14:00"},"missing":[]}'
    model = Says(understander=answer, planner='seek_information(field="day")', explainer="Which day would you like?")
    conversation = talk(model)
    asyncio.run(conversation.turn("A test drive of V12, please."))
    assert conversation.pending == Understanding("book_test_drive", {"vehicle": "V12"}, ("day", "time"))
    model.answers["understander"] = '{"intent":"book_test_drive","entities":{"day":"monday"},"missing":[]}'
    turn = asyncio.run(conversation.turn("On Monday."))
    assert conversation.pending == Understanding("book_test_drive", {"vehicle": "V12", "day": "monday"}, ("time",))
    assert turn.counts == {"understander_ungrounded": 1}


@pytest.mark.parametrize(
    ("said", "kept"),
    [("Yes, go ahead.", "V12"), ("No, this car.", "V15"), ("I meant V15.", "V15"), ("I meant V20.", "V12")],
)
def test_the_open_task_keeps_its_value_until_other_words_are_said(said: str, kept: str) -> None:
    """What is shown meanwhile is another car: V15."""
    pending = Understanding("reserve_vehicle", {"vehicle": "V12"}, ("confirmed",))
    answered = Understanding("reserve_vehicle", {"vehicle": "V15"})
    assert grounded(answered, pending, "V15", said, DOMAIN).entities == {"vehicle": kept}
    assert grounded(answered, None, "V15", said, DOMAIN).entities.get("vehicle") == "V15"


@pytest.mark.parametrize(
    ("said", "focus", "understood", "whole"),
    [
        ("What is the price of inspection?", None, ("service_price", {}), {"service": "inspection"}),
        ("How much would oil change cost me?", None, ("service_price", {"service": "oil"}), {"service": "oil change"}),
        ("Please cancel my booking b33.", None, ("cancel_booking", {}), {"booking": "B33"}),
        ("Nice of it. When on Monday is it free?", "V12", ("check_slots", {}), {"vehicle": "V12", "day": "monday"}),
        ("Is it possible to get a discount?", "V12", ("apply_discount", {}), {}),
        ("He was happy with it. A discount, please.", "V12", ("apply_discount", {}), {}),
        ("Monday or tuesday, V12.", None, ("check_slots", {}), {"vehicle": "V12"}),
        ("This car, on tuesday.", "V12", ("check_slots", {"vehicle": "V15"}), {"vehicle": "V15", "day": "tuesday"}),
        ("Yes, go ahead.", None, ("reserve_vehicle", {"vehicle": "V12"}), {"vehicle": "V12", "confirmed": "yes"}),
        ("Yesterday.", None, ("reserve_vehicle", {"vehicle": "V12"}), {"vehicle": "V12"}),
        ("In V12x?", None, ("vehicle_details", {}), {}),
    ],
)
def test_what_was_said_is_not_asked_for(said: str, focus: str | None, understood: tuple, whole: dict[str, str]) -> None:
    intent, entities = understood
    found = completed(Understanding(intent, entities, ("?",)), focus, said, DOMAIN)
    assert found.entities == whole
    assert found.missing == tuple(name for name in DOMAIN.intents[intent].entities if name not in whole)


@pytest.mark.parametrize("name", ["automotive", "travel"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_what_words_spell_out_is_what_customers_mean(name: str, split: str) -> None:
    for seed in range(30):
        episode = asyncio.run(play(load_domain(name), seed, split, HARD))
        assert not any(turn.counts["understander_completed"] for turn in episode.turns)


def test_a_completed_request_goes_on_and_is_counted() -> None:
    model = Says(
        understander='{"intent":"opening_hours","entities":{},"missing":["department"]}',
        planner='a = opening_hours(department="sales")',
        executor='[{"name":"opening_hours","arguments":{"department":"sales"}}]',
        explainer="From 09:00 to 18:00 in sales.",
    )
    turn = asyncio.run(talk(model).turn("What are the opening hours of sales?"))
    assert turn.calls == [("opening_hours", {"department": "sales"})]
    assert turn.counts == {"understander_completed": 1}


def test_facts_are_whole_words() -> None:
    assert holds("It costs 1200 euros.", ["1200"])
    assert not holds("It costs 12000 euros.", ["1200"])


def test_plans_with_the_same_effect_count_as_right() -> None:
    expected = 'a = service_price(service="inspection")'
    assert why_wrong(point("planner", expected), expected.replace("a =", "price ="), DOMAIN) is None
    assert why_wrong(point("planner", expected), 'a = service_price(service="oil change")', DOMAIN) == "another plan"
    assert "malformed" in str(why_wrong(point("planner", expected), "no idea", DOMAIN))


def test_tool_metrics_count_turns_without_a_tool() -> None:
    ask, call = 'seek_information(field="day")', 'a = opening_hours(department="sales")'
    assert tool_metrics([(ask, ask), (call, call)], DOMAIN)["tool_f1_percent"] == pytest.approx(100)
    assert tool_metrics([(ask, call), (call, call)], DOMAIN)["tool_precision_percent"] == pytest.approx(50)
