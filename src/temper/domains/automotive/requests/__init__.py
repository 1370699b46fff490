"""How the dealer's customers ask, by intent, split between training and test: one file a business.

A request that leaves a `{field}` out is one with missing information. No wording is in both splits.
"""

import random

from temper.domains.automotive.requests import finance, sales, service
from temper.domains.automotive.requests.phrases import composed

REQUESTS = sales.REQUESTS | finance.REQUESTS | service.REQUESTS


def wording(rng: random.Random, intent: str, split: str) -> str:
    """A wording of this split; every other training one is composed of an opener and a phrase."""
    if split == "train" and rng.random() < 0.5:
        return composed(rng, intent)
    return rng.choice(REQUESTS[intent][split])
