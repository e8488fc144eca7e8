"""``wengert.special``: special functions, under the names of PyTorch's namespace."""

from __future__ import annotations

import math
from typing import Any

from ..core.primitive import P
from .registry import FUNCTIONS, function

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln",
    "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri",
    "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
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


@_here
def entr(input: Any) -> Any:
    """−x log x; 0 at 0, −∞ below."""
    return P.entr(input)


@_here
def erfcx(input: Any) -> Any:
    """exp(x²) erfc(x), which neither overflows nor underflows for large x."""
    return P.erfcx(input)


@_here
def i0e(input: Any) -> Any:
    """exp(−|x|) I₀(x)."""
    return P.i0e(input)


@_here
def i1(input: Any) -> Any:
    """The modified Bessel function of the first kind, of order 1."""
    return P.i1(input)


@_here
def i1e(input: Any) -> Any:
    """exp(−|x|) I₁(x)."""
    return P.i1e(input)


@_here
def ndtr(input: Any) -> Any:
    """The distribution function of the standard normal distribution."""
    return P.erfc(input * -math.sqrt(0.5)) * 0.5


@_here
def log_ndtr(input: Any) -> Any:
    """The logarithm of `ndtr`, accurate in the far tail."""
    return P.log_ndtr(input)


@_here
def ndtri(input: Any) -> Any:
    """The inverse of `ndtr`."""
    return P.ndtri(input)


@function(method=False, public=False, takes_tensor=False)
def xlog1py(input: Any, other: Any) -> Any:
    """``input · log(1 + other)``, and 0 where ``input`` is 0."""
    return P.xlog1py(input, other)


@function(method=False, public=False, takes_tensor=False)
def zeta(input: Any, other: Any) -> Any:
    """Hurwitz's zeta function: Σ (other + k)^−input over k ≥ 0."""
    return P.zeta(input, other)
