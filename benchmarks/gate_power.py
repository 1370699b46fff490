"""How often the gate is wrong: models that are worse and pass, and models that are as good and do not.

    .venv/bin/python benchmarks/gate_power.py

Every outcome of the presets' numbers of points is counted with its probability, so nothing here is drawn but the
percentile bootstrap that stands beside it, from a seed. Takes a minute; writes docs/results/gate-power.md and its plot.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy
from numpy.typing import NDArray

from temper.config import load_preset
from temper.config.gating import champion_rules, points_behind
from temper.home import app_root
from temper.paired import chance, passing
from temper.report.drawing import draw, figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = ("demo", "cpu", "h100x8")
STRUCTURES = (0.0, 0.01, 0.02, 0.05)
"""Shares of points that only the candidate has right; so much more, and the loss, only the champion has."""
LOSS = 0.05
BOOTSTRAPS, RESAMPLES = 400, 2000


@dataclass(frozen=True, order=True)
class Case:
    """So many points, and a margin as a share."""

    n: int
    margin: float


@cache
def most(case: Case) -> NDArray[numpy.float64]:
    """What passes: the most lost points by won ones."""
    return passing(case.n, case.margin)


def passes(case: Case, loss: float, structures: tuple[float, ...] = STRUCTURES) -> list[float]:
    """The share of candidates that pass if they are worse by `loss`, for each structure."""
    return [chance(most(case), case.n, only, only + loss) for only in structures]


def bootstrapped(case: Case, loss: float) -> float:
    """The same for the gate of before: a percentile bootstrap over the points, at the structure that fools it most."""
    generator, worst = numpy.random.default_rng(0), 0.0
    for only in STRUCTURES:
        shares = numpy.array([only, only + loss, 1 - 2 * only - loss])
        counts = generator.multinomial(case.n, shares, size=BOOTSTRAPS)
        drawn = generator.multinomial(case.n, counts[:, None, :] / case.n, size=(BOOTSTRAPS, RESAMPLES))
        lower = numpy.quantile((drawn[..., 0] - drawn[..., 1]) / case.n, 0.05, axis=1, method="lower")
        worst = max(worst, float((lower >= -case.margin - 1e-9).mean()))
    return worst


def size_for(margin: float, differ: float) -> int:
    """Points with which nine of ten equally good candidates pass."""
    low, high = 20, 40
    while chance(most(Case(high, margin)), high, differ, differ) < 0.9:
        low, high = high, high * 2
    while high - low > 10:
        middle = (low + high) // 2
        enough = chance(most(Case(middle, margin)), middle, differ, differ) >= 0.9
        low, high = (low, middle) if enough else (middle, high)
    return high


def cases() -> Iterator[tuple[str, str, Case]]:
    """Preset, figure and size of every comparison with a champion; the agents of one preset share theirs."""
    for name in PRESETS:
        config, seen = load_preset(name), set[Case]()
        for rule in champion_rules(config.gate.rules, config.gate.margin):
            if rule.kind == "non_inferior" and rule.value is not None:
                case = Case(points_behind(rule.metric, config), rule.value / 100)
                if case not in seen:
                    seen.add(case)
                    yield name, "each agent" if rule.metric.startswith("agent") else "scenarios", case


def row(preset: str, figure: str, case: Case) -> str:
    """One line of the table, all in percent."""
    equal = passes(case, 0.0, (0.01, 0.02))
    cells = [preset, figure, f"{case.n}", f"{100 * case.margin:g}"]
    cells += [f"{100 * max(passes(case, case.margin)):.1f}", f"{100 * bootstrapped(case, case.margin):.0f}"]
    cells += [f"{100 * (1 - max(passes(case, LOSS))):.1f}", *(f"{100 * share:.0f}" for share in equal)]
    return line([*cells, str(size_for(case.margin, 0.02))])


def line(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def plot(wanted: list[Case]) -> "Figure":
    """The share that passes over the true loss."""
    figure, panels = figure_of(6.6, 2.6, 2)
    losses = numpy.linspace(0, 0.12, 49)
    for panel, only in zip(panels, (0.0, 0.02), strict=True):
        for case in wanted:
            shares = [100 * chance(most(case), case.n, only, only + loss) for loss in losses]
            panel.plot(100 * losses, shares, label=f"{case.n} points, margin {100 * case.margin:g}")
        panel.axhline(5, linestyle=":", color="grey")
        panel.set_title(f"% that pass; {100 * only:g} % right in them alone")
        panel.set_xlabel("true loss, points")
    panels[0].legend()
    return figure


def main() -> None:
    """Count, draw, write."""
    found = list(cases())
    docs = app_root() / "docs"
    drawn = draw("gate-power", lambda: plot(sorted({case for _, _, case in found if case.n < 1000})))
    assert drawn is not None  # plot always makes one
    (docs / "images" / "gate-power.png").write_bytes(drawn[0])
    table = "\n".join([line(COLUMNS), line(["---"] * len(COLUMNS)), *(row(*one) for one in found)])
    (docs / "results" / "gate-power.md").write_text(PAGE.format(table=table), encoding="utf-8")


COLUMNS = (
    "preset", "figure", "points", "margin", "worse by the margin, passes", "the same by a percentile bootstrap",
    "five points worse, refused", "as good, 1 % differ each way, passes", "as good, 2 % differ each way, passes",
    "points for 90 % of the last to pass",
)  # fmt: skip
PAGE = """# How often the gate is wrong

Made by

    .venv/bin/python benchmarks/gate_power.py

A candidate is promoted when it is shown to be at most a margin worse than the champion on the same points ([decision
0039](../decisions/0039-exact-paired-bounds.md)). Shares are percentages, margins and losses are points of a percentage.
Points count as independent. A model may be right where the other is wrong in 0, 1, 2 or 5 % of the points and lose
elsewhere; the table takes the structure that is worst for the claim.

{table}

![Share of candidates that pass by true loss](../images/gate-power.png)

**What it says.** A model that is worse by the margin passes one time in twenty at most, whatever the number of points.
At the `cpu` preset's sizes more than nine of ten losses of five points are caught, in each agent and in the scenarios.
The price is paid by good candidates: the fewer the points, the more of them are refused, and the last column says how
many points it takes until nine of ten pass one rule. The `demo` preset's sizes are for minutes: its margins are wide,
and a loss of five points in one agent may pass one time in four.
"""

if __name__ == "__main__":
    main()
