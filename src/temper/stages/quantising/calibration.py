"""What rows reach in a model's linear layers: the ranges that calibrate them, and what lies outside such a range."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median

import torch
from compressed_tensors.quantization import FP8_E4M3_DATA
from torch import Tensor
from torch.nn import Linear, Module
from transformers import PreTrainedModel

HEADS = ["lm_head", "verifier_lm_head"]
"""What is never quantised; the second is the trainer's copy of the student's head inside a drafter."""
Rows = Sequence[list[int]]


def widest(model: PreTrainedModel, rows: Rows, times: float) -> list[str]:
    """Linear layers whose inputs reach `times` as far as the median layer's.

    A few values of thousands, at a prompt's first token, set such a layer's scale; in FP8 all others are then next to
    nothing (Sun et al., 2024, Massive Activations in Large Language Models).
    """
    reach = {name: float(most) for name, most in _reach(model, rows, [max(map(len, rows))]).items()}
    return [name for name, most in reach.items() if most > times * median(reach.values())]


def clip_rate(model: PreTrainedModel, rows: Rows) -> float:
    """Share of the input values in `rows` that lie outside the calibrated range, over all quantised layers."""
    ranges = {
        name: module.input_scale.float() * FP8_E4M3_DATA.max
        for name, module in model.named_modules()
        if hasattr(module, "input_scale")
    }
    return float(_outside(model, rows, ranges))


def by_length(
    model: PreTrainedModel,
    sources: Mapping[str, Rows],
    held_out: Rows,
    lengths: Sequence[int],
    kept: Sequence[str] = (),
) -> list[dict[str, float]]:
    """For each length (`step`, tokens) the percent of `held_out` that calibration on rows cut to it would clip.

    One figure, `clip_rate_percent_<source>`, for each of `sources`; layers in `kept` do not count. The paper's
    Figure 4.
    """
    rates = {
        source: 100
        * _outside(model, held_out, {n: r for n, r in _reach(model, rows, lengths).items() if n not in kept})
        for source, rows in sources.items()
    }
    return [
        {"step": length, **{f"clip_rate_percent_{source}": float(rate[place]) for source, rate in rates.items()}}
        for place, length in enumerate(lengths)
    ]


def _reach(model: PreTrainedModel, rows: Rows, lengths: Sequence[int]) -> dict[str, Tensor]:
    """Layer -> [lengths], the largest input of rows cut to each: a token's values do not depend on what follows it."""
    reach: dict[str, Tensor] = {}

    def note(name: str, values: Tensor) -> None:
        so_far = values[0].abs().amax(-1).cummax(0).values
        found = torch.stack([so_far[min(length, len(so_far)) - 1] for length in lengths])
        reach[name] = torch.maximum(reach[name], found) if name in reach else found

    names = [name for name, module in model.named_modules() if isinstance(module, Linear) and name not in HEADS]
    with _watched(model, names, note):
        _read(model, rows)
    return reach


def _outside(model: PreTrainedModel, rows: Rows, ranges: dict[str, Tensor]) -> Tensor:
    """[lengths]: share of all input values beyond each layer's ranges, [lengths] as well."""
    seen, outside = 0, torch.zeros_like(next(iter(ranges.values())), dtype=torch.float64)

    def count(name: str, values: Tensor) -> None:
        nonlocal seen
        seen += values.numel()
        most = values.abs()
        outside.add_(torch.stack([(most > limit).sum() for limit in ranges[name].flatten()]).view_as(outside))

    with _watched(model, ranges, count):
        _read(model, rows)
    return outside / seen


@contextmanager
def _watched(model: PreTrainedModel, names: Iterable[str], see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """`see(name, input)` for each of the named layers, whenever one is run."""

    def hook(name: str) -> Callable[[Module, tuple[Tensor, ...]], None]:
        return lambda _, args: see(name, args[0])

    handles = [model.get_submodule(name).register_forward_pre_hook(hook(name)) for name in names]
    yield
    for handle in handles:
        handle.remove()


def _read(model: PreTrainedModel, rows: Rows) -> None:
    with torch.inference_mode():
        for row in rows:
            model(input_ids=torch.tensor([row], device=model.device), use_cache=False)
