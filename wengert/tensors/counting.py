"""Random choices and counts: multinomial, poisson and binomial, with PyTorch's algorithms and order of draws.

Poisson and binomial numbers are made by rejection: how many draws one takes is known only when it is made, so they
are made one by one. The conventions are those of `sampling`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .generator import Generator
from .sampling import exponential

__all__ = ["binomial", "multinomial", "poisson"]

Array = np.ndarray[Any, np.dtype[Any]]

_MOST_CATEGORIES = 2**24  # the integers that a float32 counts without gaps


def multinomial(generator: Generator, probabilities: Array, num_samples: int, replacement: bool = False) -> Array:
    """Indices drawn with the given weights, as int64: ``(num_samples,)`` or, of ``(rows, categories)``, a row each.

    Without replacement every weight is divided by an exponential number and the largest quotients win. Raises
    NotImplementedError for a dtype that is no floating one and RuntimeError for other shapes and for weights that are
    negative, not finite or all zero.
    """
    p = probabilities
    _check_multinomial(p, num_samples, replacement)
    if p.size == 0:
        return np.empty((*p.shape[:-1], num_samples), np.int64)
    rows = p.reshape(-1, p.shape[-1])
    wide = rows if rows.dtype == np.float64 else rows.astype(np.float32)
    finite = bool(np.isfinite(wide).all())
    if not finite or wide.min() < 0:
        raise RuntimeError(
            "[multinomial] probability tensor contains either `inf`, `nan` or element < 0; weights that are finite and "
            "not negative were expected"
        )
    sums = np.add.accumulate(wide, axis=1)  # one addition after another, as PyTorch sums
    if not sums[:, -1].all():
        raise RuntimeError("[multinomial] invalid multinomial distribution (sum of probabilities <= 0); give a weight")
    if replacement:
        sums /= sums[:, -1:].copy()
        sums[:, -1] = 1
        draws = (generator.random64(len(rows) * num_samples) & np.uint64(2**53 - 1)) * 2.0**-53
        targets = draws.reshape(len(rows), num_samples)
        chosen = np.stack([np.searchsorted(row.astype(np.float64), target) for row, target in zip(sums, targets, strict=True)])
    else:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            quotients = rows / exponential(generator, rows.shape, rows.dtype)
        if num_samples == 1:
            chosen = np.argmax(quotients, axis=1, keepdims=True)
        else:
            chosen = np.argsort(-quotients, axis=1, kind="stable")[:, :num_samples]
    return chosen.reshape(*p.shape[:-1], num_samples).astype(np.int64, copy=False)


def _check_multinomial(p: Array, num_samples: int, replacement: bool) -> None:
    if p.ndim not in (1, 2):
        raise RuntimeError(f"[multinomial] prob_dist must be 1 or 2 dim; got shape {p.shape}; reshape it")
    if p.dtype.kind != "f" and p.dtype.name != "bfloat16":
        raise RuntimeError(
            f"[multinomial] multinomial only supports floating-point dtypes for input, got: {p.dtype.name}; call "
            f".float() first"
        )
    if num_samples <= 0:
        raise RuntimeError(f"[multinomial] cannot sample n_sample <= 0 samples; got {num_samples}")
    categories = p.shape[-1]
    if not replacement and num_samples > categories:
        raise RuntimeError(
            f"[multinomial] cannot sample n_sample > prob_dist.size(-1) samples without replacement; got {num_samples} "
            f"of {categories}; pass replacement=True"
        )
    if categories > _MOST_CATEGORIES:
        raise RuntimeError(f"[multinomial] number of categories cannot exceed 2^24; got {categories}")
    if categories == 0 and p.shape[0]:
        raise RuntimeError("[multinomial] at least one category was expected; got none")


def poisson(generator: Generator, rate: Array) -> Array:
    """Poisson-distributed counts with the given rates, in the rates' dtype and shape.

    Raises NotImplementedError for a dtype that is no floating one and RuntimeError for a negative rate.
    """
    if rate.dtype.kind != "f" and rate.dtype.name != "bfloat16":
        raise NotImplementedError(f"[poisson] a floating dtype was expected; got {rate.dtype.name}; call .float() first")
    rates = rate.astype(np.float64)
    if not np.all(rates >= 0):
        raise RuntimeError("[poisson] invalid Poisson rate, expected rate to be non-negative; clamp it")
    counts = [_poisson_large(generator, value) if value >= 10 else _poisson_small(generator, value) for value in rates.flat]
    return np.array(counts, np.float32 if rate.dtype.itemsize == 2 else np.float64).astype(rate.dtype).reshape(rate.shape)


def _poisson_small(generator: Generator, rate: float) -> int:
    """Knuth's product of uniform numbers, which is compared with exp(-rate)."""
    if rate == 0:
        return 0
    bound, product, count = math.exp(-rate), 1.0, 0
    while True:
        product *= generator.random_double()
        if product <= bound:
            return count
        count += 1


def _poisson_large(generator: Generator, rate: float) -> int:
    """Hoermann, *The transformed rejection method for generating Poisson random variables* (1993), algorithm PTRS."""
    root, logarithm = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = generator.random_double() - 0.5
        v = generator.random_double()
        us = 0.5 - abs(u)
        k = _floor((2 * a / us + b) * u + rate + 0.43) if us else -1
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        if _log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= -rate + k * logarithm - math.lgamma(k + 1):
            return k


def _floor(x: float) -> int:
    return math.floor(x) if math.isfinite(x) else -1


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def binomial(generator: Generator, count: Array, prob: Array) -> Array:
    """The number of successes in ``count`` trials of probability ``prob``, broadcast, in their common dtype.

    ``count`` and ``prob`` are float32 or float64, both the same. Raises ValueError for a ``count`` of another kind,
    NotImplementedError for the 16-bit types and RuntimeError for two dtypes.
    """
    dtype = count.dtype
    if dtype.kind != "f" and dtype.name != "bfloat16":
        raise ValueError(
            f"[binomial] binomial only supports floating-point dtypes for count, got: {dtype.name}; call .float() first"
        )
    if dtype.itemsize == 2:
        raise NotImplementedError(f"[binomial] float32 or float64 was expected; got {dtype.name}; call .float() first")
    if prob.dtype != dtype:
        raise RuntimeError(f"[binomial] Found dtype {prob.dtype.name} but expected {dtype.name}; convert one of the two")
    count, prob = np.broadcast_arrays(count, prob)
    values = [_binomial(generator, n, p) for n, p in zip(count.flat, prob.flat, strict=True)]
    return np.array(values, dtype).reshape(count.shape)


def _binomial(generator: Generator, n: Any, p: Any) -> float:
    """One count; ``n`` and ``p`` are numpy scalars, because PyTorch computes with them in their precision."""
    if n <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return float(n)
    if not p <= 0.5:
        return float(n) - _binomial(generator, n, type(p)(1.0 - float(p))) if p > 0.5 else math.nan
    return _binomial_rejection(generator, n, p) if n * p >= 10.0 else _binomial_inversion(generator, n, p)


def _binomial_inversion(generator: Generator, n: Any, p: Any) -> float:
    """Adds up geometric numbers, the waiting times for a success, until they exceed ``n``."""
    log_failure = float(type(p)(math.log1p(-float(p))))
    trials, successes = 0.0, 0
    while True:
        quotient = _log(generator.random_double()) / log_failure
        trials += math.ceil(quotient) if math.isfinite(quotient) else quotient
        if trials > n:
            return float(successes)
        successes += 1


def _binomial_rejection(generator: Generator, n: Any, p: Any) -> float:
    """Hoermann, *The generation of binomial random variates* (1993), algorithm BTRS."""
    one = type(p)(1)
    deviation = float(np.sqrt(n * p * (one - p)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(p)
    center = float(n * p) + 0.5
    v_r = 0.92 - 4.2 / b
    odds = float(p / (one - p))
    alpha = (2.83 + 5.1 / b) * deviation
    mode = float(np.floor((n + one) * p))
    n = float(n)
    while True:
        u = generator.random_double() - 0.5
        v = generator.random_double()
        us = 0.5 - abs(u)
        k = float(_floor((2 * a / us + b) * u + center)) if us else -1.0
        if k < 0 or k > n:
            continue
        if us >= 0.07 and v <= v_r:
            return k
        upper = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (n - mode + 1)))
            + (n + 1) * math.log((n - mode + 1) / (n - k + 1))
            + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
            + _stirling_tail(mode) + _stirling_tail(n - mode) - _stirling_tail(k) - _stirling_tail(n - k)
        )  # fmt: skip
        if _log(v * alpha / (a / (us * us) + b)) <= upper:
            return k


_STIRLING_TAILS = (
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
    0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287,
)  # fmt: skip


def _stirling_tail(k: float) -> float:
    """log(k!) less Stirling's formula for it."""
    if k < len(_STIRLING_TAILS):
        return _STIRLING_TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)
