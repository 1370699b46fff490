"""What one customer turn leaves behind: the reply, every agent call, the calls that ran, and what went wrong."""

from collections import Counter
from dataclasses import dataclass, field

from temper.agents.inputs import RoleInput
from temper.domains.base import Call
from temper.rows import Message


@dataclass(frozen=True)
class Trace:
    """One agent call: its inputs, the messages that were read, the output, and what it cost."""

    inputs: RoleInput
    messages: list[Message]
    output: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def role(self) -> str:
        """The role that answered."""
        return self.inputs.role


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
