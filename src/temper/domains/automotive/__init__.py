"""Automotive retail, the built-in domain: a dealer's stock, test drives, finance, trade-ins, workshop and hand-over."""

import random
from collections.abc import Sequence

from temper.domains.automotive import customer, documents, replies
from temper.domains.automotive.catalogue import MODELS
from temper.domains.automotive.intents import INTENTS, plan
from temper.domains.automotive.mentions import mentioned
from temper.domains.automotive.rules import RULES
from temper.domains.automotive.tools import TOOLS
from temper.domains.automotive.wording import QUESTIONS, RAMBLES
from temper.domains.automotive.world import World, make_world
from temper.domains.base import Call, Outcome, Understanding


class Automotive:
    """See `temper.domains.base.Domain` for what each part means."""

    name = "automotive"
    company = "a car dealer"
    tools = TOOLS
    rules = RULES
    intents = INTENTS
    shown = frozenset(("vehicle",))
    names = frozenset(word.lower() for models in MODELS.values() for model in models for word in model.split())
    task = staticmethod(customer.task)
    mentioned = staticmethod(mentioned)

    def world(self, seed: int, split: str) -> World:
        return make_world(seed, split)

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


DOMAIN = Automotive()
