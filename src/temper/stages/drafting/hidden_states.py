"""What the drafter learns from: the student's answers as tokens, and the student's hidden states on them.

The layout is what speculators' trainer reads from disk: a `datasets` folder of `input_ids`, `loss_mask` and `seq_len`,
and `hidden_states/hs_{row}.safetensors` with `hidden_states` [T, 4, H] and `token_ids` [T]. Slots 0 to 2 are the inputs
of three of the student's blocks, the ones that vLLM taps for EAGLE-3; slot 3 is the last state before the final norm.
speculators' own extraction runs inside vLLM on CUDA; this one is a plain forward pass and runs anywhere.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import Module
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from temper.errors import ConfigError, DataError, StoreError
from temper.process.specs import Spec
from temper.process.stage import Stage
from temper.rows import AnsweredRow
from temper.stages.training.blocks import blocks, last_norm
from temper.stages.training.rendering import answer_ids, prompt_ids

SLOTS = 4
"""States kept of each token: three taps and the last."""
BATCH_TOKENS = 2048
"""Tokens of one forward pass, padding included."""
BEGINNING = 16
"""Tokens by which two prompts count as alike: a role's instructions and not only the template's first words."""


@dataclass(frozen=True)
class Row:
    """One answered prompt as the student saw it."""

    input_ids: list[int]
    loss_mask: list[int]
    """1 where the drafter has to know what comes next: on the student's tokens but the last."""
    public: bool = False
    """Whether the prompt is a public question and none of the system's own."""

    @property
    def drafted(self) -> list[int]:
        """The tokens that a drafter would propose: the answer but its first, which the student gives itself."""
        return [token for token, counts in zip(self.input_ids[1:], self.loss_mask, strict=False) if counts]


def render(tokenizer: PreTrainedTokenizerBase, row: AnsweredRow, max_length: int) -> Row | None:
    """`row.messages` as the engine saw and wrote them; None where `max_length` leaves nothing of the answer.

    A truncated answer teaches no end of turn: the student did not write one. Raises DataError.
    """
    *prompt, answer = row.messages
    if answer["role"] != "assistant":
        raise DataError(f"row {row.id} does not end with the assistant: make the answers again")
    context, written = prompt_ids(tokenizer, prompt), answer_ids(tokenizer, answer["content"])
    written = written[: len(written) - row.truncated][: max(0, max_length - len(context))]
    if len(written) < 2:
        return None
    mask = [0] * len(context) + [1] * (len(written) - 1) + [0]
    return Row(context + written, mask, row.source == "public")


def tapped_layers(layers: int) -> list[int]:
    """Blocks whose inputs the drafter sees: early, middle and late, as speculators and vLLM choose them.

    Raises ConfigError for a model that is too shallow to have three different ones.
    """
    taps = [2, layers // 2, layers - 3]
    if len(set(taps)) < len(taps) or min(taps) < 0:
        raise ConfigError(f"EAGLE-3 taps blocks {taps} of a {layers}-layer student, which must differ: use 7 or more")
    return taps


def bytes_needed(rows: list[Row], hidden_size: int, dtype: torch.dtype) -> int:
    """Disk that the hidden states take."""
    return sum(len(row.input_ids) for row in rows) * SLOTS * hidden_size * dtype.itemsize


def check_disk(folder: Path, need: int) -> None:
    """Raises StoreError when `folder` has less than `need` bytes and a margin of a tenth."""
    free = shutil.disk_usage(folder).free
    if free < need * 1.1:
        raise StoreError(
            f"hidden states need {need / 2**30:.2f} GiB in {folder}, {free / 2**30:.2f} are free: "
            "free some, move TEMPER_HOME, or lower synthesize.draft_prompts"
        )


def write(model: PreTrainedModel, rows: list[Row], folder: Path, stage: Stage[Spec]) -> None:
    """The training folder of `rows`; states that an earlier, killed run left whole are kept."""
    (folder / "hidden_states").mkdir(parents=True, exist_ok=True)
    names = [file(folder, index) for index in range(len(rows))]
    missing = [index for index, name in enumerate(names) if not name.is_file()]
    done = len(rows) - len(missing)
    with torch.inference_mode(), tap(model) as captured:
        for batch in _batches(missing, rows):
            states = _forward(model, captured, [rows[index].input_ids for index in batch])
            for place, index in enumerate(batch):
                _save(names[index], states[place, : len(rows[index].input_ids)], rows[index].input_ids)
            done += len(batch)
            stage.event("hidden states", done=done, of=len(rows))
    _save_rows(rows, folder)


def file(folder: Path, index: int) -> Path:
    """Where the states of row `index` lie."""
    return folder / "hidden_states" / f"hs_{index}.safetensors"


def link(rows: list[Row], states: list[Path], folder: Path) -> None:
    """The training folder of `rows` whose states lie elsewhere already."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "hidden_states").mkdir(parents=True)
    for index, path in enumerate(states):
        file(folder, index).symlink_to(path.resolve())
    _save_rows(rows, folder)


def _save_rows(rows: list[Row], folder: Path) -> None:
    columns = {
        "input_ids": [row.input_ids for row in rows],
        "loss_mask": [row.loss_mask for row in rows],
        "seq_len": [len(row.input_ids) for row in rows],
    }
    Dataset.from_dict(columns).with_format("torch").save_to_disk(str(folder))


def _forward(model: PreTrainedModel, captured: dict[int, Tensor], rows: list[list[int]]) -> Tensor:
    """States [B, T, 4, H] of `rows`; what they all begin with, a role's instructions, is run once for all of them.

    Padding stands on the right, where causal attention never looks back from: no mask is needed.
    """
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=model.device)
    shortest = ids[:, : min(map(len, rows))]
    shared = int((shortest == shortest[:1]).all(dim=0).cumprod(dim=0).sum()) if len(rows) > 1 else 0
    if shared in (0, longest):
        model.base_model(input_ids=ids, use_cache=False)
        return _stacked(captured)
    cache = DynamicCache(config=model.config)
    model.base_model(input_ids=ids[:1, :shared], past_key_values=cache, use_cache=True)
    first = _stacked(captured).expand(len(rows), -1, -1, -1)
    cache.batch_repeat_interleave(len(rows))
    places = torch.arange(shared, longest, device=model.device)[None]
    model.base_model(input_ids=ids[:, shared:], position_ids=places, past_key_values=cache, use_cache=True)
    return torch.cat([first, _stacked(captured)], dim=1)


def _stacked(captured: dict[int, Tensor]) -> Tensor:
    return torch.stack([captured[slot] for slot in range(SLOTS)], dim=2).cpu()


@contextmanager
def tap(model: PreTrainedModel) -> Iterator[dict[int, Tensor]]:
    """The four states of the latest forward pass by slot, each [B, T, H]."""
    captured: dict[int, Tensor] = {}
    layers = blocks(model.base_model)
    taps = [*(layers[index] for index in tapped_layers(len(layers))), last_norm(model.base_model)]

    def keep(slot: int) -> Callable[[Module, tuple[Tensor, ...], dict[str, Tensor]], None]:
        def hook(_module: Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
            captured[slot] = args[0] if args else kwargs["hidden_states"]

        return hook

    handles = [module.register_forward_pre_hook(keep(slot), with_kwargs=True) for slot, module in enumerate(taps)]
    try:
        yield captured
    finally:
        for handle in handles:
            handle.remove()


def _batches(indices: list[int], rows: list[Row]) -> Iterator[list[int]]:
    """`indices` in batches of about BATCH_TOKENS; rows with the same beginning together, and of these the like long."""
    batch: list[int] = []
    for index in sorted(indices, key=lambda index: (rows[index].input_ids[:BEGINNING], len(rows[index].input_ids))):
        same = batch and rows[index].input_ids[:BEGINNING] == rows[batch[0]].input_ids[:BEGINNING]
        if batch and (not same or (len(batch) + 1) * len(rows[index].input_ids) > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _save(path: Path, states: Tensor, token_ids: list[int]) -> None:
    part = path.with_suffix(".part")
    save_file({"hidden_states": states.contiguous(), "token_ids": torch.tensor(token_ids)}, part)
    part.replace(path)
