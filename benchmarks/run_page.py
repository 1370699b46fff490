"""A run's report as a page of this repository: its tables, and its pictures beside it.

    .venv/bin/python benchmarks/run_page.py --run latest --out docs/results/cpu.md

What stands under `## Notes` of a page that is there already is kept.
"""

import argparse
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from serving import load_report, run_command

from temper.config import ROLES
from temper.config.stages import MEASURED
from temper.report.floors import line as floors_line
from temper.report.page import duration, multiple
from temper.report.schema import RunReport, Speed
from temper.report.view import find

NOTES = "## Notes"
SOURCES = {"public": "public questions", "own": "the system's own prompts", "both": "half of each"}


def main() -> None:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=Path, default=Path("docs/images"), help="folder for the pictures")
    options = parser.parse_args()
    report, plots = load_report(options.run), find(options.run) / "plots"
    options.images.mkdir(parents=True, exist_ok=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)

    def picture(name: str, says: str) -> str:
        if not (plots / f"{name}.png").exists():
            return ""
        copy = options.images / f"{options.out.stem}-{name.replace('_', '-')}.png"
        shutil.copyfile(plots / f"{name}.png", copy)
        return f"![{says}]({os.path.relpath(copy, options.out.parent)})\n"

    sections = [
        _head(report, f".venv/bin/python benchmarks/run_page.py --run ID --out {options.out}"),
        _section("Agents", picture("agent_scores", "Percent right by agent and stage"), _scores(report)),
        _section("Speed", picture("ladder", "Customer turns a second and P90"), _speed(report)),
        _section("The drafter, by agent", picture("acceptance", "Accepted tokens by position"), ()),
        _section("What a drafter should learn from", "", _sources(report)),
        _section("What a context is worth", picture("contexts", "Loss by token position"), ()),
        _section("What FP8 clips", picture("calibration", "Clipped share by source and length"), ()),
        _section("Changed prompts", "", _changed(report)),
        _section("Time", "", _times(report)),
        _kept(options.out),
    ]
    options.out.write_text("\n".join(filter(None, sections)), encoding="utf-8")
    print(options.out)


def _head(report: RunReport, command: str) -> str:
    spent, hits = sum(report.wall_s.values()), sum(report.cached.values())
    earlier = f", {hits} of them taken from an earlier run with their times" if hits else ""
    verdict = "none was asked"
    if report.gate:
        no = [f"- {rule.reason}" for rule in report.gate.rules if not rule.passed]
        verdict = f"no to {len(no)} of {len(report.gate.rules)} rules\n\n" + "\n".join(no) if no else "passed"
    return (
        f"# The `{report.name}` preset, whole\n\nMade by\n\n    {run_command(report)}\n    {command}\n\n"
        f"on {os.cpu_count()} CPU cores, engines computing in {report.served_in}: {duration(spent)} of stages, "
        f"two at once counted twice{earlier}. Gate: {verdict}.\n"
    )


def _section(title: str, picture: str, lines: Iterable[str]) -> str:
    parts = [part for part in (picture, "\n".join(lines)) if part]
    return f"## {title}\n\n" + "\n".join(parts).rstrip("\n") + "\n" if parts else ""


def _scores(report: RunReport) -> Iterator[str]:
    """Percent right by stage, behind the floor of rules without a language model."""
    stages = [stage for stage in MEASURED if stage in report.agent_scores]
    if not stages:
        return
    yield (
        "Percent of held-out points wholly right, with 95 % Wilson intervals, wider where points share a wording. "
        "`rules`: rule code with a bag of words, no language model.\n"
    )
    rules = report.floors.rules
    scores = [getattr(rules, role) if rules else None for role in ROLES]
    first = ["" if score is None else _percent(score) for score in scores]
    rows = [[role, floor, *_cells(report, role, stages)] for role, floor in zip(ROLES, first, strict=True)]
    yield from _table(("", "rules", *stages), rows)
    played = (rules.e2e if rules else None, *(report.e2e.get(stage) for stage in stages))
    yield _line(["scenarios", *(f"{passes.passed} of {passes.n}" if passes else "" for passes in played)])
    yield f"\n{floors_line(report)}"


def _cells(report: RunReport, role: str, stages: Sequence[str]) -> Iterator[str]:
    for stage in stages:
        score = report.agent_scores[stage].get(role)
        certain = stage in ("teacher", "base", "cpt")
        if score is None:
            yield ""
        else:
            interval = "" if certain else f" ({_percent(score.low)} to {_percent(score.high)})"
            yield _percent(score.score) + interval


def _speed(report: RunReport) -> Iterator[str]:
    if not report.ladder:
        return
    yield (
        "Whole customer turns; medians of the rounds, of the multiples lowest and highest round in brackets. An "
        "emulated row's speed is no result and is left out. Memory and arithmetic: the share of what this machine "
        "reaches that weights and tokens took, at least.\n"
    )
    names = ("in flight", "turns/s", "x student", "x unoptimised", "median s", "P90 s", "goodput", "calls/turn")
    names += ("tokens/step", "memory %", "arithmetic %")
    yield from _table(("", *names), [_rung(speed) for speed in report.ladder])
    if same := report.equivalence:
        said = f"\nThe same greedy answers with the drafter and without: {same.same} of {same.n}"
        if same.structured:
            said += f", {same.structured.same} of {same.structured.n} under a JSON grammar"
        if same.sampled:
            said += f"; drawn at temperature {same.sampled.temperature:g}, p = {same.sampled.p_value:.2g}"
        yield f"{said}."


def _rung(speed: Speed) -> list[str]:
    steps = _figure(speed.tokens_per_step)
    if not speed.comparable:
        return [f"{speed.configuration} (emulated)", str(speed.concurrency), *[""] * 7, steps, "", ""]
    figures = (speed.gain, speed.p50_s, speed.p90_s, speed.goodput, speed.calls_per_turn)
    return [
        speed.configuration,
        str(speed.concurrency),
        f"{speed.qps:.3f}",
        multiple(speed),
        *map(_figure, figures),
        steps,
        *(f"{share:.0f}" if share else "" for share in (speed.memory_percent, speed.arithmetic_percent)),
    ]


def _percent(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _sources(report: RunReport) -> Iterator[str]:
    """Drafters of one budget beside each other (`draft.budget_to_compare`)."""
    draft = report.metrics.get("draft", {})
    if "expected_tokens_per_step_both" not in draft:
        return
    rows = [
        [source, f"{draft[f'answer_tokens_{name}']:.0f}", f"{draft[f'expected_tokens_per_step_{name}']:.2f}"]
        for name, source in SOURCES.items()
    ]
    rows.append(["this run's drafter", f"{draft['answer_tokens']:.0f}", f"{draft['expected_tokens_per_step']:.2f}"])
    yield "Tokens a step to expect on held-out answers of the system's agents.\n"
    yield from _table(("answers to", "answer tokens", "tokens/step"), rows)


def _changed(report: RunReport) -> Iterator[str]:
    if report.changed:
        yield "The same held-out points with a prompt that training never showed.\n"
        rows = [
            [stage, change.replace("_", " "), role, _percent(score.score), _percent(score.unchanged), str(score.n)]
            for stage, changes in report.changed.items()
            for change, roles in changes.items()
            for role, score in roles.items()
        ]
        yield from _table(("after", "change", "role", "changed", "unchanged", "points"), rows)


def _times(report: RunReport) -> Iterator[str]:
    rows = [[stage, duration(s), "cached" if report.cached[stage] else ""] for stage, s in report.wall_s.items()]
    yield from _table(("stage", "time", ""), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _line(head)
    yield "|---" * len(head) + "|"
    yield from map(_line, rows)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _kept(page: Path) -> str:
    """The notes of the page that is there."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return text[text.index(NOTES) :] if NOTES in text else ""


if __name__ == "__main__":
    main()
