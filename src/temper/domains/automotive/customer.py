"""The customer's side: values for a request's entities, wordings with or without them, and answers to M's questions."""

import random

from temper.domains.automotive.catalogue import BODIES, DAYS, DEPARTMENTS, LATE, SERVICES, SMALL_JOBS, TIMES
from temper.domains.automotive.intents import INTENTS
from temper.domains.automotive.requests import wording
from temper.domains.automotive.rules import RULES
from temper.domains.automotive.wording import ANSWERS, CORRECTIONS, FOCUS, POLITE
from temper.domains.automotive.world import World
from temper.domains.base import Line, of_split
from temper.domains.talk import Task, Values, Words, tell
from temper.rows import Value

SURE = "yes, I am sure"
"""A request with these words brings its confirmation along."""


def _vehicle(rng: random.Random, world: World, sold: bool) -> str:
    """A vehicle that is sold or is not, or any where there is none such: the request then breaks no rule."""
    fitting = [vehicle.id for vehicle in world.vehicles.values() if vehicle.sold is sold]
    return rng.choice(fitting or list(world.vehicles))


def _other_booking(rng: random.Random, world: World, split: str) -> str:
    return rng.choice([f"B{n}" for n in of_split(range(10, 100), split) if f"B{n}" not in world.bookings])


def values(rng: random.Random, world: World, intent: str, split: str, breaks: str | None) -> dict[str, Value] | None:
    """Values for every entity of the intent that break the rule `breaks` and no other, or None where there are none."""
    for _ in range(20):
        day = (
            "sunday" if breaks == "closed_sunday" else "saturday" if breaks == "saturday_jobs" else rng.choice(DAYS[:6])
        )
        service = rng.choice([job for job in SERVICES if job not in SMALL_JOBS or breaks != "saturday_jobs"])
        every: dict[str, Value] = {
            "body": rng.choice(BODIES),
            "max_price": rng.randint(12, 48) * 1000,
            "vehicle": _vehicle(rng, world, sold=breaks == "vehicle_sold"),
            "day": day,
            "time": rng.choice(LATE if breaks == "too_late" else TIMES),
            "confirmed": "yes",
            "months": rng.choice((72, 84, 96)) if breaks == "term_limit" else rng.choice((12, 24, 36, 48, 60)),
            "deposit": rng.choice(range(1000, 2000, 100) if breaks == "deposit_minimum" else range(2000, 9500, 500)),
            "model": rng.choice(world.models),
            "year": rng.randint(1996, 2009) if breaks == "trade_in_year" else rng.randint(2010, 2024),
            "km": rng.randint(101, 390) * 1000 if breaks == "trade_in_km" else rng.randint(40, 99) * 1000,
            "percent": rng.choice((6, 7, 8, 9, 10, 12, 15, 20)) if breaks == "discount_limit" else rng.randint(1, 5),
            "service": service,
            "plate": rng.choice(list(world.plates)),
            "booking": _other_booking(rng, world, split)
            if breaks == "own_booking" or not world.bookings
            else rng.choice(list(world.bookings)),
            "department": rng.choice(list(DEPARTMENTS)),
        }
        entities = {name: every[name] for name in INTENTS[intent].entities}
        if world.broken([(INTENTS[intent].tools[-1], entities)] if intent in RULED else []) == breaks:
            return entities
    return None


WORDS = Words(ANSWERS, CORRECTIONS, POLITE)
RULED = {tool for rule in RULES.values() for tool in rule.tools}
"""Tools that a rule speaks of; their intents have the same name."""


def _say(rng: random.Random, template: str, entities: Values, focus: str | None, split: str) -> str:
    """The template with its values; the vehicle in focus is often just `it`."""
    spoken = dict(entities)
    if spoken.get("vehicle") and spoken["vehicle"] == focus and rng.random() < 0.6:
        spoken["vehicle"] = rng.choice(FOCUS[split])
    text = template.format(**spoken)
    return text[0].upper() + text[1:]


def task(
    rng: random.Random,
    world: World,
    intent: str,
    split: str,
    focus: str | None,
    breaks: str | None = None,
    corrections: float = 0.0,
) -> list[Line]:
    """A request, its correction, and the answers to all that it left out; see `Domain.task`."""
    entities = values(rng, world, intent, split, breaks)
    if entities is None:
        return []
    if breaks != "vehicle_sold" and "vehicle" in entities and focus in world.vehicles and rng.random() < 0.5:
        here = {**entities, "vehicle": focus}
        if world.broken([(intent, here)] if intent in RULED else []) == breaks:
            entities = here
    template = wording(rng, intent, split)
    implied = ("confirmed",) if SURE in template else ()
    wanted = Task(INTENTS[intent], entities, template, _slices(intent, breaks), implied)

    def say(template: str, spoken: Values) -> str:
        return _say(rng, template, spoken, focus, split)

    return tell(rng, wanted, WORDS, split, say, corrections, lambda: values(rng, world, intent, split, breaks))


def _slices(intent: str, breaks: str | None) -> tuple[str, ...]:
    rare = ("rare_intent",) if INTENTS[intent].rare else ()
    return (*rare, "out_of_policy") if breaks else rare
