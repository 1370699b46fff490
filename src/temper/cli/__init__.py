"""The command line: `temper run`, `report`, `import`, `domain check`, `rollback`, `ui`, `doctor`, `presets`."""

from temper.cli.main import main

__all__ = ["main"]
