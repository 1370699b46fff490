"""A pipeline run as a flow sees it: calls stages, keeps what they made, and ends as it has to.

run = Pipeline(config, until)
with run:                          # a run that has reached `until` ends here, quietly
    base_model = run(base, specs.BaseSpec.of(config)).model
    ...
run.finish(report)
"""

import argparse
import contextlib
import sys
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect import Flow, Task, get_client
from prefect.futures import wait
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL

from tasks.shared.patience import patiently
from temper.artifacts.refs import ModelRef, StageResult
from temper.config import PipelineConfig, Runtime, override, resolve
from temper.config.gating import CHAMPION
from temper.engine import fingerprint
from temper.errors import ConfigError, GateError, TemperError, TrackingError
from temper.process.alive import Held
from temper.process.journal import Journal, new_id, write_config
from temper.process.leftovers import close_left, described
from temper.process.specs import STAGES, Machine
from temper.registry.bundle import Registered
from temper.registry.gates import Verdict
from temper.registry.tracking import Tracker, tracking_uri

R = TypeVar("R")


class _Reached(Exception):
    """The run has gone as far as it was asked to."""


class Pipeline:
    """One run: its identity, its tracking run, and what its stages made so far."""

    def __init__(self, config: PipelineConfig, until: str | None = None) -> None:
        """Writes the resolved configuration before anything starts. Raises ConfigError and TrackingError."""
        if until is not None and until not in STAGES:
            raise ConfigError(f"no stage named {until!r} to stop after: choose one of {', '.join(STAGES)}")
        self.config = config
        self.id = config.runtime.pipeline_id or new_id(config.name)
        self.folder = write_config(config, self.id).parent
        _name_flow_run(self.id)
        self.results: list[StageResult] = []
        self.verdict: Verdict | None = None
        self.registered: Registered | None = None
        self._last = STAGES.index(until) if until else len(STAGES)
        self._journal = Journal(self.id)
        self._alive = Held(self.id, flow_run.id or "")
        self._tracker = Tracker(tracking_uri(config.runtime))
        if closed := close_left(PREFECT_API_URL.value() or "", self._tracker.close_left):
            self._journal.add("", "note", described(closed))
        self.run_id = self._tracker.start_pipeline(self.id, config.model_dump(mode="json"))
        identity = {"pipeline_id": self.id, "parent_run_id": self.run_id}
        self.runtime = Runtime.model_validate(config.runtime.model_dump() | identity)

    @property
    def machine(self) -> Machine:
        """The machine and the engine that speeds are measured on. Raises EngineError where there is no engine."""
        return fingerprint(self.runtime)

    def __call__(self, stage: Task[..., R], *args: object, **kwargs: object) -> R:
        """Run one stage, or take what it made before."""
        if self._beyond(stage.name):
            raise _Reached
        return self._keep(stage(*args, **kwargs, runtime=self.runtime))

    def beside(self, stage: Task[..., StageResult], *args: object, **kwargs: object) -> StageResult:
        """Ask the champion what the candidate was asked; what it answered when it was one itself still counts."""
        if self._last < STAGES.index("gate"):
            raise _Reached
        answered = stage(*args, **kwargs, runtime=self.runtime)
        return self._keep(StageResult.model_validate(answered.model_dump() | {"stage": f"evaluate:{CHAMPION}"}))

    def together(self, *calls: tuple[Any, ...]) -> list[ModelRef]:
        """Run stages side by side, each a tuple (stage, arguments...), and return the models that they made.

        It waits for all of them even if one fails.
        """
        due = [call for call in calls if not self._beyond(call[0].name)]
        runtime = Runtime.model_validate(self.runtime.model_dump() | {"side_by_side": len(due) > 1})
        futures = [stage.submit(*args, runtime=runtime) for stage, *args in due]
        wait(futures)
        results: list[StageResult] = [self._keep(future.result()) for future in futures]
        if len(due) < len(calls):
            raise _Reached
        return [result.model for result in results]

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or isinstance(error, _Reached):
            return True
        with contextlib.suppress(TrackingError):
            status = "FAILED" if isinstance(error, Exception) else "KILLED"
            self._tracker.end(self.run_id, status, error=str(error)[:500])
            self._alive.ended()
        self._alive.drop()
        return False

    def finish(self, report: Task[..., R]) -> R:
        """Write the report and close the run. Raises GateError when the gate refused and is enforced."""
        written = report(
            self.config, self.results, self.verdict, self.registered, folder=self.folder, runtime=self.runtime
        )
        refused = self.verdict is not None and not self.verdict.passed
        status = "FAILED" if refused and self.config.gate.enforce else "FINISHED"
        patiently(self.id, lambda: self._tracker.end(self.run_id, status))
        self._alive.ended()
        if self.verdict is not None and refused and self.config.gate.enforce:
            raise GateError(f"gate {self.verdict.summary()}; report: {self.folder / 'report.html'}")
        return written

    def _beyond(self, stage: str) -> bool:
        return stage in STAGES and STAGES.index(stage) > self._last

    def _keep(self, made: R) -> R:
        if isinstance(made, StageResult):
            cached = made.pipeline_id != self.id
            self.results.append(made)
            link = partial(self._tracker.link, self.run_id, made.stage, made.run_id)
            patiently(self.id, lambda: link(cached=cached, datasets=made.datasets))
            if cached:
                self._journal.add(made.stage, "cached", seconds=made.wall_s)
        elif isinstance(made, Verdict):
            self.verdict = made
        elif isinstance(made, Registered):
            self.registered = made
        return made


def _name_flow_run(name: str) -> None:
    """Prefect's page calls a run what everything else calls it, and not by two words that it drew."""
    if flow_run.id:
        with contextlib.suppress(httpx.HTTPError), get_client(sync_client=True) as client:
            client.update_flow_run(UUID(flow_run.id), name=name)


def chosen(config: PipelineConfig | str, overrides: tuple[str, ...]) -> PipelineConfig:
    """The configuration that a flow's parameters ask for. Raises ConfigError."""
    if isinstance(config, str):
        return resolve(config, overrides)
    return override(config, list(overrides)) if overrides else config


def command(flow: Flow[..., R]) -> int:
    """Run `flow` from the command line: `python -m flows.NAME CONFIG [--until STAGE]`. Errors are one line."""
    parser = argparse.ArgumentParser(description=flow.description)
    parser.add_argument("config", type=Path, help="resolved configuration (YAML), or the name of a preset")
    parser.add_argument("--until", help="stage to stop after")
    parser.add_argument("--pipeline-id", default="", help="identity of the run; a new one by default")
    asked = parser.parse_args()
    try:
        config = resolve(str(asked.config), [f"runtime.pipeline_id={asked.pipeline_id!r}"])
        flow(config, **({"until": asked.until} if asked.until else {}))
    except TemperError as error:
        print(f"temper: {error}", file=sys.stderr)
        return error.exit_code
    return 0
