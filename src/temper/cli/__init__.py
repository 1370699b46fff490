"""The command line: `temper run`, `report`, `import`, `domain check`, `rollback`, `promote`, `ui`, and small ones."""

from temper.cli.main import main

__all__ = ["main"]
