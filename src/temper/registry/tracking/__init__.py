"""Tracking and registry: runs, lineage and the champion. The one package that knows MLflow; any tracking URI will do.

A stage that came from the cache is a link to the run that made it. Checkpoints stay in the store: here go their uri,
digest and size.
"""

import os

from temper.config import Runtime
from temper.home import home
from temper.registry.tracking.runs import Runs, flat
from temper.registry.tracking.versions import Versions

__all__ = ["Tracker", "flat", "tracking_uri"]


class Tracker(Runs, Versions):
    """Runs and registered models of one tracking URI."""


def tracking_uri(runtime: Runtime) -> str:
    """Where runs are tracked: `runtime.tracking_uri`, MLFLOW_TRACKING_URI, else SQLite under TEMPER_HOME."""
    return runtime.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow.db'}"
