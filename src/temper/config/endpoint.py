"""How to reach a large model that plays the teacher, the judge or the customer."""

import re
from typing import Annotated

from pydantic import Field, field_validator

from temper.config.addresses import HTTP, wrong
from temper.config.settings import UNKEYED, Settings

ROLES_TO_HIRE = ("teacher", "judge", "simulator")


class EndpointSettings(Settings):
    """What it answers is in a cache key; where and how it is reached is not."""

    url: Annotated[str, UNKEYED] = Field(json_schema_extra={"pattern": r"^https?://[^\s/@?#]+[^\s@?#]*$"})
    """Base URL of an OpenAI-compatible endpoint, up to and with /v1; without a password."""
    model: str
    """Model to ask for, as the endpoint names it."""
    key_env: Annotated[str | None, UNKEYED] = Field(default=None, json_schema_extra={"pattern": "^[A-Z_][A-Z0-9_]*$"})
    """Name of the environment variable that holds the key, in capitals; the key itself is never stored or logged."""
    version: str = ""
    """Which weights stand behind that name, where the name does not say so; another version is asked anew."""
    temperature: float = Field(default=0.7, ge=0)
    """Sampling temperature."""
    max_tokens: int = Field(default=512, ge=16)
    """Longest answer, in tokens."""
    concurrency: Annotated[int, UNKEYED] = Field(default=8, ge=1)
    """Most requests on their way at once."""
    timeout_s: Annotated[float, UNKEYED] = Field(default=120, gt=0)
    """Seconds to wait for one answer."""
    retries: Annotated[int, UNKEYED] = Field(default=5, ge=0)
    """Tries after the first one, each with a longer pause: for 429, 5xx, silence, and answers that do not fit."""
    budget_tokens: Annotated[int, UNKEYED] = Field(ge=1)
    """Most tokens to pay for, prompts and answers together, earlier tries of the same stage included."""
    budget_money: Annotated[float | None, UNKEYED] = Field(default=None, gt=0)
    """Most money to pay, in the currency of the prices; needs them."""
    price_in: Annotated[float, UNKEYED] = Field(default=0, ge=0)
    """Price of a million prompt tokens."""
    price_out: Annotated[float, UNKEYED] = Field(default=0, ge=0)
    """Price of a million answer tokens."""

    @field_validator("url")
    @classmethod
    def _address_without_a_password(cls, url: str) -> str:
        if why := wrong(url, HTTP):
            raise ValueError(f"{why}: write the base URL alone, and name the variable that holds the key in key_env")
        return url

    @field_validator("key_env")
    @classmethod
    def _a_name_and_not_the_key(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):  # what was typed may be the key itself
            raise ValueError("it must be the name of an environment variable, in capitals, and not the key itself")
        return name
