"""Run a plan's calls in a world, one after another: what M does at serving, and scoring does to compare two plans."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from temper.domains.base import Call, Outcome, World
from temper.rows import Value


@dataclass
class Run:
    """The calls that ran, with every reference filled in, and what each gave back."""

    calls: list[Call] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: str | None = None
    """Why the calls behind these did not run: `reference_empty` or `rule_stopped`."""

    @property
    def names(self) -> list[str]:
        """The tools that ran."""
        return [name for name, _ in self.calls]


def run_calls(calls: Sequence[Call], world: World) -> Run:
    """Run calls in order. It ends before one that a rule forbids, or that needs what an earlier one did not find."""
    run = Run()
    for name, arguments in calls:
        filled = {key: _reference(value, run.outcomes) if refers(value) else value for key, value in arguments.items()}
        if any(filled[key] is None for key, value in arguments.items() if refers(value)):
            run.stopped = "reference_empty"
        elif world.broken([(name, filled)]):
            run.stopped = "rule_stopped"
        if run.stopped:
            return run
        run.outcomes.append(world.run(name, filled))
        run.calls.append((name, filled))
    return run


def refers(value: object) -> bool:
    """Whether an argument's value means what an earlier call of the plan found: `$a` is the first call's."""
    return isinstance(value, str) and value.startswith("$")


def _reference(value: Value, outcomes: Sequence[Outcome]) -> str | None:
    place = ord(str(value)[1]) - ord("a")
    return outcomes[place].reference if place < len(outcomes) else None
