"""How many floating-point operations the evaluation of a primitive takes.

An addition, subtraction, multiplication, division, comparison, or one call of a function such as exp counts as one; so
a multiply-add is two, and a sum of n numbers counts n. Moving, indexing and copying data count nothing. The formulas
are those of the mathematical definition, whatever shortcuts an implementation takes.

====================== ===============================================================================================
primitive              operations
====================== ===============================================================================================
matmul                 2 · elements of the result · length of the inner dimension
linear, addmm          as matmul, and one for each element of the result for the addend
convolution            2 · elements of the result · (channels in / groups) · kernel places, and one for each element of
                       the result for the bias; transposed: with the elements of the operand and (channels out /
                       groups)
convolution_weight     2 · elements of the result's cotangent · (channels in / groups) · kernel places
normalize              7 for each element, 3 for each mean: its mean (1), the difference from it (1), the variance (2),
                       times the reciprocal of the deviation (1), weight (1), bias (1); without those two, 5
normalize_gradient     10 for each element: normalised anew (2), the sums along a group of the cotangent and of it times
                       that (3), and the combination (5); with a weight 4 more
lstm                   rows · (8 H² + 13 H): h W' (8 H²), its addition (4 H), the gates (4 H), c (3 H), h (2 H); what
                       the inputs add is a linear before it
lstm_gradient          rows · (8 H² + 24 H); what the weights' gradients take are products after it
lstm_projected         rows · (10 H P + 13 H), of its gradient 24 H: with the projection's product
gru, gru_gradient      rows · (6 H² + 14 H), rows · (6 H² + 18 H)
rnn, rnn_gradient      rows · (2 H² + 2 H), rows · (2 H² + 4 H)
softmax                5 for each element; log_softmax the same and one for each row; logsumexp 4 and two for each row
var, std               4 for each element; of a deviation one more for each result
vector_norm            2 for each element
max_pool, window_sum   elements of the result · places in the window
mse_loss               3 for each element (with its mean), other losses as their formulas
elementwise            1 for each element of the result (addcmul, addcdiv and lerp 3)
====================== ===============================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core.primitive import Primitive
from .graph import Instr, Value


def flops(primitive: Primitive, operands: tuple[Any, ...], results: Any, params: dict[str, Any]) -> int | None:
    """The floating-point operations of one evaluation, from the shapes of operands and results; None where there is no
    formula."""
    shapes = [tuple(getattr(getattr(x, "_data", x), "shape", ())) if x is not None else None for x in operands]
    out = tuple(results[0].shape)
    formula = _FORMULAS.get(primitive.name)
    if formula is not None:
        return int(formula(shapes, out, params))
    if primitive.kind == "elementwise":
        return math.prod(out)
    if primitive.kind == "reduction":
        return max(math.prod(shape or ()) for shape in shapes)
    return 0 if primitive.kind == "view" or primitive.name in _MOVES else None


Formula = Callable[[list[Any], tuple[int, ...], dict[str, Any]], float]

_MOVES = frozenset(
    "cast overwrite fill complex masked_select masked_fill permutation clone zeros_like copy_real copy_imag index "
    "index_adjoint index_put gather zeros_of scatter diag_matrix patches stack_parts view_adjoint scatter_view cat "
    "flip roll tril triu pad window_take window_put window_winner".split()
)


def _matmul(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
    return 2 * math.prod(out) * (shapes[0][-1] if shapes[0] else 1)


def _linear(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
    return math.prod(out) * (2 * shapes[1][-1] + (len(shapes) > 2 and shapes[2] is not None))


def _addmm(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
    return math.prod(out) * (2 * shapes[1][-1] + 1)


def _convolution(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
    """The weight is (out, in / groups, *kernel), or (in, out / groups, *kernel) where it is transposed."""
    windows = math.prod(shapes[0]) if params.get("transposed") else math.prod(out)
    biased = len(shapes) > 2 and shapes[2] is not None
    return 2 * windows * math.prod(shapes[1][1:]) + (math.prod(out) if biased else 0)


def _normalize(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
    affine = sum(shape is not None for shape in shapes[1:])
    group = math.prod(shapes[0][d] for d in params["dim"])
    return (5 + affine) * math.prod(out) + 3 * (math.prod(out) // max(group, 1))


def _normalize_gradient(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
    return math.prod(shapes[1]) * (14 if shapes[2] is not None else 10)


def _recurrence(gates: int, rest: int, weight: int) -> Formula:
    """Steps of h W' (2 · gates · H² a row) and ``rest`` · H other operations a row; ``weight`` is its place among the
    operands."""

    def formula(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
        width = shapes[weight][1]
        return sum(params["sizes"]) * width * (2 * gates * width + rest)

    return formula


def _each(of_element: int, of_result: int = 0) -> Formula:
    """So many for each element of the operand, and so many for each of its rows along the dimension."""

    def formula(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
        size = math.prod(shapes[0])
        rows = math.prod(out)
        if out == shapes[0] and out:
            dims = params.get("dim", -1)
            length = math.prod(out[d] for d in (dims if isinstance(dims, (tuple, list)) else (dims,)))
            rows = size // max(length, 1)
        return of_element * size + of_result * rows

    return formula


def _projected(rest: int, weight: int) -> Formula:
    """The same of an LSTM whose h is projected: 8 · H · P and 2 · H · P a row."""

    def formula(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
        projected, width = shapes[weight + 1]
        return sum(params["sizes"]) * width * (10 * projected + rest)

    return formula


def _windows(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> int:
    return math.prod(out) * math.prod(params["size"])


def _cubic(factor: float, columns: bool = False) -> Formula:
    """``factor`` · n³ for each matrix, and 2 n² for each column of the right side."""

    def formula(shapes: list[Any], out: tuple[int, ...], params: dict[str, Any]) -> float:
        n, many = shapes[0][-1], math.prod(shapes[0][:-2])
        right = shapes[1][-1] if columns and len(shapes[1]) > 1 else 1
        return many * (factor * n**3 + (2 * n * n * right if columns else 0))

    return formula


_FORMULAS: dict[str, Formula] = {
    "matmul": _matmul,
    "linear": _linear,
    "addmm": _addmm,
    "convolution": _convolution,
    "convolution_weight": lambda shapes, out, params: 2 * math.prod(shapes[1]) * math.prod(out[1:]),

    "normalize": _normalize,
    "normalize_gradient": _normalize_gradient,
    "lstm": _recurrence(4, 13, 3),
    "lstm_gradient": _recurrence(4, 24, 5),
    "lstm_projected": _projected(13, 3),
    "lstm_projected_gradient": _projected(24, 5),
    "gru": _recurrence(3, 14, 2),
    "gru_gradient": _recurrence(3, 18, 3),
    "rnn": _recurrence(1, 2, 2),
    "rnn_gradient": _recurrence(1, 4, 3),
    "softmax": _each(5),
    "log_softmax": _each(5, 1),
    "logsumexp": _each(4, 2),
    "sum": _each(1),
    "sum_to": _each(1),
    "mean": _each(1),
    "cumsum": _each(1),
    "argmax": _each(1),
    "argmin": _each(1),
    "max_dim": _each(1),
    "min_dim": _each(1),
    "cummax": _each(1),
    "cummin": _each(1),
    "count_nonzero": _each(1),
    "scatter_add": lambda shapes, out, params: math.prod(shapes[-1]),
    "patches_sum": _each(1),
    "window_spread": _each(1),
    "var": _each(4),
    "std": _each(4, 1),
    "vector_norm": _each(2),
    "max_pool": _windows,
    "window_sum": _windows,
    "addcmul": lambda shapes, out, params: 3 * math.prod(out),
    "addcdiv": lambda shapes, out, params: 3 * math.prod(out),
    "lerp": lambda shapes, out, params: 3 * math.prod(out),
    "mse_loss": _each(3),
    "smooth_l1_loss": _each(4),
    "huber_loss": _each(4),
    "binary_cross_entropy": _each(7),
    "binary_cross_entropy_with_logits": _each(7),
    "nll_loss": lambda shapes, out, params: 2 * math.prod(shapes[1]),
    "inv": _cubic(2),
    "det": _cubic(2 / 3),
    "slogdet": _cubic(2 / 3),
    "lu_factor": _cubic(2 / 3),
    "cholesky": _cubic(1 / 3),
    "solve": _cubic(2 / 3, columns=True),
}


def operations(instr: Instr) -> int | None:
    """`flops` of an instruction of a graph."""
    specs = tuple([x.spec if type(x) is Value else x for x in instr.operands])
    return flops(instr.primitive, specs, [value.spec for value in instr.results], instr.params)
