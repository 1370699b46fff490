"""Where things lie: the application's root (the folder with prefect.yaml) and TEMPER_HOME, which holds all state."""

import os
import shutil
from pathlib import Path

from temper.errors import ConfigError, StoreError

LEAST_MB = 200
"""Free disk below which no run is begun: databases and journals break in the middle of a line."""


def app_root() -> Path:
    """The nearest folder with `prefect.yaml`, from TEMPER_ROOT or the working directory upwards. Raises ConfigError."""
    start = Path(os.environ.get("TEMPER_ROOT") or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "prefect.yaml").is_file():
            return folder
    raise ConfigError(f"no prefect.yaml in {start} or above it: run temper from a checkout of the application")


def home() -> Path:
    """The folder of all state: TEMPER_HOME, else `.temper` in the application's root. Made when missing.

    Raises StoreError when it cannot be made.
    """
    folder = Path(os.environ.get("TEMPER_HOME") or app_root() / ".temper").resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made ({error.strerror}): set TEMPER_HOME to another folder") from error
    return folder


def roomy_home() -> Path:
    """The folder of all state, with room to begin. Raises StoreError when its disk is full or cannot be written."""
    folder = home()
    if not os.access(folder, os.W_OK):
        raise StoreError(f"{folder} cannot be written: set TEMPER_HOME to a folder that can")
    _, _, free = shutil.disk_usage(folder)
    if free < LEAST_MB * 1e6:
        raise StoreError(f"{folder} has {free / 1e6:.0f} MB free: free some, or set TEMPER_HOME to a larger disk")
    return folder
