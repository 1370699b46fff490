"""Each role's inputs, as typed values: prompts are written from them, and the scripted teacher answers them."""

from dataclasses import dataclass
from typing import ClassVar

from temper.agents.plan import Plan
from temper.agents.running import Run
from temper.domains.base import Understanding


@dataclass(frozen=True)
class UnderstanderInput:
    """A customer's line."""

    role: ClassVar[str] = "understander"
    state: Understanding | None
    """The open task."""
    focus: str | None
    """What was shown last: the customer may call it `it`."""
    utterance: str


@dataclass(frozen=True)
class PlannerInput:
    """What the customer wants."""

    role: ClassVar[str] = "planner"
    state: Understanding
    facts: str
    """What the world says about it; empty when nothing."""
    feedback: str | None = None
    """Why the plan before came back: a rule, `allowed` or `malformed`."""


@dataclass(frozen=True)
class EvaluatorInput:
    """A plan that makes calls."""

    role: ClassVar[str] = "evaluator"
    plan: Plan
    facts: str


@dataclass(frozen=True)
class ExecutorInput:
    """A plan that was approved."""

    role: ClassVar[str] = "executor"
    plan: Plan


@dataclass(frozen=True)
class ExplainerInput:
    """What happened."""

    role: ClassVar[str] = "explainer"
    utterance: str
    happened: Plan | Run
    """A plan that asks or refuses, or the calls that ran."""


RoleInput = UnderstanderInput | PlannerInput | EvaluatorInput | ExecutorInput | ExplainerInput
