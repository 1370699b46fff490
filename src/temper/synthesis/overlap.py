"""Overlap between rows, exact and near: what must not be shared by a training set and an evaluation set.

Instructions, tools and rules are the same for everybody and do not count; what is compared is the rest of the last
message and the answer, by the Jaccard similarity of their word 5-grams, or of their words where they are short. Case,
punctuation and words of politeness tell no two texts apart. Candidates come from prefix filtering, which misses none
(Bayardo et al., 2007, Scaling Up All Pairs Similarity Search).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import ceil

from temper.rows import AnyRow, ChatRow, Document, PairRow, Point, PromptRow, TalkRow, answer

NGRAM = 5
SHORT = 2 * NGRAM
"""Words below which a text has too few 5-grams to be nearly like another; it is compared word by word."""
POLITE = re.compile(r"\b(thank you|thanks|please|hello|hi|okay)\b")
CUSTOMER = "customer: "
"""Where a role's prompt quotes the customer, as `agents.prompts` writes it."""


def key_text(row: AnyRow) -> str:
    """The part of a row that is its own: the last message of the user without the rules, then the answer."""
    if isinstance(row, Document):
        return f"{row.prompt}\n{row.completion}"
    own = "\n".join(line for line in _last(row).split("\n") if not line.startswith("rules: "))
    return f"{own}\n{answer(row)}"


def customer_line(row: AnyRow) -> str:
    """The customer's own line in a row's last message; empty where the row has none."""
    if isinstance(row, Document):
        return ""
    return next((line.removeprefix(CUSTOMER) for line in _last(row).split("\n") if line.startswith(CUSTOMER)), "")


def _last(row: PromptRow | ChatRow | PairRow | TalkRow | Point) -> str:
    """The user's last message."""
    messages = row.messages if isinstance(row, TalkRow) else row.prompt
    return next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")


def plain(text: str) -> str:
    """The text's words in small letters: no punctuation, no politeness. Two wordings with equal ones are the same."""
    return " ".join(re.findall(r"\w+", POLITE.sub(" ", text.lower())))


def grams(text: str) -> frozenset[str]:
    """Word 5-grams; the words themselves of a short text."""
    words = plain(text).split()
    if len(words) < SHORT:
        return frozenset(words or [text.lower()])
    return frozenset(" ".join(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1))


class Index:
    """The rows to keep clear of; `hits` finds one that a text equals or nearly equals."""

    def __init__(self, texts: Iterable[str], threshold: float) -> None:
        self._threshold = threshold
        self._texts = sorted(set(texts))
        self._exact = frozenset(self._texts)
        self._counts = Counter(gram for text in self._texts for gram in grams(text))
        self._holding: dict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(self._texts):
            for gram in self._telling(grams(text)):
                self._holding[gram].append(number)

    def hits(self, texts: Sequence[str]) -> dict[int, str]:
        """Index of each text that overlaps -> the row it overlaps with."""
        near = {number: self._like(text) for number, text in enumerate(texts)}
        return {number: like for number, like in near.items() if like is not None}

    def _like(self, text: str) -> str | None:
        if text in self._exact:
            return text
        mine = grams(text)
        for candidate in sorted({number for gram in self._telling(mine) for number in self._holding.get(gram, ())}):
            other = grams(self._texts[candidate])
            if len(mine & other) >= self._threshold * len(mine | other):
                return self._texts[candidate]
        return None

    def _telling(self, own: frozenset[str]) -> list[str]:
        """The rarest grams, as many as leave too few others: two texts that are alike share at least one of them."""
        enough = ceil(self._threshold * len(own) - 1e-9)
        return sorted(own, key=lambda gram: (self._counts[gram], gram))[: len(own) - enough + 1]
