"""A client for any OpenAI-compatible endpoint: one `Answer` for one list of messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from temper.agents.inputs import RoleInput
from temper.errors import EngineError
from temper.rows import Message

if TYPE_CHECKING:
    from openai.types.chat.chat_completion_token_logprob import TopLogprob

PATIENCE_S = 600.0
"""Seconds for one answer; a CPU that serves many sequences at once is slow."""


@dataclass(frozen=True)
class Answer:
    """What a model wrote, and what it cost in tokens."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = "stop"
    margins: tuple[tuple[str, float], ...] = ()
    """Each token, and the nats between the two likeliest at its place, where they were asked for."""


@dataclass(frozen=True)
class Request:
    """One call of one role: its inputs, and the messages in which a model reads them."""

    inputs: RoleInput
    messages: list[Message]

    @property
    def role(self) -> str:
        """The role that answers."""
        return self.inputs.role


class Responder(Protocol):
    """Whatever can play the roles: a served model or the scripted teacher."""

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        """The role's answer."""


class Chat:
    """A served model. Use as `async with Chat(url, model) as chat`."""

    def __init__(self, url: str, model: str, *, api_key: str = "none") -> None:
        from openai import AsyncOpenAI

        self._model = model
        self._client = AsyncOpenAI(base_url=url, api_key=api_key, timeout=PATIENCE_S, max_retries=2)

    async def __aenter__(self) -> "Chat":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def complete(
        self,
        messages: list[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
        as_json: bool = False,
        margins: bool = False,
    ) -> Answer:
        """One chat completion; greedy by default, `as_json` held to a JSON object by the engine's grammar.

        Raises EngineError when the endpoint does not answer.
        """
        from openai import OpenAIError, omit

        try:
            reply = await self._client.chat.completions.create(
                model=self._model,
                messages=messages,  # type: ignore[arg-type]
                max_tokens=max_tokens,
                temperature=temperature,
                seed=seed,
                response_format={"type": "json_object"} if as_json else omit,
                logprobs=True if margins else omit,
                top_logprobs=2 if margins else omit,
            )
        except (OpenAIError, TimeoutError) as error:
            raise EngineError(f"{self._client.base_url} did not answer ({error}); see the engine's log") from error
        choice, usage = reply.choices[0], reply.usage
        scored = choice.logprobs.content if choice.logprobs and choice.logprobs.content else []
        return Answer(
            choice.message.content or "",
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
            choice.finish_reason,
            tuple((token.token, _margin(token.top_logprobs)) for token in scored),
        )

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        """The served model's answer to a role's messages."""
        return await self.complete(request.messages, max_tokens=max_tokens)


def _margin(likeliest: "Sequence[TopLogprob]") -> float:
    """Nats between the two likeliest tokens; 0 where there is one alone."""
    first, *others = sorted((token.logprob for token in likeliest), reverse=True)
    return first - others[0] if others else 0.0


@dataclass(frozen=True)
class Sampled:
    """A served model that draws its answers, the same ones for the same seed on an idle engine."""

    chat: Chat
    temperature: float
    seed: int

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        """The served model's drawn answer to a role's messages."""
        return await self.chat.complete(
            request.messages, max_tokens=max_tokens, temperature=self.temperature, seed=self.seed
        )
