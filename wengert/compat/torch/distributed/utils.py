"""``torch.distributed.utils``: what programs and packages take of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....distributed.collectives import group_of, spelt
from ....distributed.parallel import send_from
from ....nn.module import Module
from ....tensors.tensor import Tensor

__all__: list[str] = []


def _verify_param_shape_across_processes(process_group: Any, tensors: Sequence[Tensor], logger: Any = None) -> None:
    """Raises DistError where the ranks of a group have parameters of other shapes or dtypes."""
    found = group_of(process_group)
    if found is not None:
        found.run("_verify_param_shape_across_processes", ", ".join(spelt(tensor._data) for tensor in tensors),
                  lambda call: None)


def _sync_module_states(module: Module, process_group: Any, broadcast_bucket_size: int, src: int,
                        params_and_buffers_to_ignore: Sequence[str] = (), broadcast_buffers: bool = True) -> None:
    """Gives all ranks of a group the parameters, and buffers, of its rank ``src``."""
    named = [*module.named_parameters(), *(module.named_buffers() if broadcast_buffers else ())]
    wanted = [tensor.detach() for name, tensor in named if name not in params_and_buffers_to_ignore]
    _sync_params_and_buffers(process_group, wanted, broadcast_bucket_size, src)


def _sync_params_and_buffers(process_group: Any, module_states: Sequence[Tensor], broadcast_bucket_size: int, src: int
                             ) -> None:
    """Gives all ranks of a group the tensors of its rank ``src``."""
    found = group_of(process_group)
    if found is not None:
        send_from(found, list(module_states), src, "parameters and buffers")
