"""Which machine and which engine a speed is measured on: part of the benchmark's cache key."""

import os

from temper.config import Runtime
from temper.engine.capabilities import probe
from temper.engine.installation import installation, suffix_refusal
from temper.process.specs import Machine

GIB = 1024**3


def fingerprint(runtime: Runtime) -> Machine:
    """This machine as an engine finds it now. Raises EngineError where its environment or the GPU is missing."""
    hardware, engine = probe(runtime), installation(runtime)
    return Machine(
        devices=hardware.devices,
        cpu_flags=hardware.cpu_flags,
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB),
        engine=f"{engine.distribution} {engine.vllm}, torch {engine.torch}",
        suffix_decoding=not suffix_refusal(runtime),
    )
