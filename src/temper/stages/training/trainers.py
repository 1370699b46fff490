"""TRL's SFT and DPO trainers with batches that share prompts, and, on CPUs, with `sharing` for their forward pass."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from datasets import Dataset
from peft import PeftModel
from torch.utils.data import Sampler
from trl import DPOTrainer, SFTTrainer

from temper.stages.training import shards
from temper.stages.training.mapped import groups_and_lengths
from temper.stages.training.sharing import share_prefixes

WINDOW = 8
"""Batches of one group that are sorted by length together: little padding, and still a random order."""


class GroupedBatches(Sampler[int]):
    """Row numbers, batch after batch: one group (role) a batch, so that its prompts are shared, and similar lengths."""

    def __init__(self, groups: Sequence[int | str], lengths: list[int], batch_size: int, seed: int) -> None:
        self.groups, self.lengths, self.batch_size, self.seed, self.epoch = groups, lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Another order for each epoch, the same in a resumed run."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[int]:
        draw = random.Random(f"{self.seed}/{self.epoch}")
        members = defaultdict(list)
        for number in draw.sample(range(len(self.groups)), len(self.groups)):
            members[self.groups[number]].append(number)
        placed: list[tuple[float, list[int]]] = []
        rest = []
        for _, numbers in sorted(members.items()):
            batches = list(self._batches(numbers))
            whole = [batch for batch in batches if len(batch) == self.batch_size]
            rest += [number for batch in batches if len(batch) < self.batch_size for number in batch]
            # Each group's batches lie evenly over the epoch: a role is never forgotten for long, nor all there is.
            draw.shuffle(whole)
            placed += [((place + draw.random()) / len(whole), batch) for place, batch in enumerate(whole)]
        for _, batch in sorted(placed):  # whole batches first, so that every border falls on a multiple of the size
            yield from batch
        yield from rest

    def _batches(self, numbers: list[int]) -> Iterator[list[int]]:
        """Batches of similar lengths out of one group's rows, the last one of each window possibly short."""
        for start in range(0, len(numbers), WINDOW * self.batch_size):
            window = sorted(numbers[start : start + WINDOW * self.batch_size], key=lambda n: self.lengths[n])
            for cut in range(0, len(window), self.batch_size):
                yield window[cut : cut + self.batch_size]


class AnswerTrainer(SFTTrainer):
    """SFT over `input_ids` and `labels`, in batches by `group` and `length` (see `rendering`)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _share(self)

    def _prepare_dataset(self, dataset: Dataset, *_: object, **__: object) -> Dataset:
        return dataset  # tokenised already, as in serving

    def create_accelerator_and_postprocess(self) -> None:
        with shards.on_cpu():
            super().create_accelerator_and_postprocess()

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> GroupedBatches:
        return _sampler(self)


class PreferenceTrainer(DPOTrainer):
    """DPO over `prompt_ids`, `chosen_ids` and `rejected_ids`, in batches by `group` and `length` (see `rendering`)."""

    def _prepare_dataset(self, dataset: Dataset, *_: object, **__: object) -> Dataset:
        return dataset  # tokenised already, as in serving

    def create_accelerator_and_postprocess(self) -> None:
        with shards.on_cpu():
            super().create_accelerator_and_postprocess()

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        _share(self)  # TRL computes the reference inside its constructor
        return super()._precompute_ref_logps(dataset, name, batch_size)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> GroupedBatches:
        return _sampler(self)


def _sampler(trainer: SFTTrainer | DPOTrainer) -> GroupedBatches:
    """A batch of all processes together is of one group; each takes its share, so that their number changes nothing."""
    together = trainer.args.per_device_train_batch_size * trainer.args.world_size
    rows = trainer.train_dataset
    assert isinstance(rows, Dataset)
    return GroupedBatches(*groups_and_lengths(rows), together, trainer.args.seed)


def _share(trainer: SFTTrainer | DPOTrainer) -> None:
    """On CPUs only: elsewhere TRL's kernels skip unscored positions, and recomputed activations rule out a cache."""
    model = trainer.model
    if trainer.args.use_cpu and not trainer.args.fsdp:
        share_prefixes(model.get_base_model() if isinstance(model, PeftModel) else model)
