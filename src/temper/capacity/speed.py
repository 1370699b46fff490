"""Customer turns a second of the ladder's rungs, at most: the reckoning of `bench.bound`, over a data sheet.

A projection, never a measurement. It leaves out what `bench.bound` leaves out (keys, values, activations, the drafter's
arithmetic, Python), and reads and computes at the same time; a real engine reaches a part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from temper.capacity.architecture import Architecture
from temper.capacity.bound import CONTEXT, Hardware, Served
from temper.capacity.memory import BF16, drafter
from temper.config import PipelineConfig
from temper.config.plan import PlanSettings
from temper.config.rungs import Rung
from temper.engine import Usage

FP8 = 1
"""Bytes of a quantised weight."""


@dataclass(frozen=True)
class AtMost:
    """What the data sheet allows a rung at a load."""

    configuration: str
    concurrency: int
    turns_per_s: float
    bound: str
    """`memory` or `arithmetic`, whichever is used up first."""


def ladder(config: PipelineConfig, plan: PlanSettings, base: Architecture, rungs: Sequence[Rung]) -> list[AtMost]:
    """These rungs at every concurrency of the benchmark. What guessing from seen text brings, no data sheet says."""
    student = base.expanded(config.expand.every)
    return [_at_most(config, plan, student, rung, load) for rung in rungs for load in config.benchmark.concurrency]


def _at_most(config: PipelineConfig, plan: PlanSettings, student: Architecture, rung: Rung, concurrency: int) -> AtMost:
    """One turn's counters as shares of a second's memory traffic and arithmetic."""
    shape, narrow = student.shape, rung.quantised
    width, tflops = (FP8, plan.fp8_tflops or plan.bf16_tflops) if narrow else (BF16, plan.bf16_tflops)
    looked_up = 0 if shape.tie_word_embeddings else shape.vocab_size * shape.hidden_size
    served = Served(
        weights=(student.parameters - looked_up) * width,
        drafter=drafter(config, student) * width if rung.trained else 0,
        flops_each=student.forward_flops(CONTEXT),
    )
    devices = config.engine.tensor_parallel
    hardware = Hardware(bytes_per_s=devices * plan.bandwidth_gb_s * 1e9, flops=devices * tflops * 1e12)
    turn = _turn(plan, rung, concurrency, config.engine.draft_length)
    shares = served.shares(turn, 1.0, hardware)
    bound = max(shares, key=lambda name: shares[name])
    return AtMost(rung.name, concurrency, 100 / shares[bound], bound.removesuffix("_percent"))


def _turn(plan: PlanSettings, rung: Rung, concurrency: int, ahead: int) -> Usage:
    """What the engine does for one turn: a prompt's step gives the first token, the others come by drafts, `ahead`
    tokens each, or alone.
    """
    lowest, drafted = not rung.optimised, rung.trained
    calls = plan.unoptimised_calls_per_turn if lowest else plan.calls_per_turn
    later = calls * (plan.answer_tokens - 1) / (plan.tokens_per_step if drafted else 1)
    return Usage(
        prompt_tokens=calls * plan.prompt_tokens,
        output_tokens=calls * plan.answer_tokens,
        answers=calls,
        passes=later,
        drafts=later if drafted else 0,
        proposed=later * ahead if drafted else 0,
        accepted=later * (plan.tokens_per_step - 1) if drafted else 0,
        steps=(calls + later) / concurrency,
        read_tokens=calls * plan.prompt_tokens * (1 if lowest else 1 - plan.cached_prompt),
    )
