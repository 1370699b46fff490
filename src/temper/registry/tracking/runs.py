"""One run for each pipeline run, one nested run for each stage that was computed."""

from collections.abc import Mapping
from pathlib import Path

from temper.artifacts.refs import DatasetRef, Ref
from temper.config.settings import JSON
from temper.home import app_root, home
from temper.registry.tracking.client import Client, explained

NOTE = "mlflow.note.content"
"""A run's description."""


def flat(value: object, prefix: str = "") -> dict[str, object]:
    """Nested settings as dotted names, the words that overrides use."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: item
        for key, inner in value.items()
        for name, item in flat(inner, f"{prefix}.{key}" if prefix else str(key)).items()
    }


class Runs(Client):
    """Starts, fills and closes runs."""

    @explained
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

    @explained
    def start_stage(
        self, parent: str, stage: str, *, pipeline_id: str, key: str, config: dict[str, JSON], inputs: dict[str, Ref]
    ) -> str:
        """The nested run of one stage: settings as parameters, inputs' digests as tags, data sets as inputs.

        A run that a killed process left open for the same key is closed.
        """
        for run in self._search(f"tags.`temper.key` = '{key}' and attributes.status = 'RUNNING'"):
            self._client.set_terminated(run.info.run_id, "KILLED")
        tags = {"temper.stage": stage, "temper.key": key, "temper.pipeline_id": pipeline_id, "temper.kind": "stage"}
        tags |= {f"input.{name}": ref.digest for name, ref in inputs.items()}
        tags |= _source(f"temper.stages.{stage.partition(':')[0]}")
        tags[NOTE] = f"Stage `{stage}` of run `{pipeline_id}`, by cache key `{key}`."
        run_id = self._new_run(stage, tags | ({"mlflow.parentRunId": parent} if parent else {}))
        self._log(run_id, params=flat(config))
        self._log_datasets(run_id, {name: ref for name, ref in inputs.items() if isinstance(ref, DatasetRef)})
        return run_id

    @explained
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

    @explained
    def end(self, run_id: str, status: str = "FINISHED", **tags: str) -> None:
        """Close a run: FINISHED, FAILED or KILLED, with a last word or two as tags."""
        self._log(run_id, tags=tags)
        self._client.set_terminated(run_id, status)

    @explained
    def close_left(self, pipeline_id: str) -> None:
        """Close what a pipeline run left open when its process was killed."""
        for run in self._search(f"tags.`temper.pipeline_id` = '{pipeline_id}' and attributes.status = 'RUNNING'"):
            self._client.set_terminated(run.info.run_id, "KILLED")

    @explained
    def link(
        self, parent: str, stage: str, run_id: str, *, cached: bool, datasets: Mapping[str, DatasetRef] | None = None
    ) -> None:
        """Say on the pipeline's run which run made a stage, and whether that was now; list the data sets it made."""
        self._log(parent, tags={f"stage.{stage}.run_id": run_id, f"stage.{stage}.cached": str(cached).lower()})
        self._log_datasets(parent, {f"{stage}.{name}": ref for name, ref in (datasets or {}).items()})

    @explained
    def log(
        self, run_id: str, *, metrics: dict[str, float] | None = None, tags: Mapping[str, object] | None = None
    ) -> None:
        """Figures and tags on any run."""
        self._log(run_id, metrics=metrics or {}, tags=tags or {})

    @explained
    def log_file(self, run_id: str, path: Path) -> None:
        """One file as an artifact."""
        self._client.log_artifact(run_id, str(path))

    @explained
    def log_files(self, run_id: str, folder: Path, name: str) -> None:
        """All files of `folder` as artifacts under `name`."""
        self._client.log_artifacts(run_id, str(folder), name)


def _source(name: str) -> dict[str, str]:
    """What MLflow's page shows as a run's source: what was started, and the commit of the application."""
    from mlflow.utils.git_utils import get_git_commit

    commit = get_git_commit(str(app_root()))
    source = {"mlflow.source.name": name, "mlflow.source.type": "LOCAL"}
    return source | ({"mlflow.source.git.commit": commit} if commit else {})
