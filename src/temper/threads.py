"""How many CPU threads a process may use, said in every dialect that numeric libraries listen to."""


def environment(threads: int) -> dict[str, str]:
    """Environment variables for `threads` CPU threads; 0 leaves the choice to the libraries."""
    if threads == 0:
        return {}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return dict.fromkeys(names, str(threads))
