"""The seeded world of the travel agency: flights, hotels, tables, sights, and what the last searches kept."""

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from temper.domains.base import STEP, Call, Checked, Outcome, of_split, reviewed
from temper.domains.travel import actions
from temper.domains.travel.catalogue import CITIES, CUISINES, DAYS, HOTELS, KINDS, RESTAURANTS, SIGHTS, STARS
from temper.domains.travel.rules import CHECKS, RULES
from temper.rows import Value

T = TypeVar("T")


@dataclass(frozen=True)
class Flight:
    """A flight of one day; prices in whole euros."""

    id: str
    origin: str
    destination: str
    day: str
    price: int
    full: bool


@dataclass(frozen=True)
class Place:
    """A place of a city that has a name."""

    id: str
    name: str
    city: str


@dataclass(frozen=True)
class Hotel(Place):
    """A hotel with its price a night."""

    stars: int
    price: int


@dataclass(frozen=True)
class Restaurant(Place):
    """A restaurant of one cuisine."""

    cuisine: str


@dataclass(frozen=True)
class Sight(Place):
    """A sight of one kind."""

    kind: str


@dataclass
class World:
    """All that the tools read and change. Equal seeds and equal calls give equal states."""

    flights: dict[str, Flight]
    hotels: dict[str, Hotel]
    restaurants: dict[str, Restaurant]
    attractions: dict[str, Sight]
    trips: dict[str, str]
    counter: int
    cache: dict[str, list[str]] = field(default_factory=dict)
    """Ids that the last search of each kind found."""

    def run(self, name: str, arguments: Mapping[str, Value]) -> Outcome:
        """Run one validated call."""
        return actions.ACTIONS[name](self, **arguments)

    def review(self, calls: Sequence[Call]) -> list[Checked]:
        """Every rule about these calls, in the order of RULES, and whether it holds now."""
        return reviewed(RULES, CHECKS, self, calls)

    def broken(self, calls: Sequence[Call]) -> str | None:
        """The first rule that these calls would break now."""
        return next((checked.rule for checked in self.review(calls) if not checked.holds), None)

    def facts(self, entities: Mapping[str, Value], intent: str) -> str:
        """Kept results, seats and owners, where a rule about this intent asks for them."""
        about = {name for name, rule in RULES.items() if intent in rule.tools}
        parts = [f"{kind} {self.kept(kind)}" for kind in ("flights", "hotels") if f"{kind}_first" in about]
        if "flight_full" in about and entities.get("flight"):
            parts.append(f"{entities['flight']} {self.seats(str(entities['flight']))}")
        if "own_trip" in about and entities.get("booking"):
            parts.append(f"{entities['booking']} {self.owner(str(entities['booking']))}")
        return ", ".join(parts)

    def kept(self, kind: str) -> str:
        """Whether a search of this kind has found something to go on with."""
        return "cached" if self.cache.get(kind) else "none"

    def seats(self, flight: str) -> str:
        """Whether a flight has seats."""
        known = self.flights.get(flight)
        return "unknown" if known is None else "full" if known.full else "free"

    def owner(self, booking: str) -> str:
        """Whose booking it is."""
        return "own" if booking in self.trips else "other"

    def next_id(self) -> str:
        """A new number for a booking, of the split that the world is of."""
        self.counter += STEP
        return f"T{self.counter}"

    def state_digest(self) -> str:
        """sha256 of everything that a tool can change."""
        state = json.dumps({"trips": self.trips, "cache": self.cache}, sort_keys=True)
        return "sha256:" + hashlib.sha256(state.encode()).hexdigest()


def make_world(seed: int, split: str) -> World:
    """A world of five cities. Numbers divisible by three belong to the test split, the others to training."""
    rng = random.Random(f"travel {seed} {split}")
    cities = rng.sample(CITIES[split], 5)
    ids = iter(rng.sample(of_split(range(10, 600), split), 150))

    def flight(id: str) -> Flight:
        origin, destination = rng.sample(cities, 2)
        price = rng.randint(4, 60) * 10
        return Flight(id, origin, destination, rng.choice(DAYS), price, rng.random() < 0.2)

    def hotel(id: str) -> Hotel:
        name, price = rng.choice(HOTELS[split]), rng.randint(5, 40) * 10
        return Hotel(id, name, rng.choice(cities), rng.choice(STARS), price)

    def restaurant(id: str) -> Restaurant:
        return Restaurant(id, rng.choice(RESTAURANTS[split]), rng.choice(cities), rng.choice(CUISINES))

    def sight(id: str) -> Sight:
        return Sight(id, rng.choice(SIGHTS[split]), rng.choice(cities), rng.choice(KINDS))

    def things(prefix: str, count: int, make: Callable[[str], T]) -> dict[str, T]:
        return {id: make(id) for id in (f"{prefix}{next(ids)}" for _ in range(count))}

    return World(
        flights=things("F", 60, flight),
        hotels=things("H", 40, hotel),
        restaurants=things("R", 30, restaurant),
        attractions=things("A", 20, sight),
        trips={f"T{rng.choice(of_split(range(10, 100), split))}": rng.choice(("flight", "hotel")) for _ in range(2)},
        counter=rng.choice(of_split(range(100, 800), split)),
    )
