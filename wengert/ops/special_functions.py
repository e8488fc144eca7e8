"""``wengert.special``: special functions, under the names of PyTorch's namespace."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core.primitive import P, Primitive
from ..prims.polynomials import KINDS
from ..tensors.alias import type_name
from ..tensors.apply import result_type
from ..tensors.tensor import TENSORS
from .arguments import check_some_tensor
from .out import Out
from .registry import FUNCTIONS, function

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "chebyshev_polynomial_t", "chebyshev_polynomial_u",
    "chebyshev_polynomial_v", "chebyshev_polynomial_w", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2",
    "expit", "expm1", "gammainc", "gammaincc", "gammaln", "hermite_polynomial_h", "hermite_polynomial_he", "i0", "i0e",
    "i1", "i1e", "laguerre_polynomial_l", "legendre_polynomial_p", "log1p", "log_ndtr", "log_softmax", "logit",
    "logsumexp", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "multigammaln",
    "ndtr", "ndtri", "polygamma", "psi", "round", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w", "sinc", "softmax", "spherical_bessel_j0", "xlog1py", "xlogy", "zeta",
]

_here = function(method=False, public=False)

digamma = psi = FUNCTIONS["digamma"]
erf, erfc, erfinv = FUNCTIONS["erf"], FUNCTIONS["erfc"], FUNCTIONS["erfinv"]
exp2, expm1, log1p = FUNCTIONS["exp2"], FUNCTIONS["expm1"], FUNCTIONS["log1p"]
expit, gammaln, i0 = FUNCTIONS["sigmoid"], FUNCTIONS["lgamma"], FUNCTIONS["i0"]
gammainc, gammaincc = FUNCTIONS["igamma"], FUNCTIONS["igammac"]
logit, logsumexp, log_softmax, softmax = (FUNCTIONS[name] for name in ("logit", "logsumexp", "log_softmax", "softmax"))
multigammaln, polygamma, round, sinc = (FUNCTIONS[name] for name in ("mvlgamma", "polygamma", "round", "sinc"))
xlogy = FUNCTIONS["xlogy"]


def _of_one(primitive: Primitive, doc: str) -> Callable[..., Any]:
    """The function of one tensor that a primitive is."""

    def plain(input: Any) -> Any:
        return primitive(input)

    plain.__name__, plain.__doc__ = primitive.name, doc
    return _here(plain)


entr = _of_one(P.entr, "−x log x; 0 at 0, −∞ below.")
erfcx = _of_one(P.erfcx, "exp(x²) erfc(x), which neither overflows nor underflows for large x.")
i0e = _of_one(P.i0e, "exp(−|x|) I₀(x).")
i1 = _of_one(P.i1, "The modified Bessel function of the first kind, of order 1.")
i1e = _of_one(P.i1e, "exp(−|x|) I₁(x).")
log_ndtr = _of_one(P.log_ndtr, "The logarithm of `ndtr`, accurate in the far tail.")
ndtri = _of_one(P.ndtri, "The inverse of `ndtr`.")


@_here
def ndtr(input: Any) -> Any:
    """The distribution function of the standard normal distribution."""
    return P.erfc(input * -math.sqrt(0.5)) * 0.5


@function(method=False, public=False, takes_tensor=False)
def xlog1py(input: Any, other: Any) -> Any:
    """``input · log(1 + other)``, and 0 where ``input`` is 0."""
    check_some_tensor("special_xlog1py", input, other)
    return P.xlog1py(input, other)


@function(method=False, public=False, takes_tensor=False)
def zeta(input: Any, other: Any) -> Any:
    """Hurwitz's zeta function: Σ (other + k)^−input over k ≥ 0."""
    check_some_tensor("special_zeta", input, other)
    return P.zeta(input, other)


# --- of real numbers in float32 and float64 alone, without gradients --------------------------------------------------


def _check_real(name: str, *operands: Any) -> None:
    dtype = result_type(name, operands)
    if dtype.is_complex or dtype.itemsize == 2 and dtype.is_floating_point:
        raise NotImplementedError(f'"{name}_cpu" not implemented for \'{type_name(dtype.name)}\'')


def _bessel(primitive: Primitive) -> Callable[..., Any]:
    def plain(input: Any) -> Any:
        _check_real(primitive.name, input)
        return primitive(input)

    plain.__name__, plain.__doc__ = primitive.name, f"{primitive.doc} It has no gradient, as PyTorch's has none."
    return function(method=False, public=False, out=Out(differentiable=False))(plain)


def _polynomial(primitive: Primitive) -> Callable[..., Any]:
    def plain(x: Any, n: Any) -> Any:
        if type(x) not in TENSORS and type(n) not in TENSORS:
            raise TypeError(f"{primitive.name}(): a tensor was expected among x and n; got {type(x).__name__} and "
                            f"{type(n).__name__}; make one of them a tensor")
        _check_real(primitive.name, x, n)
        return primitive(x, n)

    plain.__name__ = plain.__qualname__ = primitive.name
    plain.__doc__ = f"{primitive.doc} ``n`` is a number or a tensor of degrees; there is no gradient, as in PyTorch."
    return function(method=False, public=False, takes_tensor=False, out=Out(differentiable=False))(plain)


airy_ai, spherical_bessel_j0 = _bessel(P.airy_ai), _bessel(P.spherical_bessel_j0)
bessel_j0, bessel_j1 = _bessel(P.bessel_j0), _bessel(P.bessel_j1)
bessel_y0, bessel_y1 = _bessel(P.bessel_y0), _bessel(P.bessel_y1)
modified_bessel_i0, modified_bessel_i1 = _bessel(P.modified_bessel_i0), _bessel(P.modified_bessel_i1)
modified_bessel_k0, modified_bessel_k1 = _bessel(P.modified_bessel_k0), _bessel(P.modified_bessel_k1)
scaled_modified_bessel_k0 = _bessel(P.scaled_modified_bessel_k0)
scaled_modified_bessel_k1 = _bessel(P.scaled_modified_bessel_k1)

(chebyshev_polynomial_t, chebyshev_polynomial_u, chebyshev_polynomial_v, chebyshev_polynomial_w) = (
    _polynomial(getattr(P, f"chebyshev_polynomial_{kind}")) for kind in KINDS)
(shifted_chebyshev_polynomial_t, shifted_chebyshev_polynomial_u, shifted_chebyshev_polynomial_v,
 shifted_chebyshev_polynomial_w) = (_polynomial(getattr(P, f"shifted_chebyshev_polynomial_{kind}")) for kind in KINDS)
hermite_polynomial_h, hermite_polynomial_he = _polynomial(P.hermite_polynomial_h), _polynomial(P.hermite_polynomial_he)
laguerre_polynomial_l = _polynomial(P.laguerre_polynomial_l)
legendre_polynomial_p = _polynomial(P.legendre_polynomial_p)
