"""Where things lie: the application's root (the folder with prefect.yaml) and TEMPER_HOME, which holds all state."""

import os
from pathlib import Path

from temper.errors import ConfigError


def app_root() -> Path:
    """The nearest folder with `prefect.yaml`, from TEMPER_ROOT or the working directory upwards. Raises ConfigError."""
    start = Path(os.environ.get("TEMPER_ROOT") or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "prefect.yaml").is_file():
            return folder
    raise ConfigError(f"no prefect.yaml in {start} or above it: run temper from a checkout of the application")


def home() -> Path:
    """The folder of all state: TEMPER_HOME, else `.temper` in the application's root. Made when missing."""
    folder = Path(os.environ.get("TEMPER_HOME") or app_root() / ".temper").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
