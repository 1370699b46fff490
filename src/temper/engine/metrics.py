"""The engine's Prometheus counters, and what the difference of two readings says."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields

_SAMPLE = re.compile(r"^vllm:(?P<name>\w+)(?:\{[^}]*\})? (?P<value>\S+)$")


def parse_counters(text: str) -> dict[str, float]:
    """Counters in Prometheus' text form, summed over labels: `vllm:generation_tokens_total` as `generation_tokens`."""
    sums: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        sample = _SAMPLE.match(line)
        if sample and sample["name"].endswith("_total"):
            sums[sample["name"].removesuffix("_total")] += float(sample["value"])
    return dict(sums)


@dataclass(frozen=True)
class Usage:
    """What the engine did between two readings of its counters."""

    prompt_tokens: float
    output_tokens: float
    drafts: float
    """Steps in which the drafter proposed."""
    accepted: float
    """Proposed tokens that the target agreed with."""

    @classmethod
    def between(cls, before: Mapping[str, float], after: Mapping[str, float]) -> "Usage":
        """The difference of two readings."""

        def grown(name: str) -> float:
            return after.get(name, 0.0) - before.get(name, 0.0)

        return cls(
            prompt_tokens=grown("prompt_tokens"),
            output_tokens=grown("generation_tokens"),
            drafts=grown("spec_decode_num_drafts"),
            accepted=grown("spec_decode_num_accepted_tokens"),
        )

    @property
    def tokens_per_step(self) -> float | None:
        """1 + accepted / drafts, the bonus token counted (the paper's MGL); None without a drafter."""
        return 1 + self.accepted / self.drafts if self.drafts else None

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))
