"""``wengert.special``: special functions, under the names of PyTorch's namespace."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core.primitive import P, Primitive
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


entr = _of_one(P.entr, """−x log x; 0 at 0, −∞ below.

    >>> torch.special.entr(torch.tensor([-0.5, 0.0, 0.5, 1.0]))
    tensor([  -inf, 0.0000, 0.3466, -0.0000])""")
erfcx = _of_one(P.erfcx, """exp(x²) erfc(x), which neither overflows nor underflows for large x.

    >>> torch.special.erfcx(torch.tensor([0.0, 1.0, 100.0])), torch.erfc(torch.tensor(100.0))
    (tensor([1.0000, 0.4276, 0.0056]), tensor(0.))""")
i0e = _of_one(P.i0e, """exp(−|x|) I₀(x).

    >>> torch.special.i0e(torch.tensor([0.0, 1.0, 200.0])), torch.i0(torch.tensor(200.0))
    (tensor([1.0000, 0.4658, 0.0282]), tensor(inf))""")
i1 = _of_one(P.i1, """The modified Bessel function of the first kind, of order 1.

    >>> torch.special.i1(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.5652,  0.0000,  0.5652])""")
i1e = _of_one(P.i1e, """exp(−|x|) I₁(x).

    >>> torch.special.i1e(torch.tensor([-1.0, 0.0, 200.0]))
    tensor([-0.2079,  0.0000,  0.0282])""")
log_ndtr = _of_one(P.log_ndtr, """The logarithm of `ndtr`, accurate in the far tail.

    >>> torch.special.log_ndtr(torch.tensor([-20.0, 0.0])), torch.special.ndtr(torch.tensor(-20.0)).log()
    (tensor([-203.9172,   -0.6931]), tensor(-inf))""")
ndtri = _of_one(P.ndtri, """The inverse of `ndtr`.

    >>> torch.special.ndtri(torch.tensor([0.025, 0.5, 0.975]))
    tensor([-1.9600,  0.0000,  1.9600])""")


@_here
def ndtr(input: Any) -> Any:
    """The distribution function of the standard normal distribution.

    >>> torch.special.ndtr(torch.tensor([-1.96, 0.0, 1.96]))
    tensor([0.0250, 0.5000, 0.9750])
    """
    return P.erfc(input * -math.sqrt(0.5)) * 0.5


@function(method=False, public=False, takes_tensor=False)
def xlog1py(input: Any, other: Any) -> Any:
    """``input · log(1 + other)``, and 0 where ``input`` is 0.

    >>> torch.special.xlog1py(torch.tensor([0.0, 2.0]), torch.tensor([-1.0, 9.0]))
    tensor([0.0000, 4.6052])
    """
    check_some_tensor("special_xlog1py", input, other)
    return P.xlog1py(input, other)


@function(method=False, public=False, takes_tensor=False)
def zeta(input: Any, other: Any) -> Any:
    """Hurwitz's zeta function: Σ (other + k)^−input over k ≥ 0.

    >>> torch.special.zeta(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0]))
    tensor([1.6449, 1.0823])
    """
    check_some_tensor("special_zeta", input, other)
    return P.zeta(input, other)


# --- of real numbers in float32 and float64 alone, without gradients --------------------------------------------------


def _check_real(name: str, *operands: Any) -> None:
    dtype = result_type(name, operands)
    if dtype.is_complex or dtype.itemsize == 2 and dtype.is_floating_point:
        raise NotImplementedError(f'"{name}_cpu" not implemented for \'{type_name(dtype.name)}\'')


def _bessel(primitive: Primitive, shown: str) -> Callable[..., Any]:
    """The function that a primitive is; ``shown``, its values at ½, 1 and 2."""

    def plain(input: Any) -> Any:
        _check_real(primitive.name, input)
        return primitive(input)

    plain.__name__ = primitive.name
    plain.__doc__ = (f"{primitive.doc} It has no gradient, as PyTorch's has none.\n\n"
                     f">>> torch.special.{primitive.name}(torch.tensor([0.5, 1.0, 2.0]))\ntensor([{shown}])")
    return function(method=False, public=False, out=Out(differentiable=False))(plain)


def _polynomial(primitive: Primitive, shown: str) -> Callable[..., Any]:
    """The function that a primitive is; ``shown``, the values of its polynomial of degree 2 at −1, 0 and ½."""

    def plain(x: Any, n: Any) -> Any:
        if type(x) not in TENSORS and type(n) not in TENSORS:
            raise TypeError(f"{primitive.name}(): a tensor was expected among x and n; got {type(x).__name__} and "
                            f"{type(n).__name__}; make one of them a tensor")
        _check_real(primitive.name, x, n)
        return primitive(x, n)

    plain.__name__ = plain.__qualname__ = primitive.name
    plain.__doc__ = (f"{primitive.doc} ``n`` is a number or a tensor of degrees; there is no gradient, as in PyTorch."
                     f"\n\n>>> torch.special.{primitive.name}(torch.tensor([-1.0, 0.0, 0.5]), 2)\ntensor([{shown}])")
    return function(method=False, public=False, takes_tensor=False, out=Out(differentiable=False))(plain)


airy_ai = _bessel(P.airy_ai, "0.2317, 0.1353, 0.0349")
spherical_bessel_j0 = _bessel(P.spherical_bessel_j0, "0.9589, 0.8415, 0.4546")
bessel_j0 = _bessel(P.bessel_j0, "0.9385, 0.7652, 0.2239")
bessel_j1 = _bessel(P.bessel_j1, "0.2423, 0.4401, 0.5767")
bessel_y0 = _bessel(P.bessel_y0, "-0.4445,  0.0883,  0.5104")
bessel_y1 = _bessel(P.bessel_y1, "-1.4715, -0.7812, -0.1070")
modified_bessel_i0 = _bessel(P.modified_bessel_i0, "1.0635, 1.2661, 2.2796")
modified_bessel_i1 = _bessel(P.modified_bessel_i1, "0.2579, 0.5652, 1.5906")
modified_bessel_k0 = _bessel(P.modified_bessel_k0, "0.9244, 0.4210, 0.1139")
modified_bessel_k1 = _bessel(P.modified_bessel_k1, "1.6564, 0.6019, 0.1399")
scaled_modified_bessel_k0 = _bessel(P.scaled_modified_bessel_k0, "1.5241, 1.1445, 0.8416")
scaled_modified_bessel_k1 = _bessel(P.scaled_modified_bessel_k1, "2.7310, 1.6362, 1.0335")

chebyshev_polynomial_t = _polynomial(P.chebyshev_polynomial_t, " 1.0000, -1.0000, -0.5000")
chebyshev_polynomial_u = _polynomial(P.chebyshev_polynomial_u, " 3., -1.,  0.")
chebyshev_polynomial_v = _polynomial(P.chebyshev_polynomial_v, " 5., -1., -1.")
chebyshev_polynomial_w = _polynomial(P.chebyshev_polynomial_w, " 1., -1.,  1.")
shifted_chebyshev_polynomial_t = _polynomial(P.shifted_chebyshev_polynomial_t, "17.,  1., -1.")
shifted_chebyshev_polynomial_u = _polynomial(P.shifted_chebyshev_polynomial_u, "35.,  3., -1.")
shifted_chebyshev_polynomial_v = _polynomial(P.shifted_chebyshev_polynomial_v, "41.,  5., -1.")
shifted_chebyshev_polynomial_w = _polynomial(P.shifted_chebyshev_polynomial_w, "29.,  1., -1.")
hermite_polynomial_h = _polynomial(P.hermite_polynomial_h, " 2., -2., -1.")
hermite_polynomial_he = _polynomial(P.hermite_polynomial_he, " 0.0000, -1.0000, -0.7500")
laguerre_polynomial_l = _polynomial(P.laguerre_polynomial_l, "3.5000, 1.0000, 0.1250")
legendre_polynomial_p = _polynomial(P.legendre_polynomial_p, " 1.0000, -0.5000, -0.1250")
