"""Environment of processes that compute on CPUs; it has to be set before they start."""

from typing import Literal

Waiting = Literal["spin", "sleep"]


def environment(threads: int, waiting: Waiting | None = None) -> dict[str, str]:
    """Variables for a process with `threads` threads; 0 leaves their number to the libraries.

    `waiting` is how OpenMP's threads wait for each other; by default they spin for a while, then sleep. A process that
    calls for them thousands of times a second and has the cores to itself should spin: a training step took 0.94 s
    instead of 1.15. Threads that spin keep the core also when there is nothing to do, so two such processes on the same
    two cores were six times slower each, and two that sleep not quite twice.

    Training allocates and frees the same large tensors in every step. By default glibc gives each back to the kernel,
    which then has to clear every page again; kept in the process they cost nothing.
    """
    keep = {
        "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(64 << 30),
        "MALLOC_TOP_PAD_": str(256 << 20),
    }
    count = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} if threads else {}
    policy = {"spin": "active", "sleep": "passive"}
    wait = {"OMP_WAIT_POLICY": policy[waiting]} if waiting else {}
    return {**keep, **count, **wait, "TOKENIZERS_PARALLELISM": "false"}
