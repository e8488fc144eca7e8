"""Complex numbers and Fourier transforms. ONNX has no complex numbers that runtimes compute with: they are pairs here.

The one idea to know: a `Pair` is two symbols, the real and the imaginary parts. What is linear with real coefficients
is written twice, by the rule for real numbers; a product of two is four of them; what is left says so itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.dtypes import DType, float32, float64, int64
from ...core.primitive import Primitive
from ..sizes import Extent, Grown
from ..writer import NoFormError, Symbol, Writer
from .table import RULES, absent


class Pair:
    """The real and the imaginary parts of a complex value."""

    __slots__ = ("imag", "real")

    def __init__(self, real: Symbol, imag: Symbol) -> None:
        self.real, self.imag = real, imag

    @property
    def array(self) -> np.ndarray | None:
        """The numbers of a constant."""
        if self.real.array is None or self.imag.array is None:
            return None
        found: np.ndarray = np.empty(self.real.array.shape, np.result_type(self.real.array, np.complex64))
        found.real, found.imag = self.real.array, self.imag.array
        return found


def real_of(dtype: DType) -> DType:
    """The dtype of the parts of a complex one. Raises `NoFormError` for complex32."""
    if dtype.itemsize == 4:
        raise NoFormError("runtimes do not transform numbers of half precision")
    return float32 if dtype.itemsize == 8 else float64


def is_complex(value: Any) -> bool:
    """Whether a spec, or a symbol, is one of complex numbers."""
    return isinstance(value, Pair) or getattr(getattr(value, "dtype", None), "name", "").startswith("complex")


def constant_pair(w: Writer, array: np.ndarray, dtype: DType) -> Pair:
    """Complex numbers that are known."""
    return Pair(w.constant(array.real, real_of(dtype)), w.constant(array.imag, real_of(dtype)))


def grown_pair(w: Writer, constant: Grown, dtype: DType) -> Pair:
    """One complex number in a shape that varies."""
    parts = [constant._replace(dtype=real_of(dtype).numpy, start=start)
             for start in (constant.start.real, constant.start.imag)]
    found = [w.grown(part) for part in parts]
    for part in found:
        part.shape = constant.shape
    return Pair(*found)


WRITTEN: dict[str, Callable[..., Any]] = {}
LINEAR = frozenset("""
    add sub neg clone zeros_like index index_adjoint gather scatter scatter_add scatter_view index_put sum mean sum_to
    cumsum cat flip roll tril triu pad reshape permute expand slice diagonal unfold as_strided diag_matrix view_adjoint
    overwrite
""".split())
"""What is written for either part alone, as its coefficients are real."""
JOINS = frozenset({"add", "sub", "cat", "overwrite", "scatter_add", "scatter_view", "index_put"})
"""What puts values together, of which some may be real: their imaginary parts are zeros."""
PRODUCTS = frozenset({"mul", "matmul"})


def written(w: Writer, primitive: Primitive, outs: Sequence[Any], operands: Sequence[Any], params: dict[str, Any]
            ) -> Any:
    """What `wengert.onnx.rules` gives for real numbers, for an instruction some of whose values are complex. Raises
    `NoFormError` for what is not written for complex numbers."""
    name = primitive.name
    if name in WRITTEN:
        return WRITTEN[name](w, outs, *operands, **params)
    parts = [None if out is None else out._replace(dtype=real_of(out.dtype)) if is_complex(out) else out
             for out in outs]

    def ruled(*given: Any) -> Any:
        return RULES[name](w, parts, *given, **params)

    if name in LINEAR:
        return Pair(ruled(*[_part(w, x, 0, name) for x in operands]), ruled(*[_part(w, x, 1, name) for x in operands]))
    if name in PRODUCTS:
        x, y = operands
        if not isinstance(y, Pair):
            return Pair(ruled(x.real, _real(y)), ruled(x.imag, _real(y)))
        if not isinstance(x, Pair):
            return Pair(ruled(_real(x), y.real), ruled(_real(x), y.imag))
        return Pair(ruled(x.real, y.real) - ruled(x.imag, y.imag), ruled(x.real, y.imag) + ruled(x.imag, y.real))
    raise NoFormError("ONNX has no complex numbers that runtimes compute with, and it is not written for pairs of real "
                      "ones")


def _real(x: Any) -> Any:
    """A real factor."""
    if isinstance(x, complex):
        raise NoFormError("a complex number as an operand")
    return x


def _part(w: Writer, x: Any, place: int, name: str) -> Any:
    """The real or the imaginary part of an operand, which may be real; indices and conditions are both."""
    if isinstance(x, Pair):
        return x.imag if place else x.real
    if isinstance(x, complex):
        return x.imag if place else x.real
    is_index = isinstance(x, Symbol) and x.dtype not in (float32, float64)
    if not place or is_index or x is None or name not in JOINS:
        return x
    return w.filled(0.0, x.shape or (), x.dtype) if isinstance(x, Symbol) else 0.0


def pairwise(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function as what is written of the primitive for complex operands, or results."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        WRITTEN[name] = function
        return function

    return enter


# --- to complex numbers and from them ---------------------------------------------------------------------------------


@pairwise("complex")
def _complex(w: Writer, outs: Any, real: Symbol, imag: Symbol) -> Pair:
    return Pair(real, imag)


@pairwise("cast")
def _cast(w: Writer, outs: Any, x: Any, dtype: Any, back: Any = None) -> Any:
    if not is_complex(outs[0]):
        return w.cast(x.real, outs[0].dtype)
    kind = real_of(outs[0].dtype)
    if isinstance(x, Pair):
        return Pair(w.cast(x.real, kind), w.cast(x.imag, kind))
    return Pair(w.cast(x, kind), w.filled(0.0, x.shape or (), kind))


for _name in ("real", "copy_real"):
    pairwise(_name)(lambda w, outs, x: x.real)
for _name in ("imag", "copy_imag"):
    pairwise(_name)(lambda w, outs, x: x.imag)


def split(w: Writer, x: Symbol) -> Pair:
    """A last dimension of two as a pair."""
    parts = [w.op("Gather", x, w.number(place, int64), axis=-1) for place in (0, 1)]
    for part in parts:
        part.shape = None if x.shape is None else x.shape[:-1]
    return Pair(*parts)


def joined(w: Writer, x: Pair) -> Symbol:
    """A pair as a last dimension of two."""
    found: Symbol = w.op("Concat", *[w.op("Unsqueeze", part, w.ints([-1])) for part in (x.real, x.imag)], axis=-1)
    return found


pairwise("view_as_complex")(lambda w, outs, x: split(w, x))
for _name in ("view_as_real", "stack_parts"):
    pairwise(_name)(lambda w, outs, x: joined(w, x))


# --- elementwise ------------------------------------------------------------------------------------------------------


def _squares(x: Pair) -> Symbol:
    return x.real * x.real + x.imag * x.imag


@pairwise("conj")
def _conj(w: Writer, outs: Any, x: Any) -> Any:
    return Pair(x.real, -x.imag) if isinstance(x, Pair) else x


@pairwise("abs")
def _abs(w: Writer, outs: Any, x: Pair) -> Any:
    return w.op("Sqrt", _squares(x))


@pairwise("angle")
def _angle(w: Writer, outs: Any, x: Pair) -> Any:
    return RULES["atan2"](w, outs, x.imag, x.real)


def _product(x: Pair, y: Pair) -> Pair:
    return Pair(x.real * y.real - x.imag * y.imag, x.real * y.imag + x.imag * y.real)


@pairwise("square")
def _square(w: Writer, outs: Any, x: Pair) -> Pair:
    return _product(x, x)


@pairwise("pow")
def _pow(w: Writer, outs: Any, x: Any, exponent: Any) -> Pair:
    if not isinstance(x, Pair) or not isinstance(exponent, (int, float)) or exponent not in range(1, 17):
        raise NoFormError("a power of complex numbers, but for whole numbers from 1 to 16")
    found = x
    for _ in range(int(exponent) - 1):
        found = _product(found, x)
    return found


@pairwise("exp")
def _exp(w: Writer, outs: Any, x: Pair) -> Pair:
    size = w.op("Exp", x.real)
    turned = [w.cast(w.op(kind, w.cast(x.imag, float32)), x.imag.dtype) for kind in ("Cos", "Sin")]
    return Pair(size * turned[0], size * turned[1])


@pairwise("div")
def _div(w: Writer, outs: Any, x: Any, y: Any) -> Pair:
    if not isinstance(y, Pair):
        return Pair(x.real / _real(y), x.imag / _real(y))
    size = _squares(y)
    if not isinstance(x, Pair):
        return Pair(_real(x) * y.real / size, -(_real(x) * y.imag) / size)
    return Pair((x.real * y.real + x.imag * y.imag) / size, (x.imag * y.real - x.real * y.imag) / size)


# --- transforms -------------------------------------------------------------------------------------------------------


def _transformed(w: Writer, x: Symbol, dim: int, inverse: bool = False, half: bool = False) -> Pair:
    """ONNX's transform of an array whose last dimension holds one part, or two."""
    if w.opset < 20:
        return split(w, w.op("DFT", x, axis=dim, inverse=int(inverse), onesided=int(half)))
    return split(w, w.op("DFT", x, None, w.number(dim, int64), inverse=int(inverse), onesided=int(half)))


def _scaled(x: Any, norm: str, inverse: bool, sizes: Sequence[Any]) -> Any:
    """ONNX's inverse transform bears 1/n, as numpy's norm "backward" says."""
    if norm == "backward":
        return x
    if any(isinstance(n, Extent) for n in sizes):
        raise NoFormError("a scale by a size that varies")
    n = math.prod(sizes)
    factor = {"ortho": math.sqrt(n) if inverse else 1 / math.sqrt(n), "forward": n if inverse else 1 / n}[norm]
    return Pair(x.real * factor, x.imag * factor)


def _all(w: Writer, x: Pair, dims: Sequence[int], inverse: bool) -> Pair:
    for dim in dims:
        x = _transformed(w, joined(w, x), dim, inverse)
    return x


@pairwise("fft_complex")
def _fft_complex(w: Writer, outs: Any, x: Pair, dim: Any, norm: str, inverse: bool = False) -> Any:
    sizes = [x.real.shape[d] for d in dim] if x.real.shape is not None else []
    return _scaled(_all(w, x, dim, inverse), norm, inverse, sizes)


@pairwise("fft_real")
def _fft_real(w: Writer, outs: Any, x: Symbol, dim: Any, norm: str, whole: bool = False) -> Any:
    assert x.shape is not None, x
    first = _transformed(w, w.op("Unsqueeze", x, w.ints([-1])), dim[-1], half=not whole)
    return _scaled(_all(w, first, dim[:-1], False), norm, False, [x.shape[d] for d in dim])


@pairwise("fft_to_real")
def _fft_to_real(w: Writer, outs: Any, x: Pair, dim: Any, norm: str, size: Any) -> Any:
    assert x.real.shape is not None, x
    last, shape = dim[-1], x.real.shape
    if isinstance(size, Extent) or shape[last] != size // 2 + 1:
        raise NoFormError("a spectrum whose size varies")
    x = _all(w, x, dim[:-1], True)
    mirrored = w.constant(np.arange((size - 1) // 2, 0, -1), int64)
    tails = [w.op("Gather", part, mirrored, axis=last) for part in (x.real, x.imag)]
    whole = Pair(w.op("Concat", x.real, tails[0], axis=last), w.op("Concat", x.imag, -tails[1], axis=last))
    found = _transformed(w, joined(w, whole), last, inverse=True)
    return _scaled(found, norm, True, [*(shape[d] for d in dim[:-1]), size]).real


absent("it is written where its operands, or results, are complex",
       "real imag view_as_real view_as_complex stack_parts complex copy_real copy_imag fft_complex fft_real "
       "fft_to_real")
