"""A registered model as it is, and what the next move of its champion has to change. Pure; `champions.py` writes it.

Which version is champion is said by MLflow's alias alone. Beside it the model carries tags:

    champions         every champion in order, the latest last; a rollback takes the last one away
    champion.MOVE     the move that is under way, so that a killed one is finished or dropped by whoever comes next
    champion.HEX      when, as which version and why something became champion; HEX is what it serves
    demoted.HEX       when and why a person took the champion's place from it

The last two stand on the version too, for people. They are the model's because a deleted version shows no tags, and
deleting what was rolled back must not let the next run promote it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from temper.artifacts.refs import BundleRef
from temper.errors import MissingModelError

CHAMPION, PREVIOUS = "champion", "previous"
URI, DIGEST, SERVES = "bundle.uri", "bundle.digest", "bundle.serves"
LINE, MOVE, DEMOTED = "champions", "champion.MOVE", "demoted"
MOST_CHAMPIONS = 500
"""Champions that the line keeps: databases behind MLflow take 5,000 characters in a tag."""


@dataclass(frozen=True)
class Version:
    """One version that is there."""

    number: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def serves(self) -> str:
        """What it serves, whatever was measured: equal for bundles of equal parts."""
        return self.tags.get(SERVES) or self.tags.get(DIGEST, "")

    @property
    def ref(self) -> BundleRef | None:
        """Its manifest in the store; None for a version that temper did not register."""
        if URI not in self.tags or DIGEST not in self.tags:
            return None
        return BundleRef(uri=self.tags[URI], digest=self.tags[DIGEST])


class Move(BaseModel):
    """One move of the champion, whole: kept as a tag until all of it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str
    """The champion from now on."""
    line: tuple[str, ...]
    """Champions in order, `to` last."""
    demoted: dict[str, str] = {}
    """What a person took the champion's place from, by what it serves: the version."""
    note: str
    """When, what and why."""
    back: bool = False
    """Whether it is a rollback."""
    begun_at: str | None
    """The champion before."""


@dataclass(frozen=True)
class Model:
    """A registered model: its tags, its aliases and the versions that are there."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, Version] = field(default_factory=dict)

    @property
    def champion(self) -> str | None:
        """The champion's version; None where there is none, or it was deleted."""
        version = self.aliases.get(CHAMPION)
        return version if version in self.versions else None

    @property
    def line(self) -> tuple[str, ...]:
        """Champions in order, ending in the present one, if there is one."""
        if LINE not in self.tags:  # aliases that were set by hand
            champions = tuple(filter(None, [self.aliases.get(PREVIOUS)]))
        else:
            champions = tuple(self.tags[LINE].split())
        if self.champion is None:
            return champions
        before = champions[: champions.index(self.champion)] if self.champion in champions else champions
        return (*before, self.champion)

    @property
    def left_by_hand(self) -> tuple[str, ...]:
        """Champions that somebody went back from in MLflow itself."""
        champions = tuple(self.tags.get(LINE, "").split())
        return champions[champions.index(self.champion) + 1 :] if self.champion in champions else ()

    def version(self, number: str) -> Version:
        """Raises MissingModelError."""
        if number not in self.versions:
            raise MissingModelError(
                f"model {self.name!r} has no version or alias {number!r}:"
                " run a preset to its end, or look in `temper ui`"
            )
        return self.versions[number]

    def serves(self, number: str | None) -> str:
        """What a version serves; empty for one that is not there."""
        return self.versions[number].serves if number is not None and number in self.versions else ""

    def previous(self, line: tuple[str, ...]) -> str | None:
        """What a rollback would go back to, if the champions were those of `line`."""
        return self.before(line[:-1] if self.champion else line, self.serves(self.champion))

    def before(self, line: tuple[str, ...], serves: str) -> str | None:
        """The latest of `line` that is there and serves something else than `serves`."""
        there = (number for number in reversed(line) if number in self.versions)
        return next((number for number in there if self.serves(number) != serves), None)

    def promotion(self, to: str, when: str, why: str, *, person: bool) -> Move:
        """Make `to` the champion. What a person replaces is not promoted by a run again."""
        champion = self.champion
        line = (*(number for number in self.line if number != to), to)
        return Move(
            to=to,
            line=line[-MOST_CHAMPIONS:],
            demoted={self.serves(champion): champion} if person and champion else {},
            note=_note(when, f"version {to} became champion" + (f" after version {champion}" if champion else ""), why),
            begun_at=champion,
        )

    def rollback(self, when: str, why: str) -> Move:
        """Make the champion before this one champion again. Raises MissingModelError when there is none."""
        champion = self.champion
        line = tuple(number for number in self.line if number != champion)
        to = self.before(line, self.serves(champion))
        if to is None:
            raise MissingModelError(f"model {self.name!r} has no previous champion to go back to (see `temper ui`)")
        return Move(
            to=to,
            line=line[: line.index(to) + 1],
            demoted={self.serves(champion): champion} if champion else {},
            note=_note(when, f"rolled back from {_named(champion)} to version {to}", why),
            back=True,
            begun_at=champion,
        )

    def objection(self, number: str) -> str | None:
        """Why a run may not make `number` the champion, whatever its gate said; None when it may."""
        serves = self.serves(number)
        demoted, was = self.tags.get(f"{DEMOTED}.{short(serves)}"), self.tags.get(f"{CHAMPION}.{short(serves)}")
        if self.champion is not None and self.serves(self.champion) == serves:
            return f"version {self.champion}, the champion, serves the same"
        if demoted is not None:
            return f"a person took its place from what it serves ({demoted})"
        if was is not None and self.champion is not None:
            return f"what it serves was champion before ({was}) and has been replaced since"
        return None


def short(serves: str) -> str:
    """What a version serves, short enough for a tag's name."""
    return serves.removeprefix("sha256:")[:16]


def _named(champion: str | None) -> str:
    return f"version {champion}" if champion else "a champion that was deleted"


def _note(when: str, what: str, why: str) -> str:
    return f"{when} {what}" + (f": {why}" if why else "")
