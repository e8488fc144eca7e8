"""Orthogonal polynomials of elements x and degrees n, which broadcast; without a derivative, as PyTorch's have none.

The one idea to know: each family is its polynomial of degree 1 and a recurrence of three terms. Those of Chebyshev have
closed forms, which high degrees take within [−1, 1], and beyond `STEPS` everywhere. Those of Laguerre and Legendre have
none, and take as many steps as the degree says, within a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ..core.operands import Array
from ..core.primitive import Primitive, elementwise

STEPS = 2**16
"""So many steps a recurrence makes whatever it is given."""
_MOST_STEPS, _MOST_WORK = 2**23, 2**31
"""The most steps, and the most steps times elements: a degree comes out of a tensor, and no number there may take
hours."""
_FEW = 8
"""From here on down elements are faster one by one, as Python's numbers."""

Following = Callable[[int, Any, Any, Any], Any]
"""The polynomial of degree k + 1, of k, x and those of degrees k and k − 1."""


def _by_recurrence(x: Array, n: Array, first: Array, following: Following) -> Array:
    """The polynomials of degree n: 0 for negative degrees. What has become NaN stays so, and what is done is let go.

    Raises ValueError for what the most steps do not reach.
    """
    result = np.where(n < 0, 0, np.where(n == 0, 1, first)).astype(x.dtype).reshape(-1)
    places = np.flatnonzero(n > 1)
    x, n, here = (each.reshape(-1)[places] for each in (x, n, first))
    before, k = np.ones_like(x), 1
    while places.size:
        if k == STEPS:
            highest = int(n.max())
            if highest > _MOST_STEPS or places.size * highest > _MOST_WORK:
                raise ValueError(f"degrees of at most {_MOST_STEPS:,}, and of {_MOST_WORK:,} together, were expected, "
                                 f"for each takes a step; {places.size} are above {STEPS:,}, the highest is {highest}")
            if places.size <= _FEW and x.dtype == np.float64:
                result[places] = [_alone(*each, k, following) for each in zip(
                    x.tolist(), n.tolist(), here.tolist(), before.tolist(), strict=True)]
                break
        before, here = here, following(k, x, here, before)
        k += 1
        done = (n == k) | np.isnan(here)
        if done.any():
            result[places[done]] = here[done]
            places, x, n, before, here = (each[~done] for each in (places, x, n, before, here))
    return result


def _alone(x: float, n: int, here: float, before: float, k: int, following: Following) -> float:
    """The rest of `_by_recurrence` for one element."""
    while k < n and here == here:
        before, here = here, following(k, x, here, before)
        k += 1
    return here


def _angles(kind: str, x: Array, n: Array) -> Array:
    """Chebyshev's polynomials by angles (*Digital Library of Mathematical Functions*, 18.5.1 to 18.5.4), which beyond
    [−1, 1] are imaginary, and what is odd about n is a sign."""
    low, size = x < 0, np.abs(x)
    sign = np.where(low & (n % 2 == 1), -1, 1).astype(x.dtype)
    kind = {"v": "vw", "w": "wv"}.get(kind, kind)  # those of the third kind at −x are, but for the sign, of the fourth
    if len(kind) == 2:
        return sign * np.where(low, _at_size(kind[1], size, n), _at_size(kind[0], size, n))
    return sign * _at_size(kind, size, n)


def _at_size(kind: str, x: Array, n: Array) -> Array:
    """`_angles` for x ≥ 0."""
    inside = x < 1
    angle = np.where(inside, np.arccos(np.minimum(x, 1)), np.arccosh(np.maximum(x, 1)))
    if kind in "tv":
        half = 0 if kind == "t" else 0.5
        above = np.where(inside, np.cos((n + half) * angle), np.cosh((n + half) * angle))
        return above / np.where(inside, np.cos(angle / 2), np.cosh(angle / 2)) if half else above
    many, share = (n + 1, angle) if kind == "u" else (n + 0.5, angle / 2)
    result = np.where(inside, np.sin(many * angle), np.sinh(many * angle))
    result = result / np.where(x == 1, 1, np.where(inside, np.sin(share), np.sinh(share)))
    return np.where(x == 1, n + 1 if kind == "u" else 2 * n + 1, result)


_SHIFT = {"t": 0, "u": 0, "v": -1, "w": 1}


def _chebyshev(kind: str, highest: int, shifted: bool = False) -> Callable[[Array, Array], Array]:
    """Up to the degree ``highest`` by recurrence everywhere, as PyTorch does."""

    def evaluate(x: Array, n: Array) -> Array:
        x = x + x - 1 if shifted else x
        first = x if kind == "t" else x + x + _SHIFT[kind]
        closed = (n > highest) & ((np.abs(x) <= 1) | (n > STEPS))
        result = _by_recurrence(x, np.where(closed, 0, n), first,
                                lambda k, x, here, before: (x + x) * here - before).reshape(x.shape)
        if closed.any():
            inside = np.where(closed, x, 0)
            found = _angles(kind, inside, n.astype(x.dtype))
            # What grows beyond all numbers becomes NaN by recurrence, as the difference of infinities.
            result = np.where(closed, np.where(np.isinf(found), np.nan, found), result)
        return result

    return evaluate


def _hermite(factor: int) -> Callable[[Array, Array], Array]:
    """``factor`` 2: the physicists' (weight exp(−x²)); 1: the probabilists' (weight exp(−x²/2))."""

    def evaluate(x: Array, n: Array) -> Array:
        x, limit = factor * x, 512 if x.dtype == np.float64 else 128
        found = _by_recurrence(x, np.where(n > limit, 0, n), x,
                               lambda k, x, here, before: x * here - factor * k * before)
        return np.where(n > limit, np.nan, found.reshape(x.shape))

    return evaluate


def _laguerre(x: Array, n: Array) -> Array:
    return _by_recurrence(x, np.where(x == 0, np.minimum(n, 0), n), 1 - x,
                          lambda k, x, here, before: ((k + k + (1 - x)) * here - k * before) / (k + 1))


def _legendre(x: Array, n: Array) -> Array:
    ends = np.abs(x) == 1
    found = _by_recurrence(x, np.where(ends, np.minimum(n, 0), n), x,
                           lambda k, x, here, before: ((k + k + 1) * x * here - k * before) / (k + 1))
    return np.where(ends & (n > 0), np.where((x > 0) | (n % 2 == 0), 1, -1), found.reshape(x.shape))


def _declare(name: str, function: Callable[[Array, Array], Array], doc: str) -> Primitive:
    def evaluate(xp: ModuleType, x: Array | float, n: Array | float) -> Array:
        dtype = np.result_type(x, n)
        points, degrees = np.broadcast_arrays(np.asarray(x, dtype), np.trunc(np.asarray(n)).astype(np.int64))
        return np.asarray(function(points, degrees), dtype).reshape(points.shape)

    return elementwise(name, evaluate, promotion="float", saves=("", ""), missing={"vjp": "PyTorch's has none"},
                       doc=doc)


KINDS = {"t": "first", "u": "second", "v": "third", "w": "fourth"}
for _kind, _word in KINDS.items():
    _declare(f"chebyshev_polynomial_{_kind}", _chebyshev(_kind, 6 if _kind == "t" else 8),
             f"Chebyshev's polynomial of the {_word} kind of degree n.")
    _declare(f"shifted_chebyshev_polynomial_{_kind}", _chebyshev(_kind, 4 if _kind == "w" else 6, shifted=True),
             f"Chebyshev's polynomial of the {_word} kind of degree n at 2x − 1.")
hermite_polynomial_h = _declare("hermite_polynomial_h", _hermite(2), "The physicists' Hermite polynomial of degree n.")
hermite_polynomial_he = _declare("hermite_polynomial_he", _hermite(1), "The probabilists' Hermite polynomial.")
laguerre_polynomial_l = _declare("laguerre_polynomial_l", _laguerre, "Laguerre's polynomial of degree n.")
legendre_polynomial_p = _declare("legendre_polynomial_p", _legendre, "Legendre's polynomial of degree n.")
