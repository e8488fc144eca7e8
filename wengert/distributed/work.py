"""`Work`: a collective that goes on while the program does other things."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from ..futures import Future


def seconds(timeout: timedelta | float | None) -> float | None:
    """A timeout as a number of seconds."""
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout


class Work:
    """What ``async_op=True`` returns. The tensors given to the collective may be read, and written, after `wait` alone.

    An error of the collective is raised by `wait`.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> x = torch.tensor([1.0, 2.0])
    >>> work = dist.all_reduce(x, async_op=True)
    >>> work.wait(), x
    (True, tensor([1., 2.]))
    >>> dist.destroy_process_group()
    """

    def __init__(self, name: str = "", call: Any = None) -> None:
        self.name = name
        self._of = call
        self._result: Any = None
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._after: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def finish(self, result: Any, error: BaseException | None) -> None:
        """Ends it, with its result or its error."""
        self._result, self._error = result, error
        with self._lock:
            self._done.set()
            after, self._after = self._after, []
        for each in after:
            each()

    def wait(self, timeout: timedelta | float | None = None) -> bool:
        """Waits until it is done; returns True. Raises what went wrong, and RuntimeError if ``timeout`` passes."""
        if self._of is not None:
            self._of.behind = False  # the program waits, and leaves the interpreter to the group's thread
        if not self._done.wait(seconds(timeout)):
            raise RuntimeError(f"[{self.name}] an end within {seconds(timeout):g} s was expected; it has not come; "
                               "wait longer")
        if self._error is not None:
            raise self._error
        return True

    def result_of(self) -> Any:
        """Waits, and returns what it made."""
        self.wait()
        return self._result

    def is_completed(self) -> bool:
        """Whether it has ended."""
        return self._done.is_set()

    def is_success(self) -> bool:
        """Whether it has ended, and well."""
        return self._done.is_set() and self._error is None

    def exception(self) -> BaseException | None:
        """What went wrong, if anything has."""
        return self._error

    def source_rank(self) -> int:
        """The rank that sent what was received. Raises RuntimeError for what is no message."""
        raise RuntimeError(f"[{self.name}] a message that was received was expected; this is none, and has no sender")

    def _source_rank(self) -> int:
        return self.source_rank()

    def synchronize(self) -> None:
        """`wait`, where its value is not wanted."""
        self.wait()

    def result(self) -> list[Any]:
        """The tensors that it wrote."""
        result = self.result_of()
        return list(result) if isinstance(result, Sequence) else [] if result is None else [result]

    def get_future(self) -> Future:
        """A future of `result`."""
        future = Future()

        def tell() -> None:
            if self._error is not None:
                future.set_exception(self._error)
            else:
                future.set_result(self.result())

        with self._lock:
            ended = self._done.is_set()
            if not ended:
                self._after.append(tell)
        if ended:
            tell()
        return future
