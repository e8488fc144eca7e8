"""`torch.multiprocessing`: the standard library's ``multiprocessing``, with tensors that share their memory.

All of ``multiprocessing`` is here under its own name. Beside that: a tensor that is sent through a queue or a pipe, or
given to a process as an argument, is not copied, both sides see the same memory from then on; and `spawn` starts
several processes of one function and passes on what they raise.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403
from typing import Any

from .._missing import MissingError
from ..nn import parameter as parameter  # parameters are tensors too, and have to be there to be registered
from ..ops.sharing import register
from .spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    *multiprocessing.__all__,
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]

_strategy = "file_descriptor"

register()


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes.

    >>> sorted(torch.multiprocessing.get_all_sharing_strategies())
    ['file_descriptor', 'file_system']
    """
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """The name that was set last.

    >>> torch.multiprocessing.get_sharing_strategy() in torch.multiprocessing.get_all_sharing_strategies()
    True
    """
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Notes a way of sharing memory by its PyTorch name. Raises AssertionError for a name that is none.

    Descriptors are passed whichever it is. PyTorch's users choose "file_system" where a program would have too many
    files open; tensors from the workers of a `DataLoader` hold none open here.

    >>> torch.multiprocessing.set_sharing_strategy("file_descriptor")
    >>> torch.multiprocessing.get_sharing_strategy()
    'file_descriptor'
    """
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"[set_sharing_strategy] one of {sorted(get_all_sharing_strategies())} was expected; got "
                             f"{new_strategy!r}")
    _strategy = new_strategy


def __getattr__(name: str) -> Any:
    found = getattr(multiprocessing, name, None)
    if found is not None and not name.startswith("_"):
        return found
    raise MissingError(__name__, name, lambda: __all__, f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *(name for name in dir(multiprocessing) if not name.startswith("_"))})
