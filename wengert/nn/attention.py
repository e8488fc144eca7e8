"""Which implementation computes attention: a choice that PyTorch offers and that changes nothing here.

There is one implementation of `nn.functional.scaled_dot_product_attention`. The context manager takes the choice, so
that programs that make it run, and raises for what is no choice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from .._public import publish as _publish

__all__ = ["SDPBackend", "WARN_FOR_UNFUSED_KERNELS", "sdpa_kernel"]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(IntEnum):
    """The implementations between which PyTorch chooses.

    >>> from wengert.nn.attention import SDPBackend, sdpa_kernel
    >>> SDPBackend.MATH.name
    'MATH'
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[dict[str, Any]]:
    """A context in which attention may be computed by ``backends`` alone: here it is computed as always.

    Raises AssertionError for anything but an `SDPBackend` or a list of them.

    >>> from wengert.nn.attention import SDPBackend, sdpa_kernel
    >>> query = torch.ones(1, 2, 4)
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     F.scaled_dot_product_attention(query, query, query).shape
    torch.Size([1, 2, 4])
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(chosen, list):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
                             f"{type(backends).__name__}")
    yield {}


_publish(__name__)
