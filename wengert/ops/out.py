"""What ``out=`` means, in one place: a result is computed, checked against its target, and written into it.

The one idea to know: a function declares how it treats a target by an `Out`; whether that is refused, resized or cast
is decided here alone, in PyTorch's order and words. A target of another shape is resized, with PyTorch's warning where
it has elements; a strided one is written where it lies; one that overlaps itself or, in part, an operand is refused; so
is one whose dtype is of a lower kind than the result's, or through which gradients were to flow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import DTypeError, needs_strided
from ..core.frames import warn
from ..core.state import state
from ..tensors.alias import castable, check_writable, edge_of, type_name
from ..tensors.inplace import check_apart, overwrite
from ..tensors.tensor import TENSORS, Tensor

Writer = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any, str], Any]
"""``writer(function, args, kwargs, target, name)`` puts what the function gives into the target, and returns that."""


CASTS = frozenset((
    "acos acosh add addcdiv addcmul addr all angle any asin asinh atan atan2 atanh bitwise_and bitwise_left_shift "
    "bitwise_or bitwise_right_shift bitwise_xor cat cholesky_inverse clamp clamp_max clamp_min "
    "column_stack cond copysign cos cosh deg2rad digamma div dstack eigvals eq erf erfc erfinv exp exp2 expm1 fft fft2 "
    "fftn floor_divide fmax fmin fmod gcd ge gt hfft hfft2 hfftn householder_product hstack hypot i0 "
    "ifft2 ifftn igamma igammac ihfft2 ihfftn irfft irfft2 irfftn kron lcm ldexp le lgamma log log10 log1p log2 "
    "logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit logsumexp lt matrix_power matrix_rank "
    "max maximum mean min minimum mul mvlgamma nanmean nansum ne nextafter outer pinv polygamma pow prod rad2deg "
    "reciprocal remainder rfft rfft2 rfftn rsqrt sigmoid sin sinc sinh sqrt square stack std sub sum tan tanh "
    "tensorsolve true_divide var vstack xlogy "
    "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u "
    "chebyshev_polynomial_v chebyshev_polynomial_w entr erfcx hermite_polynomial_h hermite_polynomial_he i0e i1 i1e "
    "laguerre_polynomial_l legendre_polynomial_p log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 "
    "modified_bessel_k1 ndtr ndtri scaled_modified_bessel_k0 scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t "
    "shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w spherical_bessel_j0 "
    "xlog1py zeta"
).split())
"""The functions whose result is cast to the dtype of the target where that is of its kind or a higher one: PyTorch's
elementwise functions of floats, and what is composed of them. Others ask for the dtype of the result."""

SEVERAL_CAST = frozenset(("eig", "geqrf", "lstsq"))
"""The functions of several results that are cast likewise."""


_SAME = "heaviside is not yet implemented for tensors with different dtypes."
_TAKEN = "take(): self and out expected to have the same dtype, but got self.dtype = {given} and out.dtype = {kind}"
_FLATTENED = ("Expected the dtype for input and out to match, but got {given} for input's dtype and {kind} for out's "
              "dtype.")
_ASKED = {
    "amax": _FLATTENED, "amin": _FLATTENED, "heaviside": _SAME, "take": _TAKEN,
    "masked_select": "masked_select(): self and result must have the same scalar type, {given}; got {kind}",
    "quantile": "quantile() out tensor must be same dtype as the input tensor, {given}; got {kind}",
    "nanquantile": "nanquantile() out tensor must be same dtype as the input tensor, {given}; got {kind}",
    "float_power": "the output given to float_power has dtype {kind} but the operation's result requires dtype {given}",
    "nonzero": "nonzero: Expected out tensor to have scalar type {given} but got scalar type {kind}",
    "mode": "[mode] expected scalar type '{given}' but got '{kind}' for {part} output",
}
"""PyTorch's words for a target of another dtype, where they are not those of most functions."""


@dataclass(frozen=True)
class Out:
    """How a function treats what is given as ``out=``.

    ``differentiable``: whether its result has a derivative, so that neither target nor operands may require grad.
    ``typed``: it computes in the target's dtype. ``copied``: the result, however it lies, is copied into a target that
    is row-major once resized; of any dtype of its kind, unless ``exact``, and of no complex one if ``real``.
    ``casts(*args, **kwargs)``: whether the result of these arguments is cast, for a function that is neither of `CASTS`
    nor wholly outside.
    """

    differentiable: bool = True
    typed: bool = False
    copied: bool = False
    exact: bool = False
    real: bool = False
    casts: Callable[..., bool] | None = None

    def __call__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], target: Any,
                 op: str) -> Any:
        if self.typed and type(target) in TENSORS:
            check_wanted(op, kwargs.get("dtype"), target)
            kwargs["dtype"] = target.dtype
        check_apart(op, args, target)
        before, state.grad = state.grad, state.grad and self.differentiable
        try:
            result = function(*args, **kwargs)
            return self.put(result, target, op, op in CASTS if self.casts is None else self.casts(*args, **kwargs))
        finally:
            state.grad = before

    def put(self, result: Any, target: Any, op: str, casts: bool = False) -> Any:
        """Writes a result, or each of several, into its target."""
        if isinstance(result, tuple):
            if not isinstance(target, (tuple, list)) or len(target) != len(result):
                came = f"{len(target)} of them" if isinstance(target, (tuple, list)) else type(target).__name__
                raise TypeError(f"{op}(): argument 'out' must be tuple of {len(result)} Tensors, not {came}")
            for part, into, word in zip(result, target, getattr(result, "_fields", result), strict=True):
                self.write(part, into, op, op in SEVERAL_CAST, word)
            return target
        return self.write(result, target, op, casts)

    def write(self, result: Any, target: Any, op: str, casts: bool, part: Any = "") -> Any:
        """Writes one result, ``part`` of several, into its target, checked, resized and cast."""
        if type(target) not in TENSORS:
            if isinstance(target, Tensor):
                raise needs_strided(f"{op}(out=)", target.layout)
            raise TypeError(f"{op}(): argument 'out' must be Tensor, not {type(target).__name__}")
        if state.grad and (edge_of(target) is not None or edge_of(result) is not None):
            raise RuntimeError(f"{op}(): functions with out=... arguments don't support automatic differentiation, but "
                               "one of the arguments requires grad.")
        if state.watcher is not None and state.watcher.tracer is not None:
            state.watcher.tracer.takes_out(op, target, result)
        kind, given = target._data.dtype, result._data.dtype
        if kind != given:
            if not castable(given, kind):
                raise DTypeError(f"result type {type_name(given)} can't be cast to the desired output type "
                                 f"{type_name(kind)}")
            if self.real and kind.kind == "c":
                raise RuntimeError(f"{op} expects a floating point output tensor, but got {type_name(kind)}")
            if self.exact or not (casts or self.copied) or (op in ("all", "any") and kind.char not in "?B"):
                words = _ASKED.get(op, "[{op}] Expected out tensor to have dtype {given}, but got {kind} instead")
                raise DTypeError(words.format(op=op, given=type_name(given), kind=type_name(kind), part=part))
        check_writable(target, op)
        if target._data.shape != result._data.shape:
            data = result._data
            resized(target, np.empty(data.shape, kind) if self.copied else np.empty_like(data, dtype=kind))
        return overwrite(target, result, op)


COMPUTED, TYPED, COPIED = Out(), Out(typed=True), Out(copied=True)


def check_wanted(op: str, wanted: Any, target: Tensor) -> None:
    """Raises if the ``dtype`` asked for is not the target's."""
    if wanted is not None and wanted is not target.dtype:
        raise RuntimeError(f"[{op}] dtype {wanted} does not match dtype of out parameter ({target.dtype}); leave out "
                           "one of them")


def resized(target: Tensor, memory: np.ndarray) -> None:
    """Gives a target the shape and the order of new ``memory``, with PyTorch's warning where elements are lost."""
    if target._data.size:
        warn("An output with one or more elements was resized since it had shape "
             f"{list(target._data.shape)}, which does not match the required output shape "
             f"{list(memory.shape)}. This behavior is deprecated, and in a future PyTorch release outputs "
             "will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by "
             "resizing it, inplace, to zero elements with t.resize_(0).", UserWarning)
    target._data, target._alias, target._cell = memory, None, None


def filled(fill: Callable[..., Any]) -> Writer:
    """The writer of a function that draws into the memory of its target, in the order of that. ``fill(*args,
    **kwargs)`` gives the shape of the result (None: that of the target), and the function of a target that fills it."""

    def write(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], target: Any, op: str) -> Any:
        check_wanted(op, kwargs.get("dtype"), target)
        shape, draw = fill(*args, **kwargs)
        check_writable(target, op)
        if shape is not None and target._data.shape != shape:
            resized(target, np.empty(shape, target._data.dtype))
        draw(target)
        return target

    return write
