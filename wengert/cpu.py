"""What programs that are written for any device ask of the CPU: it is there, and it is one.

What is computed is computed when it is asked for, so that streams and events have nothing to wait for.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ._missing import answers
from .amp import cpu as amp  # noqa: F401  (torch.cpu.amp)

# As in a package, so that `import torch.cpu.amp` is tried at all.
__path__: list[str] = []

is_available = is_initialized = answers(True, "True.")
device_count = answers(1, "1.")
current_device = answers("cpu", "``'cpu'``.")
synchronize = set_device = answers(None, "Nothing waits on the CPU, and there is one alone: there is nothing to do.")


class Event:
    """A mark in a stream, past as soon as it is made.

    >>> torch.cpu.Event().query()
    True
    """

    def query(self) -> bool:
        """True: what came before is done."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing: what came before is done."""

    def synchronize(self) -> None:
        """Nothing: there is nothing to wait for."""

    def wait(self, stream: Any = None) -> None:
        """Nothing: there is nothing to wait for."""


class Stream:
    """The order in which the program's lines run, which is the CPU's only queue; ``priority`` says nothing.

    >>> import wengert as torch
    >>> with torch.cpu.stream(torch.cpu.Stream()):
    ...     torch.ones(2) + 1
    tensor([2., 2.])
    """

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def wait_stream(self, stream: Any) -> None:
        """Nothing: there is nothing to wait for."""

    def record_event(self) -> Event:
        """A mark, past already."""
        return Event()

    def wait_event(self, event: Any) -> None:
        """Nothing: there is nothing to wait for."""


_only = Stream()


def current_stream(device: Any = None) -> Stream:
    """The CPU's stream.

    >>> type(torch.cpu.current_stream()).__name__
    'Stream'
    """
    return _only


def stream(stream: Stream) -> AbstractContextManager[Any]:
    """A block whose lines run as they do without it.

    >>> with torch.cpu.stream(None):
    ...     torch.ones(2).sum()
    tensor(2.)
    """
    return nullcontext(stream)
