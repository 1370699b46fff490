"""How models are served: the settings of every engine in a run."""

from typing import Literal

from pydantic import Field, field_validator

from temper.config.flags import refusal
from temper.config.settings import Settings


class EngineSettings(Settings):
    dtype: Literal["float32", "bfloat16", "auto"]
    """Arithmetic of the served model; `auto` is bfloat16 where the hardware multiplies in it, float32 elsewhere."""
    max_model_len: int = Field(ge=64)
    """Longest prompt and answer together, in tokens."""
    max_num_seqs: int = Field(ge=1)
    """Most sequences in one step."""
    kv_cache_gib: float = Field(gt=0)
    """Key-value cache on CPUs, in GiB."""
    kv_offload_gib: float = Field(default=0, ge=0)
    """Main memory for cached prefixes that GPUs have no room for, in GiB over all devices; CPUs have no use for it."""
    draft_length: int = Field(ge=1)
    """Tokens that the drafter proposes in each step."""
    tensor_parallel: int = Field(default=1, ge=1)
    """Devices that share one model."""
    prefix_caching: bool = True
    """Reuse of common prompt prefixes."""
    flags: tuple[str, ...] = ()
    """Further vLLM flags, as typed on its command line; not those that `config.flags` refuses."""

    @field_validator("flags")
    @classmethod
    def _none_opens_a_door(cls, flags: tuple[str, ...]) -> tuple[str, ...]:
        if why := next(filter(None, map(refusal, flags)), None):
            raise ValueError(why)
        return flags

    def without_drafter(self) -> "EngineSettings":
        """The same for a model that is served alone, so that how drafters are used moves nothing that has none."""
        return self.model_copy(update={"draft_length": 1})
