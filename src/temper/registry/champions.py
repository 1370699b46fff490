"""Registration, promotion and rollback: each one locked operation, whole or not at all.

The lock is the kernel's, under TEMPER_HOME: it holds between the processes of one home. MLflow has none, so between
homes and machines that share a server two things hold instead. A bundle gets one version: whoever registered it second
finds the first and deletes its own. A move of the champion is one write, that of the alias; all else follows from it,
and what a killed process left is finished or dropped by whoever comes next. Of two moves at once the last one stays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from temper.artifacts.disk import alone
from temper.artifacts.refs import BundleRef
from temper.artifacts.store import Store
from temper.home import home
from temper.registry.bundle import Bundle, Registered, load
from temper.registry.gates import Verdict
from temper.registry.history import (
    CHAMPION,
    DEMOTED,
    DIGEST,
    LINE,
    MOVE,
    PREVIOUS,
    SERVES,
    URI,
    Model,
    Move,
    short,
)
from temper.registry.tracking import Tracker


class Champions:
    """The versions of one registered model, and which of them is champion."""

    def __init__(self, tracker: Tracker, name: str, store: Store) -> None:
        self.tracker, self.name, self.store = tracker, name, store

    def enter(self, bundle: Bundle, ref: BundleRef, verdict: Verdict, run_id: str) -> Registered:
        """Register `bundle`, once, and make it the champion if `verdict` passed and nothing speaks against it.

        Raises StoreError when a part of it is not what was measured.
        """
        load(ref, self.store)
        with self._alone():
            version = self._register(bundle, ref, run_id)
            why = self._offer(version, verdict)
            champion = self.tracker.model(self.name).champion == version
        return Registered(name=self.name, version=version, champion=champion, why=why, ref=ref, digests=bundle.digests)

    def promote(self, version_or_alias: str, why: str) -> str:
        """Make a version the champion because a person says so, whatever its gate said. Returns its number.

        Raises MissingModelError, and StoreError when its files are not what was registered.
        """
        with self._alone():
            version, ref = self.tracker.bundle(self.name, version_or_alias)
            load(ref, self.store)  # a champion whose files are gone would serve nobody
            model = self.tracker.model(self.name)
            if model.champion != version:
                self._move(model.promotion(version, _now(), why or "by hand", person=True))
        return version

    def rollback(self, why: str) -> Move:
        """Make the champion before this one champion again, or finish a rollback that was killed. Returns what it did.

        Raises MissingModelError when there is none, and StoreError when its files are not what was registered.
        """
        with self._alone() as finished:
            if finished is not None and finished.back:
                return finished  # whoever asks has seen it fail; a second step back is another question
            move = self.tracker.model(self.name).rollback(_now(), why)
            load(self.tracker.bundle(self.name, move.to)[1], self.store)
            self._move(move)
        return move

    @contextmanager
    def _alone(self) -> Iterator[Move | None]:
        """One change at a time, after all earlier ones are whole. Gives the move that had to be finished."""
        with alone(home() / "registry.lock"):
            yield self._settle()

    def _register(self, bundle: Bundle, ref: BundleRef, run_id: str) -> str:
        versions = self._versions(ref)
        if versions:
            return versions[0]
        tags = {URI: ref.uri, DIGEST: ref.digest, SERVES: bundle.serves}
        version = self.tracker.add_version(self.name, Path(self.store.open(ref)), tags, run_id)
        first = self._versions(ref)[0]
        if first != version:  # another machine came between
            self.tracker.drop_version(self.name, version)
        return first

    def _versions(self, ref: BundleRef) -> list[str]:
        """Versions of one bundle, the oldest first."""
        versions = self.tracker.model(self.name).versions.values()
        return sorted((known.number for known in versions if known.tags.get(DIGEST) == ref.digest), key=int)

    def _offer(self, version: str, verdict: Verdict) -> str:
        """Promote `version` for its gate, unless something speaks against it. Returns what came of it, and why."""
        model = self.tracker.model(self.name)
        stays = f"the champion stays version {model.champion}" if model.champion else "there is no champion"
        if model.champion == version:
            return f"version {version} is the champion already"
        if not verdict.passed:
            return f"{stays}: the gate refused version {version}"
        if verdict.baseline is not None and verdict.baseline.version != model.champion:
            return f"{stays}: version {version} was compared with version {verdict.baseline.version}; run it again"
        objection = model.objection(version)
        if objection is not None:
            return f"{stays}: {objection}; `temper promote {self.name} {version}` moves it"
        self._move(model.promotion(version, _now(), "its gate passed", person=False))
        return f"version {version} is the champion" + (f" after version {model.champion}" if model.champion else "")

    # -- writing ----------------------------------------------------------------------------------------------------

    def _move(self, move: Move) -> None:
        """Say what is about to happen, move the champion in one write, then write what follows from it."""
        self.tracker.tag_model(self.name, **{MOVE: move.model_dump_json()})
        if self.tracker.model(self.name).aliases.get(PREVIOUS) == move.to:
            self.tracker.set_alias(self.name, PREVIOUS, None)  # `previous` is never the champion, not for a moment
        self.tracker.set_alias(self.name, CHAMPION, move.to)
        self._finish(move)

    def _settle(self) -> Move | None:
        """Finish or drop a move that was killed, and take in what was moved by hand. Returns what it finished."""
        model = self.tracker.model(self.name)
        pending = model.tags.get(MOVE)
        move = Move.model_validate_json(pending) if pending else None
        if move is not None and model.champion == move.to:
            self._finish(move)
            return move
        if move is not None:
            self.tracker.tag_model(self.name, **{MOVE: None})
        self._take_in(model)
        return None

    def _take_in(self, model: Model) -> None:
        """Whoever went back in MLflow itself meant it as `temper rollback` does."""
        note = f"{_now()} found moved back to version {model.champion} by hand"
        for left in model.left_by_hand:
            self._demote(model, model.serves(left), left, note)
        if LINE in model.tags:
            self._write_line(model, model.line)

    def _finish(self, move: Move) -> None:
        model = self.tracker.model(self.name)
        for serves, left in move.demoted.items():
            self._demote(model, serves, left, move.note)
        serves = model.serves(move.to)
        if f"{DEMOTED}.{short(serves)}" in model.tags:
            self.tracker.tag_model(self.name, **{f"{DEMOTED}.{short(serves)}": None})
        if DEMOTED in model.versions[move.to].tags:
            self.tracker.tag_version(self.name, move.to, **{DEMOTED: None})
        if not move.back:
            self.tracker.tag_model(self.name, **{f"{CHAMPION}.{short(serves)}": move.note})
            self.tracker.tag_version(self.name, move.to, **{CHAMPION: move.note})
        self._write_line(model, move.line)
        self.tracker.tag_model(self.name, **{MOVE: None})

    def _write_line(self, model: Model, line: tuple[str, ...]) -> None:
        """The champions in order, and the `previous` that follows from them."""
        if model.tags.get(LINE) != " ".join(line):
            self.tracker.tag_model(self.name, **{LINE: " ".join(line)})
        previous = model.previous(line)
        if previous != model.aliases.get(PREVIOUS):
            self.tracker.set_alias(self.name, PREVIOUS, previous)

    def _demote(self, model: Model, serves: str, version: str, note: str) -> None:
        self.tracker.tag_model(self.name, **{f"{DEMOTED}.{short(serves)}": note})
        if version in model.versions:
            self.tracker.tag_version(self.name, version, **{DEMOTED: note})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
