"""Tracking and registry: runs, lineage and the champion. The one file that knows MLflow; any tracking URI will do.

One run for each pipeline run, one nested run for each stage that was computed; a stage that came from the cache is a
link to the run that made it. Checkpoints stay in the store: here go their uri, digest and size.
"""

import functools
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from temper.artifacts.refs import BundleRef, DatasetRef, Ref, digests
from temper.config import Runtime
from temper.config.settings import JSON
from temper.errors import MissingModelError, TrackingError
from temper.home import app_root, home
from temper.registry.history import CHAMPION, DIGEST, URI, Model, Version

if TYPE_CHECKING:
    from mlflow import MlflowClient

P = ParamSpec("P")
R = TypeVar("R")
EXPERIMENT = "temper"
NOTE = "mlflow.note.content"
"""A run's description."""
QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""MLflow's defaults try for minutes, and tell its makers."""
HEALTH_S = 5.0
"""Seconds that a tracking server gets to say that it is there."""
MOST_PARAMS, MOST_METRICS = 100, 1000
"""Limits of one `log_batch`."""


def tracking_uri(runtime: Runtime) -> str:
    """Where runs are tracked: `runtime.tracking_uri`, MLFLOW_TRACKING_URI, else SQLite under TEMPER_HOME."""
    return runtime.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow.db'}"


def flat(value: object, prefix: str = "") -> dict[str, object]:
    """Nested settings as dotted names, the words that overrides use."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: item
        for key, inner in value.items()
        for name, item in flat(inner, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _explained(method: Callable[P, R]) -> Callable[P, R]:
    """Turn what MLflow raises into TrackingError."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        from mlflow.exceptions import MlflowException

        try:
            return method(*args, **kwargs)
        except (MlflowException, OSError) as error:
            tracker: Any = args[0]
            said = " ".join(str(error).split())[:200]
            # Not `from error`: a server's text may repeat what it was sent, and tracebacks are written down.
            raise TrackingError(f"tracking at {tracker.uri} failed: {said}; check the server and run again") from None

    return call


class Tracker:
    """A client for one tracking URI."""

    def __init__(self, uri: str) -> None:
        """Raises TrackingError when a server at `uri` does not answer within seconds."""
        self.uri = uri
        _reach(uri)
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        self._client = self._connect()

    @_explained
    def _connect(self) -> "MlflowClient":
        import mlflow

        mlflow.set_tracking_uri(self.uri)  # the registry looks a logged model up there, whatever the client was told
        return mlflow.MlflowClient(self.uri)

    # -- runs -----------------------------------------------------------------------------------------------------

    @_explained
    def start_pipeline(self, pipeline_id: str, config: dict[str, JSON]) -> str:
        """The run of a whole pipeline, the resolved config as its parameters; returns its id."""
        settings = flat(config)
        tags = {"temper.pipeline_id": pipeline_id, "temper.kind": "pipeline"}
        again = home() / "runs" / pipeline_id / "config.yaml"
        tags[NOTE] = (
            f"Preset `{settings.get('name')}`: from `{settings.get('base.name')}` to a bundle for the domain"
            f" `{settings.get('synthesize.domain')}`. To run it again: `temper run {again}`"
        )
        run_id = self._new_run(pipeline_id, tags | _source(f"temper run {settings.get('name')}"))
        self._log(run_id, params=settings)
        return run_id

    @_explained
    def start_stage(
        self, parent: str, stage: str, *, pipeline_id: str, key: str, config: dict[str, JSON], inputs: dict[str, Ref]
    ) -> str:
        """The nested run of one stage: settings as parameters, inputs' digests as tags, data sets as inputs.

        A run that a killed process left open for the same key is closed.
        """
        for left in self._search(f"tags.`temper.key` = '{key}' and attributes.status = 'RUNNING'"):
            self._client.set_terminated(left.info.run_id, "KILLED")
        tags = {"temper.stage": stage, "temper.key": key, "temper.pipeline_id": pipeline_id, "temper.kind": "stage"}
        tags |= {f"input.{name}": ref.digest for name, ref in inputs.items()}
        tags |= _source(f"temper.stages.{stage.partition(':')[0]}")
        tags[NOTE] = f"Stage `{stage}` of run `{pipeline_id}`, by cache key `{key}`."
        run_id = self._new_run(stage, tags | ({"mlflow.parentRunId": parent} if parent else {}))
        self._log(run_id, params=flat(config))
        self._log_datasets(run_id, {name: ref for name, ref in inputs.items() if isinstance(ref, DatasetRef)})
        return run_id

    @_explained
    def finish_stage(
        self,
        run_id: str,
        *,
        metrics: dict[str, float],
        curves: list[dict[str, float]],
        artifacts: dict[str, Ref],
        sizes: dict[str, int],
        reports: dict[str, Path],
    ) -> None:
        """Close a stage's run: figures in one batch, curves by step, references as tags, report files as artifacts."""
        tags: dict[str, object] = {}
        for name, ref in artifacts.items():
            tags |= {f"artifact.{name}.uri": ref.uri, f"artifact.{name}.digest": ref.digest}
            tags[f"artifact.{name}.size_bytes"] = sizes[name]
        self._log(run_id, metrics=metrics, curves=curves, tags=tags)
        for name, folder in reports.items():
            self._client.log_artifacts(run_id, str(folder), name)
        self._client.set_terminated(run_id)

    @_explained
    def end(self, run_id: str, status: str = "FINISHED", **tags: str) -> None:
        """Close a run: FINISHED, FAILED or KILLED, with a last word or two as tags."""
        self._log(run_id, tags=tags)
        self._client.set_terminated(run_id, status)

    @_explained
    def close_left(self, pipeline_id: str) -> None:
        """Close what a pipeline run left open when its process was killed."""
        for left in self._search(f"tags.`temper.pipeline_id` = '{pipeline_id}' and attributes.status = 'RUNNING'"):
            self._client.set_terminated(left.info.run_id, "KILLED")

    @_explained
    def link(
        self, parent: str, stage: str, run_id: str, *, cached: bool, datasets: Mapping[str, DatasetRef] | None = None
    ) -> None:
        """Say on the pipeline's run which run made a stage, and whether that was now; list the data sets it made."""
        self._log(parent, tags={f"stage.{stage}.run_id": run_id, f"stage.{stage}.cached": str(cached).lower()})
        self._log_datasets(parent, {f"{stage}.{name}": ref for name, ref in (datasets or {}).items()})

    @_explained
    def log(
        self, run_id: str, *, metrics: dict[str, float] | None = None, tags: Mapping[str, object] | None = None
    ) -> None:
        """Figures and tags on any run."""
        self._log(run_id, metrics=metrics or {}, tags=tags or {})

    @_explained
    def log_file(self, run_id: str, path: Path) -> None:
        """One file as an artifact."""
        self._client.log_artifact(run_id, str(path))

    @_explained
    def log_files(self, run_id: str, folder: Path, name: str) -> None:
        """All files of `folder` as artifacts under `name`."""
        self._client.log_artifacts(run_id, str(folder), name)

    # -- registry: what `champions.py` reads and writes -------------------------------------------------------------

    @_explained
    def bundle(self, name: str, version_or_alias: str = CHAMPION) -> tuple[str, BundleRef]:
        """Version and reference of a registered bundle. Raises MissingModelError."""
        model = self._model(name)
        version = model.version(model.aliases.get(version_or_alias, version_or_alias))
        if version.ref is None:
            raise MissingModelError(
                f"version {version.number} of model {name!r} names no bundle (tags {URI} and {DIGEST}): temper did not"
                " register it; choose another version"
            )
        return version.number, version.ref

    @_explained
    def model(self, name: str) -> Model:
        """A registered model as it is now, without anything where there is none of this name."""
        return self._model(name)

    @_explained
    def add_version(self, name: str, folder: Path, tags: dict[str, str], run_id: str) -> str:
        """One more version, by reference: only the manifest in `folder` goes along. Returns its number."""
        from mlflow.exceptions import MlflowException

        client = self._client
        made = client.create_logged_model(
            self._experiment(), name=name, source_run_id=run_id, tags=tags, model_type="bundle"
        )
        client.log_model_artifacts(made.model_id, str(folder))
        client.finalize_logged_model(made.model_id, "READY")
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"models:/{made.model_id}"
        return str(client.create_model_version(name, source, run_id=run_id, tags=tags, model_id=made.model_id).version)

    @_explained
    def drop_version(self, name: str, version: str) -> None:
        """Delete one version."""
        self._client.delete_model_version(name, version)

    @_explained
    def set_alias(self, name: str, alias: str, version: str | None) -> None:
        """Point `alias` at `version`, or take it away."""
        if version is None:
            self._client.delete_registered_model_alias(name, alias)
        else:
            self._client.set_registered_model_alias(name, alias, version)

    @_explained
    def tag_model(self, name: str, **tags: str | None) -> None:
        """Set tags of a registered model; None takes one away."""
        for tag, value in tags.items():
            if value is None:
                self._client.delete_registered_model_tag(name, tag)
            else:
                self._client.set_registered_model_tag(name, tag, value)

    @_explained
    def tag_version(self, name: str, version: str, **tags: str | None) -> None:
        """Set tags of a version; None takes one away."""
        for tag, value in tags.items():
            if value is None:
                self._client.delete_model_version_tag(name, version, tag)
            else:
                self._client.set_model_version_tag(name, version, tag, value)

    # -- how --------------------------------------------------------------------------------------------------------

    def _model(self, name: str) -> Model:
        """Numbers are text: a server says '2' where SQLite says 2."""
        from mlflow.exceptions import MlflowException

        try:
            model = self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return Model(name)
        quote = '"' if "'" in name else "'"
        found = self._client.search_model_versions(f"name = {quote}{name}{quote}", max_results=10_000)
        versions = {str(row.version): Version(str(row.version), dict(row.tags)) for row in found}
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        return Model(name, dict(model.tags), aliases, versions)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        place = None if self.uri.startswith("http") else (home() / "mlartifacts").as_uri()
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=place))

    def _new_run(self, name: str, tags: dict[str, str]) -> str:
        return str(self._client.create_run(self._experiment(), tags=tags, run_name=name).info.run_id)

    def _search(self, query: str) -> list[Any]:
        return list(self._client.search_runs([self._experiment()], query, max_results=50))

    def _log_datasets(self, run_id: str, refs: dict[str, DatasetRef]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        rows = [
            DatasetInput(
                # MLflow keeps 36 characters of a digest; the whole one is in the run's tags
                Dataset(name, ref.digest.removeprefix("sha256:")[:36], "temper", ref.uri),
                [InputTag("mlflow.data.context", name)],
            )
            for name, ref in refs.items()
        ]
        if rows:
            self._client.log_inputs(run_id, rows)

    def _log(
        self,
        run_id: str,
        *,
        params: dict[str, object] | None = None,
        metrics: dict[str, float] | None = None,
        curves: list[dict[str, float]] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        points = [Metric(_name(name), value, now, 0) for name, value in (metrics or {}).items()]
        for row in curves or []:
            step = int(row.get("step", 0))
            points += [
                Metric(f"curve/{_name(name)}", value, now, step) for name, value in row.items() if name != "step"
            ]
        settings = [Param(_name(name), str(digests(value))[:6000]) for name, value in (params or {}).items()]
        labels = [RunTag(_name(name), str(value)[:8000]) for name, value in (tags or {}).items()]
        for part in _parts(points, MOST_METRICS):
            self._client.log_batch(run_id, metrics=part)
        for part in _parts(settings, MOST_PARAMS):
            self._client.log_batch(run_id, params=part)
        for part in _parts(labels, MOST_PARAMS):
            self._client.log_batch(run_id, tags=part)


def _source(name: str) -> dict[str, str]:
    """What MLflow's page shows as a run's source: what was started, and the commit of the application."""
    from mlflow.utils.git_utils import get_git_commit

    commit = get_git_commit(str(app_root()))
    source = {"mlflow.source.name": name, "mlflow.source.type": "LOCAL"}
    return source | ({"mlflow.source.git.commit": commit} if commit else {})


def _parts(rows: list[Any], most: int) -> Iterator[list[Any]]:
    for start in range(0, len(rows), most):
        yield rows[start : start + most]


def _name(name: str) -> str:
    """A name that MLflow accepts: `student+drafter` has a sign too many."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _reach(uri: str) -> None:
    """Ask a tracking server whether it is there, before MLflow's own patience does. Raises TrackingError."""
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=HEALTH_S).close()
    except urllib.error.HTTPError:
        return  # it answered: what it makes of our requests is told by the first of them
    except (OSError, ValueError) as error:
        raise TrackingError(
            f"no tracking server answers at {uri} ({getattr(error, 'reason', error)}):"
            " start it, or unset MLFLOW_TRACKING_URI and runtime.tracking_uri to track under TEMPER_HOME"
        ) from error
