"""Modules: functions with parameters, the layers to build them from, and how their parameters start."""

from importlib import import_module as _import_module
from typing import Any

from .._missing import MissingError
from . import functional, init, layers, parameter, utils
from .containers import Container, ModuleDict, ModuleList, Sequential
from .layers import *  # noqa: F403  (the list of the layers is theirs)
from .module import Module
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from .parameters import ParameterDict, ParameterList

_LATER = ("attention", "common_types", "modules", "parallel")

__all__ = [
    "Buffer",
    "Container",
    "DataParallel",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "parameter",
    "utils",
]
__all__ += layers.__all__


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Of keyword arguments that may hold ``"factory_kwargs"``: device, dtype and memory format alone.

    Raises RuntimeError or TypeError for a setting given twice, or unknown.
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


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return _import_module(f"{__name__}.{name}")
    raise MissingError(__name__, name, lambda: [*__all__, *_LATER], f"module {__name__!r} has no attribute {name!r}")
