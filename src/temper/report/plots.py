"""The report's plots: each makes a figure of what a report holds, or none when it holds nothing of it."""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from temper.config import ROLES
from temper.config.rungs import DRAFTER, DRAFTER_FP8, FP8, NGRAM, STUDENT, SUFFIX, UNOPTIMISED
from temper.report.drawing import draw, figure_of
from temper.report.schema import RunReport, Speed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

STAGE_COLOURS = {
    "teacher": "#98a4b3",
    "base": "#d9c8a5",
    "cpt": "#e9a86b",
    "sft": "#5fb3a1",
    "dpo": "#2f7fb5",
    "final": "#5b4b9a",
}
LADDER_COLOURS = {
    UNOPTIMISED.name: "#d9c8a5",
    STUDENT.name: "#98a4b3",
    NGRAM.name: "#8fc7a0",
    SUFFIX.name: "#3d9b72",
    DRAFTER.name: "#2f7fb5",
    FP8.name: "#e9a86b",
    DRAFTER_FP8.name: "#5b4b9a",
}
ROLE_COLOURS = ("#2f7fb5", "#e9a86b", "#5fb3a1", "#5b4b9a", "#98a4b3")
LOSSES = {"loss": "train", "eval_loss": "held out", "draft_loss": "held out"}
"""Curves that are drawn, and what they are."""


def draw_all(report: RunReport) -> dict[str, tuple[bytes, str]]:
    """Plot name -> (PNG, SVG to put into a page); a plot without figures is left out."""
    plots: dict[str, Callable[[RunReport], Figure | None]] = {
        "agent_scores": agent_scores,
        "ladder": ladder,
        "acceptance": acceptance,
        "draft_accuracy": draft_accuracy,
        "losses": losses,
        "contexts": contexts,
        "calibration": calibration,
    }
    drawn = {name: draw(name, partial(plot, report)) for name, plot in plots.items()}
    return {name: pictures for name, pictures in drawn.items() if pictures}


def agent_scores(report: RunReport) -> "Figure | None":
    """Percent right by role and stage, end-to-end passes last: the paper's Figure 3."""
    stages = [stage for stage in STAGE_COLOURS if stage in report.agent_scores]
    if not stages:
        return None
    groups = [*ROLES, *(["end to end"] if report.e2e else [])]
    figure, (axes,) = figure_of(10, 3.9, 1)
    width = 0.84 / len(stages)
    for index, stage in enumerate(stages):
        values = {role: score.score for role, score in report.agent_scores[stage].items()}
        if played := report.e2e.get(stage):
            values["end to end"] = 100 * played.passed / played.n
        at = {group: place + (index - (len(stages) - 1) / 2) * width for place, group in enumerate(groups)}
        visible = [group for group in groups if group in values]
        bars = axes.bar(
            [at[group] for group in visible],
            [values[group] for group in visible],
            width * 0.92,
            color=STAGE_COLOURS[stage],
            label=stage,
        )
        axes.bar_label(bars, fmt="%.0f", padding=1.5, fontsize=7)
    axes.set(ylim=(0, 108), ylabel="% right", xticks=range(len(groups)))
    axes.set_xticklabels([group.capitalize() for group in groups])
    axes.set_yticks(range(0, 101, 20))
    axes.legend(ncols=len(stages), loc="lower left", bbox_to_anchor=(0, 1.0), title=None)
    return figure


def ladder(report: RunReport) -> "Figure | None":
    """Customer turns per second by load, hatched where only emulated; and beside it what a turn took."""
    if not report.ladder:
        return None
    figure, (bars, lines) = figure_of(10, 3.9, 2)
    loads = sorted({speed.concurrency for speed in report.ladder})
    names = [name for name in LADDER_COLOURS if any(speed.configuration == name for speed in report.ladder)]
    width = 0.84 / len(names)
    for place, load in enumerate(loads):
        visible = [speed for speed in report.ladder if speed.concurrency == load]
        for index, speed in enumerate(visible):
            _ladder_bar(bars, speed, place + (index - (len(visible) - 1) / 2) * width, width * 0.92)
    bars.set(title="Customer turns per second (x: times the student)", xticks=range(len(loads)))
    bars.set(xticklabels=[str(load) for load in loads], xlabel="turns in flight")
    bars.margins(y=0.16)
    _latency(lines, [speed for speed in report.ladder if speed.comparable])
    figure.legend(
        handles=_ladder_legend(names, any(not speed.comparable for speed in report.ladder)),
        ncols=4,
        loc="outside upper left",
    )
    return figure


def acceptance(report: RunReport) -> "Figure | None":
    """Share of drafts whose token at a position was accepted, one line an agent."""
    if not report.acceptance:
        return None
    figure, (axes,) = figure_of(4.8, 3.1, 1)
    for (role, figures), colour in zip(report.acceptance.items(), ROLE_COLOURS, strict=False):
        places = range(1, len(figures.by_position) + 1)
        label = f"{role.capitalize()}, {figures.tokens_per_step:.2f} a step"
        axes.plot(places, figures.by_position, color=colour, marker=".", lw=1.6, label=label)
        axes.set_xticks(places)
    axes.set(title="Drafter: accepted by position", ylim=(0, 1.05), xlabel="tokens ahead")
    axes.legend(fontsize=7)
    return figure


def draft_accuracy(report: RunReport) -> "Figure | None":
    """How often the drafter's token is right, by position, when all before it were."""
    figures = {
        int(found[1]): value
        for name, value in report.metrics.get("draft", {}).items()
        if (found := re.fullmatch(r"accuracy_position_(\d+)", name))
    }
    if not figures:
        return None
    figure, (axes,) = figure_of(4.8, 3.1, 1)
    first = min(figures)
    bars = axes.bar([place - first + 1 for place in figures], list(figures.values()), 0.62, color="#2f7fb5")
    axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
    axes.set(title="Drafter: accuracy by position", ylim=(0, 1.1), xlabel="tokens ahead")
    axes.set_xticks([place - first + 1 for place in figures])
    return figure


def losses(report: RunReport) -> "Figure | None":
    """Loss by step of every stage that trains."""
    trained = {
        stage: rows for stage, rows in report.curves.items() if any(name in row for row in rows for name in LOSSES)
    }
    if not trained:
        return None
    figure, panels = figure_of(2.6 * len(trained) + 0.6, 2.7, len(trained))
    for axes, (stage, rows) in zip(panels, trained.items(), strict=True):
        for name, label in LOSSES.items():
            steps = [(row["step"], row[name]) for row in rows if name in row]
            if steps:
                colour = "#2f7fb5" if name == "loss" else "#e9a86b"
                axes.plot(*zip(*steps, strict=True), color=colour, label=label, lw=1.6, marker="." * (len(steps) < 12))
        axes.set(title=f"{stage}: loss", xlabel="step")
        axes.set_ylim(bottom=0)
        if len(axes.lines) > 1:
            axes.legend()
    return figure


def contexts(report: RunReport) -> "Figure | None":
    """Held-out loss after CPT by token position, the paper's Figure 5; and of merges by weight, where compared."""
    rows = report.curves.get("cpt", [])
    places = [row for row in rows if "position_loss_with_context" in row]
    merges = [row for row in rows if "merged_loss_domain" in row]
    if not places:
        return None
    figure, panels = figure_of(9 if merges else 4.8, 3.1, 1 + bool(merges))
    for name, colour in (("without_context", "#e9a86b"), ("with_context", "#2f7fb5")):
        values = [row[f"position_loss_{name}"] for row in places]
        panels[0].plot([row["step"] for row in places], values, color=colour, label=name.replace("_", " "), marker=".")
    panels[0].set(title="CPT: held-out loss by token", xlabel="position in the document, from", xscale="log")
    panels[0].set_xticks([row["step"] for row in places], [f"{row['step']:.0f}" for row in places])
    panels[0].minorticks_off()
    panels[0].set_ylim(bottom=0)
    panels[0].legend()
    for source, colour in (("public", "#98a4b3"), ("domain", "#5fb3a1")):
        points = [(row["step"] / 100, row[f"merged_loss_{source}"]) for row in merges if f"merged_loss_{source}" in row]
        if points:
            panels[1].plot(*zip(*points, strict=True), color=colour, label=source, marker=".")
            panels[1].set(title="CPT: held-out loss by merge weight", xlabel="share of the adapted weights")
            panels[1].legend()
    return figure


def calibration(report: RunReport) -> "Figure | None":
    """Percent of held-out inputs that FP8 would clip, by what it is calibrated on and how long that is: Figure 4."""
    rows = [row for row in report.curves.get("fp8", []) if "clip_rate_percent_mixed" in row]
    if not rows:
        return None
    figure, (axes,) = figure_of(4.8, 3.1, 1)
    highest = 0.0
    for source, colour in (("public", "#98a4b3"), ("in_domain", "#5fb3a1"), ("mixed", "#5b4b9a")):
        values = [row[f"clip_rate_percent_{source}"] for row in rows]
        axes.plot([row["step"] for row in rows], values, color=colour, label=source.replace("_", "-"), marker=".")
        highest = max(highest, *values)
    axes.set(title="FP8: held-out inputs clipped, %", xlabel="calibration length, tokens", xscale="log")
    axes.set_yscale("log" if highest else "linear")
    axes.set_xticks([row["step"] for row in rows], [f"{row['step']:.0f}" for row in rows])
    axes.minorticks_off()
    axes.legend()
    return figure


def _ladder_bar(axes: "Axes", speed: Speed, at: float, width: float) -> None:
    colour = LADDER_COLOURS[speed.configuration]
    bars = axes.bar(
        at,
        speed.qps,
        width,
        color=colour if speed.comparable else "none",
        edgecolor=colour,
        hatch=None if speed.comparable else "////",
    )
    label = f"{speed.qps:.2f}"
    if speed.speedup and speed.configuration not in (UNOPTIMISED.name, STUDENT.name):
        label += f"\nx{speed.speedup:.2f}"
    axes.bar_label(bars, [label], padding=2, fontsize=7)


def _latency(axes: "Axes", rows: list[Speed]) -> None:
    """One line a configuration, a point for each load with its turns in flight; medians where a P90 is missing."""
    quoted = all(row.p90_s is not None for row in rows)
    for name, colour in LADDER_COLOURS.items():
        mine = sorted((row for row in rows if row.configuration == name), key=lambda row: row.concurrency)
        points = [(row.concurrency, row.qps, (row.p90_s if quoted else row.p50_s) or 0.0) for row in mine]
        axes.plot([qps for _, qps, _ in points], [seconds for _, _, seconds in points], color=colour, marker="o", ms=4)
        for load, qps, seconds in points:
            axes.annotate(str(load), (qps, seconds), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7)
    what = "P90" if quoted else "Median"
    axes.set(title=f"{what}, seconds (the numbers: turns in flight)", xlabel="customer turns per second")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.16)


def _ladder_legend(names: list[str], emulated: bool) -> "list[Patch]":
    from matplotlib import rcParams
    from matplotlib.patches import Patch

    handles = [Patch(color=LADDER_COLOURS[name], label=name) for name in names]
    if emulated:
        hatched = Patch(
            facecolor="none", edgecolor=rcParams["text.color"], hatch="////", label="emulated: no speed result"
        )
        handles.append(hatched)
    return handles
