"""`python -m temper_vllm.server FLAGS`: vLLM's OpenAI-compatible server, started in a third of the time on CPUs.

Starting is mostly importing, and on CPUs vLLM imports itself three times: server, engine and worker are spawned, each
from nothing, so that OpenMP can be bound before torch loads. Here the caller sets OpenMP's variables for the
whole process instead, the worker lives in the engine (`--distributed-executor-backend uni`), and the engine is forked
after the imports, as vLLM does by itself on other platforms. Elsewhere this is the plain server.
"""

import os


def _fork_on_cpu() -> None:
    """Let the engine be forked: the CPU platform otherwise asks for `spawn` whenever a configuration is checked."""
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    platform = type(current_platform)
    check = platform.check_and_update_config.__func__

    def check_and_fork(cls: type, config: object) -> None:
        check(cls, config)
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"

    platform.check_and_update_config = classmethod(check_and_fork)


def main() -> None:
    """Serve until a signal; flags are vLLM's."""
    from vllm.entrypoints.launchers.api_server import entry

    _fork_on_cpu()
    entry.main()


if __name__ == "__main__":
    main()
