"""Travel text for continual pretraining: guides, house rules and the manual of the tools, each with a context."""

import random

from temper.domains.travel.replies import REFUSALS
from temper.domains.travel.rules import RULES
from temper.domains.travel.tools import TOOLS
from temper.domains.travel.world import World, make_world


def _flights(rng: random.Random, world: World) -> tuple[str, str]:
    lines = [
        f"{flight.id} flies from {flight.origin} to {flight.destination} on {flight.day}. "
        + ("It is full." if flight.full else f"It costs {flight.price} euros.")
        for flight in rng.sample(list(world.flights.values()), 4)
    ]
    return "Timetable of the travel agency.", " ".join(lines)


def _places(rng: random.Random, world: World) -> tuple[str, str]:
    hotels = rng.sample(list(world.hotels.values()), 2)
    tables = rng.sample(list(world.restaurants.values()), 2)
    lines = [f"{h.id}, the {h.name} in {h.city}, has {h.stars} stars at {h.price} a night." for h in hotels]
    lines += [f"{r.id}, {r.name} in {r.city}, cooks {r.cuisine} food." for r in tables]
    return "Guide of the travel agency.", " ".join(lines)


def _policy(rng: random.Random, world: World) -> tuple[str, str]:
    rules = rng.sample(list(RULES.values()), 4)
    lines = [f"{rule.name}: {rule.text}. We tell the traveller: {REFUSALS[rule.name][0]}" for rule in rules]
    return "House rules of the travel agency.", " ".join(lines)


def _manual(rng: random.Random, world: World) -> tuple[str, str]:
    tools = rng.sample(list(TOOLS.values()), 4)
    lines = [f"{tool.signature} needs {' and '.join(tool.arguments.model_fields)}." for tool in tools]
    return "Manual of the booking system.", " ".join(lines)


def documents(rng: random.Random, count: int) -> list[tuple[str, str]]:
    """`count` pairs of a context and a document, from worlds of the training split."""
    kinds = (_flights, _places, _policy, _manual)
    return [kinds[number % len(kinds)](rng, make_world(rng.randrange(10**6), "train")) for number in range(count)]
