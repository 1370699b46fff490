"""The inference engine: vLLM in an environment of its own, met at a loopback port. Nothing here imports vLLM."""

from temper.engine.capabilities import Capabilities, probe
from temper.engine.command import NAME, Drafter, command, environment
from temper.engine.fingerprint import fingerprint
from temper.engine.installation import Installation, engine_python, engine_versions, installation, suffix_refusal
from temper.engine.metrics import Usage, acceptance
from temper.engine.server import Engine, serve

__all__ = [
    "NAME",
    "Capabilities",
    "Drafter",
    "Engine",
    "Installation",
    "Usage",
    "acceptance",
    "command",
    "engine_python",
    "engine_versions",
    "environment",
    "fingerprint",
    "installation",
    "probe",
    "serve",
    "suffix_refusal",
]
