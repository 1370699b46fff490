"""A vLLM plugin: two faults of vLLM 0.32's on CPUs that concern drawn answers.

With a drafter the target's logits at each guessed place are divided by its request's temperature. The CPU code that
gives each place its temperature (`_expand_kernel_impl` in `vllm.utils.cpu_triton_utils`) converts the float buffer
that it should fill to whole numbers, fills that copy and drops it: logits are divided by what memory held before.
Greedy answers do not pass there. To go when that function writes to its `output`.

A request with a seed whose prompt is read in several steps ends the engine: after each step but the last the runner
winds the request's generator back, and generators of CPUs cannot be wound. Here they are not, so that an answer may
depend on how many steps its prompt took. To go when `GPUModelRunner._bookkeeping_sync` asks what the device can do.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import torch

Result = TypeVar("Result")


def register() -> None:
    """Entry point of `vllm.general_plugins`, called in each of vLLM's processes. Does nothing on GPUs."""
    from vllm.platforms import current_platform
    from vllm.v1.sample import rejection_sampler
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner as Runner

    if not current_platform.is_cpu() or hasattr(Runner._bookkeeping_sync, "__wrapped__"):
        return
    rejection_sampler.expand_batch_to_tokens = expand_batch_to_tokens
    Runner._bookkeeping_sync = _without_winding(Runner._bookkeeping_sync)


def expand_batch_to_tokens(
    x: torch.Tensor, cu_num_tokens: torch.Tensor, num_tokens: int, replace_from: int = 0, replace_to: int = 0
) -> torch.Tensor:
    """Each request's value, once for each of its tokens: `x` (requests) and running totals of tokens to (`num_tokens`).

    Values equal to `replace_from` become `replace_to` (temperature 0, of a greedy request, becomes 1).
    """
    counts = torch.diff(cu_num_tokens, prepend=cu_num_tokens.new_zeros(1))
    values = torch.where(x == replace_from, torch.full_like(x, replace_to), x)
    return values.repeat_interleave(counts, output_size=num_tokens)


def _without_winding(bookkeeping: Callable[..., Result]) -> Callable[..., Result]:
    """The runner's method, with the generators of half-read requests out of its sight."""

    @wraps(bookkeeping)
    def sync(self: Any, *args: object, **kwargs: object) -> Result:
        batch = self.input_batch
        hidden = {int(i): batch.generators.pop(int(i), None) for i in np.nonzero(self.discard_request_mask.np)[0]}
        try:
            return bookkeeping(self, *args, **kwargs)
        finally:
            batch.generators.update({i: generator for i, generator in hidden.items() if generator is not None})

    return sync
