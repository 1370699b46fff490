"""The traveller's side: values for a request's entities, wordings with or without them, answers to M's questions."""

import random

from temper.domains.base import Line, Understanding, of_split
from temper.domains.talk import Task, Values, Words, tell
from temper.domains.travel.catalogue import CUISINES, DAYS, KINDS, STARS
from temper.domains.travel.intents import INTENTS, plan
from temper.domains.travel.wording import ANSWERS, CORRECTIONS, POLITE, REQUESTS
from temper.domains.travel.world import World
from temper.rows import Value

TRIES = 20
WORDS = Words(ANSWERS, CORRECTIONS, POLITE)


def _values(rng: random.Random, world: World, intent: str, split: str, breaks: str | None) -> dict[str, Value] | None:
    """Values for every entity of the intent that break the rule `breaks` and no other, or None where there are none."""
    for _ in range(TRIES):
        flight = rng.choice([f for f in world.flights.values() if f.full is (breaks == "flight_full")])
        place = rng.choice(list(world.attractions.values() if "attractions" in intent else world.restaurants.values()))
        hotel = rng.choice(list(world.hotels.values()))
        there = hotel if "hotel" in intent else place
        other = f"T{rng.choice(of_split(range(100, 1000), split))}"
        every = {
            "origin": flight.origin,
            "destination": flight.destination,
            "day": "monday"
            if breaks == "closed_monday"
            else flight.day
            if "flight" in intent
            else rng.choice(DAYS[1:]),
            "max_price": rng.randint(10, 50) * 10,
            "flight": flight.id,
            "confirmed": "yes",
            "booking": other if breaks == "own_trip" else rng.choice([*world.trips, other]),
            "city": there.city,
            "stars": hotel.stars if rng.random() < 0.8 else rng.choice(STARS),
            "hotel": hotel.id,
            "nights": rng.randint(15, 40) if breaks == "nights_limit" else rng.randint(1, 14),
            "cuisine": getattr(place, "cuisine", rng.choice(CUISINES)),
            "restaurant": rng.choice(list(world.restaurants)),
            "people": rng.randint(9, 20) if breaks == "party_limit" else rng.randint(2, 8),
            "kind": getattr(place, "kind", rng.choice(KINDS)),
        }
        entities = {name: every[name] for name in INTENTS[intent].entities}
        calls = [call for call in plan(Understanding(intent, entities)) if "$a" not in call[1].values()]
        if world.broken(calls) == breaks:
            return entities
    return None


def _say(template: str, entities: Values, it: str | None) -> str:
    """The template with its values; what is in focus may be `it`."""
    spoken = {name: "it" if it is not None and value == it else value for name, value in entities.items()}
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
    entities = _values(rng, world, intent, split, breaks)
    if entities is None:
        return []
    it = None
    for name in ("flight", "hotel", "restaurant"):
        here = {**entities, name: focus}
        shown = name in entities and focus in getattr(world, f"{name}s") and rng.random() < 0.5
        if shown and world.broken(plan(Understanding(intent, here))) == breaks:
            entities, it = here, focus if rng.random() < 0.6 else None
    template = rng.choice(REQUESTS[intent][split])
    rare = ("rare_intent",) if INTENTS[intent].rare else ()
    wanted = Task(INTENTS[intent], entities, template, (*rare, "out_of_policy") if breaks else rare)

    def say(wording: str, spoken: Values) -> str:
        return _say(wording, spoken, it if wording == template else None)

    return tell(rng, wanted, WORDS, split, say, corrections, lambda: _values(rng, world, intent, split, breaks))
