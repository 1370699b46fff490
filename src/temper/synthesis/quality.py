"""Great Expectations suites over flattened rows: one a set, with a summary that reads well without a network."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from temper.rows import AnyRow, ChatRow, Document, Message, PairRow, Point, PromptRow, TalkRow, answer

Parses = Callable[[str, str], bool]
"""(role, answer) to whether the answer is of the role's form."""
CHAT_ROLES = ("system", "user", "assistant")
BALANCED = ("sft", "evaluation")
"""Sets in which no role may have nearly all the rows."""


@dataclass(frozen=True)
class Finding:
    """One expectation on one column of one set."""

    set: str
    expectation: str
    column: str
    success: bool
    failed_rows: int
    examples: tuple[str, ...]

    def text(self) -> str:
        """One line for a person."""
        shown = f", for example {'; '.join(self.examples)}" if self.examples else ""
        return f"{self.set}: {self.column or 'rows'}: {self.expectation}: {self.failed_rows} rows{shown}"


def flat(name: str, rows: Sequence[AnyRow], tokens: Callable[[str], int], parses: Parses) -> list[dict[str, Any]]:
    """Rows as flat records: identity, role, lengths in tokens, and whether messages and answers are sound."""
    return [_record(name, number, row, tokens, parses) for number, row in enumerate(rows)]


def _record(name: str, number: int, row: AnyRow, tokens: Callable[[str], int], parses: Parses) -> dict[str, Any]:
    role = row.source if isinstance(row, Document | TalkRow) else row.role
    said = answer(row)
    record: dict[str, Any] = {"id": row.id or f"{name}-{number}", "role": role}
    if isinstance(row, Document):
        record |= {"prompt": row.prompt, "answer": said, "alternates": True}
    else:
        prompt = row.messages if isinstance(row, TalkRow) else row.prompt
        asked = not isinstance(row, ChatRow | PairRow | Point)
        said = prompt[-1]["content"] if asked and prompt else said
        record |= {"prompt": _text(prompt), "answer": said or None, "alternates": alternates(prompt)}
        if isinstance(row, PairRow):
            record["rejected"] = row.rejected[-1]["content"] or None
            record["differs"] = record["answer"] != record["rejected"]
    answered = not isinstance(row, PromptRow | TalkRow)
    record["parses"] = not answered or parses(role, said)
    record["answer_tokens"] = tokens(said)
    record["tokens"] = record["answer_tokens"] + tokens(record["prompt"] or "")
    return record


def _text(messages: Sequence[Message]) -> str | None:
    """The contents of messages, None where there are none: what is malformed is found, not hit."""
    return "\n".join(message["content"] for message in messages if message["content"]) or None


def alternates(messages: Sequence[Message]) -> bool:
    """An optional system message, then user and assistant in turn, every content a non-empty text."""
    if not messages or any(m["role"] not in CHAT_ROLES or not m["content"] for m in messages):
        return False
    rest = messages[1:] if messages[0]["role"] == "system" else messages
    return bool(rest) and all(m["role"] == CHAT_ROLES[1 + i % 2] for i, m in enumerate(rest))


def check(sets: Mapping[str, Sequence[dict[str, Any]]], longest: int, docs: Path) -> list[Finding]:
    """Validate every set's flat records; writes Data Docs below `docs` and returns all findings, good and bad."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import pandas

    from temper.synthesis.expectations import expectations

    context = gx.get_context(mode="ephemeral")
    site: Any = {
        "class_name": "SiteBuilder",
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    context.add_data_docs_site("local", site)
    source = context.data_sources.add_pandas("sets")
    findings: list[Finding] = []
    for name, records in sets.items():
        frame = pandas.DataFrame(records)
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        suite = context.suites.add(gx.ExpectationSuite(name=name))
        roles = {str(record["role"]) for record in records} if name in BALANCED else set()
        for expectation in expectations(frame.columns, roles, longest):
            suite.add_expectation(expectation)
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[context.validation_definitions.add(definition)],
            actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
            result_format="SUMMARY",
        )
        outcome = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
        findings += [_finding(name, item) for run in outcome.run_results.values() for item in run.results]
    return findings


def _finding(name: str, item: Any) -> Finding:
    result = item.result or {}
    examples = tuple(str(value)[:60] for value in (result.get("partial_unexpected_list") or [])[:3])
    config = item.expectation_config
    return Finding(
        set=name,
        expectation=config.type.removeprefix("expect_"),
        column=str(config.kwargs.get("column", "")),
        success=bool(item.success),
        failed_rows=int(result.get("unexpected_count") or (0 if item.success else 1)),
        examples=examples,
    )


def summary(findings: Sequence[Finding], overlaps: Sequence[str]) -> dict[str, Any]:
    """What the report folder and the tracking server keep."""
    return {
        "checked": len(findings),
        "failed": [asdict(finding) for finding in findings if not finding.success],
        "overlaps": list(overlaps),
    }
