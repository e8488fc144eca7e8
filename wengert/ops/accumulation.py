"""In-place forms that optimisers use, written so that numpy works in the target where nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.frames import warn
from ..core.primitive import P
from ..core.state import state
from ..tensors import inplace as inplace_forms
from ..tensors.alias import edge_of, overlaps_itself, wrote
from ..tensors.inplace import binary_inplace
from ..tensors.tensor import TENSORS
from . import pointwise  # noqa: F401 - it registers lerp, of which the in-place form is made here
from .arithmetic import add, div, mul, sub
from .registry import METHODS


def writes_directly(target: Any, *operands: Any) -> bool:
    """Whether numpy may write an in-place result straight into ``target``: nothing watches, nothing is recorded, every
    operand is a number or a tensor of the target's floating dtype."""
    array = target._data
    if (state.watcher is not None or type(array) is not np.ndarray or array.dtype.kind not in "fc"
            or overlaps_itself(array)):
        return False
    recording = state.grad
    if recording and (
        edge_of(target) is not None or (target._alias is not None and target._alias.storage.edge is not None)
    ):
        return False
    for x in operands:
        if type(x) in TENSORS:
            if x._data.dtype is not array.dtype or (recording and edge_of(x) is not None):
                return False
        elif type(x) is not float and type(x) is not int:
            return False
    return True


def _accumulating(name: str, general: Any, run: Callable[..., None], keyword: str) -> None:
    """Declares ``name``, an in-place form that adds ``run(target, first, second, factor)`` where it may write
    directly."""

    def method(self: Any, first: Any = None, second: Any = None, *rest: Any, **kwargs: Any) -> Any:
        if second is None:  # it is in kwargs, by its name, or missing
            return general(self, *(() if first is None else (first,)), **kwargs)
        factor = kwargs.get(keyword, 1)
        plain = not rest and (not kwargs or (len(kwargs) == 1 and keyword in kwargs)) and type(first) in TENSORS and (
            not keyword or type(second) in TENSORS)  # a weight may be a number
        if plain and writes_directly(self, first, second, factor):
            array = self._data
            a = first._data
            b = second._data if type(second) in TENSORS else second
            if a.shape == array.shape and (b is second or b.shape == array.shape):
                state.quiet(run, array, a, b, factor)
                wrote(self)
                return self
        return general(self, first, second, *rest, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = general.__doc__
    METHODS[name] = method


def _add_product(target: Any, a: Any, b: Any, value: Any) -> None:
    product = a * b if value == 1 else value * a * b
    np.add(target, product, target)


def _add_quotient(target: Any, a: Any, b: Any, value: Any) -> None:
    quotient = a / b if value == 1 else value * a / b
    np.add(target, quotient, target)


def _interpolate(target: Any, end: Any, weight: Any, _: Any) -> None:
    if type(weight) is float and weight < 0.5:
        np.add(target, (end - target) * weight, target)
    else:
        target[...] = P.lerp(target, end, weight)


_accumulating("addcmul_", METHODS["addcmul_"], _add_product, "value")
_accumulating("addcdiv_", METHODS["addcdiv_"], _add_quotient, "value")
_accumulating("lerp_", METHODS["lerp_"], _interpolate, "")


def _scaled_inplace(full: Any, quick: Any, ufunc: Any, name: str) -> Callable[..., Any]:
    """``add_`` and ``sub_``: with ``alpha`` two passes over memory where nothing is recorded. In the old form, in which
    the factor stands first, what stands second is the other operand."""
    general = inplace_forms.inplace(full, name)

    def method(self: Any, other: Any, alpha: Any = 1) -> Any:
        if type(alpha) is int and alpha == 1:
            return quick(self, other)
        if type(alpha) in TENSORS and type(other) not in TENSORS:
            warn(f"This overload of {name} is deprecated: {name}(number, ...); use keywords: alpha",
                 UserWarning)
            other, alpha = alpha, other
        if type(other) in TENSORS and writes_directly(self, other, alpha):
            term = other._data * alpha
            if term.shape == self._data.shape:
                state.quiet(ufunc, self._data, term, self._data)
                wrote(self)
                return self
        return general(self, other, alpha=alpha)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = general.__doc__
    return method


METHODS["add_"] = _scaled_inplace(add, binary_inplace(P.add, add, "add_"), np.add, "add_")
METHODS["sub_"] = METHODS["subtract_"] = _scaled_inplace(sub, binary_inplace(P.sub, sub, "sub_"), np.subtract, "sub_")
METHODS["mul_"] = METHODS["multiply_"] = binary_inplace(P.mul, mul, "mul_")
METHODS["div_"] = METHODS["divide_"] = binary_inplace(P.div, div, "div_")
