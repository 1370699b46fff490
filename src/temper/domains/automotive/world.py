"""The seeded world of the car dealer: stock, customer, calendars, workshop; changed by tools alone."""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from temper.domains.automotive import actions
from temper.domains.automotive.catalogue import BODIES, COLOURS, DAYS, FUELS, MODELS, TIMES
from temper.domains.automotive.rules import CHECKS, RULES
from temper.domains.base import STEP, Call, Checked, Outcome, of_split, reviewed
from temper.rows import Value


@dataclass
class Vehicle:
    """One car in stock; prices in whole euros."""

    id: str
    model: str
    body: str
    colour: str
    fuel: str
    year: int
    price: int
    sold: bool


@dataclass
class World:
    """All that the tools read and change. Equal seeds and equal calls give equal states."""

    vehicles: dict[str, Vehicle]
    licence: bool
    reserved: str | None
    bookings: dict[str, str]
    plates: dict[str, str]
    taken: frozenset[tuple[str, str]]
    models: tuple[str, ...]
    counter: int
    hand_overs: list[str] = field(default_factory=list)

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
        """Licence, stock, reservation and bookings, where a rule about this intent asks for them."""
        about = {name for name, rule in RULES.items() if intent in rule.tools}
        parts = []
        if "vehicle_sold" in about and entities.get("vehicle"):
            vehicle = self.vehicles.get(str(entities["vehicle"]))
            parts.append(
                f"{entities['vehicle']} {'unknown' if not vehicle else 'sold' if vehicle.sold else 'available'}"
            )
        if "licence_needed" in about:
            parts.append(f"licence {'yes' if self.licence else 'no'}")
        if "one_reservation" in about:
            parts.append(f"reserved {self.reserved or 'none'}")
        if "own_booking" in about and entities.get("booking"):
            parts.append(f"{entities['booking']} {'own' if entities['booking'] in self.bookings else 'other'}")
        return ", ".join(parts)

    def next_id(self, prefix: str) -> str:
        """A new number for a booking or a ticket, of the split that the world is of."""
        self.counter += STEP
        return f"{prefix}{self.counter}"

    def state_digest(self) -> str:
        """sha256 of everything that a tool can change."""
        state = {
            "vehicles": {key: asdict(value) for key, value in sorted(self.vehicles.items())},
            "reserved": self.reserved,
            "bookings": self.bookings,
            "hand_overs": self.hand_overs,
        }
        return "sha256:" + hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def make_world(seed: int, split: str) -> World:
    """A world of 48 vehicles. Numbers divisible by three belong to the test split, the others to training."""
    rng = random.Random(f"world {seed} {split}")
    vehicles = {}
    for number in rng.sample(of_split(range(10, 400), split), 48):
        vehicle = Vehicle(
            id=f"V{number}",
            model=rng.choice(MODELS[split]),
            body=rng.choice(BODIES),
            colour=rng.choice(COLOURS),
            fuel=rng.choice(FUELS),
            year=rng.randint(2015, 2025),
            price=rng.randint(70, 480) * 100,
            sold=rng.random() < 0.2,
        )
        vehicles[vehicle.id] = vehicle
    plates: dict[str, str] = {}
    while len(plates) < 12:
        letters, number = rng.choices("ABCDEFGHKLMNPRSTUVWXYZ", k=2), rng.choice(of_split(range(100, 1000), split))
        plates["".join(letters) + str(number)] = rng.choice(("ready", "in progress", "waiting for parts"))
    booked = of_split(range(10, 100), split)
    return World(
        vehicles=vehicles,
        licence=rng.random() < 0.8,
        reserved=None,
        bookings={f"B{n}": rng.choice(("test drive", "oil change")) for n in rng.sample(booked, 2)},
        plates=plates,
        taken=frozenset((rng.choice(DAYS), rng.choice(TIMES)) for _ in range(5)),
        models=MODELS[split],
        counter=rng.choice(of_split(range(100, 800), split)),
    )
