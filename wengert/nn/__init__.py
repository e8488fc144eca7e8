"""Modules: functions with parameters, the layers to build them from, and how their parameters start."""

from typing import TYPE_CHECKING, Any

from .._public import publish as _publish
from . import functional as functional, init as init, parallel as parallel, parameter as parameter, utils as utils
from .containers import (
    Container as Container, ModuleDict as ModuleDict, ModuleList as ModuleList, ParameterDict as ParameterDict,
    ParameterList as ParameterList, Sequential as Sequential,
)
from .layers import *  # noqa: F403  (the list of the layers is theirs)
from .module import Module as Module
from .parallel import DataParallel as DataParallel
from .parameter import (
    Buffer as Buffer, Parameter as Parameter, UninitializedBuffer as UninitializedBuffer,
    UninitializedParameter as UninitializedParameter,
)

if TYPE_CHECKING:
    from . import attention as attention, common_types as common_types, grad as grad, modules as modules


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Of keyword arguments that may hold ``"factory_kwargs"``: device, dtype and memory format alone.

    Raises RuntimeError or TypeError for a setting given twice, or unknown.

    >>> nn.factory_kwargs({"dtype": torch.float64})
    {'dtype': torch.float64}
    """
    if kwargs is None:
        return {}
    simple = ("device", "dtype", "memory_format")
    unknown = set(kwargs) - {*simple, "factory_kwargs"}
    if unknown:
        raise TypeError(f"unexpected kwargs {unknown}")
    result = dict(kwargs.get("factory_kwargs", {}))
    for name in simple:
        if name in kwargs:
            if name in result:
                raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
            result[name] = kwargs[name]
    return result


_publish(__name__, "attention common_types functional grad init modules parallel parameter utils")
