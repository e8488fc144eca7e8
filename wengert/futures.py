"""``torch.futures``: a value that will be there later. Nothing here waits in the background: what sets it decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import GenericAlias
from typing import Any

from .core.forks import in_child

__all__ = ["Future", "collect_all", "wait_all"]

_LOCK = threading.Lock()
"""Held while a future changes."""


def _renew() -> None:
    global _LOCK
    _LOCK = threading.Lock()


in_child(_renew)


class Future:
    """A place for one result, or one error, that threads can wait for.

    >>> from wengert.futures import Future
    >>> future = Future()
    >>> doubled = future.then(lambda done: done.value() * 2)
    >>> future.set_result(21)
    >>> doubled.wait()
    42
    """

    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias:
        return GenericAlias(cls, item)

    def __init__(self, *, devices: Any = None) -> None:
        self._set = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future], Any]] = []

    def done(self) -> bool:
        """Whether the result, or the error, is there."""
        return self._set.is_set()

    def wait(self) -> Any:
        """Waits for the result and returns it; raises the error, if that came instead."""
        self._set.wait()
        if self._error is not None:
            raise self._error
        return self._result

    def value(self) -> Any:
        """The result, which must be there. Raises RuntimeError if it is not."""
        if not self.done():
            raise RuntimeError("[Future.value] a finished future was expected; this one is not; wait() for it first")
        return self.wait()

    def set_result(self, result: Any) -> None:
        """Puts the result there, once. Raises RuntimeError for a second time."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Puts an error there, for `wait` to raise. Raises AssertionError for what is none."""
        assert isinstance(result, BaseException), f"{result} is of type {type(result)}, not an Exception."
        self._finish(None, result)

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of what ``callback(self)`` will return once this is done."""
        after = Future()

        def run(done: Future) -> None:
            try:
                after.set_result(callback(done))
            except Exception as error:
                after.set_exception(error)

        self.add_done_callback(run)
        return after

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Calls ``callback(self)`` when this is done; at once, if it is."""
        with _LOCK:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def _finish(self, result: Any, error: BaseException | None) -> None:
        with _LOCK:
            if self.done():
                raise RuntimeError("[Future.set_result] Future already completed; each takes one result; make another")
            self._result, self._error = result, error
            self._set.set()
        for callback in self._callbacks:
            callback(self)


def settled(result: Any) -> Future:
    """A future that has its result already.

    >>> from wengert.futures import settled
    >>> settled(42).wait()
    42
    """
    future = Future()
    future.set_result(result)
    return future


def collect_all(futures: Iterable[Future]) -> Future:
    """A future of the list of ``futures``, done when all of them are.

    >>> first, second = torch.futures.Future(), torch.futures.Future()
    >>> both = torch.futures.collect_all([first, second])
    >>> first.set_result(1)
    >>> second.set_result(2)
    >>> [future.value() for future in both.wait()]
    [1, 2]
    """
    waiting = list(futures)
    together, left = Future(), len(waiting)
    if not waiting:
        together.set_result([])

    def count(_: Future) -> None:
        nonlocal left
        with _LOCK:
            left -= 1
            last = not left
        if last:
            together.set_result(waiting)

    for future in waiting:
        future.add_done_callback(count)
    return together


def wait_all(futures: Iterable[Future]) -> list[Any]:
    """The results of all futures. Raises the first error among them.

    >>> first, second = torch.futures.Future(), torch.futures.Future()
    >>> first.set_result(1)
    >>> second.set_result(2)
    >>> torch.futures.wait_all([first, second])
    [1, 2]
    """
    return [future.wait() for future in collect_all(futures).wait()]
