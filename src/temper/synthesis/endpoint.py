"""A large model behind an OpenAI-compatible endpoint: asked a bounded number of things at once, patiently, within a
budget, and never paid twice for the same answer. Every answer is checked against a schema before anyone sees it.
"""

import asyncio
import hashlib
import json
import os
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import TypeVar

import openai
from pydantic import BaseModel, ValidationError

from temper import secrets
from temper.config.endpoint import EndpointSettings
from temper.errors import ConfigError, EngineError
from temper.rows import Message

Shape = TypeVar("Shape", bound=BaseModel)
LONGEST_PAUSE_S = 30.0
HOPELESS = (
    openai.AuthenticationError,
    openai.PermissionDeniedError,
    openai.NotFoundError,
    openai.BadRequestError,
    openai.UnprocessableEntityError,
)
"""Errors that come again with every try."""


class Unusable(Exception):
    """The endpoint answered, but never in the form of the schema."""


class Endpoint:
    """Asks one model. Use as `async with Endpoint(settings, journal) as endpoint`.

    `journal` is an SQLite file of what was paid for; whoever comes back to it pays only for what is not there yet.
    """

    def __init__(self, settings: EndpointSettings, journal: Path, *, pause_s: float = 1.0) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        """Requests, retries and answers that did not fit."""
        self._pause_s = pause_s
        self._key = _key(settings.key_env)
        self._gate = asyncio.Semaphore(settings.concurrency)
        self._under_way: dict[str, asyncio.Task[str]] = {}
        self._journal = sqlite3.connect(journal)
        self._journal.execute("CREATE TABLE IF NOT EXISTS paid (key TEXT, text TEXT, tokens_in INT, tokens_out INT)")
        self._journal.execute("CREATE INDEX IF NOT EXISTS by_key ON paid (key)")
        # Summed once: before each request the budget is held against this total, however long the journal grows.
        self._tokens_in, self._tokens_out = self._journal.execute(
            "SELECT COALESCE(SUM(tokens_in), 0), COALESCE(SUM(tokens_out), 0) FROM paid"
        ).fetchone()
        self._client = openai.AsyncOpenAI(
            base_url=settings.url, api_key=self._key or "none", timeout=settings.timeout_s, max_retries=0
        )

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        self._journal.close()

    async def ask(self, messages: list[Message], shape: type[Shape]) -> Shape:
        """The answer as a `shape`. Raises Unusable when none fits, EngineError when the endpoint stays silent, and
        ConfigError when the budget is spent or the endpoint refuses the request.
        """
        schema = shape.model_json_schema()
        question = [self.settings.model, self.settings.temperature, self.settings.max_tokens, messages, schema]
        key = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
        row = self._journal.execute("SELECT text FROM paid WHERE key = ? AND text IS NOT NULL", (key,)).fetchone()
        if row:
            return shape.model_validate_json(row[0])
        if key not in self._under_way:
            self._under_way[key] = asyncio.create_task(self._fitting(key, messages, shape))
            self._under_way[key].add_done_callback(lambda _: self._under_way.pop(key))
        return shape.model_validate_json(await self._under_way[key])

    def spent(self) -> dict[str, float]:
        """Tokens and money paid so far, earlier tries included."""
        money = (self._tokens_in * self.settings.price_in + self._tokens_out * self.settings.price_out) / 1e6
        return {"prompt_tokens": self._tokens_in, "answer_tokens": self._tokens_out, "money": money}

    async def _fitting(self, key: str, messages: list[Message], shape: type[Shape]) -> str:
        """Text that fits the shape; what does not fit is shown to the model with what is wrong in it."""
        talk = messages
        async with self._gate:
            for _ in range(1 + self.settings.retries):
                self._within_budget()
                text, tokens = await self._patiently(talk, shape)
                try:
                    text = self._without_key(shape.model_validate_json(text).model_dump_json())
                except ValidationError as error:
                    self.counts["malformed"] += 1
                    self._pay(key, None, tokens)
                    wrong = f"That does not fit: {error.errors()[0]['msg']}. Write the JSON again."
                    talk = [*messages, {"role": "assistant", "content": text}, {"role": "user", "content": wrong}]
                else:
                    self._pay(key, text, tokens)
                    return text
        raise Unusable(f"{self.settings.model} never wrote a valid {shape.__name__}")

    async def _patiently(self, messages: list[Message], shape: type[BaseModel]) -> tuple[str, tuple[int, int]]:
        """One answer, whatever it costs in tries; pauses double, with jitter, or are as long as the endpoint asks."""
        for left in range(self.settings.retries, -1, -1):
            try:
                self.counts["requests"] += 1
                return await self._once(messages, shape)
            except HOPELESS as error:
                raise ConfigError(f"{self.settings.url} refuses: {self._said(error)}; {self._remedy()}") from None
            except (openai.OpenAIError, ValueError) as error:  # ValueError: a body that is half a JSON
                if not left:
                    raise EngineError(
                        f"{self.settings.url} did not answer after {1 + self.settings.retries} tries"
                        f" ({type(error).__name__}); what was paid for is kept, run again to go on"
                    ) from None
                self.counts["retries"] += 1
                await asyncio.sleep(self._pause(error, self.settings.retries - left))
        raise AssertionError("the last try returns or raises")

    async def _once(self, messages: list[Message], shape: type[BaseModel]) -> tuple[str, tuple[int, int]]:
        reply = await self._client.chat.completions.create(  # type: ignore[call-overload]
            model=self.settings.model,
            messages=messages,
            max_tokens=self.settings.max_tokens,
            temperature=self.settings.temperature,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": shape.__name__, "schema": shape.model_json_schema(), "strict": True},
            },
        )
        try:  # the client hands on whatever a body held, a page of HTML too
            text, usage = reply.choices[0].message.content, reply.usage
            return self._without_key(text or ""), (
                int(usage.prompt_tokens),
                int(usage.completion_tokens),
            ) if usage else (0, 0)
        except (AttributeError, IndexError, TypeError):
            raise ValueError("no chat completion") from None

    def _without_key(self, text: str) -> str:
        """The endpoint's text without the key, should it repeat it: the text goes into rows and the journal."""
        return secrets.without(text, [self._key]) if self._key else text

    def _said(self, error: openai.APIStatusError) -> str:
        """The endpoint's own reason, unless it repeats the key, whole, cut or spaced."""
        if self._key and secrets.repeats(error.message, self._key):
            return f"code {error.status_code}, for a reason that repeats the key and is left out"
        return secrets.redacted(error.message)[:200]

    def _pause(self, error: Exception, tries: int) -> float:
        question = error.response.headers.get("retry-after") if isinstance(error, openai.APIStatusError) else None
        if question and question.replace(".", "", 1).isdigit():
            return min(float(question), LONGEST_PAUSE_S)
        return min(self._pause_s * 2**tries, LONGEST_PAUSE_S) * random.uniform(0.5, 1.5)

    def _within_budget(self) -> None:
        spent, limit = self.spent(), self.settings.budget_money
        tokens = spent["prompt_tokens"] + spent["answer_tokens"]
        if tokens >= self.settings.budget_tokens or (limit is not None and spent["money"] >= limit):
            raise ConfigError(
                f"the budget for {self.settings.model} is spent: {tokens:.0f} tokens, {spent['money']:.2f} of money;"
                " raise budget_tokens or budget_money, what was paid for is kept"
            )

    def _pay(self, key: str, text: str | None, tokens: tuple[int, int]) -> None:
        self._journal.execute("INSERT INTO paid VALUES (?, ?, ?, ?)", (key, text, *tokens))
        self._journal.commit()
        self._tokens_in += tokens[0]
        self._tokens_out += tokens[1]

    def _remedy(self) -> str:
        name = self.settings.key_env
        return f"check url, model and the key in ${name}" if name else "check url and model, or set key_env"


def _key(name: str | None) -> str | None:
    """The key from the environment. Raises ConfigError when the variable is named and not set."""
    if name is None:
        return None
    key = os.environ.get(name)
    if not key:
        raise ConfigError(f"${name} is not set; put the endpoint's key there (key_env names the variable)")
    return key
