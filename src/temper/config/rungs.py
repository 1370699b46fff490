"""The rungs of the ladder: what of the student is served, and how. Their names are known here alone.

Whoever wants to know whether a rung is quantised or drafts asks its fields, never its name.
"""

from dataclasses import dataclass
from typing import Literal

from temper.config.stages import BenchmarkSettings

Free = Literal["ngram", "suffix"]
"""Ways to guess tokens ahead that need no training: from text that was seen before, in the prompt (ngram) or in all
prompts and answers (suffix)."""
Drafting = Literal["none", "eagle3"] | Free
"""How tokens are guessed ahead: not at all, by the trained drafter (eagle3), or in a way that is free."""


@dataclass(frozen=True)
class Rung:
    """One way to serve the student."""

    name: str
    """As in tables, metrics and `report.json`."""
    drafting: Drafting = "none"
    """How tokens are guessed ahead."""
    quantised: bool = False
    """Whether weights and activations are in FP8."""
    optimised: bool = True
    """With a prefix cache, and the LLM Evaluator asked about complex plans alone."""

    @property
    def drafted(self) -> bool:
        """Whether tokens are guessed ahead at all."""
        return self.drafting != "none"

    @property
    def trained(self) -> bool:
        """Whether a drafter had to be trained for it."""
        return self.drafting == "eagle3"

    @property
    def free(self) -> Free | None:
        """The way that tokens are guessed ahead, where it needed no training."""
        ways: dict[Drafting, Free] = {"ngram": "ngram", "suffix": "suffix"}
        return ways.get(self.drafting)


UNOPTIMISED = Rung("unoptimised", optimised=False)
STUDENT = Rung("student")
NGRAM = Rung("student+ngram", "ngram")
SUFFIX = Rung("student+suffix", "suffix")
DRAFTER = Rung("student+drafter", "eagle3")
FP8 = Rung("student+fp8", quantised=True)
DRAFTER_FP8 = Rung("student+drafter+fp8", "eagle3", quantised=True)

RUNGS = (UNOPTIMISED, STUDENT, NGRAM, SUFFIX, DRAFTER, FP8, DRAFTER_FP8)
"""All of them, in the order of tables and plots."""


def ladder(settings: BenchmarkSettings) -> tuple[Rung, ...]:
    """The rungs that a benchmark with these settings measures, in order."""
    return RUNGS if settings.unoptimised else tuple(rung for rung in RUNGS if rung.optimised)
