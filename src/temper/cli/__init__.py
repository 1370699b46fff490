"""The command line: `temper run`, `report`, `rollback`, `ui`, `doctor`, `presets`."""

from temper.cli.main import main

__all__ = ["main"]
