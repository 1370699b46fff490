"""Weights and optimizer state shared out among training processes (FSDP2), and put together again to be saved.

accelerate 1.15 shards on accelerators alone: on CPUs it drops the plugin without a word and copies the whole model into
each process. `on_cpu` gives the plugin back; it can go when accelerate does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType
from torch.distributed.tensor import DTensor
from torch.nn import Module, Parameter


@contextmanager
def on_cpu() -> Iterator[None]:
    """Accelerators that are made in the block keep their FSDP plugin on CPUs too."""
    made = AcceleratorState.__init__

    def keep(self: Any, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        made(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
            if self._mixed_precision != "no":
                fsdp_plugin.set_mixed_precision(self._mixed_precision)
            self.fsdp_plugin, self.distributed_type = fsdp_plugin, DistributedType.FSDP
            PartialState._shared_state["distributed_type"] = DistributedType.FSDP

    with patch.object(AcceleratorState, "__init__", keep):
        yield


def held_percent(model: Module) -> float:
    """Share of the weights' numbers that this process holds; 100 where nothing is shared out."""
    parts = [value.to_local() if isinstance(value, DTensor) else value for value in model.parameters()]
    return 100 * sum(part.numel() for part in parts) / sum(value.numel() for value in model.parameters())


def gather(model: Module) -> None:
    """Every parameter of `model` whole again, in place; all processes have to call it together."""
    whole: dict[DTensor, Parameter] = {}  # tied weights are one parameter, and stay so
    for module in model.modules():
        for name, value in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            if isinstance(value, DTensor):
                if value not in whole:
                    whole[value] = Parameter(value.full_tensor().detach(), requires_grad=value.requires_grad)
                setattr(module, name, whole[value])
