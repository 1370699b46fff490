"""What this machine's memory and arithmetic reach on large operands, measured with torch on the engine's device."""

import time
from collections.abc import Callable

import torch

from temper.capacity.bound import Hardware

SECONDS = 0.5
"""How long each measurement goes on."""


def measured(device: str, dtype: torch.dtype) -> Hardware:
    """The best of several tries of each, on an idle machine; matrices of `dtype`."""
    numbers = torch.ones(1 << 27, dtype=torch.float32, device=device)  # half a GiB: no cache holds it
    matrix = torch.ones((2048, 2048), dtype=dtype, device=device)
    traffic, arithmetic = numbers.numel() * numbers.element_size(), 2.0 * 2048**3
    return Hardware(traffic / _best(numbers.sum, device), arithmetic / _best(lambda: matrix @ matrix, device))


def _best(work: Callable[[], object], device: str) -> float:
    """Seconds of the fastest call."""
    best, until = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        began = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return best
