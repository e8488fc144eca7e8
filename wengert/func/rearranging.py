"""`rearrange`: dimensions named by a pattern, in another order, split and put together.

The one idea to know: either side of a pattern is a list of groups, each a list of axes. The tensor is reshaped to the
axes of the left side, permuted to the order of the right one, and reshaped to its groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NoReturn

from ..core.primitive import P
from ..ops.registry import FUNCTIONS
from ..tensors.tensor import Tensor

Groups = list[list[str]]
_TOKENS = re.compile(r"\.\.\.|[()]|[^\s().]+|\.")
_REST, _AS_ONE = "...", "(...)"
"""Any further dimensions, each for itself or, inside parentheses, as one."""


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """A tensor with its dimensions as ``pattern`` says: named on the left of ``->``, and put anew on the right.

    Names in parentheses are one dimension of the tensor; on the left the sizes of all but one of them are given by
    name, in ``axes_lengths``. ``...`` stands for any further dimensions, ``1`` or ``()`` for one of size 1. Several
    tensors are stacked first, along a dimension in front. Raises ValueError for a pattern that does not fit, TypeError
    for lengths that are no integers. (The notation is that of einops: Rogozhnikov, ICLR 2022.)

    >>> import wengert as torch
    >>> images = torch.zeros(2, 6, 8, 3)
    >>> torch.func.rearrange(images, "b (h h2) (w w2) c -> b h w (c h2 w2)", h2=2, w2=2).shape
    torch.Size([2, 3, 4, 12])
    """
    x: Any = tensor if isinstance(tensor, Tensor) else FUNCTIONS["stack"](tensor)
    if not isinstance(pattern, str):
        raise TypeError(f"[rearrange] a pattern such as 'a b -> b a' was expected; got {type(pattern).__name__}; give "
                        "it as a text")
    sides = pattern.split("->")
    if len(sides) != 2:
        _refuse(pattern, f"Pattern must contain a single '->' separator; got {len(sides) - 1}")
    left, right = (_groups(side, pattern) for side in sides)
    _check_sides(left, right, pattern, axes_lengths)
    left, right, sizes = _sized(left, right, tuple(x._data.shape), pattern, axes_lengths)
    axes = [name for group in left for name in group]
    wide = P.reshape(x, shape=tuple([sizes[name] for name in axes]))
    order = tuple([axes.index(name) for group in right for name in group])
    turned = wide if order == tuple(range(len(axes))) else P.permute(wide, dims=order)
    found: Tensor = P.reshape(turned, shape=tuple([prod([sizes[name] for name in group]) for group in right]))
    return found


def _refuse(pattern: str, text: str) -> NoReturn:
    raise ValueError(f"[rearrange] {text}; the pattern is {pattern!r}")


def _groups(side: str, pattern: str) -> Groups:
    """One side of a pattern: for each dimension the axes that it is made of."""
    groups: Groups = []
    inside: list[str] | None = None
    for token in _TOKENS.findall(side):
        if token == "(":
            if inside is not None:
                _refuse(pattern, "Axis composition is one-level (brackets inside brackets not allowed)")
            inside = []
        elif token == ")":
            if inside is None:
                _refuse(pattern, f"Imbalanced parentheses in expression: {side.strip()!r}")
            groups.append(inside)
            inside = None
        else:
            names = [] if token == "1" else [token]
            if token.isdecimal() and names:
                _refuse(pattern, f"rearrange only supports unnamed axes of size 1; got {token}")
            if names and token != _REST and (not token.isidentifier() or token[0] == "_" or token[-1] == "_"):
                _refuse(pattern, f"Invalid axis identifier: {token}; a name that neither begins nor ends with an "
                                 "underscore was expected")
            if inside is None:
                groups.append(names)
            else:
                inside.extend([_AS_ONE if name == _REST else name for name in names])
    if inside is not None:
        _refuse(pattern, f"Imbalanced parentheses in expression: {side.strip()!r}")
    return groups


def _check_sides(left: Groups, right: Groups, pattern: str, lengths: Mapping[str, Any]) -> None:
    """Raises where the sides of a pattern do not name the same axes, each once, or the lengths others."""
    names = [[_REST if name == _AS_ONE else name for group in side for name in group] for side in (left, right)]
    for side in names:
        for name in side:
            if side.count(name) > 1:
                _refuse(pattern, f"Indexing expression contains duplicate dimension {name!r}")
    if _REST in names[1] and _REST not in names[0]:
        _refuse(pattern, "Ellipsis found in right side, but not left side of a pattern")
    if any(_AS_ONE in group for group in left):
        _refuse(pattern, "Ellipsis is parenthesis in the left side is not allowed")
    apart = set(names[0]) ^ set(names[1])
    if apart:
        _refuse(pattern, f"Identifiers only on one side of rearrange expression (should be on both): {apart}")
    unknown = set(lengths) - set(names[0])
    if unknown:
        _refuse(pattern, f"Identifiers not found in rearrange expression: {unknown}")
    for length in lengths.values():
        if type(length) is not int:
            raise TypeError(f"[rearrange] rearrange axis lengths must be integers, got: {type(length)}")


def _sized(left: Groups, right: Groups, shape: tuple[int, ...], pattern: str,
           lengths: Mapping[str, int]) -> tuple[Groups, Groups, dict[str, int]]:
    """The sides with names for what ``...`` stands for, and the size of each axis."""
    further = len(shape) - len(left) + 1
    if ([_REST] in left and further < 0) or ([_REST] not in left and further != 1):
        _refuse(pattern, f"Number of dimensions in pattern ({len(left)}) must be equal to the number of dimensions in "
                         f"the tensor ({len(shape)})")
    rest = [f"...{i}" for i in range(further)]
    left = [part for group in left for part in ([[name] for name in rest] if group == [_REST] else [group])]
    right = [part for group in right for part in ([[name] for name in rest] if group == [_REST] else [
        [part for name in group for part in (rest if name == _AS_ONE else [name])]])]
    sizes: dict[str, int] = dict(lengths)
    for size, group in zip(shape, left, strict=True):
        open_ones = [name for name in group if name not in sizes]
        known = prod([sizes[name] for name in group if name in sizes])
        if len(open_ones) > 1:
            _refuse(pattern, f"the sizes of all but one of {group} were expected; got those of "
                             f"{len(group) - len(open_ones)}")
        if (size % known if open_ones and known else size != known if not open_ones else size):
            _refuse(pattern, f"a dimension of size {size} was expected to be made of {' '.join(group) or 1}, of which "
                             f"the sizes given make {known}")
        if open_ones:
            sizes[open_ones[0]] = size // known if known else 0
    return left, right, sizes
