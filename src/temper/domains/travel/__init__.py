"""Travel, the second built-in domain, in the shape of T1's tasks: flights, hotels, restaurants and sights, searches
whose results are kept, filters that work on kept results, and questions for missing values.
"""

import random
from collections.abc import Sequence

from temper.domains.base import Call, Outcome, Understanding
from temper.domains.mentions import mentions
from temper.domains.travel import customer, documents, replies
from temper.domains.travel.catalogue import CITIES, CUISINES, DAYS, HOTELS, KINDS, RESTAURANTS, SIGHTS
from temper.domains.travel.intents import INTENTS, plan
from temper.domains.travel.rules import RULES
from temper.domains.travel.tools import TOOLS
from temper.domains.travel.wording import QUESTIONS, RAMBLES
from temper.domains.travel.world import World, make_world

FORMS = {
    "flight": r"F\d+",
    "hotel": r"H\d+",
    "restaurant": r"R\d+",
    "booking": r"T\d+",
    "city": tuple(city for split in CITIES.values() for city in split),
    "day": DAYS,
    "cuisine": CUISINES,
    "kind": KINDS,
    "confirmed": ("yes",),
}
"""What a traveller's words spell out; of two cities only a model can tell which is the origin."""


class Travel:
    """See `temper.domains.base.Domain` for what each part means."""

    name = "travel"
    company = "a travel agency"
    tools = TOOLS
    rules = RULES
    intents = INTENTS
    shown = frozenset(("flight", "hotel", "restaurant"))
    names = frozenset(
        word.lower()
        for names in (CITIES, HOTELS, RESTAURANTS, SIGHTS)
        for split in names.values()
        for name in split
        for word in name.split()
    )
    task = staticmethod(customer.task)

    def world(self, seed: int, split: str) -> World:
        return make_world(seed, split)

    def mentioned(self, field: str, utterance: str, focus: str | None) -> list[str]:
        return mentions(FORMS, field, utterance)

    def plan(self, understanding: Understanding) -> list[Call]:
        return plan(understanding)

    def ask(self, field: str) -> tuple[str, tuple[str, ...]]:
        return QUESTIONS[field]

    def refusal(self, rule: str) -> tuple[str, tuple[str, ...]]:
        return replies.REFUSALS[rule]

    def reply(self, outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
        return replies.reply(outcomes, names)

    def documents(self, rng: random.Random, count: int) -> list[tuple[str, str]]:
        return documents.documents(rng, count)

    def ramble(self, rng: random.Random, split: str) -> str:
        return rng.choice(RAMBLES[split])


DOMAIN = Travel()
