"""``torch.cuda.nvtx``: spans that NVIDIA's profiler shows. There is no device: each says so when it is entered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...._public import publish as _publish


def _refuse(*arguments: Any, **options: Any) -> None:
    raise RuntimeError("NVTX functions not installed: wengert has no CUDA")


mark = range_end = range_pop = range_push = range_start = _refuse


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A span, or a decorator of functions that are spans. Raises RuntimeError when it is entered, or they are called.

    >>> from wengert.compat.torch.cuda import nvtx
    >>> @nvtx.range("step")
    ... def step(): ...
    >>> step()
    Traceback (most recent call last):
        ...
    RuntimeError: NVTX functions not installed: wengert has no CUDA
    """
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()


__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]
_publish(__name__)
