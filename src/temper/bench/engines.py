"""The engines that a ladder needs: which checkpoints a rung serves, and how many engines are up at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from temper.config.rungs import STUDENT, Rung
from temper.engine import Drafter, Engine


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

    @property
    def guesses(self) -> Drafter | None:
        """What guesses tokens ahead: the drafter's checkpoint, or a way that needs none."""
        return self.rung.free or self.drafter


def configurations(
    rungs: Sequence[Rung], student: Path, drafter: Path, student_fp8: Path, drafter_fp8: Path
) -> tuple[Configuration, ...]:
    """Each rung's checkpoints; the student in FP8 goes with the drafter that was quantised for it."""
    pairs = {False: (student, drafter), True: (student_fp8, drafter_fp8)}
    return tuple(
        Configuration(rung, pairs[rung.quantised][0], pairs[rung.quantised][1] if rung.trained else None)
        for rung in rungs
    )


class Engines:
    """Engines by configuration, each started when it is first used: all stay up when `resident`, else one at a time.

    On CPUs an idle engine costs memory and no time, so they wait side by side and rounds go over them in turns. A
    GPU's memory takes one: there everything is measured with a rung before the next one starts (decision 0042).
    """

    def __init__(
        self,
        start: Callable[[Configuration], AbstractContextManager[Engine]],
        warm: Callable[[Configuration, Engine], None],
        *,
        resident: bool,
    ) -> None:
        """`start` gives a healthy engine, `warm` is called with each fresh one."""
        self._start, self._warm, self.resident = start, warm, resident
        self._stack = ExitStack()
        self._up: dict[Configuration, Engine] = {}

    def __enter__(self) -> "Engines":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def use(self, configuration: Configuration) -> Iterator[Engine]:
        """The configuration's engine."""
        if configuration not in self._up:
            if not self.resident:
                self._stack.close()
                self._up.clear()
            engine = self._stack.enter_context(self._start(configuration))
            self._warm(configuration, engine)
            self._up[configuration] = engine
        yield self._up[configuration]

    def visits(self, configurations: Sequence[Configuration]) -> list[Sequence[Configuration]]:
        """What is measured together: all where all are up at once, else one after the other.

        The plain student is the last one then: its engine is asked again about answers that came out differently.
        """
        if self.resident:
            return [configurations]
        return [[one] for one in sorted(configurations, key=lambda one: one.rung == STUDENT)]
