"""Incomplete gamma functions, and how draws of the gamma and Dirichlet distributions move with their parameters.

A draw x of a distribution function F(x; α) moves, with its uniform number held fixed, at the rate
dx/dα = −(∂F/∂α) / (∂F/∂x): implicit reparameterisation (Figurnov, Mohamed & Mnih, *Implicit Reparameterization
Gradients*, 2018, equation 6). The integrals are taken over the shorter tail, so that nothing cancels: by the power
series of the tail near zero, whose terms are all positive, or by Gauss and Legendre's quadrature in the logarithm of x
(its logit, for the beta distribution), where the densities are smooth and fall off faster than exponentially.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import native
from ..core.operands import Array, Needs, Numbers, Params, Saved
from ..core.primitive import REAL_ONLY, P, elementwise, opaque
from ..core.samples import reals

OfArrays = Callable[..., Array]
_POINTS = 64
_DROP = 42.0  # of the logarithm of a density: exp(−42) is below double precision
_AT_ONCE = 1 << 14  # elements; a quadrature takes 64 times the memory
_SERIES_BELOW = 10.0  # the parameter up to which the power series of a lower tail is short


@cache
def _legendre() -> tuple[Array, Array]:
    """Nodes and weights of the quadrature over [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    return (nodes + 1) / 2, weights / 2


def _width(log_ratio: OfArrays) -> Array:
    """How far a tail reaches: the w with log_ratio(w) = −42, where ``log_ratio`` falls from 0 and is concave."""
    low, high = np.zeros_like(log_ratio(1.0)), np.ones_like(log_ratio(1.0))
    for _ in range(40):  # doubled until the tail is inside
        short = log_ratio(high) > -_DROP
        if not short.any():
            break
        high = np.where(short, 2 * high, high)
    for _ in range(20):
        middle = (low + high) / 2
        inside = log_ratio(middle) > -_DROP
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return high


def _over_tail(log_ratio: OfArrays, value: OfArrays) -> Array:
    """∫ value(s) · exp(log_ratio(s)) ds over s > 0; both are functions of arrays with one more dimension."""
    nodes, weights = _legendre()
    width = _width(lambda s: log_ratio(np.asarray(s)[..., None])[..., 0])[..., None]
    s = width * nodes
    result: Array = ((value(s) * np.exp(log_ratio(s))) @ weights) * width[..., 0]
    return result


def _piecewise(operands: tuple[Array, ...], chosen: Array, one: OfArrays, other: OfArrays) -> Array:
    """``one(*operands)`` where ``chosen``, else ``other``; each sees only the elements that are its own."""
    result = np.full(chosen.shape, np.nan)
    for mask, function in ((chosen, one), (~chosen, other)):
        places = np.flatnonzero(mask)
        for start in range(0, len(places), _AT_ONCE):
            part = places[start : start + _AT_ONCE]
            result[part] = function(*(operand[part] for operand in operands))
    return result


def _digamma(x: Array) -> Array:
    result: Array = P.polygamma(x, n=0)
    return result


# --- the gamma distribution -------------------------------------------------------------------------------------------


def _series(first: Array, ratio: Callable[[int], Array], slope: Callable[[int], Array]) -> tuple[Array, Array]:
    """Σ t_k and Σ t_k · s_k for t_0 = ``first``, t_k = t_{k−1} · ratio(k), s_0 = 0, s_k = s_{k−1} + slope(k)."""
    term, total = first, first.copy()
    step, weighted = np.zeros_like(first), np.zeros_like(first)
    for k in range(1, 1000):
        term = term * ratio(k)
        step = step + slope(k)
        total = total + term
        weighted = weighted + term * step
        if (term <= 1e-17 * total).all() and (ratio(k + 1) < 1).all():
            break
    return total, weighted


def _by_series(a: Array, x: Array) -> Array:
    """Whether the lower tail of the gamma distribution is taken by its series."""
    return (x <= 1) | ((x <= a) & (a <= _SERIES_BELOW))


def _gamma_series(a: Array, x: Array) -> tuple[Array, Array]:
    """S = Σ xᵏ / (a + 1)…(a + k), with which P(a, x) = x^a e^−x S / Γ(a + 1) (DLMF 8.7.1), and −∂S/∂a."""
    return _series(np.ones_like(x), lambda k: x / (a + k), lambda k: 1 / (a + k))


def _gamma_tail(a: Array, x: Array, value: OfArrays) -> tuple[Array, Array]:
    """∫ value(log t) · p(t) dt / (x · p(x)) over the tail beyond x, for the density p; and the side, −1 or 1."""
    side = np.where(x <= a, -1.0, 1.0)
    a_, x_, side_, log_x = a[:, None], x[:, None], side[:, None], np.log(x)[:, None]

    def log_ratio(s: Array) -> Array:
        u = side_ * s
        with np.errstate(over="ignore"):
            result: Array = a_ * u - x_ * np.expm1(u)
        return result

    return _over_tail(log_ratio, lambda s: value(log_x + side_ * s)), side


def _log_density(a: Array, x: Array) -> Array:
    """log(x · p(x)) = a log x − x − log Γ(a)."""
    result: Array = a * np.log(x) - x - P.lgamma(a)
    return result


def _lower_and_upper(a: Array, x: Array) -> tuple[Array, Array]:
    """P(a, x) and Q(a, x) = 1 − P(a, x) for a > 0 and finite x > 0."""

    def lower_by_series(a: Array, x: Array) -> Array:
        return np.exp(_log_density(a, x)) * _gamma_series(a, x)[0] / a

    def lower_by_tail(a: Array, x: Array) -> Array:
        tail, side = _gamma_tail(a, x, np.ones_like)
        tail = np.exp(_log_density(a, x)) * tail
        # The smaller of the two, marked as the upper one by its sign.
        return -side * tail

    def lower_or_normal(a: Array, x: Array) -> Array:
        return _piecewise((a, x), a > _NORMAL_ABOVE, _nearly_normal, lower_by_tail)

    signed = _piecewise((a, x), _by_series(a, x), lower_by_series, lower_or_normal)
    upper = np.signbit(signed)  # of 0 too, where the tail is below all numbers
    return np.where(upper, 1 + signed, signed), np.where(upper, -signed, 1 - signed)


_NORMAL_ABOVE = 1e12
"""The shape from which on the first term of the uniform expansion is exact in double precision."""


def _nearly_normal(a: Array, x: Array) -> Array:
    """The smaller of P and Q, the upper one marked by its sign, by the first two terms of Temme's expansion (*Digital
    Library of Mathematical Functions*, 8.12.3 and 8.12.7)."""
    mu = (x - a) / a
    small = np.abs(mu) < 1e-3
    near = np.where(small, mu, 0.0)
    half = np.where(small, near * near * (0.5 - near * (1 / 3 - near * (0.25 - near * 0.2))),
                    mu - np.log1p(np.where(small, 1.0, mu)))
    eta = np.copysign(np.sqrt(2 * half), mu)
    first = np.where(small, -1 / 3 + near / 12, 1 / np.where(small, 1.0, mu) - 1 / np.where(small, 1.0, eta))
    tail = np.exp(-a * half) / np.sqrt(2 * np.pi * a)
    upper = 0.5 * P.erfc(eta * np.sqrt(a / 2)) + tail * first
    lower = 0.5 * P.erfc(-eta * np.sqrt(a / 2)) - tail * first
    return np.where(x <= a, np.maximum(lower, 0.0), -np.maximum(upper, 0.0))


def _regularised(which: int) -> Any:
    """P (``which`` 0) or Q (1) with the limits, in the operands' dtype."""

    def evaluate(xp: ModuleType, a: Array, x: Array) -> Array:
        dtype = np.result_type(a, x)
        wide_a, wide_x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
        # The limits, in PyTorch's order: the first that holds counts, even where the other operand is NaN.
        result = np.select(
            [(wide_x < 0) | (wide_a < 0), wide_a == 0, wide_x == 0, wide_a == np.inf, wide_x == np.inf],
            [np.nan, np.where(wide_x > 0, 1 - which, np.nan), which, np.where(wide_x == np.inf, np.nan, which),
             1 - which], np.nan)
        plain = (wide_a > 0) & (wide_x > 0) & np.isfinite(wide_a) & np.isfinite(wide_x)
        if plain.any():
            result[plain] = np.clip(_lower_and_upper(wide_a[plain], wide_x[plain])[which], 0, 1)
        return result.astype(dtype)

    return evaluate


def _by_x(sign: float) -> Any:
    """∂P/∂x, the density; ``sign`` −1 for Q."""
    return lambda a, x, out: sign * P.exp((a - 1) * P.log(x) - x - P.lgamma(a))


def _by_a(sign: float) -> Any:
    """∂P/∂a = −(∂P/∂x) dx/da, with the rate at which a draw moves."""

    def slope(a: Numbers, x: Numbers, out: Numbers) -> Any:
        moved = P.standard_gamma_grad(a, x) * P.exp((a - 1) * P.log(x) - x - P.lgamma(a))
        return P.where(x > 0, -sign * moved, 0.0)

    return slope


_TWICE = {"second order": "the rate at which a draw moves has no derivative"}
_igamma_samples = reals((0.5, 20), (0.5, 20))
igamma = elementwise(
    "igamma", _regularised(0), promotion="float", derivative=(_by_a(1.0), _by_x(1.0)), saves=("x y", "x y"),
    missing=_TWICE, samples=_igamma_samples, refuses=REAL_ONLY,
)
igammac = elementwise(
    "igammac", _regularised(1), promotion="float", derivative=(_by_a(-1.0), _by_x(-1.0)), saves=("x y", "x y"),
    missing=_TWICE, samples=_igamma_samples, refuses=REAL_ONLY,
)


def _gamma_gradient(xp: ModuleType, a: Array, x: Array) -> Array:
    """dx/da of a draw x of the gamma distribution of shape a and rate 1."""
    dtype = np.result_type(a, x)
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    shape = x.shape
    a, x = a.ravel(), x.ravel()

    def by_series(a: Array, x: Array) -> Array:
        total, weighted = _gamma_series(a, x)
        return x / a * (total * (_digamma(a + 1) - np.log(x)) + weighted)

    def by_tail(a: Array, x: Array) -> Array:
        mean_log = _digamma(a)[:, None]
        tail, side = _gamma_tail(a, x, lambda log_t: log_t - mean_log)
        return side * x * tail

    with np.errstate(all="ignore"):
        result = np.full(x.shape, np.nan)
        inside = (x > 0) & (a > 0) & np.isfinite(x) & np.isfinite(a)
        if inside.any():
            a, x = a[inside], x[inside]
            result[inside] = _piecewise((a, x), _by_series(a, x), by_series, by_tail)
    return result.reshape(shape).astype(dtype)


_NO_SECOND = dict.fromkeys(("vjp", "jvp"), "the rate at which a draw moves has no derivative, as in PyTorch")
_NO_SECOND["samples"] = "not differentiable"
standard_gamma_grad = opaque("standard_gamma_grad", _gamma_gradient, batch=native, arity=2, missing=_NO_SECOND)

_NOT_BY_NUMBERS = "a derivative with the uniform numbers, not the draw, held fixed"
standard_gamma = opaque(
    "standard_gamma", batch=native, eval=lambda xp, alpha, drawn: drawn.copy(), arity=2,
    vjp=lambda ct, saved, params, needs: (ct * P.standard_gamma_grad(saved[0], saved[2]), None),
    jvp=lambda tangents, operands, out, params: tangents[0] * P.standard_gamma_grad(operands[0], out),
    saves=("x", "out"),
    missing={"samples": _NOT_BY_NUMBERS},
    doc="The draw `drawn` of the gamma distribution of shape `alpha`, as a function of `alpha`.",
)


# --- the beta distribution --------------------------------------------------------------------------------------------


def _beta_gradient(x: Array, a: Array, b: Array) -> Array:
    """dx/da of a draw x of the beta distribution of density ∝ x^(a−1) (1 − x)^(b−1)."""
    mean_log = _digamma(a) - _digamma(a + b)
    large = np.maximum(a, b) >= _SERIES_BELOW
    lower = np.where(large, x * (a + b) <= a, x <= 0.5)
    operands = (x, a, b, mean_log)

    def below(*operands: Array) -> Array:
        return _piecewise(operands, operands[1] < _SERIES_BELOW, _beta_lower_series, _beta_tail(-1.0))

    def above(*operands: Array) -> Array:
        return _piecewise(operands, operands[2] < _SERIES_BELOW, _beta_upper_series, _beta_tail(1.0))

    return _piecewise(operands, lower, below, above)


def _beta_lower_series(x: Array, a: Array, b: Array, mean_log: Array) -> Array:
    """By S = Σ (a + b)_k / (a + 1)_k xᵏ, with which I_x(a, b) = x^a (1 − x)^b S / (a B(a, b)) (DLMF 8.17.8)."""
    total, weighted = _series(
        np.ones_like(x),
        lambda k: x * (a + b + k - 1) / (a + k),
        lambda k: 1 / (a + b + k - 1) - 1 / (a + k),
    )
    return -x * (1 - x) / a * (total * (np.log(x) - 1 / a - mean_log) + weighted)


def _beta_upper_series(x: Array, a: Array, b: Array, mean_log: Array) -> Array:
    """By the same series of I_{1−x}(b, a) = 1 − I_x(a, b), of which a is the second parameter."""
    total, weighted = _series(
        np.ones_like(x),
        lambda k: (1 - x) * (a + b + k - 1) / (b + k),
        lambda k: 1 / (a + b + k - 1),
    )
    return x * (1 - x) / b * (total * (np.log(x) - mean_log) + weighted)


def _beta_tail(side: float) -> Any:
    """By quadrature of the tail beyond x, downwards (``side`` −1) or upwards (1), over the logit of x."""

    def gradient(x: Array, a: Array, b: Array, mean_log: Array) -> Array:
        a, b, x_ = a[:, None], b[:, None], x[:, None]
        logit = np.log(x_) - np.log1p(-x_)

        def log_ratio(s: Array) -> Array:
            # log t and log(1 − t) at the logit u, less those at x: −log(1 + e^−u) and −log(1 + e^u).
            u = logit + side * s
            return a * (-np.logaddexp(0, -u) - np.log(x_)) + b * (-np.logaddexp(0, u) - np.log1p(-x_))

        tail = _over_tail(log_ratio, lambda s: -np.logaddexp(0, -(logit + side * s)) - mean_log[:, None])
        return side * x * (1 - x) * tail

    return gradient


def _dirichlet_gradient(xp: ModuleType, x: Array, alpha: Array, total: Array) -> Array:
    """The rate dx/dα of each part's beta distribution, divided by 1 − x: how the others must make room."""
    dtype = np.result_type(x, alpha)
    x, alpha, total = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in (x, alpha, total)))
    result = np.full(x.shape, np.nan)
    inside = (x > 0) & (x < 1) & (alpha > 0) & (total > alpha)
    with np.errstate(all="ignore"):
        if inside.any():
            x, alpha, total = x[inside], alpha[inside], total[inside]
            result[inside] = _beta_gradient(x, alpha, total - alpha) / (1 - x)
    return result.astype(dtype)


dirichlet_grad = opaque("dirichlet_grad", _dirichlet_gradient, batch=native, arity=3, missing=_NO_SECOND)


def _dirichlet_rate(alpha: Numbers, drawn: Numbers) -> Any:
    """`dirichlet_grad` of a draw. A change of α_k moves part k by this rate times 1 − x_k, part j by −x_j times it."""
    total = P.expand(P.sum(alpha, dim=(-1,), keepdim=True), shape=tuple(alpha.shape))
    return P.dirichlet_grad(drawn, alpha, total)


def _dirichlet_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    alpha, _, out, _ = saved
    return (_dirichlet_rate(alpha, out) * (ct - P.sum(out * ct, dim=(-1,), keepdim=True)), None)


def _dirichlet_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    moved = _dirichlet_rate(operands[0], out) * tangents[0]
    return moved - out * P.sum(moved, dim=(-1,), keepdim=True)


sample_dirichlet = opaque(
    "sample_dirichlet", batch=native,
    eval=lambda xp, alpha, drawn: drawn.copy(), arity=2, vjp=_dirichlet_vjp, jvp=_dirichlet_jvp,
    saves=("x", "out"), missing={"samples": _NOT_BY_NUMBERS},
    doc="The draw `drawn` of the Dirichlet distribution of `alpha`, as a function of `alpha`.",
)
