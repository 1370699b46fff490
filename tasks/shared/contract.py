"""What every stage's task shares: its cache key, its lock, its retries, and the way from references to a result.

A task says `@task(name=..., **contract())`, takes its stage's spec and references, and returns `compute(...)`;
everything else about a stage is in `temper.process.specs` and `temper.stages`.
"""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.results import ResultRecordMetadata
from prefect.transactions import IsolationLevel

from tasks.shared.locks import KernelLocks
from tasks.shared.patience import WAITS_S, mendable
from tasks.shared.progress import StageProgress
from temper.artifacts.refs import Ref, StageResult
from temper.artifacts.store import Store
from temper.config import Runtime
from temper.errors import TrackingError
from temper.home import home
from temper.process.keys import flat, stage_key
from temper.process.launch import LOG, launch
from temper.process.specs import Spec
from temper.process.stage import EVENTS, REPORT, SPEC, Report
from temper.registry.tracking import Tracker, tracking_uri

APART = frozenset(("spec", "runtime"))
"""Parameters of a stage's task that are no inputs."""
KEYS, RESULTS = home() / "prefect" / "keys", home() / "prefect" / "results"


def contract() -> dict[str, Any]:
    """Options of a stage's `@task`."""
    return {
        "cache_policy": StageKey().configure(
            key_storage=KEYS, lock_manager=KernelLocks(), isolation_level=IsolationLevel.SERIALIZABLE
        ),
        "persist_result": True,
        "result_storage": RESULTS,
        "result_serializer": "json",
        "retries": len(WAITS_S),
        "retry_delay_seconds": WAITS_S,
        "retry_jitter_factor": 0.5,
        "retry_condition_fn": mendable,
    }


@dataclass
class StageKey(CachePolicy):
    """The stage's key: its spec, its inputs and its code move it, the runtime does not."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, object], **_: object
    ) -> str:
        """Prefect asks for the key, and would take its own record as it is: one that is not the store's is dropped."""
        key = stage_key(inputs["spec"], {name: value for name, value in inputs.items() if name not in APART})
        if (KEYS / key).exists() and not _as_stored(key, Store(inputs["runtime"].store).result(key)):
            (KEYS / key).unlink(missing_ok=True)
        return key


def _as_stored(key: str, stored: StageResult | None) -> bool:
    """Whether Prefect's record of `key` lies in this home, reads, and is what the store holds."""
    try:
        record = ResultRecordMetadata.load_bytes((KEYS / key).read_bytes())
        path = Path(record.storage_key or "")
        return path.is_relative_to(RESULTS) and bool(record.serializer.loads(path.read_bytes()) == stored)
    except Exception:  # garbage raises whatever it likes
        return False


def compute(spec: Spec, runtime: Runtime, **inputs: Ref | None) -> StageResult:
    """Compute `spec` on `inputs` in a process of its own and publish what it made; call it from the stage's task.

    What was made before and is whole is returned as it is. A run folder outlives whatever ends this early, so that
    a trainer goes on from its last checkpoint.
    """
    context = TaskRunContext.get()
    assert context is not None  # only tasks call this
    work = _Computation(spec, stage_key(spec, inputs), flat(inputs), runtime)
    made = None if context.task.refresh_cache else work.store.result(work.key)
    return made or work.run()


class _Computation:
    """One computation of one stage."""

    def __init__(self, spec: Spec, key: str, inputs: dict[str, Ref], runtime: Runtime) -> None:
        self.spec, self.label, self.key, self.inputs, self.runtime = spec, spec.label, key, inputs, runtime
        self.store = Store(runtime.store)
        self.tracker = Tracker(tracking_uri(runtime))
        self.run_dir = home() / "work" / f"{self.label.replace(':', '-')}-{key[:16]}"

    def run(self) -> StageResult:
        """Compute, publish, track, remember; in this order, so that nothing is remembered that is not there."""
        progress = StageProgress(self.label, self.runtime.pipeline_id)
        run_id = self.tracker.start_stage(
            self.runtime.parent_run_id,
            self.label,
            pipeline_id=self.runtime.pipeline_id,
            key=self.key,
            config=self.spec.model_dump(mode="json"),
            inputs=self.inputs,
        )
        try:
            folders = {name: self.store.open(ref) for name, ref in self.inputs.items()}
            report = launch(self.spec, self.run_dir, folders, self.runtime, on_event=progress.hear)
            result = self._publish(report, run_id)
        except BaseException as error:
            self._failed(error, run_id)
            progress.failed(error)
            raise
        self.store.put_result(result)
        shutil.rmtree(self.run_dir, ignore_errors=True)
        progress.done(result.wall_s)
        return result

    def _publish(self, report: Report, run_id: str) -> StageResult:
        started, ended = ((self.run_dir / name).stat().st_mtime for name in (SPEC, REPORT))
        folders = {name: (self.run_dir / "out" / name, kind) for name, kind in report.artifacts.items()}
        artifacts = {name: self.store.publish(folder, kind) for name, (folder, kind) in folders.items()}
        reports = {name: self.store.open(ref) for name, ref in artifacts.items() if ref.kind == "report"}
        artifacts["log"] = self.store.publish(self._log_folder(), "report")
        self.tracker.finish_stage(
            run_id,
            metrics=report.metrics | {"wall_s": ended - started},
            curves=report.curves,
            artifacts=artifacts,
            sizes={name: self.store.size(ref) for name, ref in artifacts.items()},
            reports=reports | {"log": self.store.open(artifacts["log"])},
        )
        return StageResult(
            stage=self.label,
            key=self.key,
            artifacts=artifacts,
            metrics=report.metrics,
            versions=report.versions,
            wall_s=round(ended - started, 3),
            run_id=run_id,
            pipeline_id=self.runtime.pipeline_id,
        )

    def _log_folder(self) -> Path:
        """What the stage was told and what it said, as a folder of its own to publish."""
        folder = self.run_dir / "record"
        folder.mkdir(exist_ok=True)
        for name in (SPEC, REPORT, EVENTS):
            if (self.run_dir / name).exists():
                shutil.copyfile(self.run_dir / name, folder / name)
        return folder

    def _failed(self, error: BaseException, run_id: str) -> None:
        """Say so in the tracking server. A report survives only a failure that it had no part in."""
        if isinstance(error, Exception) and not isinstance(error, TrackingError):
            (self.run_dir / REPORT).unlink(missing_ok=True)
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        with contextlib.suppress(TrackingError):
            if (self.run_dir / LOG).exists():
                self.tracker.log_file(run_id, self.run_dir / LOG)
            self.tracker.end(run_id, status, error=str(error)[:500])
