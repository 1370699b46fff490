"""Overlap between rows, exact and near: what must not be shared by a training set and an evaluation set.

Instructions, tools and rules are the same for everybody and do not count; what is compared is the rest of the last
message and the answer, as word 5-grams. Candidates come from MinHash (Broder, 1997), the verdict from the exact Jaccard
similarity.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from temper.rows import AnyRow, ChatRow, Document, PairRow, Point, PromptRow, TalkRow, answer

NGRAM = 5
SAID = "customer: "
"""Where a role's prompt quotes the customer, as `agents.prompts` writes it."""


def key_text(row: AnyRow) -> str:
    """The part of a row that is its own: the last message of the user without the rules, then the answer."""
    if isinstance(row, Document):
        return f"{row.prompt}\n{row.completion}"
    own = "\n".join(line for line in _last(row).split("\n") if not line.startswith("rules: "))
    return f"{own}\n{answer(row)}"


def said(row: AnyRow) -> str:
    """The customer's own line in a row's last message; empty where the row has none."""
    if isinstance(row, Document):
        return ""
    return next((line.removeprefix(SAID) for line in _last(row).split("\n") if line.startswith(SAID)), "")


def _last(row: PromptRow | ChatRow | PairRow | TalkRow | Point) -> str:
    """The user's last message."""
    messages = row.messages if isinstance(row, TalkRow) else row.prompt
    return next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")


def grams(text: str) -> frozenset[str]:
    """Word 5-grams; a text of fewer words is one gram, commas and all."""
    words = re.findall(r"\w+", text.lower())
    if len(words) < NGRAM:
        return frozenset((text.lower(),))
    return frozenset(" ".join(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1))


class Index:
    """The rows to keep clear of; `hit` finds one that a text equals or nearly equals."""

    def __init__(self, texts: Iterable[str], threshold: float) -> None:
        from datasketch import MinHashLSH

        self._threshold = threshold
        self._texts: list[str] = sorted(set(texts))
        self._exact = frozenset(self._texts)
        self._lsh = MinHashLSH(threshold=max(0.1, threshold - 0.15), num_perm=64)
        with self._lsh.insertion_session() as session:
            for number, sketch in enumerate(_sketches(self._texts)):
                session.insert(number, sketch)

    def hits(self, texts: Sequence[str]) -> dict[int, str]:
        """Index of each text that overlaps -> the row it overlaps with."""
        found = {}
        for number, (text, sketch) in enumerate(zip(texts, _sketches(texts), strict=True)):
            if text in self._exact:
                found[number] = text
                continue
            mine = grams(text)
            for candidate in sorted(self._lsh.query(sketch)):
                other = grams(self._texts[candidate])
                if len(mine & other) / len(mine | other) >= self._threshold:
                    found[number] = self._texts[candidate]
                    break
        return found


def _sketches(texts: Sequence[str]) -> list[Any]:
    from datasketch import MinHash

    return MinHash.bulk(([gram.encode() for gram in grams(text)] for text in texts), num_perm=64)
