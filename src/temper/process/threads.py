"""Environment of processes that compute on CPUs; it has to be set before they start."""


def environment(threads: int, *, side_by_side: bool = False) -> dict[str, str]:
    """Variables for a process with `threads` threads; 0 leaves their number to the libraries.

    OpenMP's threads spin while they wait for each other. Alone on the machine that is a third faster than sleeping; but
    two processes that spin on the same two cores were six times slower each, and two that sleep not quite twice.

    Training allocates and frees the same large tensors in every step. By default glibc gives each back to the kernel,
    which then has to clear every page again; kept in the process they cost nothing.
    """
    keep = {
        "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(64 << 30),
        "MALLOC_TOP_PAD_": str(256 << 20),
    }
    count = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} if threads else {}
    wait = {"OMP_WAIT_POLICY": "passive"} if side_by_side else {}
    return {**keep, **count, **wait, "TOKENIZERS_PARALLELISM": "false"}
