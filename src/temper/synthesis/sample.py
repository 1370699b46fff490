"""An even choice of rows from a stream: rare labels are there, and memory does not grow with the stream.

Every row draws a number from its text, and each label keeps its lowest. So the same rows come out in whatever order
they arrive, and samples that were filled apart can be put together (bottom-k sampling; Cohen and Kaplan, 2007). A text
with several answers gets the most frequent one.
"""

import bisect
import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Generic, TypeVar

from temper.rows import ChatRow, PairRow, Point, PromptRow, TalkRow, parsed, plain
from temper.synthesis.overlap import key_text

RowT = TypeVar("RowT", ChatRow, PairRow, PromptRow, TalkRow, Point)
Votes = dict[str, tuple[int, RowT]]
"""A text's answers: how often each one came, and a row that has it."""
DumpedRow = tuple[str, int, int, dict[str, object]]
"""Label, drawn number, votes and fields of a row that a sample holds."""
SLACK = 2
"""Times `count` rows that are held before the labels are cut to what they can still have."""


class Sample(Generic[RowT]):
    """Up to `count` rows, taken from the labels in turn; each text once, or where its label has no other left `repeats`
    times at most.
    """

    def __init__(self, count: int, seed: int, repeats: int = 1) -> None:
        self._count, self._seed, self._repeats = count, seed, repeats
        self._kept: dict[str, list[tuple[int, Votes[RowT]]]] = {}
        self._held = 0
        self._level = count

    def add(self, label: str, row: RowT, text: str | None = None) -> None:
        """One row of the stream; `text` is what it is known by, where its answer may be another one than that."""
        digest = hashlib.blake2b(f"{self._seed}\n{text or key_text(row)}".encode(), digest_size=8).digest()
        self._put(label, int.from_bytes(digest), row, 1)

    def _put(self, label: str, draw: int, row: RowT, count: int) -> None:
        entries = self._kept.setdefault(label, [])
        place = bisect.bisect_left(entries, draw, key=_draw)
        if place < len(entries) and entries[place][0] == draw:
            votes = entries[place][1]
            before, first = votes.get(key_text(row), (0, row))
            votes[key_text(row)] = before + count, first
            return
        if place >= self._level:
            return
        entries.insert(place, (draw, {key_text(row): (count, row)}))
        self._held += 1
        if len(entries) > self._level:
            entries.pop()
            self._held -= 1
        if self._held > SLACK * self._count + len(self._kept):
            self._cut()

    def _cut(self) -> None:
        """Lower the level to where all labels together just reach `count`: more than that no label can give."""
        sizes = Counter(len(entries) for entries in self._kept.values())
        level, total, full = 0, 0, len(self._kept)
        while total < self._count and full:
            level += 1
            total += full
            full -= sizes[level]
        self._level = max(1, level)
        for entries in self._kept.values():
            del entries[self._level :]
        self._held = sum(map(len, self._kept.values()))

    def rows(self) -> list[RowT]:
        """The choice, in random order."""
        choice: dict[tuple[int, int], RowT] = {}
        for turn in range(self._level):
            candidates: list[tuple[int, Votes[RowT], int]] = []
            for entries in self._kept.values():
                if turn < len(entries) * self._repeats:
                    draw, votes = entries[turn % len(entries)]
                    candidates.append((draw, votes, turn // len(entries)))
            for draw, votes, again in sorted(candidates, key=lambda entry: entry[0])[: self._count - len(choice)]:
                choice.setdefault((draw, again), _elected(votes))
        return [row for _, row in sorted(choice.items(), key=lambda entry: entry[0])]

    def dump(self) -> list[DumpedRow]:
        """What is held, as JSON can carry it."""
        return [
            (label, draw, count, plain(row))
            for label, entries in self._kept.items()
            for draw, votes in entries
            for count, row in votes.values()
        ]

    def load(self, dump: Iterable[DumpedRow], kind: type[RowT]) -> None:
        """Take in what a `dump` held."""
        for label, draw, count, row in dump:
            self._put(label, draw, parsed(row, kind), count)


def _draw(entry: tuple[int, Votes[RowT]]) -> int:
    return entry[0]


def _elected(votes: Votes[RowT]) -> RowT:
    """The row with the most votes; of as many, always the same one."""
    return max(votes.items(), key=lambda entry: (entry[1][0], entry[0]))[1][1]
