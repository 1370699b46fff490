"""The model to start from."""

from pathlib import Path
from typing import Any

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.contents import contents
from temper.artifacts.refs import StageResult
from temper.config import Runtime
from temper.config.stages import BaseSettings
from temper.errors import MissingModelError

RECIPE = 1


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    """A local folder is what it holds, not where it lies."""
    config: BaseSettings = given["config"]
    if config.source != "folder":
        return given
    folder = Path(config.name).expanduser()
    if not folder.is_dir():
        raise MissingModelError(f"base.name: there is no folder {folder}")
    return {"source": "folder", "digest": contents(folder).digest}


@task(name="base", **contract(RECIPE, _identity))
def base(config: BaseSettings, *, runtime: Runtime) -> StageResult:
    """Bring the base model into the store.   In: its name.   Out: a safetensors checkpoint with its chat template."""
    return compute("base", {"base": config}, runtime)
