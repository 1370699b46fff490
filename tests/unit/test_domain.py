"""The automotive domain: enough of it, every rule reachable, splits apart, worlds repeatable."""

import random

import pytest

from temper.domains import load_domain
from temper.domains.automotive import Automotive
from temper.domains.automotive.requests import REQUESTS
from temper.domains.automotive.requests.phrases import OPENERS, PHRASES
from temper.domains.automotive.wording import ANSWERS, CORRECTIONS
from temper.domains.base import Call

DOMAIN = Automotive()


def test_a_dozen_tools_and_rules() -> None:
    assert len(DOMAIN.tools) >= 12
    assert len(DOMAIN.rules) >= 12


def test_equal_seeds_give_equal_worlds() -> None:
    assert DOMAIN.world(5, "test").state_digest() == DOMAIN.world(5, "test").state_digest()
    assert DOMAIN.world(5, "test").state_digest() != DOMAIN.world(6, "test").state_digest()


def test_no_entity_and_no_wording_is_in_both_splits() -> None:
    train, test = (DOMAIN.world(1, split) for split in ("train", "test"))
    assert not set(train.models) & set(test.models)
    assert not set(train.vehicles) & set(test.vehicles)
    for wordings in (REQUESTS, ANSWERS):
        for name, splits in wordings.items():
            assert not set(splits["train"]) & set(splits["test"]), name
    assert not set(CORRECTIONS["train"]) & set(CORRECTIONS["test"])


def test_no_composed_wording_is_a_test_wording() -> None:
    for intent, kinds in PHRASES.items():
        test = {text.lower() for text in REQUESTS[intent]["test"]}
        for kind, phrases in kinds.items():
            assert not test & {opener.format(phrase).lower() for opener in OPENERS[kind] for phrase in phrases}
    assert set(PHRASES) == set(DOMAIN.intents)


def test_tools_that_read_change_nothing() -> None:
    for intent in DOMAIN.intents.values():
        world = DOMAIN.world(2, "train")
        lines = DOMAIN.task(random.Random(0), world, intent.name, "train", None)
        if lines and not any(DOMAIN.tools[name].writes for name in intent.tools):
            before = world.state_digest()
            for name, arguments in DOMAIN.plan(lines[-1].truth):
                world.run(name, {**arguments, **({"vehicle": "V1"} if arguments.get("vehicle") == "$a" else {})})
            assert world.state_digest() == before


@pytest.mark.parametrize("rule", [name for name in DOMAIN.rules if name not in ("confirm_first", "one_reservation")])
def test_every_rule_can_be_run_into_and_only_it_breaks(rule: str) -> None:
    for tool in DOMAIN.rules[rule].tools:
        for seed in range(40):
            world = DOMAIN.world(seed, "train")
            lines = DOMAIN.task(random.Random(seed), world, tool, "train", None, rule)
            if lines:
                calls = DOMAIN.plan(lines[-1].truth)
                assert world.broken(calls) == rule
                break
        else:
            pytest.fail(f"{rule} was never reached through {tool}")


def test_rules_about_the_customer_hold() -> None:
    world = DOMAIN.world(1, "train")
    vehicle = next(v.id for v in world.vehicles.values() if not v.sold)
    unsure: list[Call] = [("reserve_vehicle", {"vehicle": vehicle, "confirmed": "no"})]
    sure: list[Call] = [("reserve_vehicle", {"vehicle": vehicle, "confirmed": "yes"})]
    assert world.broken(unsure) == "confirm_first"
    assert world.broken(sure) is None
    world.run(*sure[0])
    assert world.broken(sure) == "one_reservation"


def test_a_world_without_sold_vehicles_has_no_request_for_one() -> None:
    world = DOMAIN.world(1, "train")
    for vehicle in world.vehicles.values():
        vehicle.sold = False
    rng = random.Random(0)
    assert DOMAIN.task(rng, world, "quote_finance", "train", None, "vehicle_sold") == []
    assert DOMAIN.task(rng, world, "quote_finance", "train", None, None)


@pytest.mark.parametrize("name", ["automotive", "travel"])
def test_a_correction_says_the_right_value_after_a_wrong_one(name: str) -> None:
    domain, found = load_domain(name), 0
    for seed in range(60):
        for intent in domain.intents:
            lines = domain.task(random.Random(seed), domain.world(seed, "train"), intent, "train", None, None, 1.0)
            if len(lines) < 2 or "correction" not in lines[1].slices:
                continue
            found += 1
            wrong, right = lines[0].truth, lines[1].truth
            (field,) = (key for key in right.entities if right.entities[key] != wrong.entities[key])
            assert wrong.missing == right.missing != ()
            assert str(right.entities[field]).lower() in lines[1].text.lower()
            assert str(wrong.entities[field]).lower() in lines[0].text.lower()
            assert lines[-1].truth.entities[field] == right.entities[field]
    assert found > 100
