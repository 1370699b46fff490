"""Registered models with their versions, aliases and tags: what `champions.py` reads and writes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from temper.artifacts.refs import BundleRef
from temper.errors import MissingModelError
from temper.registry.history import CHAMPION, DIGEST, URI, Model, Version
from temper.registry.tracking.client import Client, explained


class Versions(Client):
    """Reads and writes registered models."""

    @explained
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

    @explained
    def model(self, name: str) -> Model:
        """A registered model as it is now, without anything where there is none of this name."""
        return self._model(name)

    @explained
    def add_version(self, name: str, folder: Path, tags: dict[str, str], run_id: str) -> str:
        """One more version, by reference: only the manifest in `folder` goes along. Returns its number."""
        from mlflow.exceptions import MlflowException

        client = self._client
        logged = client.create_logged_model(
            self._experiment(), name=name, source_run_id=run_id, tags=tags, model_type="bundle"
        )
        client.log_model_artifacts(logged.model_id, str(folder))
        client.finalize_logged_model(logged.model_id, "READY")
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"models:/{logged.model_id}"
        return str(
            client.create_model_version(name, source, run_id=run_id, tags=tags, model_id=logged.model_id).version
        )

    @explained
    def drop_version(self, name: str, version: str) -> None:
        """Delete one version."""
        self._client.delete_model_version(name, version)

    @explained
    def set_alias(self, name: str, alias: str, version: str | None) -> None:
        """Point `alias` at `version`, or take it away."""
        if version is None:
            self._client.delete_registered_model_alias(name, alias)
        else:
            _write(partial(self._client.set_registered_model_alias, name, alias, version))

    @explained
    def tag_model(self, name: str, **tags: str | None) -> None:
        """Set tags of a registered model; None takes one away."""
        for tag, value in tags.items():
            if value is None:
                self._client.delete_registered_model_tag(name, tag)
            else:
                _write(partial(self._client.set_registered_model_tag, name, tag, value))

    @explained
    def tag_version(self, name: str, version: str, **tags: str | None) -> None:
        """Set tags of a version; None takes one away."""
        for tag, value in tags.items():
            if value is None:
                self._client.delete_model_version_tag(name, version, tag)
            else:
                _write(partial(self._client.set_model_version_tag, name, version, tag, value))

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
        rows = self._client.search_model_versions(f"name = {quote}{name}{quote}", max_results=10_000)
        versions = {str(row.version): Version(str(row.version), dict(row.tags)) for row in rows}
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        return Model(name, dict(model.tags), aliases, versions)


def _write(write: Callable[[], None]) -> None:
    """Set a tag or an alias.

    MLflow's SQL store looks whether there is one, then inserts it: of two that are set at once the second is refused.
    Tried again it finds the first one there and replaces it. This can go when the store inserts or updates in one step.
    """
    from mlflow.exceptions import MlflowException

    for tries_left in (2, 1, 0):
        try:
            write()
        except MlflowException as error:
            if not tries_left or "IntegrityError" not in str(error):
                raise
        else:
            return
