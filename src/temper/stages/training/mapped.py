"""Training rows in a memory-mapped Arrow file: rendered once, read by every training process, in memory by none.

`datasets` writes the file below the stage's own folder under a lock: the first process that comes renders, the others
wait and read, and a resumed stage finds the file. Where rows are many, several processes render.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow.compute as pc
from datasets import Dataset, Features, List, Value
from datasets.exceptions import DatasetGenerationError
from transformers import PreTrainedTokenizerBase

from temper.errors import DataError
from temper.rows import ChatRow, Document, PairRow, read
from temper.stages.training.rendering import Answered, Preferred, chat_row, preference_row, text_row

RowT = TypeVar("RowT", ChatRow, Document, PairRow)
Span = tuple[Path, int, int]
"""A file, and the rows of it from the first number up to the second."""

SPAN = 10_000
"""Rows that one process renders alone in seconds; beyond them the work is shared out."""


@dataclass(frozen=True)
class Form(Generic[RowT]):
    """How the rows of one kind become tokens."""

    kind: type[RowT]
    render: Callable[[PreTrainedTokenizerBase, RowT, int], Answered | Preferred | None]
    tokens: tuple[str, ...]
    """Columns of token ids."""


CHATS = Form(ChatRow, chat_row, ("input_ids", "labels"))
TEXTS = Form(Document, text_row, ("input_ids", "labels"))
PAIRS = Form(PairRow, preference_row, ("prompt_ids", "chosen_ids", "rejected_ids"))


def mapped(
    form: Form[RowT],
    files: Sequence[Path],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    folder: Path,
    processes: int = 0,
) -> Dataset:
    """The rows of `files` in their order, without those of which `max_length` leaves nothing.

    At most `processes` of them render, 0: one a CPU. They are forked, so call this before torch has computed anything.
    Raises DataError for rows that are missing or broken, and where no row is left.
    """
    counts = [sum(1 for _ in read(path, form.kind)) for path in files]
    where = f"{files[0].parent.name}/{files[0].name}"
    if not any(counts):
        raise DataError(f"{where} holds no rows: a trainer needs at least one")
    spans = [
        (path, start, min(start + SPAN, count))
        for path, count in zip(files, counts, strict=True)
        for start in range(0, count, SPAN)
    ]
    useful = math.ceil(sum(counts) / SPAN)
    tokens = {name: List(Value("int32")) for name in form.tokens}
    try:
        rows = Dataset.from_generator(
            _rendered,
            Features({**tokens, "group": Value("large_string"), "length": Value("int32")}),
            cache_dir=str(folder),
            gen_kwargs={"spans": spans, "form": form, "tokenizer": tokenizer, "max_length": max_length},
            num_proc=min(processes or len(os.sched_getaffinity(0)), useful),
            fingerprint="rows",  # the folder is the stage's own: whatever decides about the rows is in its key
        )
    except DatasetGenerationError as error:
        raise error.__cause__ or error from None  # what went wrong in `_rendered` or on the disk
    except ValueError:  # `datasets` has no empty sets
        raise DataError(f"every row of {where} is too long for max_length={max_length} tokens: raise it") from None
    assert isinstance(rows, Dataset)
    return rows


def _rendered(
    spans: list[Span], form: Form[RowT], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Iterator[Answered | Preferred]:
    for path, start, stop in spans:
        for row in read(path, form.kind, start, stop):
            rendered = form.render(tokenizer, row, max_length)
            if rendered is not None:
                yield rendered


def groups_and_lengths(rows: Dataset) -> tuple[list[int], list[int]]:
    """Each row's group, as its place among all groups in order, and its length; the groups' texts stay on disk."""
    table = rows.select_columns(["group", "length"]).with_format("arrow")[:]
    return pc.rank(table["group"], tiebreaker="dense").to_pylist(), table["length"].to_pylist()
