"""What a question gets: an `Answer` that prints as a few sentences, and the words for places and values in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from ...core.eighths import in_numpy
from ...core.frames import as_cell
from ...core.operands import Array
from ...core.state import state
from ...tensors.tape import Leaf, Node
from ...tensors.tensor import numbers_in


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question about gradients.

    ``reason`` is one word to branch on; ``text`` says what happened, ``cure`` what to do; ``line`` is ``"file:line"``
    where it is known, ``path`` the operations on the way, as far as it goes. Printing it gives all of that.
    """

    reason: str
    text: str
    cure: str = ""
    line: str | None = None
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [self.text]
        if self.path:
            parts.append("  the path: " + " <- ".join(self.path))
        if self.cure:
            parts.append(f"  cure: {self.cure}")
        return "\n".join(parts)

    __repr__ = __str__


WATCH = "run the program under `with autograd.watch():`, which records lines, modules and what leaves the tape"


def operation(node: Node | Leaf) -> str:
    """What a node did: the name of its primitive, or of the Function."""
    primitive = getattr(node, "primitive", None)
    if primitive is None or primitive.name == "function":
        return str(node.name()).removesuffix("Backward")
    return str(primitive.name)


def short(line: str | None) -> str:
    """A line with the folder left out where it is the working directory: ``train.py:12``; in a notebook, the cell."""
    if line is None:
        return ""
    line = as_cell(line)
    folder = os.getcwd() + os.sep
    return line[len(folder) :] if line.startswith(folder) else line


def at(line: str | None, module: str | None = None) -> str:
    """``" at file:line, in module layer.1"``, as far as it is known."""
    return (f" at {short(line)}" if line else "") + (f", in module {module}" if module else "")


def place(node: Node | Leaf) -> str:
    """Where a node was made."""
    rare = node.rare or {}
    return at(rare.get("line"), rare.get("module"))


def step(node: Node | Leaf) -> str:
    """A node as a step of a path: ``mul (train.py:12)``."""
    if type(node) is Leaf:
        return "the parameter"
    line = node.line if hasattr(node, "line") else None
    return operation(node) + (f" ({short(line)})" if line else "")


def array_of(value: object) -> Any:
    """The floating array in a tensor, array or number, in a dtype that numpy can test; None where there is none."""
    data = numbers_in(value)
    if isinstance(data, (float, complex)):
        return np.asarray(data)
    if not isinstance(data, (np.ndarray, np.generic)):
        return None
    data = in_numpy(np.asarray(data))
    return data if data.dtype.kind in "fc" else None


_total = np.add.reduce


def finite(value: object) -> bool:
    """Whether a value has neither NaN nor infinity. A finite sum says so in one pass without a mask; of squares, where
    the elements are in a row, BLAS computes it."""
    data = value if type(value) is np.ndarray else getattr(value, "_data", value)
    if type(data) is np.ndarray and data.dtype.char in "fd":
        if data.flags.c_contiguous:
            flat = data.reshape(-1)
            total = state.quiet(flat.dot, flat)
        else:
            total = state.quiet(_total, data, None)
        return isfinite(total) or bool(np.isfinite(data).all())
    array = array_of(data)
    return array is None or bool(np.isfinite(array).all())


def ranges(name: str, value: object) -> str:
    """``"x: float32 [2, 3], from -1 to 4, 2 zeros, 1 NaN"``."""
    data = getattr(value, "_data", value)
    if not isinstance(data, np.ndarray):
        return f"{name}: {data!r}"
    shape = f"{name}: {data.dtype} {list(data.shape)}"
    array = array_of(data)
    if array is None or not array.size or array.dtype.kind == "c":
        return shape
    good = array[np.isfinite(array)]
    words = [shape]
    if good.size:
        words.append(f"from {good.min():.4g} to {good.max():.4g}")
    counts = {"zeros": array.size - np.count_nonzero(array), "NaN": np.isnan(array).sum(), "Inf": np.isinf(array).sum()}
    words.extend(f"{count} {what}" for what, count in counts.items() if count)
    return ", ".join(words)


def places_of(mask: Array, most: int = 5) -> list[tuple[int, ...]]:
    """The first few indices at which a mask is true."""
    return [tuple(int(i) for i in index) for index in np.argwhere(mask)[:most]]


def bytes_text(count: float) -> str:
    """A number of bytes in units: ``"12.3 KB"``."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
