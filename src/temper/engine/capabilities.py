"""What this machine computes natively and what it can only emulate, told without importing torch.

A figure that rests on emulation says something about quality and nothing about speed; `Capabilities` carries the
one-line reason that stands beside such a figure in tables, plots and the gate.
"""

import platform
import shutil
import subprocess
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from temper.config import Runtime
from temper.config.engine import EngineSettings
from temper.errors import EngineError

BF16_CC, FP8_CC = (8, 0), (8, 9)
"""CUDA compute capability from which tensor cores take bfloat16 (Ampere) and FP8 (Ada, Hopper)."""


class Capabilities(BaseModel):
    """The hardware as the engine will use it."""

    model_config = ConfigDict(frozen=True)

    device: Literal["cpu", "cuda"]
    devices: tuple[str, ...]
    """Names of the GPUs, or of the CPU."""
    cpu_flags: tuple[str, ...]
    """Vector and matrix extensions that matter here."""
    cuda_capability: str | None
    """Lowest compute capability among the GPUs."""
    native_bf16: bool
    native_fp8: bool
    fp8_kv: bool
    """Whether an FP8 key-value cache can be served."""
    fp8_reason: str
    """Why FP8 speed is not comparable here; empty where it is."""

    def served(self, settings: EngineSettings) -> EngineSettings:
        """The settings with the arithmetic that `auto` stands for here."""
        if settings.dtype != "auto":
            return settings
        return settings.model_copy(update={"dtype": "bfloat16" if self.native_bf16 else "float32"})


def probe(runtime: Runtime) -> Capabilities:
    """What the engine finds here; `runtime.device` chooses where both are. Raises EngineError without the GPU."""
    device = runtime.device
    gpus = [] if device == "cpu" else _gpus()
    if device == "cuda" and not gpus:
        raise EngineError("runtime.device is cuda and nvidia-smi shows no GPU: install the driver, or use device=cpu")
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    return cuda_capabilities(gpus, text) if gpus else cpu_capabilities(text)


def cpu_capabilities(cpuinfo: str) -> Capabilities:
    """Capabilities of a CPU from the text of /proc/cpuinfo."""
    native_fp8, flags = "amx_fp8" in _flags(cpuinfo), _flags(cpuinfo)
    return Capabilities(
        device="cpu",
        devices=(_cpu_name(cpuinfo),),
        cpu_flags=flags,
        cuda_capability=None,
        native_bf16=bool({"avx512_bf16", "amx_bf16"} & set(flags)),
        native_fp8=native_fp8,
        fp8_kv=bool({"avx512f", "amx_tile"} & set(flags)),
        fp8_reason="" if native_fp8 else "FP8 runs through a fallback in plain torch here: no FP8 units",
    )


def cuda_capabilities(gpus: list[tuple[str, str]], cpuinfo: str) -> Capabilities:
    """Capabilities of GPUs given as (name, compute capability), such as ("NVIDIA H100", "9.0")."""
    lowest = min((version for _, version in gpus), key=_version)
    native_fp8 = _version(lowest) >= FP8_CC
    return Capabilities(
        device="cuda",
        devices=tuple(name for name, _ in gpus),
        cpu_flags=_flags(cpuinfo),
        cuda_capability=lowest,
        native_bf16=_version(lowest) >= BF16_CC,
        native_fp8=native_fp8,
        fp8_kv=native_fp8,
        fp8_reason="" if native_fp8 else f"FP8 weights are widened before use here: compute capability {lowest} < 8.9",
    )


def _gpus() -> list[tuple[str, str]]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    process = subprocess.run(
        [tool, "--query-gpu=name,compute_cap", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    rows = (
        [line.rpartition(",") for line in process.stdout.splitlines() if "," in line] if process.returncode == 0 else []
    )
    return [(name.strip(), version.strip()) for name, _, version in rows]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _flags(cpuinfo: str) -> tuple[str, ...]:
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return tuple(sorted(flag for flag in line.split() if flag == "avx2" or flag.startswith(("avx512", "amx"))))


def _cpu_name(cpuinfo: str) -> str:
    line = next((line for line in cpuinfo.splitlines() if line.startswith("model name")), "")
    return line.partition(":")[2].strip() or platform.processor() or platform.machine()
