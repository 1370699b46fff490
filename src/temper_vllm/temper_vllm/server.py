"""`python -m temper_vllm.server FLAGS`: vLLM's OpenAI-compatible server, started in a third of the time on CPUs.

Starting is mostly importing, and on CPUs vLLM imports itself three times: server, engine and worker are spawned, each
from nothing, so that OpenMP can be bound before torch loads. Here the caller sets OpenMP's variables for the
whole process instead, the worker lives in the engine (`--distributed-executor-backend uni`), and the engine is forked
after the imports, as vLLM does by itself on other platforms. Elsewhere this is the plain server.
"""

import os
from pathlib import Path


def _fork_on_cpu(cores: set[int]) -> None:
    """Let the engine be forked: the CPU platform otherwise asks for `spawn` whenever a configuration is checked.

    `cores` are what the process was given before OpenMP, bound on import, kept its thread to one.
    """
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    platform = type(current_platform)
    check = platform.check_and_update_config.__func__

    def check_and_fork(cls: type, config: object) -> None:
        check(cls, config)
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"

    platform.check_and_update_config = classmethod(check_and_fork)
    os.register_at_fork(after_in_parent=lambda: _unbind(cores))


def _unbind(cores: set[int]) -> None:
    """Give the server's threads all cores back: OpenMP's binding is meant for the engine, which has its own by now."""
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def main() -> None:
    """Serve until a signal; flags are vLLM's."""
    in_one_process = os.environ.get("VLLM_ENABLE_V1_MULTIPROCESSING") == "0"  # and OpenMP is set by the caller
    cores = os.sched_getaffinity(0) if in_one_process else set()
    from vllm.entrypoints.launchers.api_server import entry

    if in_one_process:
        _fork_on_cpu(cores)
    entry.main()


if __name__ == "__main__":
    main()
