"""Data quality and contamination: `python -m temper.stages.validate RUN_DIR`.   In: base, all sets.   Out: report.

Refuses (DataError) what a suite fails or what a training set shares with the evaluation set.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from temper.agents.roles import parses
from temper.domains import load_domain
from temper.domains.scenario import load_scenarios
from temper.errors import DataError
from temper.process.specs import ValidateSpec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN, AnyRow, ChatRow, Document, PairRow, Point, PromptRow, TalkRow, load
from temper.synthesis.overlap import Index, customer_line, key_text
from temper.synthesis.quality import check, flat, summary

TRAINING: dict[str, type[AnyRow]] = {
    "cpt": Document,
    "sft": ChatRow,
    "practice": Point,
    "dpo": PairRow,
    "draft_prompts": PromptRow,
    "calibration": TalkRow,
}


def main(stage: Stage[ValidateSpec]) -> Report:
    """Suites first, then overlap of every training set with the evaluation set."""
    settings, domain = stage.spec.validation, load_domain(stage.spec.domain.name)
    tokens = _counter(stage.inputs["base"])
    rows: dict[str, Sequence[AnyRow]] = {
        name: load(stage.inputs[name] / TRAIN, kind) for name, kind in TRAINING.items() if name in stage.inputs
    }
    rows["evaluation"] = load(stage.inputs["evaluation"] / "points.jsonl", Point)
    scenarios = load_scenarios(stage.inputs["evaluation"] / "scenarios.jsonl")
    out = stage.out("report")
    stage.event("checking rows", done=0, of=2)
    flattened = {name: flat(name, some, tokens, partial(parses, domain=domain)) for name, some in rows.items()}
    findings = check(flattened, settings.longest_tokens, out / "data_docs")
    stage.event("looking for overlap with the evaluation set", done=1, of=2)
    points = [key_text(row) for row in rows["evaluation"]]
    lines = [line for row in scenarios for line in row.turns]
    overlaps = _overlaps(rows, key_text, Index(points, settings.near_duplicate), "an evaluation row")
    overlaps += _overlaps(rows, customer_line, Index(lines, settings.near_duplicate), "a scenario's line")
    (out / "summary.json").write_text(json.dumps(summary(findings, overlaps), indent=1), encoding="utf-8")
    bad = [finding.text() for finding in findings if not finding.success] + overlaps
    if bad:
        shown = "; ".join(bad[:5]) + (f"; and {len(bad) - 5} more" if len(bad) > 5 else "")
        raise DataError(f"the data were refused: {shown}. See {out / 'summary.json'}, mend the rows and run again")
    sizes = {f"{name}_rows": float(len(some)) for name, some in rows.items()}
    longest = {f"{name}_longest_tokens": float(max(row.tokens for row in some)) for name, some in flattened.items()}
    return Report(
        metrics={**sizes, **longest, "expectations_met": float(len(findings)), "overlapping_rows": 0.0},
        artifacts={"report": "report"},
    )


def _overlaps(
    rows: Mapping[str, Sequence[AnyRow]], text_of: Callable[[AnyRow], str], index: Index, what: str
) -> list[str]:
    """Training rows whose text equals, or nearly equals, one of the index, as lines for a person."""
    found = []
    for name in TRAINING:
        if name not in rows:
            continue
        hits = index.hits([text_of(row) for row in rows[name]])
        found += [
            f"{name}: row {rows[name][number].id or number} is like {what}: {text[:80]!r}"
            for number, text in hits.items()
        ]
    return found


def _counter(base: Path) -> Callable[[str], int]:
    """Counts tokens of a text with the base model's tokenizer."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    return lambda text: len(tokenizer(text)["input_ids"])


if __name__ == "__main__":
    run(main)
