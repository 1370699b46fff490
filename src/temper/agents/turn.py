"""What one customer turn leaves behind: the reply, every agent call, the calls that ran, and what went wrong."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from temper.agents.prompts import Message
from temper.domains.base import Call


@dataclass(frozen=True)
class Trace:
    """One agent call: what it read, what it wrote, what it cost, and the typed values behind the prompt."""

    role: str
    messages: list[Message]
    output: str
    prompt_tokens: int
    completion_tokens: int
    given: Any


@dataclass
class Turn:
    """One customer turn, done."""

    utterance: str
    reply: str = ""
    traces: list[Trace] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    """Calls that ran in the world."""
    invented: list[str] = field(default_factory=list)
    """Numbers, names and days of the reply that neither the customer nor the results hold."""
    counts: Counter[str] = field(default_factory=Counter)
    """What went wrong and was handled, by kind."""
