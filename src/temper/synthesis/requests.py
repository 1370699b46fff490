"""Requests against what there is: a set that would come out smaller than its setting asks for ends the stage.

What the installed assets hold is known before anything is simulated, the rest only afterwards. Either way one line
states every request that cannot be met, with both figures and what to do about it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from temper.assets import public_documents, public_questions
from temper.config.stages import Role
from temper.config.synthesize import SynthesizeSettings
from temper.errors import DataError
from temper.rows import AnyRow, Document, TalkRow, line

HELD_OUT_PUBLIC = 2
"""Public documents that are held out beside those that continual pretraining reads."""


@dataclass(frozen=True)
class Unmet:
    """A setting that asks for more than there is."""

    setting: str
    """Its name below `synthesize`."""
    size: int
    """What it asks for."""
    available: int
    what: str
    """What is counted, in the plural."""
    more: str = ""
    """What would give more, besides a smaller request."""

    def text(self) -> str:
        """Both figures and the remedy."""
        remedy = f"lower it to {self.available}" + (f" or {self.more}" if self.more else "")
        return f"synthesize.{self.setting} asks for {self.size:,} {self.what}, there are {self.available:,} ({remedy})"


def refuse(unmet: Iterable[Unmet]) -> None:
    """Raises DataError, one line for all of them; does nothing where every request is met."""
    if lines := [request.text() for request in unmet]:
        raise DataError(f"{len(lines)} of the requests cannot be met: {'; '.join(lines)}")


def beyond_assets(settings: SynthesizeSettings) -> Iterator[Unmet]:
    """Requests for more public text than the asset packages hold. Raises MissingModelError where they are missing."""
    documents = public_documents() if settings.calibration_public or not settings.own.cpt else []
    count = len(documents)
    if not settings.own.cpt:
        yield from fewer(
            count - HELD_OUT_PUBLIC, settings.cpt_public_documents, "cpt_public_documents",
            f"public documents beside {HELD_OUT_PUBLIC} held-out ones", "bring your own text with synthesize.own.cpt",
        )  # fmt: skip
    yield from fewer(count, settings.calibration_public, "calibration_public", "public documents")
    if documents:
        longest = max(len(document.text) for document in documents)
        yield from fewer(
            longest, settings.document_characters, "document_characters",
            "characters of a document", "bring longer ones with synthesize.own.cpt",
        )  # fmt: skip
    if settings.draft_public_prompts:
        questions = len(public_questions())
        yield from fewer(questions, settings.draft_public_prompts, "draft_public_prompts", "public questions")


def short_of(sizes: Mapping[Role, int], rows: Iterable[AnyRow], setting: str, more: str) -> Iterator[Unmet]:
    """Roles of which fewer rows came out than its size in `sizes`; `setting` is the name of the whole mapping."""
    available = Counter(row.role for row in rows if not isinstance(row, Document | TalkRow))
    for role, count in sizes.items():
        yield from fewer(available[role], count, f"{setting}.{role}", "rows", more)


def fewer(available: int, size: int, setting: str, what: str, more: str = "") -> Iterator[Unmet]:
    """The request of one setting, where it is not met."""
    if size > available:
        yield Unmet(setting, size, max(0, available), what, more)


def distinct(rows: Iterable[AnyRow]) -> int:
    """Rows that differ in more than their id."""
    digests = set()
    for row in rows:
        digests.add(blake2b(line(replace(row, id="")).encode(), digest_size=16).digest())
    return len(digests)
