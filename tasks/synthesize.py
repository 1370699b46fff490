"""Data by simulation."""

from typing import Any

from prefect import task

from tasks.shared.contract import compute, contract
from temper.artifacts.contents import contents
from temper.artifacts.refs import StageResult
from temper.config import Runtime
from temper.config.endpoint import ROLES_TO_HIRE, WHERE
from temper.config.stages import SynthesizeSettings
from temper.registry.bundle import domain_digest
from temper.traces.bring import brought

RECIPE = 22


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    """Other prompts, tools, rules or brought rows make other data; where a model, a folder or a worker is does not."""
    config = given["config"].model_dump(exclude={"ray"})
    config["own"] = {name: contents(brought(folder)).digest for name, folder in config["own"].items() if folder}
    for name in ROLES_TO_HIRE:
        asked = config[name] or {}
        config[name] = {key: value for key, value in asked.items() if key not in WHERE}
    return {**given, "config": config, "domain_digest": domain_digest(given["config"].domain)}


@task(name="synthesize", **contract(RECIPE, _identity))
def synthesize(config: SynthesizeSettings, *, runtime: Runtime) -> StageResult:
    """Simulate conversations.   In: settings.   Out: the training sets and the evaluation set."""
    return compute("synthesize", config, runtime)
