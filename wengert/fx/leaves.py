"""`wrap`: functions of a program that are one node of a graph, whatever they do inside."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

WRAPPED: dict[tuple[int, str], dict[str, Any]] = {}
"""The globals in which a function of a name is a leaf, by their identity and the name."""


def wrap(fn_or_name: str | Callable[..., Any]) -> Any:
    """Makes a leaf of a function of the module in which ``wrap`` is called, by its name or as a decorator: in graphs it
    is one node. Raises RuntimeError for other things, NotImplementedError below the module's level.

    >>> from wengert.fx import wrap
    >>> wrap("len")
    'len'
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__code__.co_name
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    WRAPPED[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name
