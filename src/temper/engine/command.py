"""The engine's command line and environment, as pure functions: what is served how, on CPUs and on GPUs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from temper import secrets
from temper.config.engine import EngineSettings
from temper.config.rungs import Free

NAME = "temper"
"""Model name under which the engine serves."""
HOST = "127.0.0.1"
GIB = 1024**3
CPU_BLOCK = 32
"""Tokens of a cache block on CPUs, the least that is fast. The engine's 128 would keep agents' short instructions out
of the prefix cache, which holds whole blocks."""

Device = Literal["cpu", "cuda"]
Drafter = Path | Free
"""What guesses tokens ahead: the checkpoint of an EAGLE-3 drafter, or a way that needs none."""
LOOKED_UP = {"prompt_lookup_max": 5, "prompt_lookup_min": 2}
"""Tokens that have to stand in the prompt already for what followed them to be proposed (ngram)."""


def command(
    python: Path,
    model: Path,
    settings: EngineSettings,
    *,
    device: Device,
    port: int,
    drafter: Drafter | None = None,
    fp8_kv: bool = False,
) -> list[str]:
    """vLLM's OpenAI-compatible server for `model`, with what guesses tokens ahead and an FP8 cache where asked for.

    Sampling defaults come from the request alone (`--generation-config vllm`): a checkpoint's own, such as a
    repetition penalty, would change greedy answers. The settings' `flags` come last and so win.
    """
    line = [str(python), "-m", "temper_vllm.server", "--model", str(model), "--served-model-name", NAME]
    line += ["--host", HOST, "--port", str(port), "--seed", "0", "--generation-config", "vllm"]
    line += ["--dtype", settings.dtype, "--max-model-len", str(settings.max_model_len)]
    line += ["--max-num-seqs", str(settings.max_num_seqs)]
    line += ["--enable-prefix-caching" if settings.prefix_caching else "--no-enable-prefix-caching"]
    line += ["--no-enable-log-requests", "--disable-uvicorn-access-log"]
    if settings.tensor_parallel > 1:
        line += ["--tensor-parallel-size", str(settings.tensor_parallel)]
    if device == "cpu":
        # Compiling takes minutes on CPUs. A cache of a stated size also spares the trial run that would measure one.
        line += ["--enforce-eager", "--kv-cache-memory-bytes", str(int(settings.kv_cache_gib * GIB))]
        line += ["--block-size", str(CPU_BLOCK)]
        if settings.tensor_parallel == 1:
            line += ["--distributed-executor-backend", "uni"]
    elif settings.kv_offload_gib and settings.prefix_caching:
        line += ["--kv-offloading-size", str(settings.kv_offload_gib)]
    if fp8_kv:
        line += ["--kv-cache-dtype", "fp8"]
    if drafter is not None:
        line += ["--speculative-config", json.dumps(_speculative(drafter, settings, device))]
    return [*line, *settings.flags]


def _speculative(drafter: Drafter, settings: EngineSettings, device: Device) -> dict[str, str | int]:
    ahead = {"num_speculative_tokens": settings.draft_length}
    if not isinstance(drafter, Path):
        return {"method": drafter, **ahead, **(LOOKED_UP if drafter == "ngram" else {})}
    speculative: dict[str, str | int] = {"method": "eagle3", "model": str(drafter), **ahead}
    if device == "cpu":  # the whole of a known prefix is reused (the project's decision 0020)
        speculative["disable_eagle_block_drop"] = True
    return speculative


def environment(
    python: Path, settings: EngineSettings, *, device: Device, cpus: Sequence[int], cache: Path
) -> dict[str, str]:
    """Variables for the engine's process. `cpus` are the cores it may use, `cache` the folder of what it keeps."""
    values = {
        "VLLM_CACHE_ROOT": str(cache / "vllm"),
        "VLLM_CONFIG_ROOT": str(cache / "vllm"),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_DISABLE_LOG_LOGO": "1",
        "HF_HOME": str(cache / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if device == "cpu":
        values |= _openmp(python, settings, cpus)
    return values


def inherited(variables: Mapping[str, str]) -> dict[str, str]:
    """What of our own environment the engine may see: no secret, and nothing that points into another Python."""
    ours = ("PYTHON", "OMP_", "KMP_", "LD_PRELOAD")
    return {name: value for name, value in secrets.passed(variables).items() if not name.startswith(ours)}


def _openmp(python: Path, settings: EngineSettings, cpus: Sequence[int]) -> dict[str, str]:
    """Intel's OpenMP, which more than doubles the speed of speculation on CPUs, over every core given."""
    library = python.parent.parent / "lib" / "libiomp5.so"
    preload = {"LD_PRELOAD": str(library)} if library.is_file() else {}
    if settings.tensor_parallel > 1:  # one worker for each memory node: vLLM binds them itself
        return {**preload, "VLLM_CPU_OMP_THREADS_BIND": "auto"}
    return {
        **preload,
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # lets the worker live in the engine's process (temper_vllm.server)
        "OMP_NUM_THREADS": str(len(cpus)),
        "KMP_AFFINITY": f"granularity=fine,explicit,proclist=[{','.join(map(str, cpus))}]",
        "KMP_BLOCKTIME": "5",  # ms that a thread spins before it sleeps: an idle engine costs nothing
        "KMP_TPAUSE": "0",
    }
