"""How tensors look as text: ``repr``, ``str``, ``format`` and the print options.

The output agrees with PyTorch's character by character. Everything here is a function of a numpy array and a
few names, so it knows neither ``Tensor`` nor the tape; ``Tensor.__repr__`` passes in what it wants shown.

The one idea: first cut the array down to the elements that will be visible (`_visible`), then turn those into
a flat list of equally wide texts, the cells (`_cells`), then wrap brackets and line breaks around the cells
(`_bracketed`). So the cost of printing depends on what is shown, never on the size of the tensor.

May be imported by anything above ``core``; imports only numpy and the standard library.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ..core.eighths import in_numpy

__all__ = [
    "PrintOptions", "get_printoptions", "parts_repr", "printoptions", "set_printoptions", "tensor_format",
    "tensor_repr",
]


class PrintOptions(NamedTuple):
    """The settings that one ``repr`` works with; immutable, so that no other thread changes them midway."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: float = 80
    sci_mode: bool | None = None


_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = PrintOptions()


def set_printoptions(precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
                     linewidth: float | None = None, profile: str | None = None, sci_mode: bool | None = None) -> None:
    """Choose how tensors are printed, for the whole process.

    What is None stays as it was, except ``sci_mode``, which each call sets anew (as in PyTorch).

    Args:
        precision: digits after the decimal point.
        threshold: the largest number of elements that is printed in full; ``math.inf`` for no limit.
        edgeitems: how many items a shortened dimension shows at each of its ends.
        linewidth: the width, in characters, at which rows and suffixes go on in the next line.
        profile: ``"default"``, ``"short"`` or ``"full"``: sets all four of these at once, before the
            other arguments are applied.
        sci_mode: True or False forces scientific notation on or off; None lets the values decide.

    Raises:
        ValueError: an unknown profile, or a negative ``precision`` or ``edgeitems``.
        TypeError: a ``precision`` or ``edgeitems`` that is not an integer.

    When it raises, the options stay as they were.

    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1 / 3])
    tensor([0.33])
    >>> torch.set_printoptions(profile="default")
    """
    global _options
    changes: dict[str, Any] = {}
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(
                f"[set_printoptions] profile must be one of {', '.join(map(repr, _PROFILES))}; "
                f"got {profile!r}; name one of these, or set precision, threshold, edgeitems and linewidth"
            )
        changes.update(_PROFILES[profile])
    if precision is not None:
        changes["precision"] = _count("precision", precision)
    if threshold is not None:
        changes["threshold"] = threshold
    if edgeitems is not None:
        changes["edgeitems"] = _count("edgeitems", edgeitems)
    if linewidth is not None:
        changes["linewidth"] = linewidth
    _options = _options._replace(**changes, sci_mode=sci_mode)


def _count(name: str, value: int) -> int:
    """The option as an int of at least 0: a bad one must fail here, not in every ``repr`` that follows."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[set_printoptions] {name} must be an integer; got {value!r}; pass an int") from None
    if number < 0:
        raise ValueError(f"[set_printoptions] {name} must not be negative; got {number}; pass 0 or more")
    return number


def get_printoptions() -> dict[str, Any]:
    """The print options now in force, by name; ``set_printoptions(**options)`` brings them back.

    >>> get_printoptions()["edgeitems"]
    3
    """
    return _options._asdict()


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print with other options inside a ``with`` block; takes the arguments of :func:`set_printoptions`.

    >>> with printoptions(precision=1):
    ...     print(tensor_repr(np.float32([0.25]), dtype_name="float32", default_dtype_name="float32"))
    tensor([0.2])
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_repr(array: Any, *, dtype_name: str, default_dtype_name: str, requires_grad: bool = False,
                grad_fn_name: str | None = None, kind: str = "tensor") -> str:
    """What ``repr`` of a tensor with this data gives.

    Args:
        array: the data, of any shape and any dtype a tensor can have (bfloat16 as ml_dtypes has it).
        dtype_name: the tensor's dtype, without "torch.": ``"float32"``.
        default_dtype_name: the default floating dtype. A tensor of it, of the complex dtype that goes with
            it, of int64 or of bool does not name its dtype.
        requires_grad: whether to say so; a tensor with a ``grad_fn_name`` shows that instead.
        grad_fn_name: the name of the node that made the tensor: ``"AddBackward0"``.
        kind: ``"tensor"``; the class name of a subclass, which then stands in its place; or
            ``"Parameter containing:"``, which goes on a line above.

    >>> print(tensor_repr(np.eye(2), dtype_name="float64", default_dtype_name="float32", requires_grad=True))
    tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64, requires_grad=True)
    """
    options = _options
    heading, name = (kind + "\n", "tensor") if kind.endswith(":") else ("", kind)
    opening = name + "("
    suffixes = _contents_suffixes(array, dtype_name, default_dtype_name, options)
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if not isinstance(array, np.ndarray):  # on the meta device
        suffixes = ["device='meta'", f"size={tuple(array.shape)}", *suffixes]
        return heading + _with_suffixes(opening + "...", suffixes, len(opening), options) + ")"
    contents = _contents(array, len(opening), options)
    return heading + _with_suffixes(opening + contents, suffixes, len(opening), options) + ")"


def parts_repr(parts: Mapping[str, np.ndarray], *, shape: tuple[int, ...], count: int, dtype_name: str,
               default_dtype_name: str, layout: str, requires_grad: bool = False, grad_fn_name: str | None = None,
               kind: str = "tensor") -> str:
    """What ``repr`` of a sparse tensor gives: its parts by name, each on a line, the last with what `tensor_repr` says
    behind the elements, and the ``shape``, the ``count`` of entries and the ``layout``."""
    options = _options
    heading, name = (kind + "\n", "tensor") if kind.endswith(":") else ("", kind)
    opening = name + "("
    lines = []
    for word, array in parts.items():
        prefix = f"{word}=tensor("
        size = f", size={array.shape}" if array.size == 0 else ""
        lines.append(prefix + _contents(array, len(opening) + len(prefix), options) + size + ")")
    default_complex = "complex128" if default_dtype_name == "float64" else "complex64"
    suffixes = [f"size={shape}", f"nnz={count}"]
    if dtype_name not in (default_dtype_name, default_complex, "int64", "bool"):
        suffixes.append(f"dtype=torch.{dtype_name}")
    suffixes.append(f"layout={layout}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    text = opening + (",\n" + " " * len(opening)).join(lines)
    below = layout == "torch.sparse_coo"  # whose suffixes begin on a line of their own
    return heading + _with_suffixes(text, suffixes, len(opening), options, below) + ")"


def tensor_format(
    array: np.ndarray, spec: str, *, text: Callable[[], str] | None = None, class_name: str = "Tensor"
) -> str:
    """What ``format(tensor, spec)`` gives.

    A 0-d tensor formats as its Python number (a float32 as the double of the same value). Any other tensor,
    and any instance of a subclass such as Parameter, has only its ``str``.

    Args:
        array: the tensor's data.
        spec: the format specification, empty for plain ``f"{t}"``.
        text: gives the tensor's ``str``; by default that of a tensor without history where float32 is the
            default dtype.
        class_name: the tensor's class.

    Raises:
        TypeError: a ``spec`` that is not empty, and a tensor that is not 0-d or is of a subclass.
        ValueError: a ``spec`` that the Python number does not know.

    >>> tensor_format(np.array(2 / 3), ".3f")
    '0.667'
    """
    if array.ndim == 0 and class_name == "Tensor":
        return format(in_numpy(array).item(), spec)
    if spec:
        raise TypeError(
            f"[format] unsupported format string passed to {class_name}.__format__: {spec!r} needs a 0-d "
            f"Tensor; got a {class_name} of shape {array.shape} and dtype {array.dtype.name}; format single "
            "items (t[0] or t.item()), or choose the digits with set_printoptions(precision=...)"
        )
    if text is not None:
        return text()
    return tensor_repr(array, dtype_name=array.dtype.name, default_dtype_name="float32")


def _contents_suffixes(
    array: Any, dtype_name: str, default_dtype_name: str, options: PrintOptions
) -> list[str]:
    """What the elements alone do not tell: the shape and the dtype, where a reader could not guess them."""
    if array.size == 0:
        shows_shape = array.ndim != 1
        implied: tuple[str, ...] = (default_dtype_name,)
    else:
        shows_shape = options.edgeitems == 0 and isinstance(array, np.ndarray)
        default_complex = "complex128" if default_dtype_name == "float64" else "complex64"
        implied = (default_dtype_name, default_complex, "int64", "bool")
    if not isinstance(array, np.ndarray):
        shows_shape, implied = False, (default_dtype_name,)
    suffixes = []
    if shows_shape:
        suffixes.append(f"size={array.shape}")
    if dtype_name not in implied:
        suffixes.append(f"dtype=torch.{dtype_name}")
    return suffixes


def _with_suffixes(text: str, suffixes: Sequence[str], indent: int, options: PrintOptions, below: bool = False) -> str:
    """Append the suffixes, each on the line it still fits on, the first one ``below`` in any case."""
    # PyTorch counts the first of these lines two characters too long; lines must break at the same places.
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if below or column + len(suffix) + 2 > options.linewidth:
            below = False
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text


def _contents(array: np.ndarray, indent: int, options: PrintOptions) -> str:
    """The elements with their brackets, as they stand ``indent`` characters from the left margin."""
    if array.size == 0:
        return "[]"
    shortened = array.size > options.threshold
    if shortened and array.ndim and options.edgeitems == 0:
        return "[...]"
    visible = in_numpy(_visible(array, options.edgeitems) if shortened else array)
    cells, width = _cells(visible, options)
    if array.ndim == 0:
        return cells[0]
    row_indent = indent + array.ndim - 1
    columns = max(1, math.floor((options.linewidth - row_indent) / (width + len(", "))))
    gaps = [shown < size for shown, size in zip(visible.shape, array.shape, strict=True)]
    return _bracketed(iter(cells), visible.shape, gaps, indent, columns)


def _visible(array: np.ndarray, edgeitems: int) -> np.ndarray:
    """The elements that a shortened print shows: both ends of each dimension long enough to have a gap."""
    kept = [
        np.r_[:edgeitems, size - edgeitems : size] if size > 2 * edgeitems else np.arange(size)
        for size in array.shape
    ]
    return array[np.ix_(*kept)] if kept else array


def _cells(values: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """The elements as texts, in order, and the width that a row must allow for each of them."""
    if values.dtype.kind != "c":
        return _aligned(values, options)
    real_texts, real_width = _aligned(values.real, options)
    imag_texts, imag_width = _aligned(values.imag, options)
    cells = []
    for real, imag in zip(real_texts, imag_texts, strict=True):
        imag = imag.lstrip()
        cells.append(f"{real}{'' if imag.startswith('-') else '+'}{imag}j")
    return cells, real_width + imag_width + len("j")


def _aligned(values: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """Real numbers, booleans or integers as right-aligned texts, and their common width."""
    numbers: list[Any] = values.ravel().tolist()
    if values.dtype.kind != "f":
        texts = list(map(str, numbers))
        width = max(map(len, texts))
    else:
        # Zeros, infinities and NaNs have no say in notation or width: where they are wider, they stick out.
        decisive = [number for number in numbers if number != 0.0 and math.isfinite(number)]
        write = _float_writer(decisive, options)
        texts = list(map(write, numbers))
        width = max((len(write(number)) for number in decisive), default=1)
    return [text.rjust(width) for text in texts], width


def _float_writer(decisive: Sequence[float], options: PrintOptions) -> Callable[[float], str]:
    """How to write each float of a tensor whose nonzero finite values are ``decisive``."""
    if decisive and _scientific(decisive, options):
        return f"{{:.{options.precision}e}}".format
    if all(number.is_integer() for number in decisive):
        return _whole
    return f"{{:.{options.precision}f}}".format


def _scientific(decisive: Sequence[float], options: PrintOptions) -> bool:
    """Whether fixed-point notation would lose digits or waste columns on these values."""
    if options.sci_mode is not None:
        return options.sci_mode
    magnitudes = [abs(number) for number in decisive]
    smallest, largest = min(magnitudes), max(magnitudes)
    return largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4


def _whole(number: float) -> str:
    """A float without fraction: the bare point after it tells it from an integer."""
    return f"{number:.0f}." if math.isfinite(number) else str(number)


def _bracketed(
    cells: Iterator[str], shape: Sequence[int], gaps: Sequence[bool], indent: int, columns: int
) -> str:
    """Put brackets around the next ``prod(shape)`` cells, ``columns`` of them in a line at most.

    ``gaps`` says which dimensions are shortened: half of their items, dots, the other half.
    """
    margin = " " * (indent + 1)
    if len(shape) == 1:
        row = list(islice(cells, shape[0]))
        if gaps[0]:
            row.insert(shape[0] // 2, " ...")
        lines = [", ".join(row[start : start + columns]) for start in range(0, len(row), columns)]
        return "[" + (",\n" + margin).join(lines) + "]"
    blocks = [_bracketed(cells, shape[1:], gaps[1:], indent + 1, columns) for _ in range(shape[0])]
    if gaps[0]:
        blocks.insert(shape[0] // 2, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + margin).join(blocks) + "]"
