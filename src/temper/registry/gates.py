"""The gate: figures and rules in, a verdict with a reason for each rule out. Pure, and never in a cache key.

Two kinds of rules stand on points. `non_inferior` asks for proof that a figure is hardly worse, and refuses without it;
since all such rules must hold, none needs a correction for the others (Berger 1982). Slices have too few points for
such a proof: `not_worse` refuses where one is shown to be worse, and corrects for the number of slices that it tests.
"""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from temper.config.gate import GateRule
from temper.config.gating import LEVEL, champion_rules, least_points
from temper.config.metrics import EVERY
from temper.paired import holm, worse_p_value
from temper.stats import below_p_value, paired_lower_bound

Points = Mapping[str, Mapping[str, float]]
"""Outcomes by metric and evaluation point, 0 or 1."""
Groups = Mapping[str, tuple[str, ...]]
"""By evaluation point: the wording and the conversation that it comes from, where several share them."""


class Baseline(BaseModel):
    """The registered version that a candidate was compared with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str


class RuleVerdict(BaseModel):
    """What came of one rule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    kind: str
    passed: bool
    value: float | None
    """The figure that was judged, in its own unit; None when it is missing, or several."""
    reason: str
    """What the figure is, for people; it follows the metric's name."""


class Verdict(BaseModel):
    """What came of the gate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: bool
    """Whether every rule holds, and nothing is worse than the champion's."""
    rules: tuple[RuleVerdict, ...]
    """The preset's."""
    compared: tuple[RuleVerdict, ...] = ()
    """Each gated figure beside the champion's."""
    baseline: Baseline | None = None
    """The champion that the candidate was compared with; None on a first run, and where the two are the same."""

    def summary(self) -> str:
        """One line: passed, or the reasons why not."""
        if self.passed:
            beside = f", nothing is worse than version {self.baseline.version}" if self.baseline else ""
            return f"passed: all {len(self.rules)} rules hold{beside}"
        every = (*self.rules, *self.compared)
        return "refused: " + "; ".join(f"{rule.metric} is {rule.reason}" for rule in every if not rule.passed)

    def alone(self) -> "Verdict":
        """What the rules say without the champion: it belongs to the candidate, whoever the champion is."""
        return Verdict(passed=all(rule.passed for rule in self.rules), rules=self.rules)


def judge(
    metrics: Mapping[str, float],
    points: Points,
    rules: tuple[GateRule, ...],
    silent: Mapping[str, str] | None = None,
    groups: Groups | None = None,
) -> Verdict:
    """All rules must hold. `silent` says of figures that this hardware cannot show why; they count as missing.

    `groups` says which points hang together; without it they count as independent.
    """
    gate = _Gate(metrics, points, silent or {}, groups or {})
    verdicts = tuple(gate.verdict(rule) for rule in rules)
    return Verdict(passed=all(verdict.passed for verdict in verdicts), rules=verdicts)


def judge_beside(
    champion: Baseline,
    metrics: Mapping[str, float],
    points: Points,
    rules: tuple[GateRule, ...],
    margin: float,
    silent: Mapping[str, str] | None = None,
    groups: Groups | None = None,
) -> Verdict:
    """`judge`, and no figure that the rules gate may be worse than the champion's (`agent_scores.champion.planner` ...)
    on the same points, by the rule's own margin or by `margin`.
    """
    compared = tuple(rule for rule in champion_rules(rules, margin) if rule.metric in metrics or EVERY in rule.metric)
    fixed = judge(metrics, points, rules, silent, groups)
    beside = judge(metrics, points, compared, silent, groups)
    return Verdict(passed=fixed.passed and beside.passed, rules=fixed.rules, compared=beside.rules, baseline=champion)


class _Gate:
    """What is known of the figures."""

    def __init__(self, metrics: Mapping[str, float], points: Points, silent: Mapping[str, str], groups: Groups) -> None:
        self.metrics, self.points, self.silent, self.groups = metrics, points, silent, groups

    def verdict(self, rule: GateRule) -> RuleVerdict:
        """What the figures say to one rule."""
        missing = None if EVERY in rule.metric else self._missing(rule)
        if missing is not None:
            passed, reason = False, missing
        elif rule.kind == "identical":
            passed, reason = self._identical(rule)
        elif rule.kind == "non_inferior":
            passed, reason = self._non_inferior(rule)
        elif rule.kind == "not_worse":
            passed, reason = self._not_worse(rule)
        else:
            passed, reason = self._bound(rule)
        value = self.metrics.get(rule.metric)
        return RuleVerdict(metric=rule.metric, kind=rule.kind, passed=passed, value=value, reason=reason)

    def _missing(self, rule: GateRule) -> str | None:
        for name in (rule.metric, rule.baseline):
            if name is not None and (name not in self.metrics or name in self.silent):
                why = f"not shown here: {self.silent[name]}" if name in self.silent else "not measured"
                return why if name == rule.metric else f"beside {name}, which is {why}"
        return None

    def _bound(self, rule: GateRule) -> tuple[bool, str]:
        """At least or at most a value, which counts from the baseline where there is one."""
        assert rule.value is not None  # GateRule refuses to be made without
        value, bound, beside = self.metrics[rule.metric], rule.value, ""
        if rule.baseline:
            bound += self.metrics[rule.baseline]
            beside = f" ({rule.value:+.4g} beside {rule.baseline})"
        passed = value >= bound if rule.kind == "least" else value <= bound
        return passed, f"{value:.4g}, at {rule.kind} {bound:.4g} is asked{beside}"

    def _identical(self, rule: GateRule) -> tuple[bool, str]:
        """Equal figures, and where points are known the same outcome on every one of them."""
        reference = self.metrics[rule.baseline] if rule.baseline else rule.value
        beside = rule.baseline or f"{rule.value:.4g}"
        value = self.metrics[rule.metric]
        differ = [name for name, mine, yours in self._pairs(rule.metric, rule.baseline or "") if mine != yours]
        if value == reference and not differ:
            return True, f"{value:.4g}, the same as {beside}"
        where = f", {len(differ)} points differ" if differ else ""
        return False, f"{value:.4g} and {beside} is {reference:.4g}{where}; they must be identical"

    def _non_inferior(self, rule: GateRule) -> tuple[bool, str]:
        """An exact bound over the points that both were measured on; the margin is in points of a percentage."""
        assert rule.value is not None and rule.baseline is not None  # GateRule refuses to be made without
        pairs = list(self._pairs(rule.metric, rule.baseline))
        if not pairs:
            return False, f"not comparable: it shares no evaluation points with {rule.baseline}; ask both the same set"
        names, ours, theirs = zip(*pairs, strict=True)
        lower = 100 * paired_lower_bound(ours, theirs, level=LEVEL, groups=self._groups(names))
        passed, need = lower >= -rule.value, least_points(rule.value)
        condition = f"{rule.value:.4g} {'are allowed' if passed else 'at most is asked'}"
        if len(pairs) < need:
            condition += f", which takes {need} points to show"
        return passed, (
            f"{self.metrics[rule.metric]:.4g} beside {rule.baseline} at {self.metrics[rule.baseline]:.4g}:"
            f" with 95% confidence at most {max(0.0, -lower):.3g} points worse over {len(pairs)} shared points,"
            f" {condition}"
        )

    def _not_worse(self, rule: GateRule) -> tuple[bool, str]:
        """Every figure that the rule names is tested, and one that is worse for certain refuses."""
        chances = {
            name: chance for name in self._named(rule.metric) if (chance := self._chance(name, rule)) is not None
        }
        if not chances:
            return False, "not measured"
        adjusted = dict(zip(chances, holm(list(chances.values())), strict=True))
        worse = [name for name in adjusted if adjusted[name] < 1 - LEVEL]
        than = f"than {rule.baseline}" if rule.baseline else f"than {rule.value:.4g}"
        if worse:
            listing = ", ".join(f"{name} ({self.metrics[name]:.4g}, p = {adjusted[name]:.2g})" for name in worse)
            return False, f"worse {than} for certain: {listing}"
        least = min(adjusted, key=lambda name: (adjusted[name], self.metrics[name]))
        return True, (
            f"not shown to be worse {than} in any of {len(chances)} figures;"
            f" next to it is {least} at {self.metrics[least]:.4g} (p = {adjusted[least]:.2g})"
        )

    def _chance(self, name: str, rule: GateRule) -> float | None:
        """The chance of outcomes as bad as these if the figure is not worse; None without points."""
        outcomes = list(self.points.get(name, {}).values())
        if rule.baseline is None:
            assert rule.value is not None  # GateRule refuses to be made without
            return below_p_value(int(sum(outcomes)), len(outcomes), rule.value / 100) if outcomes else None
        pairs = list(self._pairs(name, _stage_of(rule.baseline, name)))
        won, lost = sum(mine > yours for _, mine, yours in pairs), sum(mine < yours for _, mine, yours in pairs)
        return worse_p_value(won, lost) if pairs else None

    def _named(self, pattern: str) -> list[str]:
        """The figures that a rule's metric means, those with points: itself, or all slices."""
        start = pattern.partition(EVERY)[0]
        return sorted(name for name in self.points if name == pattern or (EVERY in pattern and name.startswith(start)))

    def _pairs(self, metric: str, baseline: str) -> Iterator[tuple[str, float, float]]:
        """Shared points with the outcomes of both."""
        ours, theirs = self.points.get(metric, {}), self.points.get(baseline, {})
        return ((name, ours[name], theirs[name]) for name in sorted(ours.keys() & theirs.keys()))

    def _groups(self, names: tuple[str, ...]) -> list[list[str]]:
        """Wordings of these points, and their conversations; nothing where one is not known."""
        known = [self.groups.get(name, ()) for name in names]
        return [list(kind) for kind in zip(*known, strict=True)] if len({len(one) for one in known}) == 1 else []


def _stage_of(baseline: str, name: str) -> str:
    """`name` at the stage of `baseline`."""
    family, _, *parts = name.split(".")
    return ".".join((family, baseline.split(".")[1], *parts))
