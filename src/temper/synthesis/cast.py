"""Who plays in the simulation: the scripted teacher, judge and customer, or large models behind endpoints."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field

from temper.agents.client import Answer, Request
from temper.agents.roles import holds
from temper.config.endpoint import ROLES_TO_HIRE
from temper.config.synthesize import SynthesizeSettings
from temper.domains.base import Line
from temper.rows import Message
from temper.synthesis.endpoint import Endpoint, Unusable

Result = TypeVar("Result")
SHOWN = 3
"""Worked examples that a large model sees for a role."""


class Written(BaseModel):
    """What a teacher writes."""

    answer: str = Field(min_length=1)


class Judgement(BaseModel):
    """What a judge says of an answer."""

    right: bool
    corrected: str
    """The answer as it should have been; the same where it was right."""


class Said(BaseModel):
    """What a customer says."""

    text: str = Field(min_length=1, max_length=400)


@dataclass(frozen=True)
class Cast:
    """None plays scripted. `examples`: worked requests of each role, for models that were never trained for them."""

    teacher: Endpoint | None = None
    judge: Endpoint | None = None
    simulator: Endpoint | None = None
    examples: dict[str, list[tuple[Request, str]]] | None = None

    @property
    def at_once(self) -> int:
        """Conversations to play side by side: as many as the endpoints take."""
        return max((e.settings.concurrency for e in (self.teacher, self.judge, self.simulator) if e), default=1)

    async def written(self, request: Request) -> Answer:
        """The teacher model's answer; empty, and so malformed for M, when it wrote none."""
        assert self.teacher
        try:
            reply = await self.teacher.ask(self._messages(request), Written)
        except Unusable:
            return Answer("")
        return Answer(reply.answer)

    async def judged(self, request: Request, said: str) -> str | None:
        """The answer as the judge model would have it; None when the judge gave no usable word."""
        assert self.judge
        task = "Below is what an agent was asked. Judge the answer given last; correct it where it is wrong."
        examples = "\n\n".join(
            f"asked: {_text(r.messages)}\nright: {right}" for r, right in self._examples_of(request.role)
        )
        content = f"{examples}\n\nasked: {_text(request.messages)}\nanswer: {said}"
        try:
            judgement = await self.judge.ask([_message("system", task), _message("user", content)], Judgement)
        except Unusable:
            return None
        return said if judgement.right else judgement.corrected

    async def spoken(self, line: Line, company: str) -> Line:
        """The line in the customer model's words, if they still hold every value that the line says."""
        assert self.simulator
        task = (
            f"You are a customer of {company}. Say the line in other words, as people write in a chat."
            " Keep numbers, names, days, times and codes as they are, and ask for nothing more."
        )
        try:
            reply = await self.simulator.ask([_message("system", task), _message("user", line.text)], Said)
        except Unusable:
            return line
        values = [str(value) for value in line.truth.entities.values() if holds(line.text, [str(value)])]
        return replace(line, text=reply.text) if holds(reply.text, values) else line

    def _messages(self, request: Request) -> list[Message]:
        """The role's instructions, worked examples, and the request."""
        system, *rest = request.messages
        shots = [
            message
            for example, right in self._examples_of(request.role)
            for message in (example.messages[-1], _message("assistant", Written(answer=right).model_dump_json()))
        ]
        return [_message("system", f"{system['content']}\nPut it into `answer`, as in the examples."), *shots, *rest]

    def _examples_of(self, role: str) -> Sequence[tuple[Request, str]]:
        return (self.examples or {}).get(role, ())[:SHOWN]


class Players:
    """Plays conversations; this one with the scripted cast, one after another."""

    cast = Cast()

    def together(self, plays: Sequence[Coroutine[None, None, Result]]) -> list[Result]:
        """The results of the plays, in their order."""
        return [asyncio.run(play) for play in plays]

    def spent(self) -> dict[str, float]:
        """Tokens and money, by endpoint."""
        return {}


class HiredPlayers(Players):
    """Players behind the endpoints that the settings name; `work` keeps paid answers. Use as a context manager."""

    def __init__(self, settings: SynthesizeSettings, examples: Sequence[tuple[Request, str]], work: Path) -> None:
        self._hired = {name: endpoint for name in ROLES_TO_HIRE if (endpoint := getattr(settings, name)) is not None}
        self._work = work
        self._examples: dict[str, list[tuple[Request, str]]] = defaultdict(list)
        for request, right in examples:
            self._examples[request.role].append((request, right))

    def __enter__(self) -> Players:
        self._work.mkdir(parents=True, exist_ok=True)
        self._runner, self._open = asyncio.Runner(), AsyncExitStack()
        self.cast = self._runner.run(self._assembled())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._open.aclose())
        self._runner.close()

    async def _assembled(self) -> Cast:
        endpoints = {
            name: await self._open.enter_async_context(Endpoint(settings, self._work / f"{name}.sqlite"))
            for name, settings in self._hired.items()
        }
        return Cast(**endpoints, examples=self._examples)

    def together(self, plays: Sequence[Coroutine[None, None, Result]]) -> list[Result]:
        """Side by side, as the endpoints answer."""

        async def all_of_them() -> list[Result]:
            return await asyncio.gather(*plays)

        return self._runner.run(all_of_them())

    def spent(self) -> dict[str, float]:
        """`teacher_answer_tokens` and alike, for each endpoint."""
        return {
            f"{name}_{what}": value
            for name in self._hired
            for what, value in (getattr(self.cast, name).spent() | getattr(self.cast, name).counts).items()
        }


def _text(messages: Sequence[Message]) -> str:
    return "\n".join(message["content"] for message in messages)


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
