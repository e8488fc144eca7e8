"""The primitives, one file a family; the only place where a primitive is defined.

A file here may import from ``core`` only, and inside functions from ``compiler``. Rules name other primitives at run
time, as ``P.mul``.
"""

from typing import Any

from ..core import generated
from . import (
    activations as activations, arithmetic as arithmetic, bessel_normal as bessel_normal, comparison as comparison,
    contraction as contraction, conversion as conversion, convolution as convolution, cylinder as cylinder,
    distances as distances, draws as draws, elimination as elimination, fourier as fourier, grids as grids,
    incomplete as incomplete, indexing as indexing, linalg as linalg, losses as losses, mathematics as mathematics,
    normalization as normalization,
    piecewise as piecewise, polynomials as polynomials, pooling as pooling, recurrent as recurrent,
    reductions as reductions, scans as scans, shapes as shapes, softmaxes as softmaxes, statistics as statistics,
)


def _first_kernel(primitive: generated.Elementwise, *operands: Any) -> generated.ndarray | None:
    """Loads the compiler's kernels with the first large array; they then take this function's place."""
    if generated.too_late():
        return None
    from ..compiler.kernels import run_large

    generated.by_kernel = run_large
    return run_large(primitive, *operands)


def _first_formula(formula: generated.Elementwise, *operands: generated.ndarray) -> generated.ndarray | None:
    """The same for formulas of many steps, with the first of them."""
    if generated.too_late():
        return None
    from ..compiler.kernels import run_formula

    generated.by_formula = run_formula
    return run_formula(formula, *operands)


def _first_cast(x: generated.ndarray, dtype: Any) -> generated.ndarray | None:
    """The same for conversions."""
    if generated.too_late():
        return None
    from ..compiler.kernels import cast_large

    generated.cast_large = cast_large
    return cast_large(x, dtype)


generated.by_kernel, generated.by_formula, generated.cast_large = _first_kernel, _first_formula, _first_cast
