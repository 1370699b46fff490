"""The settings of `gate`: the rules that a bundle has to keep."""

from typing import Literal

from pydantic import Field, model_validator

from temper.config.settings import Settings


class GateRule(Settings):
    metric: str
    """Name of the figure (agent_scores.dpo.planner, ladder.student+drafter.c1.qps ...; see `config.metrics`)."""
    kind: Literal["least", "most", "non_inferior", "not_worse", "identical"]
    """At least; at most; shown to be no further below the baseline than the margin; not shown to be worse than the
    baseline or than `value`, for figures with too few points to show more (slices.final.* are all slices); equal."""
    value: float | None = None
    """Bound for least and most, counted from the baseline where there is one, and for not_worse; or the margin."""
    baseline: str | None = None
    """Metric to stand beside: always for non_inferior, as it is wanted for the other kinds."""
    margin: float | None = Field(default=None, gt=0, le=100)
    """Points that the figure may be below the champion's, where that is not `gate.margin` or non_inferior's own."""

    @model_validator(mode="after")
    def _complete(self) -> "GateRule":
        if self.kind in ("identical", "not_worse") and (self.baseline is None) == (self.value is None):
            raise ValueError(f"{self.kind} needs either `baseline` (a metric) or `value`")
        if self.kind in ("least", "most", "non_inferior") and self.value is None:
            raise ValueError(f"{self.kind} needs `value`")
        if self.kind == "non_inferior" and (self.baseline is None or not 0 < (self.value or 0) <= 100):
            raise ValueError(
                "non_inferior needs `baseline`, the metric to stand beside, and a margin above 0 as `value`"
            )
        return self


class GateSettings(Settings):
    rules: tuple[GateRule, ...] = Field(min_length=1)
    """All must hold; a figure that is missing fails its rule. Without a rule anything would become the champion."""
    margin: float = Field(default=5, gt=0, le=100)
    """Points that a candidate may be below the champion on a figure that rules name, unless the figure's rule says."""
    enforce: bool = True
    """Fail the run on a no; where false the verdict is recorded and nothing is promoted."""
