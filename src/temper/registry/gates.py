"""The gate: figures and rules in, a verdict with a reason for each rule out. Pure, and never in a cache key."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from temper.config.stages import Rule
from temper.stats import paired_lower_bound

LEVEL = 0.95
"""One-sided confidence of a non-inferiority claim."""

Points = Mapping[str, Mapping[str, float]]
"""Outcomes by metric and evaluation point, 0 or 1."""


class RuleVerdict(BaseModel):
    """What came of one rule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    kind: str
    passed: bool
    value: float | None
    """The figure that was judged, in its own unit; None when it is missing."""
    reason: str
    """A sentence for people."""


class Verdict(BaseModel):
    """What came of the gate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: bool
    rules: tuple[RuleVerdict, ...]

    def summary(self) -> str:
        """One line: passed, or the reasons why not."""
        if self.passed:
            return f"passed: all {len(self.rules)} rules hold"
        return "refused: " + "; ".join(rule.reason for rule in self.rules if not rule.passed)


def judge(
    metrics: Mapping[str, float], points: Points, rules: tuple[Rule, ...], silent: Mapping[str, str] | None = None
) -> Verdict:
    """All rules must hold. `silent` says of figures that this hardware cannot show why; they count as missing."""
    verdicts = tuple(_judge(rule, metrics, points, silent or {}) for rule in rules)
    return Verdict(passed=all(verdict.passed for verdict in verdicts), rules=verdicts)


def _judge(rule: Rule, metrics: Mapping[str, float], points: Points, silent: Mapping[str, str]) -> RuleVerdict:
    value = metrics.get(rule.metric)
    needed = [rule.metric, *([rule.baseline] if rule.baseline else [])]
    missing = next((name for name in needed if name not in metrics or name in silent), None)
    if missing is not None:
        why = f"cannot be shown here: {silent[missing]}" if missing in silent else "was not measured"
        passed, reason = False, f"{missing} {why}"
    elif rule.kind == "least":
        passed, reason = _bound(rule, metrics[rule.metric], above=True)
    elif rule.kind == "most":
        passed, reason = _bound(rule, metrics[rule.metric], above=False)
    elif rule.kind == "identical":
        passed, reason = _identical(rule, metrics, points)
    else:
        passed, reason = _non_inferior(rule, metrics, points)
    return RuleVerdict(metric=rule.metric, kind=rule.kind, passed=passed, value=value, reason=reason)


def _bound(rule: Rule, value: float, *, above: bool) -> tuple[bool, str]:
    assert rule.value is not None  # Rule refuses to be made without
    passed = value >= rule.value if above else value <= rule.value
    return passed, f"{rule.metric} is {value:.4g}, {'at least' if above else 'at most'} {rule.value:.4g} is asked"


def _identical(rule: Rule, metrics: Mapping[str, float], points: Points) -> tuple[bool, str]:
    """Equal figures, and where points are known the same outcome on every one of them."""
    asked = metrics[rule.baseline] if rule.baseline else rule.value
    beside = rule.baseline or f"{rule.value:.4g}"
    value = metrics[rule.metric]
    ours, theirs = points.get(rule.metric, {}), points.get(rule.baseline or "", {})
    differ = [name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]]
    if value == asked and not differ:
        return True, f"{rule.metric} is {value:.4g}, the same as {beside}"
    where = f", {len(differ)} points differ" if differ else ""
    return False, f"{rule.metric} is {value:.4g} and {beside} is {asked:.4g}{where}; they must be identical"


def _non_inferior(rule: Rule, metrics: Mapping[str, float], points: Points) -> tuple[bool, str]:
    """Paired bootstrap over the points that both were measured on; the margin is in the metric's unit, percent."""
    assert rule.value is not None and rule.baseline is not None  # Rule refuses to be made without
    ours, theirs = points.get(rule.metric, {}), points.get(rule.baseline, {})
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        return False, f"{rule.metric} and {rule.baseline} share no evaluation points: evaluate both on the same set"
    lower = 100 * paired_lower_bound([ours[name] for name in shared], [theirs[name] for name in shared], level=LEVEL)
    passed = lower >= -rule.value
    return passed, (
        f"{rule.metric} is {metrics[rule.metric]:.4g} beside {rule.baseline} at {metrics[rule.baseline]:.4g}:"
        f" with 95% confidence at most {max(0.0, -lower):.3g} points worse over {len(shared)} shared points,"
        f" {rule.value:.4g} {'are allowed' if passed else 'at most is asked'}"
    )
