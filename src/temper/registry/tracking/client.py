"""A client of one MLflow server or file: how what `runs.py` and `versions.py` say gets there, and what may go wrong."""

import functools
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from temper.artifacts.refs import DatasetRef, digests
from temper.errors import TrackingError
from temper.home import home

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ClientT = TypeVar("ClientT", bound="Client")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
EXPERIMENT = "temper"
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


def explained(method: Callable[Concatenate[ClientT, P], R]) -> Callable[Concatenate[ClientT, P], R]:
    """Turn what MLflow raises into TrackingError."""

    @functools.wraps(method)
    def call(self: ClientT, *args: P.args, **kwargs: P.kwargs) -> R:
        from mlflow.exceptions import MlflowException

        try:
            return method(self, *args, **kwargs)
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            # Not `from error`: a server's text may repeat what it was sent, and tracebacks are written down.
            raise TrackingError(f"tracking at {self.uri} failed: {reason}; check the server and run again") from None

    return call


class Client:
    """A client for one tracking URI."""

    def __init__(self, uri: str) -> None:
        """Raises TrackingError when a server at `uri` does not answer within seconds."""
        self.uri = uri
        _reach(uri)
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        self._client = self._connect()

    @explained
    def _connect(self) -> "MlflowClient":
        import mlflow

        mlflow.set_tracking_uri(self.uri)  # the registry looks a logged model up there, whatever the client was told
        return mlflow.MlflowClient(self.uri)

    def _experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            place = None if self.uri.startswith("http") else (home() / "mlartifacts").as_uri()
            try:
                return str(self._client.create_experiment(EXPERIMENT, artifact_location=place))
            except MlflowException as error:
                experiment = self._client.get_experiment_by_name(EXPERIMENT)
                if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                    raise  # else another run was first
        return str(experiment.experiment_id)

    def _new_run(self, name: str, tags: dict[str, str]) -> str:
        return str(self._client.create_run(self._experiment(), tags=tags, run_name=name).info.run_id)

    def _search(self, query: str) -> list["Run"]:
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
        for some_points in _parts(points, MOST_METRICS):
            self._client.log_batch(run_id, metrics=some_points)
        for some_settings in _parts(settings, MOST_PARAMS):
            self._client.log_batch(run_id, params=some_settings)
        for some_labels in _parts(labels, MOST_PARAMS):
            self._client.log_batch(run_id, tags=some_labels)


def _parts(rows: list[T], most: int) -> Iterator[list[T]]:
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
