"""End-to-end scenarios: the customer's turns, the world they start in, and what has to be true at the end."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from temper.errors import DataError


class Scenario(BaseModel):
    """Ten customer turns with a switch of business in the middle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    scenarios = []
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            scenarios.append(Scenario.model_validate_json(row))
        except ValidationError as error:
            raise DataError(f"{path}, row {number}: {error.errors()[0]['msg']}; write the set again") from error
    return scenarios
