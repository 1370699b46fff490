"""`temper doctor`: what is missing or mismatched here, each with its remedy. Looks, changes nothing, takes a minute."""

import importlib.metadata
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from temper.config import Runtime
from temper.config.addresses import malformed
from temper.errors import TemperError
from temper.home import app_root, home
from temper.process.servers import ADDRESSES
from temper.secrets import redacted

GIB = 1 << 30
LEAST_GIB, ENOUGH_GIB = 3, 15
"""Free disk that the smoke preset needs, and that the demo with its checkpoints needs comfortably."""
SERVERS = {"PREFECT_API_URL": "/health", "MLFLOW_TRACKING_URI": "/health"}
"""Environment variables that name servers, and the path that says that one is alive."""
UI_PORTS = {"Prefect": 4200, "MLflow": 5000}
"""Where `temper ui` serves by default."""
SETUP = "make setup"
IMPORT_S = 180.0
"""Seconds that torch or the engine gets to be imported, from a cold disk."""
TRIED = (3, 11)
"""The Python that the locks were made and tried with."""
LIST_VERSIONS = (
    "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
)

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Diagnosis:
    """One line of the doctor."""

    level: Level
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.level:<4}  {self.what}" + (f" -> {self.remedy}" if self.remedy else "")


def check() -> int:
    """Print a line for each finding. Returns 1 when something must be mended before a run, else 0."""
    checks: tuple[Callable[[], Iterable[Diagnosis]], ...] = (
        python,
        state,
        pipeline_environment,
        engine_environment,
        assets,
        capabilities,
        servers,
        ports,
    )
    failed = False
    for look in checks:
        try:
            findings = list(look())
        except TemperError as error:
            findings = [Diagnosis("fail", str(error))]
        except OSError as error:  # a home that cannot be written, say: the other lines still help
            findings = [Diagnosis("fail", f"{error.filename or look.__name__}: {error.strerror or error}")]
        for finding in findings:
            print(finding, flush=True)
            failed |= finding.level == "fail"
    return int(failed)


def python() -> Iterator[Diagnosis]:
    """The interpreter that runs the pipeline."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] != TRIED:
        yield Diagnosis("warn", f"Python {version}: the locks were made and tried with 3.11")
    else:
        yield Diagnosis("ok", f"Python {version}")


def state() -> Iterator[Diagnosis]:
    """TEMPER_HOME and the room it has."""
    folder = home()
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Diagnosis(
            "fail", f"{folder} cannot be written ({error.strerror})", "set TEMPER_HOME to a folder that can"
        )
        return
    free = shutil.disk_usage(folder).free / GIB
    level: Level = "ok" if free >= ENOUGH_GIB else "warn" if free >= LEAST_GIB else "fail"
    remedy = "" if level == "ok" else f"free some: a demo wants {ENOUGH_GIB} GiB, or set TEMPER_HOME to a larger disk"
    yield Diagnosis(level, f"state in {folder}, {free:.0f} GiB free", remedy)


def pipeline_environment() -> Iterator[Diagnosis]:
    """The environment that this process runs in, beside its locks."""
    installed = {item.name: item.version for item in importlib.metadata.distributions()}
    locks = app_root() / "requirements"
    yield beside_lock("pipeline environment", installed, [locks / "pipeline.txt", locks / "pipeline-cuda.txt"])
    yield beside_lock("assets", installed, [locks / "assets.txt"])
    tools = beside_lock("development tools", installed, [locks / "dev.txt"])
    yield tools if tools.level == "ok" else Diagnosis("warn", tools.what, tools.remedy)
    yield imports("pipeline environment", sys.executable, "torch", "import torch")


def engine_environment() -> Iterator[Diagnosis]:
    """The environment that serves models, beside its lock, and our plugin in it."""
    from temper.engine import engine_python

    interpreter = engine_python(Runtime())
    process = subprocess.run(
        [interpreter, "-c", LIST_VERSIONS], capture_output=True, text=True, check=False, timeout=30
    )
    if process.returncode:
        yield Diagnosis("fail", f"{interpreter} does not run", f"make clean, then {SETUP}")
        return
    installed = json.loads(process.stdout)
    locks = app_root() / "requirements"
    yield beside_lock("engine environment", installed, [locks / "engine-cpu.txt", locks / "engine-cuda.txt"])
    if "temper-vllm" not in {canonicalize_name(name) for name in installed}:
        yield Diagnosis("fail", "the engine environment lacks temper's vLLM plugin (FP8 on CPUs)", SETUP)
    yield imports("engine environment", str(interpreter), "vLLM", "import torch; from vllm import _custom_ops")


def imports(environment: str, interpreter: str, name: str, code: str) -> Diagnosis:
    """Whether `code` runs there: a matching version says nothing about the libraries that it needs."""
    try:
        process = subprocess.run(
            [interpreter, "-c", code], capture_output=True, text=True, check=False, timeout=IMPORT_S, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return Diagnosis(
            "warn", f"{environment}: {name} did not load within {IMPORT_S:.0f} s", "try on an idle machine"
        )
    if process.returncode == 0:
        return Diagnosis("ok", f"{environment}: {name} loads")
    last = next((line for line in reversed(process.stderr.splitlines()) if line.strip()), "no reason")
    tried = ".".join(str(part) for part in TRIED)
    return Diagnosis(
        "fail",
        f"{environment}: {name} does not load ({last.strip()[:200]})",
        f"make clean, then {SETUP} PYTHON=python{tried}; with a folder of wheels, it must hold torch for that Python",
    )


def beside_lock(name: str, installed: dict[str, str], locks: list[Path]) -> Diagnosis:
    """`installed` versions by distribution, beside whichever of `locks` they come closest to."""
    versions: dict[str, str] = {canonicalize_name(item): version for item, version in installed.items()}
    differences, lock = min(((_mismatches(versions, lock), lock) for lock in locks), key=lambda pair: len(pair[0]))
    if not differences:
        return Diagnosis("ok", f"{name} matches {lock.name}")
    more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
    return Diagnosis("fail", f"{name} differs from {lock.name}: {', '.join(differences[:3])}{more}", SETUP)


def _mismatches(installed: dict[str, str], lock: Path) -> list[str]:
    differences = []
    for requirement in locked(lock):
        version = installed.get(canonicalize_name(requirement.name))
        if version is None:
            differences.append(f"{requirement.name} is missing")
        elif Version(version).public not in requirement.specifier:  # the build (+cpu) is the machine's choice
            differences.append(f"{requirement.name} is {version}, not {str(requirement.specifier).removeprefix('==')}")
    return differences


def locked(lock: Path) -> list[Requirement]:
    """The requirements of a lock that concern this platform."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line.removesuffix("\\").strip()) for line in lines if re.match(r"[A-Za-z0-9]", line)]
    return [requirement for requirement in requirements if not requirement.marker or requirement.marker.evaluate()]


def assets() -> Iterator[Diagnosis]:
    """The model that the demo starts from."""
    from temper.assets import model_file

    path = model_file("smollm2-135m-instruct")
    yield Diagnosis("ok", f"SmolLM2-135M-Instruct is here ({path.stat().st_size / 1e6:.0f} MB)")


def capabilities() -> Iterator[Diagnosis]:
    """What this hardware computes itself and what it can only emulate."""
    from temper.engine import probe

    hardware = probe(Runtime())
    native = [name for name, there in (("bfloat16", hardware.native_bf16), ("FP8", hardware.native_fp8)) if there]
    yield Diagnosis(
        "ok", f"engine on {', '.join(hardware.devices)}: natively {' and '.join(native) or 'float32 alone'}"
    )
    if hardware.fp8_reason:
        yield Diagnosis(
            "warn", f"FP8 speed is no result here: {hardware.fp8_reason}", "quality is; measure speed elsewhere"
        )


def servers() -> Iterator[Diagnosis]:
    """The servers that the environment names; without any, a run starts its own on loopback."""
    for variable, path in SERVERS.items():
        url = os.environ.get(variable, "")
        if not url:
            yield Diagnosis("ok", f"{variable} is not set: a run starts its own server")
        elif why := malformed(url, ADDRESSES[variable]):
            yield Diagnosis("fail", redacted(f"{variable}: {why}"), "mend it, or unset it to have a server started")
        elif url.startswith(("http://", "https://")):
            yield _reachable(variable, url.rstrip("/") + path)
        else:
            yield Diagnosis("ok", redacted(f"{variable} is {url}"))


def _reachable(variable: str, url: str) -> Diagnosis:
    try:
        with urllib.request.urlopen(url, timeout=3):
            return Diagnosis("ok", f"{variable}: {url} answers")
    except urllib.error.HTTPError as error:
        return Diagnosis("warn", f"{variable}: {url} answers with {error.code}", "check its log and your credentials")
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        return Diagnosis("fail", f"{variable}: {url} does not answer ({cause})", f"start it, or unset {variable}")


def ports() -> Iterator[Diagnosis]:
    """Loopback ports that `temper ui` would like."""
    for name, port in UI_PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                yield Diagnosis("warn", f"port {port} ({name}) is taken", "fine if that is your server")
            else:
                yield Diagnosis("ok", f"port {port} ({name}) is free")
