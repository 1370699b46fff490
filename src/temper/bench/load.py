"""A closed loop of whole customer turns through M: every customer waits for the reply, then says the next line.

A turn is what the customer waits for, all agents' calls together, so latency and throughput are per turn.

Customers play whole scenarios, and between two measurements they only pause: the next one goes on where the last one
stopped, so that the later lines of a scenario and its second business are asked as often as its first ones.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from temper.agents.runtime import Conversation, System
from temper.agents.turn import Turn
from temper.config import ROLES
from temper.domains.scenario import Scenario

_WORD = re.compile(r"\w+|[^\w\s]")
GRAM = 4


@dataclass(frozen=True)
class TimedTurn:
    """One customer turn that was answered."""

    began: float
    ended: float
    turn: Turn

    @property
    def seconds(self) -> float:
        """What the customer waited."""
        return self.ended - self.began

    @property
    def tokens(self) -> int:
        """Tokens that all agents wrote."""
        return sum(trace.completion_tokens for trace in self.turn.traces)


@dataclass(frozen=True)
class Load:
    """One measurement: every turn that was answered, and the window of time that counts."""

    answered: tuple[TimedTurn, ...]
    began: float
    window_s: float

    @property
    def inside(self) -> list[tuple[TimedTurn, float]]:
        """The turns that began inside the window, each with the part of it that lies inside."""
        end = self.began + self.window_s
        return [(one, min(1.0, (end - one.began) / one.seconds)) for one in self.answered if one.began < end]

    @property
    def turns(self) -> float:
        """Customer turns inside the window; one that its end cuts counts by its part."""
        return sum(part for _, part in self.inside)

    @property
    def qps(self) -> float:
        """Customer turns per second."""
        return self.turns / self.window_s

    @property
    def seconds(self) -> list[float]:
        """Of each turn that began inside the window."""
        return [one.seconds for one, _ in self.inside]

    def goodput(self, target_s: float) -> float:
        """Customer turns per second that were answered within `target_s` seconds."""
        return sum(part for one, part in self.inside if one.seconds <= target_s) / self.window_s

    @property
    def output_tokens_per_s(self) -> float:
        """Generated tokens per second over all requests."""
        return sum(part * one.tokens for one, part in self.inside) / self.window_s

    @property
    def calls_per_turn(self) -> float:
        """Model calls of all agents for a turn."""
        return sum(len(one.turn.traces) for one, _ in self.inside) / len(self.inside)

    @property
    def calls(self) -> int:
        """Model calls of every turn that was answered, after the window too."""
        return sum(len(one.turn.traces) for one in self.answered)

    @property
    def tokens(self) -> int:
        """Tokens of all their answers."""
        return sum(one.tokens for one in self.answered)

    @property
    def texts(self) -> list[str]:
        """What the agents wrote."""
        return [trace.output for one in self.answered for trace in one.turn.traces]


class LoadCustomer:
    """Plays whole scenarios, one after the other, and starts over at the queue's end."""

    def __init__(self, queue: Sequence[Scenario]) -> None:
        self._queue = queue
        self._scenario = self._line = 0
        self._conversation: Conversation | None = None

    async def say(self, system: System) -> TimedTurn:
        """The next line, and M's answer to it."""
        scenario = self._queue[self._scenario]
        if self._conversation is None:
            self._conversation = system.open(scenario)
        self._conversation.system = system  # a later measurement has another client
        clock = asyncio.get_running_loop().time
        began = clock()
        turn = await self._conversation.turn(scenario.turns[self._line])
        answered = TimedTurn(began, clock(), turn)
        self._line += 1
        if self._line == len(scenario.turns):
            self._conversation, self._line = None, 0
            self._scenario = (self._scenario + 1) % len(self._queue)
        return answered


async def drive(system: System, customers: Sequence[LoadCustomer], window_s: float) -> Load:
    """All customers at once for `window_s` seconds.

    A customer goes on until everybody's last turn of the window is answered, so that none of those turns is faster
    for having less company; what begins after the window counts for nothing.
    """
    began, waited_for = asyncio.get_running_loop().time(), len(customers)

    async def play(customer: LoadCustomer) -> list[TimedTurn]:
        nonlocal waited_for
        rows: list[TimedTurn] = []
        inside = True
        while waited_for:
            rows.append(await customer.say(system))
            if inside and rows[-1].ended >= began + window_s:
                inside, waited_for = False, waited_for - 1
        return rows

    played = await asyncio.gather(*map(play, customers))
    return Load(tuple(row for rows in played for row in rows), began, window_s)


async def warm(system: System, queues: Sequence[Sequence[Scenario]]) -> None:
    """Customers at once until every role has been asked, or each has played a scenario to its end."""
    missing = set(ROLES)

    async def play(queue: Sequence[Scenario]) -> None:
        customer = LoadCustomer(queue)
        for _ in queue[0].turns:
            if missing:
                answered = await customer.say(system)
                missing.difference_update(trace.role for trace in answered.turn.traces)

    await asyncio.gather(*map(play, queues))


def queues(scenarios: Sequence[Scenario], concurrency: Sequence[int]) -> dict[int, list[list[Scenario]]]:
    """A queue of scenarios for each customer of each load, starting as far from each other as their number allows.

    A conversation that an engine has seen before is cheaper, its prompts being in the prefix cache.
    """
    everybody, plan, at = sum(concurrency), {}, 0
    for load in concurrency:
        starts = [(at + customer) * len(scenarios) // everybody for customer in range(load)]
        plan[load] = [[*scenarios[start:], *scenarios[:start]] for start in starts]
        at += load
    return plan


def distinct_percent(texts: Sequence[str]) -> float | None:
    """Share of the texts' `GRAM` words in a row that had not stood in the same text before; None without any."""
    split = [_WORD.findall(text) for text in texts]
    grams = [[tuple(words[at : at + GRAM]) for at in range(len(words) - GRAM + 1)] for words in split]
    of = sum(map(len, grams))
    return 100 * sum(len(set(each)) for each in grams) / of if of else None
