"""Automotive text for continual pretraining: notes on rules, stock, jobs and tools, each with a context."""

import random

from temper.domains.automotive.catalogue import DEPARTMENTS, SERVICES
from temper.domains.automotive.replies import REFUSALS
from temper.domains.automotive.rules import RULES
from temper.domains.automotive.tools import TOOLS
from temper.domains.automotive.world import World, make_world


def _stock(rng: random.Random, world: World) -> tuple[str, str]:
    cars = rng.sample(list(world.vehicles.values()), 4)
    lines = [
        f"{car.id} is a {car.colour} {car.fuel} {car.model}, a {car.body} from {car.year}. "
        + ("It is sold." if car.sold else f"It costs {car.price} euros.")
        for car in cars
    ]
    return "Stock list of the car dealer.", " ".join(lines)


def _policy(rng: random.Random, world: World) -> tuple[str, str]:
    rules = rng.sample(list(RULES.values()), 4)
    lines = [f"{rule.name}: {rule.text}. We tell the customer: {REFUSALS[rule.name][0]}" for rule in rules]
    return "House rules of the car dealer.", " ".join(lines)


def _workshop(rng: random.Random, world: World) -> tuple[str, str]:
    jobs = rng.sample(list(SERVICES.items()), 4)
    start, end = DEPARTMENTS["service"]
    lines = [f"The {job} is {price} euros." for job, price in jobs]
    return "Notes of the workshop.", f"The service department is open from {start} to {end}. " + " ".join(lines)


def _manual(rng: random.Random, world: World) -> tuple[str, str]:
    tools = rng.sample(list(TOOLS.values()), 4)
    lines = [
        f"{tool.signature} {'changes' if tool.writes else 'looks up'} something and needs "
        f"{' and '.join(tool.arguments.model_fields)}."
        for tool in tools
    ]
    return "Manual of the sales system.", " ".join(lines)


def documents(rng: random.Random, count: int) -> list[tuple[str, str]]:
    """`count` pairs of a context and a document, from worlds of the training split."""
    kinds = (_stock, _policy, _workshop, _manual)
    return [kinds[number % len(kinds)](rng, make_world(rng.randrange(10**6), "train")) for number in range(count)]
