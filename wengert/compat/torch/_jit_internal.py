"""``torch._jit_internal``: decorators of TorchScript, for which Python runs as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Final as Final

from ...futures import Future as Future
from ...jit import export as export
from ...jit import ignore as ignore
from ...jit import is_scripting as is_scripting
from ...jit import unused as unused


class _BroadcastingList:
    """An annotation: one number or a list of so many."""

    def __getitem__(self, item: Any) -> Any:
        return item


BroadcastingList1 = _BroadcastingList()
BroadcastingList2 = BroadcastingList3 = BroadcastingList4 = BroadcastingList5 = BroadcastingList6 = BroadcastingList1


def boolean_dispatch(arg_name: str, arg_index: int, default: bool, if_true: Callable[..., Any],
                     if_false: Callable[..., Any], module_name: str, func_name: str) -> Callable[..., Any]:
    """One of two functions, as a truth value among the arguments says."""

    def chosen(*args: Any, **kwargs: Any) -> Any:
        flag = kwargs[arg_name] if arg_name in kwargs else args[arg_index] if arg_index < len(args) else default
        return (if_true if flag else if_false)(*args, **kwargs)

    chosen.__name__, chosen.__module__ = func_name, module_name
    return chosen


def _overload(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, one form of an overloaded one."""
    return function


_overload_method = _overload


def _copy_to_script_wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``."""
    return function
