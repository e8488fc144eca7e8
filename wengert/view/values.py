"""What a tensor is said to be in a picture: its elements where they are few, else norm, range, zeros, NaN and Inf."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..core.eighths import in_numpy
from ..core.sparse import SparseArray
from ..core.state import state

SHOWN = 100
"""Up to this many elements, as of a matrix of ten by ten, a tensor's values are kept and shown."""

LISTED = 16
"""Up to this many elements are listed one after the other; more of them have bars too."""

CELLS = 8
"""A larger tensor keeps a grid of so many entries a side, evenly spread."""

BINS = 16
"""The bars of a histogram."""


@dataclass(slots=True)
class Summary:
    """What is kept of one array.

    ``shape`` and ``dtype`` (a name such as ``"float32"``) are those of the tensor; ``norm`` (Euclidean),
    ``minimum`` and ``maximum`` are of its finite elements; ``zeros`` is the fraction of zeros, ``nan`` and ``inf``
    are counts. ``values`` are the elements in row-major order where there are at most `SHOWN`, else None;
    ``histogram`` has `BINS` counts between minimum and maximum, where it was asked for; ``grid`` has at most `CELLS` by
    `CELLS` entries, evenly spread, of a larger tensor, taken as a matrix with a row for each entry of its first
    dimension.
    """

    shape: tuple[int, ...]
    dtype: str
    norm: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0
    zeros: float = 0.0
    nan: int = 0
    inf: int = 0
    values: list[Any] | None = None
    histogram: list[int] = field(default_factory=list)
    grid: list[list[float]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """The bytes of the elements."""
        return self.size * np.dtype(_NUMPY.get(self.dtype, self.dtype)).itemsize

    @property
    def broken(self) -> bool:
        """Whether there is a NaN or an infinity among the elements."""
        return self.nan + self.inf > 0

    def text(self) -> str:
        """The value of one element, a short vector, or shape and norm: ``"7"``, ``"[1, 2]"``, ``"64×10, norm 3.2"``."""
        if self.values is not None and len(self.shape) <= 1 and len(self.values) <= 4:
            parts = [number(value) for value in self.values]
            return parts[0] if self.size == 1 else f"[{', '.join(parts)}]"
        if not self.size:
            return f"{shape_text(self.shape)}, empty"
        return ", ".join([f"norm {number(self.norm)}", *([self.faults_text()] if self.broken else [])])

    def faults_text(self) -> str:
        """How many of its elements are no finite numbers: ``"2 NaN, 1 Inf"``."""
        return ", ".join([f"{count} {what}" for count, what in ((self.nan, "NaN"), (self.inf, "Inf")) if count])

    def details(self) -> list[tuple[str, str]]:
        """Pairs of a word and a value, for tables and side panels."""
        rows = [("shape", shape_text(self.shape)), ("dtype", self.dtype)]
        if self.values is not None and 0 < self.size <= LISTED:
            rows.append(("values", ", ".join(number(value) for value in self.values)))
        if self.size > 1:
            rows += [
                ("norm", number(self.norm)),
                ("range", f"{number(self.minimum)} … {number(self.maximum)}"),
                ("zeros", f"{100 * self.zeros:.3g} %"),
            ]
        if self.broken:
            rows.append(("not finite", self.faults_text()))
        return rows


_NUMPY = {"bfloat16": "V2", "bool": "bool_"}


def summarize(array: Any, histogram: bool = False) -> Summary:
    """The summary of an array, or of a Python number."""
    array = array.dense() if isinstance(array, SparseArray) else np.asarray(array)
    dtype, shape = from_numpy(array.dtype).name, tuple(array.shape)
    array = in_numpy(array)
    few = array.size <= SHOWN
    values = [_python(value) for value in array.reshape(-1).tolist()] if few else None
    if not array.size:
        return Summary(shape, dtype, values=values)
    real = np.abs(array) if array.dtype.kind == "c" else array
    flat = np.ascontiguousarray(real).reshape(-1)
    grid = [] if few else _grid(flat, shape)
    zeros = np.count_nonzero(flat == 0) / flat.size  # (it counts truth values four times as fast as numbers)
    nan = inf = 0
    if flat.dtype.kind == "f":
        square = float(state.quiet(np.dot, flat, flat)) if flat.dtype.itemsize >= 4 else math.inf
        if not math.isfinite(square):
            nan, inf = int(np.isnan(flat).sum()), int(np.isinf(flat).sum())
            flat = flat[np.isfinite(flat)].astype(np.float64)
            square = float(np.dot(flat, flat))
    else:
        flat = flat.astype(np.float64)
        square = float(np.dot(flat, flat))
    low, high = (float(flat.min()), float(flat.max())) if flat.size else (0.0, 0.0)
    bars = _histogram(flat, low, high) if histogram and flat.size > LISTED else []
    return Summary(shape, dtype, math.sqrt(square), low, high, float(zeros), nan, inf, values, bars, grid)


def _grid(flat: Any, shape: tuple[int, ...]) -> list[list[float]]:
    rows = shape[0] if len(shape) > 1 else 1
    found: list[list[float]] = flat.take(_cells(rows, flat.size // rows)).astype(np.float64).tolist()
    return found


@lru_cache(maxsize=256)
def _cells(rows: int, columns: int) -> Any:
    """The places of the entries of a grid, in row-major order."""
    down, across = (np.array(spread(n, CELLS)) for n in (rows, columns))
    return down[:, None] * columns + across


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of the first ``count`` numbers, evenly spread."""
    return [count * i // min(count, most) for i in range(min(count, most))]


def _histogram(flat: Any, low: float, high: float) -> list[int]:
    if not low < high:
        return []
    places = ((flat.astype(np.float64) - low) * (BINS / (high - low))).astype(np.int64)
    return [int(count) for count in np.bincount(np.minimum(places, BINS - 1), minlength=BINS)]


def _python(value: Any) -> Any:
    return [value.real, value.imag] if isinstance(value, complex) else value


def number(value: Any) -> str:
    """A number in few characters: ``7``, ``0.333``, ``1.2e-05``, ``-3``; complex ones as ``1+2i``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        real, imaginary = value
        return f"{number(real)}{'+' if imaginary >= 0 or math.isnan(imaginary) else '−'}{number(abs(imaginary))}i"
    if isinstance(value, complex):
        return number([value.real, value.imag])
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    value = value or 0  # (no −0)
    text = f"{value:.4g}" if abs(value) < 1e5 or isinstance(value, float) else str(value)
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def shape_text(shape: tuple[int, ...], alone: bool = False) -> str:
    """``(32, 10)`` as ``"32×10"``, ``()`` as ``"scalar"``. Where it stands ``alone``, ``(10,)`` is ``"10 elements"``,
    as a 10 might be a value."""
    if alone and len(shape) == 1:
        return f"{shape[0]} element{'' if shape[0] == 1 else 's'}"
    return "×".join(map(str, shape)) or "scalar"
