"""A closed loop of whole customer turns through M: every customer waits for the reply, then says the next line.

A turn is what the customer waits for, all agents' calls together, so latency and throughput are per turn.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from temper.agents.runtime import System
from temper.domains.scenario import Scenario
from temper.stats import percentile


@dataclass(frozen=True)
class Load:
    """One measurement."""

    turns: int
    wall_s: float
    """First question to last reply."""
    seconds: tuple[float, ...]
    """Of each turn, sorted."""
    calls: int
    """Model calls of all agents."""
    output_tokens: int

    @property
    def qps(self) -> float:
        """Customer turns per second."""
        return self.turns / self.wall_s

    @property
    def p90_s(self) -> float:
        """90th percentile of a turn's seconds."""
        return percentile(self.seconds, 0.9)

    def goodput(self, target_s: float) -> float:
        """Customer turns per second that were answered within `target_s` seconds."""
        return sum(seconds <= target_s for seconds in self.seconds) / self.wall_s

    @property
    def output_tokens_per_s(self) -> float:
        """Generated tokens per second over all requests."""
        return self.output_tokens / self.wall_s


async def drive(system: System, queues: Sequence[Sequence[Scenario]], turns: int) -> Load:
    """One customer for each queue, all at once, each saying the first `turns` lines of its scenarios.

    A customer whose scenario ends opens the next of its queue, and starts over at the queue's end. Who says what does
    not depend on timing, so every configuration answers the same conversations in the same order.
    """
    began = time.perf_counter()
    customers = await asyncio.gather(*(_customer(system, queue, turns) for queue in queues))
    wall_s = time.perf_counter() - began
    rows = [row for customer in customers for row in customer]
    return Load(
        turns=len(rows),
        wall_s=wall_s,
        seconds=tuple(sorted(seconds for seconds, _, _ in rows)),
        calls=sum(calls for _, calls, _ in rows),
        output_tokens=sum(tokens for _, _, tokens in rows),
    )


async def _customer(system: System, queue: Sequence[Scenario], turns: int) -> list[tuple[float, int, int]]:
    """(seconds, model calls, generated tokens) of each turn."""
    rows: list[tuple[float, int, int]] = []
    while True:
        for scenario in queue:
            conversation = system.open(scenario)
            for utterance in scenario.turns:
                if len(rows) == turns:
                    return rows
                began = time.perf_counter()
                turn = await conversation.turn(utterance)
                seconds = time.perf_counter() - began
                rows.append((seconds, len(turn.traces), sum(trace.completion_tokens for trace in turn.traces)))


def schedule(scenarios: Sequence[Scenario], concurrency: Sequence[int], rounds: int) -> dict[tuple[int, int], list]:
    """(round, concurrency) -> a queue of scenarios for each customer, each starting at another scenario.

    The scenarios go round as seldom as their number allows: a conversation that an engine has seen before is
    cheaper, its prompts being in the prefix cache.
    """
    plan, at = {}, 0
    for number in range(rounds):
        for customers in concurrency:
            starts = [(at + customer) % len(scenarios) for customer in range(customers)]
            plan[number, customers] = [[*scenarios[start:], *scenarios[:start]] for start in starts]
            at += customers
    return plan
