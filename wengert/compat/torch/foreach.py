"""``torch._foreach_*``: an operation on each of the tensors of a list, which optimisers outside of PyTorch use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import wengert
from wengert import Tensor

_UNARY = ("abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal "
          "round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc").split()
_BINARY = "add sub mul div maximum minimum clamp_min clamp_max pow".split()
_TERNARY = "addcmul addcdiv lerp".split()
_WORDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_BINARY, ("other", "tensor", "scalar", "scalars")), "pow": ("exponent",),
    "lerp": ("tensors1", "weight", "weights"),
    **dict.fromkeys(("addcmul", "addcdiv"), ("tensor1", "tensor2", "value", "scalars", "tensor")),
}
"""What operands after the first may be called, in the order in which they come."""


def _one(name: str, x: Any, given: list[Any], options: dict[str, Any]) -> Any:
    """The operation on one tensor."""
    if name in ("addcmul", "addcdiv") and len(given) == 3:
        given, options = given[:2], {**options, "value": given[2]}
    if name in ("maximum", "minimum") and not isinstance(given[0], Tensor):
        name = "clamp_min" if name == "maximum" else "clamp_max"
    return getattr(wengert, name)(x, *given, **options)


def _each(name: str, self: Sequence[Any], others: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    """The results for each tensor; other operands are lists as long, or the same for all."""
    options = dict(options)
    others = (*others, *(options.pop(word) for word in _WORDS.get(name, ()) if word in options))
    if not isinstance(self, (list, tuple)) and name != "pow":  # whose first operand may be the number
        raise TypeError(f"[_foreach_{name}] a list of tensors was expected; got {type(self).__name__}")
    lists = [x for x in (self, *others) if isinstance(x, (list, tuple))]
    if any(len(x) != len(lists[0]) for x in lists):
        raise RuntimeError(f"[_foreach_{name}] lists of one length were expected; got "
                           f"{', '.join(str(len(x)) for x in lists)}")
    count = len(lists[0])
    if not count:
        raise RuntimeError(f"[_foreach_{name}] Tensor list must have at least one tensor; got an empty one")
    columns = [x if isinstance(x, (list, tuple)) else [x] * count for x in (self, *others)]
    return [_one(name, x, list(given), options) for x, *given in zip(*columns, strict=True)]


def _function(name: str) -> Callable[..., list[Any]]:
    def function(self: Any, *others: Any, **options: Any) -> list[Any]:
        return _each(name, self, others, options)

    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    function.__doc__ = f"``{name}`` of each tensor of a list."
    return function


def _in_place(name: str) -> Callable[..., None]:
    def function(self: Any, *others: Any, **options: Any) -> None:
        for x, value in zip(self, _each(name, self, others, options), strict=True):
            x.copy_(value)

    function.__name__ = function.__qualname__ = f"_foreach_{name}_"
    function.__doc__ = f"``{name}`` of each tensor of a list, written into it."
    return function


def _foreach_zero_(self: Sequence[Any]) -> None:
    """Fills each tensor with zeros."""
    for x in self:
        x.zero_()


def _foreach_copy_(self: Sequence[Any], src: Sequence[Any], non_blocking: bool = False) -> None:
    """Copies each tensor of ``src`` into that of ``self``."""
    for x, value in zip(self, src, strict=True):
        x.copy_(value)


def _foreach_clone(self: Sequence[Any], *, memory_format: Any = None) -> list[Any]:
    """A copy of each tensor."""
    return [x.clone() if memory_format is None else x.clone(memory_format=memory_format) for x in self]


def _foreach_norm(self: Sequence[Any], ord: Any = 2, dtype: Any = None) -> list[Any]:
    """The norm of each tensor."""
    return [wengert.linalg.vector_norm(x, ord, dtype=dtype) for x in self]


def _foreach_max(self: Sequence[Any]) -> list[Any]:
    """The largest element of each tensor."""
    return [x.max() for x in self]


FOREACH: dict[str, Callable[..., Any]] = {
    "_foreach_zero_": _foreach_zero_, "_foreach_copy_": _foreach_copy_, "_foreach_norm": _foreach_norm,
    "_foreach_max": _foreach_max, "_foreach_clone": _foreach_clone,
    **{f"_foreach_{name}": _function(name) for name in (*_UNARY, *_BINARY, *_TERNARY)},
    **{f"_foreach_{name}_": _in_place(name) for name in (*_UNARY, *_BINARY, *_TERNARY)},
}
