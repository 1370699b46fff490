"""End-to-end scenarios: the customer's turns, the world they start in, and what has to be true at the end."""

from dataclasses import dataclass
from pathlib import Path

from temper.rows import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Ten customer turns with a switch of business in the middle."""

    id: str
    seed: int
    """Seed of the world."""
    split: str
    """Entities of the world: train or test."""
    turns: tuple[str, ...]
    """What the customer says, in order."""
    meanings: tuple[str, ...]
    """What each turn means, as the Understander should write it; read by the scripted teacher alone."""
    facts: tuple[tuple[str, ...], ...]
    """For each turn, what the reply has to hold."""
    goal: str
    """Digest of the world's state after the last turn."""
    mistake_rate: float = 0.0
    """How often the scripted teacher errs when it is the one that plays."""
    slices: tuple[str, ...] = ()


def load_scenarios(path: Path) -> list[Scenario]:
    """The scenarios of a JSON-lines file. Raises DataError naming the row."""
    return load(path, Scenario)
