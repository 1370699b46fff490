"""The ladder: the student as it comes, with a prefix cache and a conditional Evaluator, with tokens guessed from text
that was seen before, with its drafter, in FP8, and with both, under the same load.

Each rung gets a fresh, warmed engine. Where all engines are up at once, rungs are interleaved over rounds, so that a
machine that slows down for a minute slows all of them. Figures are medians over rounds, and the rounds stay in the
report to show the spread. What this hardware only emulates runs one short round and is marked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from temper.agents.client import Chat
from temper.agents.runtime import System
from temper.bench.engines import Configuration, Engines
from temper.bench.load import Load, LoadCustomer, distinct_percent, drive, queues, warm
from temper.bench.results import LadderRow, Round
from temper.capacity.bound import Hardware, Served
from temper.config.stages import BenchmarkSettings
from temper.domains.base import Domain
from temper.domains.scenario import Scenario
from temper.engine import Capabilities, Engine, Usage
from temper.errors import EngineError
from temper.stats import percentile

P90_TURNS = 100
"""Least number of turns of which a 90th percentile is quoted: ten of them lie beyond it."""

Say = Callable[[str], None]
Done = TypeVar("Done")


@dataclass(frozen=True)
class Measured:
    """One round of one rung under one load."""

    load: Load
    usage: Usage

    @property
    def wall_s(self) -> float:
        """From the first turn to the last answer, those after the window included."""
        return max(one.ended for one in self.load.answered) - self.load.began

    def round(self, target_s: float) -> Round:
        """The figures."""
        load = self.load
        return Round(
            turns=load.turns,
            window_s=load.window_s,
            qps=load.qps,
            goodput=load.goodput(target_s),
            output_tokens_per_s=load.output_tokens_per_s,
            calls_per_turn=load.calls_per_turn,
            usage=self.usage,
            wall_s=self.wall_s,
        )


@dataclass(frozen=True)
class Bench:
    """What every measurement shares."""

    domain: Domain
    scenarios: Sequence[Scenario]
    settings: BenchmarkSettings
    capabilities: Capabilities
    halstead_threshold: float
    max_tokens: int
    say: Say
    hardware: Hardware
    dtype: str
    """What the engines compute in."""

    def rows(self, configurations: Sequence[Configuration], engines: Engines) -> list[LadderRow]:
        """Rows of these configurations, measured in turns."""
        comparable = [one for one in configurations if self.comparable(one)]
        rounds = self._rounds(comparable, engines)
        rows = [self._row(*key, measured) for key, measured in rounds.items()]
        if self.settings.emulated_s:
            rows += [self._emulated(one, engines) for one in configurations if one not in comparable]
        return rows

    def comparable(self, configuration: Configuration) -> bool:
        """Whether this hardware can show the rung's speed."""
        return not (configuration.rung.quantised and self.capabilities.fp8_reason)

    def warm(self, configuration: Configuration, engine: Engine) -> None:
        """Every role is asked, as many customers at once as ever, so that the first round is like the later ones.

        An emulated rung's speed is no result, and warming it would take minutes.
        """
        if self.comparable(configuration):
            most = max(self.settings.concurrency)
            lines = queues(self.scenarios[::-1], (most,))[most]
            asyncio.run(self._with_system(configuration, engine, lambda system: warm(system, lines)))

    def _rounds(
        self, configurations: Sequence[Configuration], engines: Engines
    ) -> dict[tuple[Configuration, int], list[Measured]]:
        """(configuration, concurrency) -> its rounds. Customers go on where they stopped in the round before."""
        settings, plan = self.settings, queues(self.scenarios, self.settings.concurrency)
        crowds = {(one, at): list(map(LoadCustomer, plan[at])) for one in configurations for at in settings.concurrency}
        results: dict[tuple[Configuration, int], list[Measured]] = {key: [] for key in crowds}
        for number in range(settings.rounds):
            for at in settings.concurrency:
                for one in _turned(configurations, number):
                    measured = self._measure(one, engines, crowds[one, at], settings.round_s)
                    results[one, at].append(measured)
                    self.say(f"round {number + 1} of {settings.rounds}, {one.name} at {at}: {_told(measured)}")
        return results

    def _emulated(self, configuration: Configuration, engines: Engines) -> LadderRow:
        """A row of one short round."""
        at = min(self.settings.concurrency)
        crowd = list(map(LoadCustomer, queues(self.scenarios, (at,))[at]))
        measured = self._measure(configuration, engines, crowd, self.settings.emulated_s)
        self.say(f"{configuration.name}, emulated: {_told(measured)}")
        return self._row(configuration, at, [measured])

    def _measure(
        self, configuration: Configuration, engines: Engines, customers: Sequence[LoadCustomer], window_s: float
    ) -> Measured:
        with engines.use(configuration) as engine:
            before = engine.counters()
            load = asyncio.run(
                self._with_system(configuration, engine, lambda system: drive(system, customers, window_s))
            )
            usage = Usage.between(before, engine.counters())
        add_up(configuration.name, load, usage)
        return Measured(load, usage)

    async def _with_system(
        self, configuration: Configuration, engine: Engine, work: Callable[[System], Awaitable[Done]]
    ) -> Done:
        """`work` with M in front of the engine."""
        threshold = self.halstead_threshold if configuration.rung.optimised else 0.0
        async with Chat(engine.url, engine.model) as chat:
            return await work(System(self.domain, chat, halstead_threshold=threshold, max_tokens=self.max_tokens))

    def _row(self, configuration: Configuration, customers: int, measured: Sequence[Measured]) -> LadderRow:
        """Medians over rounds; what is counted over all of them, since a round alone may have little of it."""
        rounds = [one.round(self.settings.latency_target_s) for one in measured]
        seconds = [each for one in measured for each in one.load.seconds]
        usage, comparable = sum((one.usage for one in measured[1:]), measured[0].usage), self.comparable(configuration)
        row = LadderRow(
            configuration=configuration.name,
            concurrency=customers,
            qps=median(one.qps for one in rounds),
            qps_rounds=[one.qps for one in rounds],
            turns=len(seconds),
            p50_s=percentile(seconds, 0.5),
            p90_s=percentile(seconds, 0.9) if len(seconds) >= P90_TURNS else None,
            tokens_per_step=usage.tokens_per_step if configuration.rung.drafted else None,
            distinct_4grams_percent=distinct_percent([text for one in measured for text in one.load.texts]),
            output_tokens_per_s=median(one.output_tokens_per_s for one in rounds),
            comparable=comparable,
            reason=None if comparable else self.capabilities.fp8_reason,
            goodput=median(one.goodput for one in rounds),
            calls_per_turn=median(one.calls_per_turn for one in rounds),
            rounds=rounds,
        )
        return row.model_copy(update=self._shares(configuration, usage, rounds)) if comparable else row

    def _shares(self, configuration: Configuration, usage: Usage, rounds: Sequence[Round]) -> dict[str, float]:
        """What the configuration used of memory and arithmetic, over all its rounds."""
        served = Served.of(configuration.model, configuration.drafter, self.dtype)
        return served.shares(usage, sum(one.wall_s for one in rounds), self.hardware)


def add_up(name: str, load: Load, usage: Usage) -> None:
    """Raises EngineError unless the target's passes and the tokens of the answers add up.

    The engine and its clients have to count the same answers and the same tokens. Each pass gives one token and the
    accepted ones, of which the last pass of an answer may lose those behind its end.
    """
    if (usage.answers, usage.output_tokens) != (load.calls, load.tokens):
        raise EngineError(
            f"{name}: the engine counted {usage.output_tokens:.0f} tokens in {usage.answers:.0f} answers, its clients "
            f"{load.tokens} in {load.calls}: somebody else asks this engine, or a request was tried twice; run it again"
        )
    if not 0 <= usage.cut_off <= usage.accepted:
        raise EngineError(
            f"{name}: {usage.passes:.0f} passes of the target, {usage.answers:.0f} first tokens and "
            f"{usage.accepted:.0f} accepted ones do not give {usage.output_tokens:.0f} tokens: this version of vLLM "
            "counts something else (temper.engine.metrics)"
        )


def _turned(configurations: Sequence[Configuration], number: int) -> list[Configuration]:
    """The configurations with another one first in each round: none is always the one that follows a rest."""
    start = number % len(configurations) if configurations else 0
    return [*configurations[start:], *configurations[:start]]


def _told(measured: Measured) -> str:
    load = measured.load
    return f"{load.qps:.2f} turns/s, half of them within {percentile(load.seconds, 0.5):.1f} s"
