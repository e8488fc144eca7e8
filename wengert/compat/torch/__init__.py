"""Names of PyTorch's inside, and of its parts that wengert has not, for packages that import them.

The one idea to know: what has a meaning here is real; what has none can be imported, named in annotations, derived from
and asked by `isinstance`, and says that it is not in wengert when it is used (`hollow`). These names exist under
``import torch`` alone: ``wengert._C`` there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wengert

from ...futures import Future as Future
from ...jit import ScriptFunction as ScriptFunction, ScriptModule as ScriptModule
from .foreach import FOREACH
from .hollows import hollow

__all__: list[str] = []

SymInt, SymFloat, SymBool = hollow("torch.SymInt"), hollow("torch.SymFloat"), hollow("torch.SymBool")


def sym_int(a: Any) -> int:
    """``a`` as an int: sizes are numbers here."""
    return int(a)


def sym_float(a: Any) -> float:
    """``a`` as a float."""
    return float(a)


def _check(cond: bool, message: Callable[[], str] | None = None) -> None:
    """Raises RuntimeError, with what ``message()`` gives, unless ``cond`` holds."""
    if not cond:
        raise RuntimeError("Expected cond to be True, but got False" if message is None else message())


def _check_value(cond: bool, message: Callable[[], str] | None = None) -> None:
    """Raises ValueError unless ``cond`` holds."""
    if not cond:
        raise ValueError("Expected cond to be True, but got False" if message is None else message())


def _check_is_size(i: int, message: Callable[[], str] | None = None) -> None:
    """Raises RuntimeError unless ``i`` is a size."""
    _check(i >= 0, message)


def _assert(condition: Any, message: str) -> None:
    """``assert condition, message``, also of a tensor."""
    assert condition, message


def _assert_async(condition: Any, message: str = "Expected Tensor with single nonzero value, but got zero") -> None:
    """Raises RuntimeError unless the tensor holds something true."""
    if not bool(condition):
        raise RuntimeError(message)


def _shape_as_tensor(x: Any) -> Any:
    """The sizes of a tensor, as a tensor of integers."""
    return wengert.tensor(list(x.shape), dtype=wengert.int64)


def _is_functional_tensor(x: Any) -> bool:
    """False: there are none."""
    return False


globals().update(FOREACH)
