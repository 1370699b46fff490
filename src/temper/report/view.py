"""The report in a terminal: `text` for the end of a run, `show` for `temper report`."""

import os
import sys
import textwrap
import webbrowser
from pathlib import Path

from temper.bench.results import over_free
from temper.config import ROLES
from temper.config.stages import MEASURED
from temper.errors import DataError
from temper.home import home
from temper.report.figures import set_sizes
from temper.report.floors import line
from temper.report.page import duration, multiple
from temper.report.schema import RunReport

PAGE, DATA = "report.html", "report.json"
HELD_OUT = ("evaluation_points", "evaluation_scenarios")
WIDTH = 110
"""Characters of a line of text in the terminal."""


def show(run: str, as_json: bool) -> int:
    """Print a run's report, and open its page where somebody sits in front of a display. Returns the exit code.

    `run` is a pipeline id, the start of one, or `latest`. Raises DataError when there is no such report.
    """
    folder = find(run)
    raw = (folder / DATA).read_text(encoding="utf-8")
    if as_json:
        print(raw)
        return 0
    print(text(RunReport.model_validate_json(raw), folder))
    display = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if display and sys.stdout.isatty():
        webbrowser.open((folder / PAGE).as_uri())
    return 0


def find(run: str) -> Path:
    """The folder of a run's report. Pipeline ids sort by time, so the last name is the latest. Raises DataError."""
    runs = home() / "runs"
    with_report = sorted(path.parent for path in runs.glob(f"*/{DATA}"))
    paths = with_report if run == "latest" else [path for path in with_report if path.name.startswith(run)]
    if not paths:
        named = f"a report of run {run!r}" if run != "latest" else "a report"
        raise DataError(f"no {named.removeprefix('a ')} under {runs}: `temper run demo` makes one")
    exact = [path for path in paths if path.name == run]
    if run != "latest" and len(paths) > 1 and not exact:
        raise DataError(f"{run!r} fits {len(paths)} runs, the last of them {paths[-1].name}: give more of the name")
    return (exact or paths)[-1]


def text(report: RunReport, folder: Path | None = None) -> str:
    """The sets' sizes, agent scores by stage, the speed ladder, the gate's verdict and where the page lies."""
    parts = [_sets(report), _scores(report), _ladder(report), _gate(report), _time(report)]
    if folder:
        parts.append(f"report: {folder / PAGE}")
    return "\n\n".join(part for part in parts if part)


def _sets(report: RunReport) -> str:
    sizes = set_sizes(report.metrics)
    if not sizes:
        return ""
    rows = [["set", "rows", "distinct"]]
    rows += [[name, f"{n:,}", "-" if distinct is None else f"{distinct:,}"] for name, (n, distinct) in sizes.items()]
    figures = report.metrics["synthesize"]
    held = [f"{figures[name]:,.0f} {name.removeprefix('evaluation_')}" for name in HELD_OUT if name in figures]
    return "\n".join([_table(rows), *(["held out: " + ", ".join(held)] if held else [])])


def _scores(report: RunReport) -> str:
    stages = [stage for stage in MEASURED if stage in report.agent_scores]
    if not stages:
        return ""
    floors = {name: floor for name in ("rules", "unaided") if (floor := getattr(report.floors, name))}
    rows = [["agent scores, %", *stages, *floors]]
    for role in ROLES:
        cells = [report.agent_scores[stage].get(role) for stage in stages]
        below = [getattr(floor, role) for floor in floors.values()]
        values = [*(score and score.score for score in cells), *below]
        rows.append([role, *("-" if value is None else f"{value:.1f}" for value in values)])
    played = [*(report.e2e.get(stage) for stage in stages), *(floor.e2e for floor in floors.values())]
    rows.append(["end to end", *(f"{passes.passed}/{passes.n}" if passes else "-" for passes in played)])
    sentence = textwrap.fill(line(report), WIDTH)
    return f"{_table(rows)}\n\n{sentence}" if sentence else _table(rows)


def _ladder(report: RunReport) -> str:
    if not report.ladder:
        return ""
    rows = [
        ["speed", "in flight", "turns/s", "x plain", "x unopt.", "median s", "P90 s", "calls/turn", "tokens/step", ""]
    ]
    for speed in report.ladder:
        rows.append(
            [
                speed.configuration,
                str(speed.concurrency),
                f"{speed.qps:.3f}",
                multiple(speed),
                _figure(speed.gain),
                _figure(speed.p50_s),
                _figure(speed.p90_s),
                _figure(speed.calls_per_turn),
                _figure(speed.tokens_per_step),
                "" if speed.comparable else "emulated: no speed result",
            ]
        )
    notes = [
        f"the trained drafter over {free.configuration} at {free.concurrency} in flight: {times:.2f} times"
        for free, times in over_free(report.ladder)
    ]
    notes += [f"{name} is left out: {reason}" for name, reason in report.left_out.items()]
    return "\n".join([_table(rows), *notes])


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _gate(report: RunReport) -> str:
    if not report.gate:
        return ""
    lines = [f"gate: {'passed' if report.gate.passed else 'FAILED'}"]
    lines += [
        f"  {'ok  ' if rule.passed else 'FAIL'} {rule.metric}: {rule.reason}"
        for rule in (*report.gate.rules, *report.gate.compared)
    ]
    if report.bundle:
        lines.append(f"registered: {report.bundle.name} version {report.bundle.version}")
        lines += [f"champion: {report.bundle.why}"] if report.bundle.why else []
    return "\n".join(lines)


def _time(report: RunReport) -> str:
    computed = {stage: seconds for stage, seconds in report.wall_s.items() if not report.cached.get(stage)}
    hits = len(report.wall_s) - len(computed)
    stages = ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in computed.items()) or "nothing"
    return f"computed: {stages}" + (f"; {hits} from the cache" if hits else "")


def _table(rows: list[list[str]]) -> str:
    """Columns as wide as they need, the first to the left, a rule below the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[1:]])
