"""What of a layer its input does not fit: the setting that says a size, and the axis of the input that has it.

The one idea to know: a layer's settings are attributes that bear the names of its arguments, so that one table of names
and axes tells for all layers which argument would make them fit.
"""

from __future__ import annotations

import math
import re
from typing import Any

Shape = tuple[int, ...]
SETTINGS: tuple[tuple[str, int], ...] = (
    ("num_features", 1), ("num_channels", 1), ("input_size", -1), ("embed_dim", -1), ("normalized_shape", -1),
)
"""Settings that say a size, and the axis of the input for which they say it."""


def misfit(module: Any, shape: Shape) -> tuple[str, Shape, set[int], set[int], list[str]] | None:
    """A setting of a module that an input of this shape does not fit: its name and sizes, the axes of the input and of
    the setting that disagree, and what would make them fit; None where there is none."""
    for name, axis in SETTINGS:
        setting = getattr(module, name, None)
        wanted = tuple(setting) if isinstance(setting, (tuple, list)) else (setting,)
        if not wanted or not all(isinstance(size, int) for size in wanted) or len(shape) < max(len(wanted), 2):
            continue
        axes = range(len(shape) - len(wanted), len(shape)) if axis < 0 else range(axis, axis + 1)
        wrong = [i for i, at in enumerate(axes) if shape[at] != wanted[i]]
        if wrong:
            changes = _changes(name, setting, wanted, shape, list(axes))
            return name, wanted, {axes[i] for i in wrong}, set(wrong), changes
    return None


def _changes(name: str, setting: Any, wanted: Shape, shape: Shape, axes: list[int]) -> list[str]:
    found = []
    if len(wanted) == 1 and wanted[0] in shape[1:]:
        at, to = shape.index(wanted[0], 1), axes[0] if axes[0] == 1 else -1
        found.append(f"move the axis of size {wanted[0]} to where the layer looks for it: movedim({at}, {to})")
    came = tuple(shape[at] for at in axes)
    value: Any = came if isinstance(setting, (tuple, list)) else came[0]
    return [*found, f"{name}={value} for the layer, which now has {setting}"]


def in_words(message: str) -> tuple[list[tuple[str, Shape, set[int]]], list[str]]:
    """The shapes that an error about one tensor names itself, with the axes that disagree, and the changes that would
    make them fit: those of ``view`` and ``reshape``, and of ``expand``."""
    view = re.search(r"\[(\w+)] shape '\[(.*?)]' is invalid for input of size (\d+); got a tensor of shape \[(.*?)]",
                     message)
    if view is not None:
        sizes, shape, count = _sizes(view[2]), _sizes(view[4]), int(view[3])
        rows = [("the tensor", shape, set(range(len(shape)))), ("the shape", sizes, set(range(len(sizes))))]
        return rows, _reshapes(view[1], sizes, count)
    expand = re.search(r"\[expand].* dimension (\d+)\. +Target sizes: \[(.*?)]\. +Tensor sizes: \[(.*?)]", message)
    if expand is not None:
        at, sizes, shape = int(expand[1]), _sizes(expand[2]), _sizes(expand[3])
        own = at - len(sizes) + len(shape)
        return [("the tensor", shape, {own}), ("the shape", sizes, {at})], []
    return [], []


def _sizes(text: str) -> Shape:
    return tuple(int(part) for part in text.split(",") if part.strip())


def _reshapes(name: str, sizes: Shape, count: int) -> list[str]:
    """The shapes that differ from the one asked for in one size, and have as many elements as the tensor."""
    found = []
    for at in range(len(sizes)):
        rest = math.prod(size for i, size in enumerate(sizes) if i != at)
        if rest > 0 and count % rest == 0 and -1 not in sizes:
            changed = [str(count // rest if i == at else size) for i, size in enumerate(sizes)]
            found.append(f"{name}({', '.join(changed)}), which has {count} elements")
    return found[:3]
