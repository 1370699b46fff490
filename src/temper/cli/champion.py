"""`temper rollback` and `temper promote`: a person moves the champion."""

from temper.artifacts.store import Store
from temper.config import Runtime
from temper.registry.champions import Champions
from temper.registry.tracking import Tracker, tracking_uri


def rollback(name: str, why: str, store: str | None) -> int:
    """Make the champion before this one champion again. Raises MissingModelError and StoreError."""
    move = _champions(name, store).rollback(why)
    before = f"was version {move.begun_at}" if move.begun_at else "had been deleted"
    print(f"{name}: the champion {before} and is version {move.to} again")
    return 0


def promote(name: str, version: str, why: str, store: str | None) -> int:
    """Make a version the champion. Raises MissingModelError and StoreError."""
    print(f"{name}: version {_champions(name, store).promote(version, why)} is the champion")
    return 0


def _champions(name: str, store: str | None) -> Champions:
    return Champions(Tracker(tracking_uri(Runtime())), name, Store(store))
