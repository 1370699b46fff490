"""An even choice of rows from a stream: rare labels are there, and memory does not grow with the stream.

Every row draws a number from its text, and each label keeps its lowest. So the same rows come out in whatever order
they arrive, and samples that were filled apart can be put together (bottom-k sampling; Cohen and Kaplan, 2007).
"""

import bisect
import hashlib
from collections import Counter
from collections.abc import Iterable

from temper.synthesis.overlap import key_text
from temper.synthesis.rows import Row

SLACK = 2
"""Times `count` rows that are held before the labels are cut to what they can still have."""


class Sample:
    """Up to `count` rows, taken from the labels in turn; each text once, or where its label has no other left `repeats`
    times at most.
    """

    def __init__(self, count: int, seed: int, repeats: int = 1) -> None:
        self._count, self._seed, self._repeats = count, seed, repeats
        self._kept: dict[str, list[tuple[int, Row]]] = {}
        self._held = 0
        self._level = count

    def add(self, label: str, row: Row) -> None:
        """One row of the stream. Of rows with the same text the first one stays."""
        digest = hashlib.blake2b(f"{self._seed}\n{key_text(row)}".encode(), digest_size=8).digest()
        self._put(label, int.from_bytes(digest), row)

    def _put(self, label: str, draw: int, row: Row) -> None:
        kept = self._kept.setdefault(label, [])
        place = bisect.bisect_left(kept, draw, key=_draw)
        if place >= self._level or (place < len(kept) and kept[place][0] == draw):
            return
        kept.insert(place, (draw, row))
        self._held += 1
        if len(kept) > self._level:
            kept.pop()
            self._held -= 1
        if self._held > SLACK * self._count + len(self._kept):
            self._cut()

    def _cut(self) -> None:
        """Lower the level to where all labels together just reach `count`: more than that no label can give."""
        sizes = Counter(len(kept) for kept in self._kept.values())
        level, total, full = 0, 0, len(self._kept)
        while total < self._count and full:
            level += 1
            total += full
            full -= sizes[level]
        self._level = max(1, level)
        for kept in self._kept.values():
            del kept[self._level :]
        self._held = sum(map(len, self._kept.values()))

    def rows(self) -> list[Row]:
        """The choice, in random order."""
        chosen: dict[tuple[str, int], tuple[int, Row]] = {}
        for turn in range(self._level):
            left = [
                (*kept[turn % len(kept)], turn // len(kept))
                for kept in self._kept.values()
                if turn < len(kept) * self._repeats
            ]
            for draw, row, again in sorted(left, key=lambda entry: entry[0])[: self._count - len(chosen)]:
                chosen.setdefault((key_text(row), again), (draw, row))
        return [row for _, row in sorted(chosen.values(), key=_draw)]

    def dump(self) -> list[tuple[str, int, Row]]:
        """What is held, as JSON can carry it."""
        return [(label, draw, row) for label, kept in self._kept.items() for draw, row in kept]

    def load(self, dumped: Iterable[tuple[str, int, Row]]) -> None:
        """Take in what a `dump` held."""
        for label, draw, row in dumped:
            self._put(label, draw, row)


def _draw(entry: tuple[int, Row]) -> int:
    return entry[0]
