"""The engine's Prometheus counters, and what the difference of two readings says."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields

_SAMPLE = re.compile(r"^vllm:(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$")
_POSITION = re.compile(r'position="(\d+)"')
COUNTED = ("_total", "_count", "_total_sum")
"""Ends of counters' names, and of how often a histogram was added to."""
ACCEPTED_AT = "spec_decode_num_accepted_tokens_per_pos"


def parse_counters(text: str) -> dict[str, float]:
    """Counters in Prometheus' text form, summed over labels: `vllm:generation_tokens_total` as `generation_tokens`.

    Those of a drafted position are kept apart: `name.0`, `name.1` ...
    """
    sums: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        sample = _SAMPLE.match(line)
        if sample and sample["name"].endswith(COUNTED):
            position = _POSITION.search(sample["labels"] or "")
            name = sample["name"].removesuffix("_total") + (f".{position[1]}" if position else "")
            sums[name] += float(sample["value"])
    return dict(sums)


@dataclass(frozen=True)
class Usage:
    """What the engine did between two readings of its counters."""

    prompt_tokens: float
    output_tokens: float
    answers: float
    """Prompts that were read to their end. The pass that does so also writes the answer's first token."""
    passes: float
    """Decoding passes of the target, each request's counted: every pass after that one."""
    drafts: float
    """Decoding passes for which tokens were proposed."""
    proposed: float
    """Tokens that were proposed."""
    accepted: float
    """Proposed tokens that the target agreed with, those behind an answer's end included."""
    steps: float
    """Steps of the engine, each over all requests at once."""
    read_tokens: float
    """Prompt tokens that were computed, not found in the prefix cache."""

    @classmethod
    def between(cls, before: Mapping[str, float], after: Mapping[str, float]) -> "Usage":
        """The difference of two readings."""

        def grown(name: str) -> float:
            return after.get(name, 0.0) - before.get(name, 0.0)

        return cls(
            prompt_tokens=grown("prompt_tokens"),
            output_tokens=grown("generation_tokens"),
            answers=grown("time_to_first_token_seconds_count"),
            passes=grown("inter_token_latency_seconds_count"),
            drafts=grown("spec_decode_num_drafts"),
            proposed=grown("spec_decode_num_draft_tokens"),
            accepted=grown("spec_decode_num_accepted_tokens"),
            steps=grown("iteration_tokens_total_count"),
            read_tokens=max(0.0, grown("iteration_tokens_total_sum") - grown("generation_tokens")),
        )

    @property
    def tokens_per_step(self) -> float | None:
        """Tokens that were written for each decoding pass of the target (the paper's MGL); None without a pass.

        Accepted tokens behind an answer's end are cut off and were never written, so they do not count: passes times
        this, and one token for each answer, are the answers' tokens.
        """
        return (self.output_tokens - self.answers) / self.passes if self.passes else None

    @property
    def cut_off(self) -> float:
        """Tokens that passes gave and that were not written: what is left of the last pass behind an answer's end."""
        return self.answers + self.passes + self.accepted - self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))


def acceptance(before: Mapping[str, float], after: Mapping[str, float]) -> list[float]:
    """By position, the share of drafts whose token there was accepted; empty without drafts."""
    drafts = Usage.between(before, after).drafts
    places = range(sum(name.startswith(f"{ACCEPTED_AT}.") for name in after))
    if not drafts:
        return []
    return [(after[f"{ACCEPTED_AT}.{k}"] - before.get(f"{ACCEPTED_AT}.{k}", 0.0)) / drafts for k in places]
