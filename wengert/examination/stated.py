"""The shapes that an error states in its text: of what came and what was expected, and the changes that would make them
fit.

The one idea to know: PyTorch's messages, which programs match, say sizes in few forms. What such a form says of sizes
is better known than what could be guessed from the operands, of which a function need not say what it compares.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

Shape = tuple[int, ...]
Row = tuple[str, Shape, set[int]]
"""A label, a shape, and its axes that do not fit."""

_SHAPE = r"(?:torch\.Size\()?[\[(]([-\d, ]*)[\])]\)?"
_RESHAPED = re.compile(rf"\[(\w+)] shape '{_SHAPE}' is invalid for input of size (\d+); got a tensor of shape {_SHAPE}")
_EXPANDED = re.compile(rf"\[(\w+)].* dimension \d+\. +Target sizes: {_SHAPE}\. +Tensor sizes: {_SHAPE}")
_INPLACE = re.compile(rf"\[(\w+)] output with shape {_SHAPE} doesn't match the broadcast shape {_SHAPE}")
_EXPECTED = re.compile(rf"Expected ([\w\[\]]+) (?:size|shape) {_SHAPE},? (?:but )?got {_SHAPE}")
_INSTEAD = re.compile(rf"The shape of (?:the )?(?:\dD )?(\w+) is {_SHAPE}, but should be {_SHAPE}")
_MASKED = re.compile(
    rf"The shape of the mask {_SHAPE}(?: at index \d+)? does not match the shape of the indexed tensor {_SHAPE}")
_INDEXED = re.compile(rf"indexing tensors could not be broadcast together with shapes ((?:{_SHAPE}(?:, )?)+)")
_PAIR = re.compile(r"has size \d+ in dim (\d+) and second has size \d+ in dim (\d+)")
_JOINED = re.compile(r"match except in dimension (\d+)\. .* in the list")
_FIRST = re.compile(r"batch.?size|mapped dimension|^Size mismatch between tensors")
_CHANNELS = re.compile(r"to have (\d+) channels, but got (\d+) channels")
_BIAS = re.compile(r"expected bias to be 1-dimensional")
_KERNEL = re.compile(r"[Kk]ernel size can't be greater")
_COLUMNS = re.compile(r"same number of columns")
_NUMBER = re.compile(r"got:? (\d+),? (?:but )?expected \d+")
_BROADCAST = re.compile(r"size of tensor a|[Bb]roadcast|(?:same|equal) (?:size|shape)|be the same as|"
                        r"different to the input|Mismatch in shape|same number of elements|compatible shapes|"
                        r"cannot be multiplied|for the equation")


def stated(message: str) -> tuple[list[Row], list[str]]:
    """The shapes that the text of an error names, of what came and of what it has to fit, and what would make it fit;
    nothing where it names none."""
    if found := _RESHAPED.search(message):
        sizes, count, shape = _sizes(found[2]), int(found[3]), _sizes(found[4])
        rows = [("the tensor", shape, set(range(len(shape)))), ("the shape", sizes, set(range(len(sizes))))]
        return rows, _reshapes(found[1], sizes, count)
    if found := _EXPANDED.search(message):
        sizes, shape = _sizes(found[2]), _sizes(found[3])
        if found[1] == "expand":
            return _compared("the tensor", shape, "the shape", sizes), []
        return _compared("the value", shape, "its place", sizes), _to(shape, sizes)
    if found := _INPLACE.search(message):
        target, result = _sizes(found[2]), _sizes(found[3])
        if found[1] in ("setitem", "copy_"):
            return _compared("the value", result, "its place", target), _to(result, target)
        return _compared("the target", target, "the result", result), [
            "not in place: the result has another shape than the target"]
    if found := _MASKED.search(message):
        mask, shape = _sizes(found[1]), _sizes(found[2])
        at = [axis for axis, size in enumerate(shape) if mask == (size,)]
        along = [f"along axis {axis}: x[{':, ' * axis}mask]" for axis in at]
        axes = {axis for axis in range(len(mask)) if axis >= len(shape) or mask[axis] != shape[axis]}
        return [("the mask", mask, axes), ("the tensor", shape, {a for a in axes if a < len(shape)})], along
    if found := _INDEXED.search(message):
        indices = [_sizes(each) for each in re.findall(_SHAPE, found[1])]
        marks = _differing(indices, set()) if len({len(each) for each in indices}) == 1 else [set() for _ in indices]
        rows = [(f"index {i}", each, at) for i, (each, at) in enumerate(zip(indices, marks, strict=True))]
        return rows, ["x[i[:, None], j], if every i is to meet every j"] if all(len(i) == 1 for i in indices) else []
    if found := _EXPECTED.search(message) or _INSTEAD.search(message):
        first, second = _sizes(found[2]), _sizes(found[3])
        came, wanted = (second, first) if found.re is _EXPECTED else (first, second)
        return _compared(found[1], came, "expected", wanted), _to(came, wanted)
    return [], []


def disagreeing(message: str, shapes: Sequence[Shape]) -> list[set[int]] | None:
    """The axes of operands that an error says do not fit; None where they are to be compared as in broadcasting."""
    none: list[set[int]] = [set() for _ in shapes]
    if found := _JOINED.search(message):
        return _differing(shapes, {int(found[1])})
    if "same number of dimensions" in message:
        return [set(range(len(shape))) if len(shape) != len(shapes[0]) else set() for shape in shapes]
    if (found := _PAIR.search(message)) and len(shapes) > 1:
        return [{int(found[1])}, {int(found[2])}, *none[2:]]
    if _CHANNELS.search(message) or _BIAS.search(message):
        made = "conv_transpose" in message  # whose weight has the channels of the input first
        if _BIAS.search(message):
            return [set(), {int(made)}, {0}]
        return [{1 - len(shapes[1]) + len(shapes[0])}, {int(not made)}, *none[2:]]
    if _KERNEL.search(message) and len(shapes) > 1:
        axes = {axis for axis in range(2, len(shapes[1])) if shapes[1][axis] > shapes[0][axis - len(shapes[1])]}
        return [{axis - len(shapes[1]) + len(shapes[0]) for axis in axes}, axes, *none[2:]]
    if _FIRST.search(message):
        return [{0} if shape else set() for shape in shapes]
    if _COLUMNS.search(message):
        return [{len(shape) - 1} for shape in shapes]
    if _BROADCAST.search(message):
        return None
    if found := _NUMBER.search(message):
        places = [(i, axis) for i, shape in enumerate(shapes) for axis, size in enumerate(shape)
                  if size == int(found[1])]
        for i, axis in places if len(places) == 1 else ():
            none[i].add(axis)
    return none


def changed(message: str, shapes: Sequence[Shape]) -> list[str]:
    """What would make operands fit of which an error says which axes do not: another axis to join along or to sum over,
    channels in their place."""
    found = _JOINED.search(message)
    if found is not None and len({len(shape) for shape in shapes}) == 1:
        return [f"along another axis: dim={axis}" for axis in range(len(shapes[0]))
                if axis != int(found[1]) and not any(_differing(shapes, {axis}))]
    found = _PAIR.search(message)
    if found is not None and len(shapes) > 1:
        one = int(found[1])
        return [f"dims=([{one}], [{axis}])" for axis, size in enumerate(shapes[1]) if size == shapes[0][one]]
    found = _CHANNELS.search(message)
    if found is not None:
        takes, came = int(found[1]), int(found[2])
        if shapes[0][-1] == takes:
            last = len(shapes[0]) - 1
            batched = len(shapes[0]) == len(shapes[1])
            order = (0, last, *range(1, last)) if batched else (last, *range(last))
            return [f"channels first: permute{order}"]
        return [f"in_channels={came} for the layer, which now has {takes}"]
    return []


def _differing(shapes: Sequence[Shape], but: set[int]) -> list[set[int]]:
    """The axes, but for some, in which not all shapes agree."""
    axes = {axis for axis in range(min(map(len, shapes), default=0))
            if axis not in but and len({shape[axis] for shape in shapes}) > 1}
    return [set(axes) for _ in shapes]


def _compared(label: str, came: Shape, other: str, wanted: Shape) -> list[Row]:
    """Two rows, with the axes marked in which they differ, counted from the last."""
    axes = [axis for axis in range(1, max(len(came), len(wanted)) + 1)
            if axis > len(came) or axis > len(wanted) or came[-axis] != wanted[-axis]]
    return [(name, shape, {len(shape) - axis for axis in axes if axis <= len(shape)})
            for name, shape in ((label, came), (other, wanted))]


def _to(came: Shape, wanted: Shape) -> list[str]:
    """A change that makes one shape of another: of an axis of size 1, or of the order."""
    for axis in range(len(came)):
        if came[axis] == 1 and came[:axis] + came[axis + 1 :] == wanted:
            return [f"without its axis of size 1: squeeze({axis})"]
    for axis in range(len(wanted)):
        if wanted[axis] == 1 and wanted[:axis] + wanted[axis + 1 :] == came:
            return [f"with an axis of size 1: unsqueeze({axis})"]
    moved = [axis for axis in range(len(came)) if len(came) == len(wanted) and came[axis] != wanted[axis]]
    if len(moved) == 2 and sorted(came) == sorted(wanted):
        return [f"its axes exchanged: transpose({moved[0]}, {moved[1]})"]
    return []


def _sizes(text: str) -> Shape:
    return tuple(int(part) for part in text.split(",") if part.strip())


def _reshapes(name: str, sizes: Shape, count: int) -> list[str]:
    """The shapes that differ from the one asked for in one size, and have as many elements as the tensor."""
    found = []
    for at in range(len(sizes)):
        rest = math.prod(size for i, size in enumerate(sizes) if i != at and size != -1)
        if rest <= 0 or sizes[at] == -1 or count % rest:
            continue
        whole = count // rest
        near = [size for size in range(1, whole + 1) if whole % size == 0] if -1 in sizes else [whole]
        for size in sorted(near, key=lambda size: (abs(size - sizes[at]), -size))[:2]:
            changed = [str(size if i == at else other) for i, other in enumerate(sizes)]
            found.append(f"{name}({', '.join(changed)})" + ("" if -1 in sizes else f", which has {count} elements"))
    return found[:3]
