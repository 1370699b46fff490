"""The ladder: the student as it comes, with a prefix cache and a conditional Evaluator, with its drafter, in FP8, and
with both, under the same load.

Each configuration gets a fresh, warmed engine. Comparable ones are interleaved over rounds, so that a machine that
slows down for a minute slows all of them; figures are medians over rounds, and the rounds stay in the report to
show the spread. What this hardware only emulates runs one short round and is marked.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from temper.agents.client import Chat
from temper.agents.runtime import System
from temper.bench.load import Load, drive, schedule
from temper.capacity.bound import Hardware, Served
from temper.config.rungs import Rung
from temper.config.stages import BenchmarkSettings
from temper.domains.base import Domain
from temper.domains.scenario import Scenario
from temper.engine import Capabilities, Engine, Usage

MEDIANS = ("qps", "p90_s", "goodput", "output_tokens_per_s", "calls_per_turn")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Configuration:
    """A rung with the checkpoints that it serves."""

    rung: Rung
    model: Path
    drafter: Path | None = None

    @property
    def name(self) -> str:
        """The rung's."""
        return self.rung.name


def configurations(
    rungs: Sequence[Rung], target: Path, drafter: Path, fp8: Path, drafter_fp8: Path
) -> tuple[Configuration, ...]:
    """Each rung's checkpoints; the quantised target goes with the drafter that was quantised for it."""
    pairs = {False: (target, drafter), True: (fp8, drafter_fp8)}
    return tuple(
        Configuration(rung, pairs[rung.quantised][0], pairs[rung.quantised][1] if rung.trained else None)
        for rung in rungs
    )


class Engines:
    """Engines by configuration: fresh ones that stay up when `resident`, else one at a time, fresh at each use.

    On CPUs an idle engine costs memory and no time, so they wait side by side; a GPU's memory takes one.
    """

    def __init__(self, start: Callable[[Configuration], Any], *, resident: bool) -> None:
        """`start(configuration)` is a context manager that gives a healthy Engine."""
        self._start, self._resident = start, resident
        self._stack = ExitStack()
        self._up: dict[str, Engine] = {}

    def __enter__(self) -> "Engines":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def use(self, configuration: Configuration, warm: Callable[[Engine], None]) -> Iterator[Engine]:
        """The configuration's engine; `warm` is called with each fresh one."""
        if not self._resident:
            self._stack.close()
            self._up.clear()
        if configuration.name not in self._up:
            engine = self._stack.enter_context(self._start(configuration))
            warm(engine)
            self._up[configuration.name] = engine
        yield self._up[configuration.name]


@dataclass(frozen=True)
class Bench:
    """What every measurement shares."""

    domain: Domain
    scenarios: Sequence[Scenario]
    settings: BenchmarkSettings
    halstead_threshold: float
    max_tokens: int
    say: Say
    hardware: Hardware
    dtype: str
    """What the engines compute in."""

    def ladder(
        self, rungs: Sequence[Configuration], engines: Engines, capabilities: Capabilities
    ) -> list[dict[str, Any]]:
        """Rows of the report, in the rungs' order."""
        comparable = [one for one in rungs if not (one.rung.quantised and capabilities.fp8_reason)]
        rounds = self._rounds(comparable, engines)
        by_name = {rung.name: rung for rung in rungs}
        rows = [_row(*key, loads, reason=None) | self._shares(by_name[key[0]], loads) for key, loads in rounds.items()]
        if self.settings.emulated_turns:
            for rung in rungs:
                if rung not in comparable:
                    rows.append(self._emulated(rung, engines, capabilities.fp8_reason))
        order = [rung.name for rung in rungs]
        return sorted(rows, key=lambda row: (order.index(row["configuration"]), row["concurrency"]))

    def warm(self, engine: Engine) -> None:
        """One turn, so that the first that counts pays for nothing but itself."""
        self._measure(engine, [[self.scenarios[-1]]], turns=1, threshold=self.halstead_threshold)

    def _rounds(
        self, rungs: Sequence[Configuration], engines: Engines
    ) -> dict[tuple[str, int], list[dict[str, float]]]:
        """(configuration, concurrency) -> its figures, one a round."""
        settings = self.settings
        figures: dict[tuple[str, int], list[dict[str, float]]] = {}
        for (number, customers), queues in schedule(self.scenarios, settings.concurrency, settings.rounds).items():
            for rung in _turned(rungs, number):
                with engines.use(rung, self.warm) as engine:
                    found = self._measure(engine, queues, settings.turns_per_round, self._threshold(rung))
                figures.setdefault((rung.name, customers), []).append(found)
                self.say(
                    f"round {number + 1} of {settings.rounds}, {rung.name} at {customers}: "
                    f"{found['qps']:.2f} turns/s, P90 {found['p90_s']:.1f} s"
                )
        return figures

    def _emulated(self, configuration: Configuration, engines: Engines, reason: str) -> dict[str, Any]:
        customers = min(self.settings.concurrency)
        turns = -(-self.settings.emulated_turns // customers)
        queues = schedule(self.scenarios, (customers,), 1)[0, customers]
        with engines.use(configuration, self.warm) as engine:
            found = self._measure(engine, queues, turns, self._threshold(configuration))
        self.say(f"{configuration.name}, emulated: {found['qps']:.2f} turns/s")
        return _row(configuration.name, customers, [found], reason=reason)

    def _shares(self, configuration: Configuration, rounds: Sequence[dict[str, float]]) -> dict[str, float]:
        """What the configuration used of memory and arithmetic, over all its rounds."""
        served = Served.of(configuration.model, configuration.drafter, self.dtype)
        return served.shares(_usage(rounds), sum(found["wall_s"] for found in rounds), self.hardware)

    def _threshold(self, configuration: Configuration) -> float:
        """Plan volume above which the LLM Evaluator is asked: 0 is every plan."""
        return self.halstead_threshold if configuration.rung.optimised else 0.0

    def _measure(
        self, engine: Engine, queues: Sequence[Sequence[Scenario]], turns: int, threshold: float
    ) -> dict[str, float]:
        before = engine.counters()
        load = asyncio.run(self._drive(engine, queues, turns, threshold))
        usage = Usage.between(before, engine.counters())
        return _figures(load, self.settings.latency_target_s) | {k: float(v) for k, v in asdict(usage).items()}

    async def _drive(self, engine: Engine, queues: Sequence[Sequence[Scenario]], turns: int, threshold: float) -> Load:
        async with Chat(engine.url, engine.model) as chat:
            system = System(self.domain, chat, halstead_threshold=threshold, max_tokens=self.max_tokens)
            return await drive(system, queues, turns)


def _turned(rungs: Sequence[Configuration], number: int) -> list[Configuration]:
    """The rungs with another one first in each round: none is always the one that follows a rest."""
    start = number % len(rungs) if rungs else 0
    return [*rungs[start:], *rungs[:start]]


def _figures(load: Load, latency_target_s: float) -> dict[str, float]:
    """One measurement as a report shows it."""
    return {
        "turns": float(load.turns),
        "wall_s": load.wall_s,
        "qps": load.qps,
        "p90_s": load.p90_s,
        "goodput": load.goodput(latency_target_s),
        "output_tokens_per_s": load.output_tokens_per_s,
        "calls_per_turn": load.calls / load.turns,
    }


def _row(name: str, customers: int, rounds: Sequence[dict[str, float]], reason: str | None) -> dict[str, Any]:
    """Medians over rounds; tokens per step over all of them, since drafts may be few in one."""
    return {
        "configuration": name,
        "concurrency": customers,
        **{figure: median(found[figure] for found in rounds) for figure in MEDIANS},
        "tokens_per_step": _usage(rounds).tokens_per_step,
        "comparable": reason is None,
        "reason": reason,
        "rounds": list(rounds),
    }


def _usage(rounds: Sequence[dict[str, float]]) -> Usage:
    """The engine's counters over all rounds."""
    usage = [Usage(**{item.name: found[item.name] for item in fields(Usage)}) for found in rounds]
    return sum(usage[1:], usage[0])
