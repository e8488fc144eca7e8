"""Means of parameters over the ranks of a group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ....nn.parameter import Parameter
from ....tensors.alias import wrote
from ....tensors.tensor import Tensor
from ... import transport
from ...collectives import group_of
from ...groups import Call
from ...transport import ReduceOp

__all__ = ["average_parameters", "average_parameters_or_parameter_groups", "get_params_to_average"]


def average_parameters(params: Iterable[Tensor], process_group: Any) -> None:
    """Puts the mean of the group's ranks in the place of parameters, of each dtype in one message.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.model_averaging import utils
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> utils.average_parameters(nn.Linear(2, 1).parameters(), None)
    >>> dist.destroy_process_group()
    """
    found, given = group_of(process_group), list(params)
    if found is None or not given:
        return

    def body(call: Call) -> None:
        for dtype in dict.fromkeys(each._data.dtype for each in given):
            some = [each for each in given if each._data.dtype == dtype]
            whole = np.concatenate([each._data.reshape(-1) for each in some])
            transport.allreduce(call, whole, ReduceOp.AVG)
            cuts = np.cumsum([each.numel() for each in some])[:-1]
            for each, part in zip(some, np.split(whole, cuts), strict=True):
                each._data[...] = part.reshape(each._data.shape)
                wrote(each)

    found.run("average_parameters", f"of {len(given)} parameters", body)


def get_params_to_average(params: Iterable[Any]) -> list[Tensor]:
    """The parameters with gradients of parameters, or of an optimiser's groups. Raises NotImplementedError for others.

    >>> from wengert.distributed.algorithms.model_averaging import utils
    >>> utils.get_params_to_average(nn.Linear(2, 1).parameters())
    []
    """
    found: list[Tensor] = []
    for each in params:
        if not isinstance(each, (Parameter, dict)):
            raise NotImplementedError(f"Parameter input of type {type(each)} is not supported")
        found += [p for p in ([each] if isinstance(each, Parameter) else each["params"]) if p.grad is not None]
    return found


def average_parameters_or_parameter_groups(params: Iterable[Any], process_group: Any) -> None:
    """`average_parameters` of those with gradients, given as such or as an optimiser's groups.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.model_averaging import utils
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> optimizer = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
    >>> utils.average_parameters_or_parameter_groups(optimizer.param_groups, None)
    >>> dist.destroy_process_group()
    """
    average_parameters(get_params_to_average(params), process_group)
