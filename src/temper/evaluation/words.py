"""Bags of words: which label is likeliest for the words of a line, and which words of a line may be a value.

Naive Bayes with add-one smoothing: the least that can be learnt from a training set, without a language model.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WORD = re.compile(r"[\w:]+")
"""A word, an identifier, a number or a time of day."""
NEIGHBOURS = 2
"""Words on either side of a value that tell what it is."""
LONGEST_VALUE = 3
"""Words of the longest value that is looked for."""


class WordBag:
    """Which label is likeliest for these words; learnt from lines whose label is known."""

    def __init__(self) -> None:
        self._lines: Counter[str] = Counter()
        self._words: dict[str, Counter[str]] = defaultdict(Counter)
        self._vocabulary: set[str] = set()

    def learn(self, label: str, words: Sequence[str]) -> None:
        """One line of the training set."""
        self._lines[label] += 1
        self._words[label].update(words)
        self._vocabulary.update(words)

    def likeliest(self, words: Iterable[str], among: Sequence[str]) -> str:
        """The likeliest of these labels; the first of them where nothing was learnt."""
        words = [word for word in words if word in self._vocabulary]
        return max(among, key=lambda label: self._log_probability(label, words))

    def _log_probability(self, label: str, words: Sequence[str]) -> float:
        counts = self._words[label]
        size = counts.total() + len(self._vocabulary) + 1
        return math.log(self._lines[label] + 1) + sum(math.log((counts[word] + 1) / size) for word in words)


def bag(line: str) -> list[str]:
    """The words of a line in lower case, every number as `#`, so that one stands for all."""
    return [re.sub(r"\d+", "#", word) for word in WORD.findall(line.lower())]


@dataclass(frozen=True)
class Span:
    """One to three neighbouring words of a line that may be a value."""

    text: str
    places: range
    """Which words of the line it is made of."""
    shape: str
    """`9` for digits, `A` for a capital letter, `a` for small ones: `A9` is `V12`, `Aa Aa` is `Honda Civic`."""
    around: tuple[str, ...]
    """Its length where it is a number, and the words on either side, each with its distance."""

    @property
    def value(self) -> str | int:
        """As the tools know it."""
        return int(self.text) if self.text.isdecimal() else self.text


def spans(line: str) -> list[Span]:
    """All numbers and all words with capital letters, alone and in groups, the longest groups first."""
    matches, words = list(WORD.finditer(line)), bag(line)
    groups = [
        (first, last)
        for first in range(len(matches))
        for last in range(first, min(first + LONGEST_VALUE, len(matches)))
        if all(re.match(r"[A-Z\d]", word[0]) for word in matches[first : last + 1])
    ]
    groups.sort(key=lambda group: group[0] - group[1])
    return [_span(line[matches[first].start() : matches[last].end()], words, first, last) for first, last in groups]


def _span(text: str, words: Sequence[str], first: int, last: int) -> Span:
    shape = re.sub(r"\d+", "9", re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]", "A", text)))
    before = [f"{place - first}:{words[place]}" for place in range(max(0, first - NEIGHBOURS), first)]
    behind = range(last + 1, min(last + 1 + NEIGHBOURS, len(words)))
    after = [f"+{place - last}:{words[place]}" for place in behind]
    length = f"{len(text)} digits" if text.isdecimal() else shape
    return Span(text, range(first, last + 1), shape, (length, *before, *after))
