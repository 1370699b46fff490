"""Great Expectations suites over flattened rows: one a set, with a summary that reads well without a network."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from temper.rows import AnyRow, ChatRow, Document, Message, PairRow, Point, PromptRow, TalkRow, answer

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

Parses = Callable[[str, str], bool]
"""(role, answer) to whether the answer is of the role's form."""
Conversation = PromptRow | ChatRow | PairRow | TalkRow | Point
"""A row whose prompt is messages."""
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


@dataclass(frozen=True, kw_only=True)
class FlatRow:
    """A row as the suites look at it; None stands for what is not there, so that a suite can say so."""

    id: str
    role: str
    prompt: str | None
    answer: str | None
    alternates: bool
    """Whether user and assistant take turns in the prompt."""
    parses: bool
    """Whether the answer is of its role's form; True where a row has none."""
    answer_tokens: int
    tokens: int
    """Of prompt and answer together."""


@dataclass(frozen=True, kw_only=True)
class FlatPair(FlatRow):
    """A preference, with its worse answer."""

    rejected: str | None
    differs: bool


def flat(name: str, rows: Sequence[AnyRow], tokens: Callable[[str], int], parses: Parses) -> list[FlatRow]:
    """Rows of a set as flat records: identity, role, lengths in tokens, and whether messages and answers are sound."""
    return [_flat(row, row.id or f"{name}-{number}", tokens, parses) for number, row in enumerate(rows)]


def _flat(row: AnyRow, id: str, tokens: Callable[[str], int], parses: Parses) -> FlatRow:
    role = row.source if isinstance(row, Document | TalkRow) else row.role
    text, length = _last_text(row), tokens(_last_text(row))
    messages = [] if isinstance(row, Document) else _messages(row)
    prompt = row.prompt if isinstance(row, Document) else _text(messages)
    flat_row = FlatRow(
        id=id,
        role=role,
        prompt=prompt,
        answer=text if isinstance(row, Document) else text or None,
        alternates=isinstance(row, Document) or alternates(messages),
        parses=isinstance(row, PromptRow | TalkRow) or parses(role, text),
        answer_tokens=length,
        tokens=length + tokens(prompt or ""),
    )
    if not isinstance(row, PairRow):
        return flat_row
    rejected = row.rejected[-1]["content"] or None
    return FlatPair(**vars(flat_row), rejected=rejected, differs=flat_row.answer != rejected)


def _messages(row: Conversation) -> list[Message]:
    return row.messages if isinstance(row, TalkRow) else row.prompt


def _last_text(row: AnyRow) -> str:
    """The answer; in a set without answers the last message."""
    if isinstance(row, PromptRow | TalkRow):
        messages = _messages(row)
        return messages[-1]["content"] if messages else ""
    return answer(row)


def _text(messages: Sequence[Message]) -> str | None:
    """The contents of messages; None where there are none, so that a suite reports the row."""
    return "\n".join(message["content"] for message in messages if message["content"]) or None


def alternates(messages: Sequence[Message]) -> bool:
    """An optional system message, then user and assistant in turn, every content a non-empty text."""
    if not messages or any(m["role"] not in CHAT_ROLES or not m["content"] for m in messages):
        return False
    rest = messages[1:] if messages[0]["role"] == "system" else messages
    return bool(rest) and all(m["role"] == CHAT_ROLES[1 + i % 2] for i, m in enumerate(rest))


def check(sets: Mapping[str, Sequence[FlatRow]], longest: int, docs: Path) -> list[Finding]:
    """Validate every set's rows; writes Data Docs below `docs` and returns all findings, good and bad."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import pandas

    from temper.synthesis.expectations import expectations

    context = gx.get_context(mode="ephemeral")
    context.add_data_docs_site(
        "local",
        {
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    source = context.data_sources.add_pandas("sets")
    findings: list[Finding] = []
    for name, rows in sets.items():
        frame = pandas.DataFrame([asdict(row) for row in rows])
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        suite = context.suites.add(gx.ExpectationSuite(name=name))
        roles = {row.role for row in rows} if name in BALANCED else set()
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


def _finding(name: str, item: "ExpectationValidationResult") -> Finding:
    result = item.result or {}
    examples = tuple(str(value)[:60] for value in (result.get("partial_unexpected_list") or [])[:3])
    config = item.expectation_config
    assert config is not None  # only a result that was read from a file may lack it
    return Finding(
        set=name,
        expectation=config.type.removeprefix("expect_"),
        column=str(config.kwargs.get("column", "")),
        success=bool(item.success),
        failed_rows=int(result.get("unexpected_count") or (0 if item.success else 1)),
        examples=examples,
    )


def summary(findings: Sequence[Finding], overlaps: Sequence[str]) -> dict[str, object]:
    """What the report folder and the tracking server keep."""
    return {
        "checked": len(findings),
        "failed": [asdict(finding) for finding in findings if not finding.success],
        "overlaps": list(overlaps),
    }
