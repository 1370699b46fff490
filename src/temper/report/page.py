"""The report as one HTML file that needs nothing else: styles and plots inside, readable offline, light and dark."""

from collections import defaultdict
from collections.abc import Sequence

import jinja2
import yaml

from temper.bench.results import over_free
from temper.config.rungs import DRAFTER
from temper.config.stages import MEASURED
from temper.report import lineage
from temper.report.figures import set_sizes
from temper.report.floors import line
from temper.report.schema import RunReport, Speed
from temper.rows import Failure, Message

FAILURES_SHOWN = 5
"""Wrong points shown for each role and slice; the rest is in the evaluation's `failures.jsonl`."""
STAGES_SHOWN = 2
"""Evaluated models whose wrong points are shown, the last ones: those are the ones to mend."""

Failures = dict[str, dict[str, dict[str, list[dict[str, str]]]]]


def render(report: RunReport, plots: dict[str, str], failures: dict[str, list[Failure]]) -> str:
    """The whole page. `plots`: SVG by name; `failures` by evaluated stage."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("temper.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "duration": duration,
        "multiple": multiple,
        "short": lambda digest: digest.removeprefix("sha256:")[:12],
    }
    return environment.get_template("page.html").render(
        report=report,
        measured=[stage for stage in MEASURED if stage in report.agent_scores],
        floors={name: floor for name in ("rules", "unaided") if (floor := getattr(report.floors, name))},
        floor_line=line(report),
        plots=plots,
        lineage=lineage.draw(report.lineage, report.cached),
        failures=_grouped(failures),
        shown=FAILURES_SHOWN,
        config=yaml.safe_dump(report.config, sort_keys=False, allow_unicode=True, width=110),
        tiles=_tiles(report),
        sets=set_sizes(report.metrics),
        remarks=_remarks(report.ladder),
    )


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def multiple(speed: Speed) -> str:
    """How many times the plain student: the median, lowest and highest round in brackets; a dash where none."""
    if speed.speedup is None:
        return "-"
    rounds = speed.speedup_rounds  # none in reports of before
    spread = f" ({min(rounds):.2f} to {max(rounds):.2f})" if rounds and min(rounds) < max(rounds) else ""
    return f"{speed.speedup:.2f}{spread}"


def _remarks(rows: Sequence[Speed]) -> dict[str, list[str]]:
    """What to know about rows of the speed table, and the configurations that it is true of."""
    reasons = dict.fromkeys(row.reason for row in rows if row.reason)
    return {
        reason: list(dict.fromkeys(row.configuration for row in rows if row.reason == reason)) for reason in reasons
    }


def _tiles(report: RunReport) -> list[tuple[str, str, str]]:
    """(figure, what it is, beside what) of the run in a few words."""
    tiles: list[tuple[str, str, str]] = []
    last = next((stage for stage in ("dpo", "sft", "cpt", "base") if stage in report.agent_scores), None)
    if last:
        role, score = min(report.agent_scores[last].items(), key=lambda item: item[1].score)
        tiles.append((f"{score.score:.0f} %", f"weakest agent after {last}", f"{role}, {score.n} points"))
    if last and (played := report.e2e.get(last)):
        figure = f"{played.passed} / {played.n}"
        tiles.append((figure, f"end-to-end scenarios after {last}", f"{100 * played.passed / played.n:.0f} %"))
    drafted = [speed for speed in report.ladder if speed.configuration == DRAFTER.name]
    if drafted:
        first = min(drafted, key=lambda speed: speed.concurrency)
        at = f"{first.concurrency} in flight"
        if first.tokens_per_step:
            tiles.append((f"{first.tokens_per_step:.2f}", "tokens per step with the drafter", at))
        if first.speedup:
            tiles.append((f"{first.speedup:.2f}x", "customer turns per second with it", at))
    for free, times in over_free(report.ladder)[:1]:
        tiles.append((f"{times:.2f}x", f"its turns per second over {free.configuration}'s, which is free", at))
    seconds_computed = sum(seconds for stage, seconds in report.wall_s.items() if not report.cached.get(stage))
    hits = sum(report.cached.values())
    tiles.append(
        (duration(seconds_computed), "of stages computed in this run", f"{hits} of {len(report.cached)} from the cache")
    )
    return tiles


def _grouped(failures: dict[str, list[Failure]]) -> Failures:
    """Stage -> role -> slice -> rows as text, the last models first."""
    groups: Failures = {}
    for stage, rows in list(failures.items())[: -STAGES_SHOWN - 1 : -1]:
        roles: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            named = {name: getattr(row, name) for name in ("id", "expected", "got", "reason")}
            named["prompt"] = _dialogue(row.prompt)
            roles[row.role][row.slice].append(named)
        groups[stage] = {role: dict(sorted(slices.items())) for role, slices in sorted(roles.items())}
    return groups


def _dialogue(messages: Sequence[Message]) -> str:
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
