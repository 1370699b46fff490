"""A vLLM plugin: on CPUs, a drafter's engine reuses the whole of a known prefix too.

With EAGLE, vLLM recomputes the last block that a request shares with earlier ones: the drafter's entry at its last
place was made from the earlier request's next token. That concerns one guess of the drafter's; the target's entries,
and so the answers, are the same. On CPUs a block has 32 tokens, agents' instructions are three or four of them, and
reading is dear (the project's decision 0020). To go when vLLM lets one choose (`eagle_group_ids`
in its `kv_cache_coordinator`).
"""

from functools import wraps
from typing import Any


def register() -> None:
    """Entry point of `vllm.general_plugins`, called in each of vLLM's processes. Does nothing on GPUs."""
    from vllm.platforms import current_platform
    from vllm.v1.core.kv_cache_coordinator import UnitaryKVCacheCoordinator as Coordinator

    if not current_platform.is_cpu() or hasattr(Coordinator.__init__, "__wrapped__"):
        return
    made = Coordinator.__init__

    @wraps(made)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        self.eagle_group_ids = set()
        self.single_type_managers[0].use_eagle = False

    Coordinator.__init__ = init
