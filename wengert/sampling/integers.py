"""Random integers: over a range, in random order, chosen by weights (multinomial), and counts (poisson, binomial).

The conventions are those of `reals`. Poisson and binomial numbers are made by rejection: how many draws one takes is
known only when it is made, so they are made one by one.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..core.frames import warn
from ..core.generated import LARGE
from .reals import Array, DType, Size, chunks, exponential, largest_of, refusal, rounded, shape_of, significand_bits
from .twister import MersenneTwister

__all__ = ["binomial", "multinomial", "poisson", "random_", "random_from_to", "randperm"]

_FEW = 16  # integers that are sooner made as Python numbers than as an array
_INT64 = (-(2**63), 2**63 - 1)
_MOST_CATEGORIES = 2**24  # the integers that a float32 counts without gaps


# ---- ranges and permutations


def random_(generator: MersenneTwister, size: Size, dtype: DType) -> Array:
    """Integers over the whole range of the dtype from zero on; of a floating one, over those it represents exactly."""
    shape = shape_of(size)
    count = math.prod(shape)
    digits = significand_bits(dtype)
    if digits is not None:
        span = 2**digits + 1
    elif dtype.kind in "biu":
        span = 2 if dtype.kind == "b" else int(np.iinfo(dtype).max) + 1
    else:
        raise refusal("random_", dtype, "an integer, floating or boolean dtype")
    return _integers(generator, count, 0, span, dtype, wide=dtype.name in ("int64", "float64")).reshape(shape)


def random_from_to(generator: MersenneTwister, size: Size, low: int, high: int | None, dtype: DType) -> Array:
    """Integers from ``low`` up to, but not including, ``high``; without ``high``, up to the dtype's largest.

    This is PyTorch's ``randint``, and ``random_`` with bounds. In a floating dtype the bounds are first moved inwards
    to numbers that it represents. Raises RuntimeError for an empty range or bounds that the dtype does not hold.
    """
    if dtype.kind in "cW":
        raise RuntimeError("[random_] check_random_bounds handles only integral, floating-point and boolean types")
    for bound in (low, high):
        if bound is not None and not _INT64[0] <= bound <= _INT64[1]:
            raise ValueError(f"[random_] bounds that fit into 64 bits were expected; got {bound}, which would overflow")
    shape = shape_of(size)
    count = math.prod(shape)
    if high is None and low == _INT64[0]:
        if count and dtype.name not in ("int64", "float64", "float32", "bfloat16"):
            raise RuntimeError(
                f"[random_] random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16; got "
                f"{dtype.name}; pass bounds that it holds"
            )
        return rounded(generator.random64(count).view(np.int64), dtype).reshape(shape)
    low, last = _bounds(low, high, dtype)
    span = last + 1 - low
    # A remainder of 32 bits is uneven by up to span / 2**32, which PyTorch tolerates below this bound.
    return _integers(generator, count, low, span, dtype, wide=span >= 2**28).reshape(shape)


def _bounds(low: int, high: int | None, dtype: DType) -> tuple[int, int]:
    """The first and the last integer to draw, after PyTorch's corrections and checks."""
    if high is not None and low >= high:
        raise RuntimeError(
            f"[random_] random_ expects 'from' to be less than 'to', but got from={low} >= to={high}; swap them"
        )
    digits = significand_bits(dtype)
    if digits is not None:
        below = _as_int(low + 1, dtype)
        if below < low:
            low = below + 2 ** (abs(low + 1).bit_length() - digits)
        if high is not None:
            above = _as_int(high - 1, dtype)
            if above >= high:
                high = above - 2 ** (abs(high - 1).bit_length() - digits)
        last = 2**digits if high is None else high - 1
        smallest, largest = -largest_of(dtype), largest_of(dtype)
    else:
        smallest, largest = _range_of(dtype)
        last = int(largest) if high is None else high - 1
    if low > last:
        raise RuntimeError(
            f"[random_] random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
            f"from={low} and to={last + 1} for {dtype.name}; take a dtype of more digits"
        )
    for name, bound in (("from", low), ("to - 1", last)):
        if not smallest <= bound <= largest:
            raise RuntimeError(f"[random_] {name} is out of bounds for {dtype.name}: got {bound}; take a wider dtype")
        if digits is not None and abs(bound) > 2**digits:
            warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]; {dtype.name} does not represent every integer "
                f"of the range",
                UserWarning,
            )
    return low, last


@functools.cache
def _range_of(dtype: DType) -> tuple[int, int]:
    """The least and the largest number of an integer dtype, or of bool."""
    return (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def _as_int(value: int, dtype: DType) -> int:
    """``value`` rounded to a floating dtype; of what does not fit into int64 the processor makes the least int64."""
    nearest = float(rounded(np.array(value, np.int64), dtype))
    return int(nearest) if abs(nearest) < 2.0**63 else _INT64[0]


def _integers(generator: MersenneTwister, count: int, low: int, span: int, dtype: DType, wide: bool) -> Array:
    """``low`` plus a word modulo ``span``: of 64 bits if ``wide``, else of 32."""
    if count <= _FEW and dtype.kind == "i" and not wide:
        return np.array([word % span + low for word in generator.random32(count).tolist()], dtype)
    result = np.empty(count, dtype)
    divisor: Any = np.uint64(span) if wide else np.uint32(span)
    for part in chunks(count):
        length = part.stop - part.start
        words: Array = generator.random64(length) if wide else generator.random32(length)
        # numpy divides by one number for all in vector code, but has no such code for the remainder.
        values = (words - words // divisor * divisor).astype(np.int64)
        values += low
        result[part] = rounded(values, dtype)
    return result


def randperm(generator: MersenneTwister, n: int, dtype: DType = np.dtype(np.int64)) -> Array:  # noqa: B008 - a constant
    """The numbers 0 to n - 1 in random order, by Fisher and Yates's shuffle.

    Raises RuntimeError for a negative ``n`` or one with numbers that ``dtype`` does not hold.
    """
    if n < 0:
        raise RuntimeError(f"[randperm] n must be non-negative; got {n}")
    if dtype.kind in "bc":
        raise refusal("randperm", dtype, "an integer or floating dtype")
    digits = significand_bits(dtype)
    if digits is not None:
        most = 2**digits + 1 if digits != 8 else n  # PyTorch lets bfloat16 round
    else:
        most = int(np.iinfo(dtype).max) + 1
    if n > most:
        raise RuntimeError(f"[randperm] n cannot be greater than {most} for {dtype.name}; got {n}; take a wider dtype")
    if n < (2**32 - 1) // 20:
        steps = np.arange(max(n - 1, 0))
        partners = generator.random32(steps.size) % (n - steps) + steps
        return rounded(_exchanged(n, partners), dtype)
    # A remainder of 32 bits would be noticeably uneven: the inside-out form of the shuffle, with 64.
    order = np.arange(n)
    for part in chunks(n):
        words = generator.random64(part.stop - part.start) % np.arange(part.start + 1, part.stop + 1, dtype=np.uint64)
        for step, partner in enumerate(words.tolist(), part.start):
            order[step], order[partner] = order[partner], step
    return rounded(order, dtype)


def _exchanged(n: int, partners: Array) -> Array:
    """The numbers 0 to n - 1 after exchanging, one step after another, places ``step`` and ``partners[step]``."""
    places = np.arange(n)
    if n >= LARGE:
        from .kernels import exchange

        if exchange(places, partners):
            return places
    order = places.tolist()
    for step, partner in enumerate(partners.tolist()):
        order[step], order[partner] = order[partner], order[step]
    return np.array(order, np.int64)


# ---- choices and counts


def multinomial(generator: MersenneTwister, probabilities: Array, num_samples: int, replacement: bool = False) -> Array:
    """Indices drawn with the given weights, as int64: ``(num_samples,)`` or, of ``(rows, categories)``, a row each.

    Without replacement, and for one sample, every weight is divided by an exponential number and the largest
    quotients win; else a uniform number is looked up in the running sums of the weights. Raises
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
    if replacement and num_samples > 1:
        sums /= sums[:, -1:].copy()
        sums[:, -1] = 1
        draws = (generator.random64(len(rows) * num_samples) & np.uint64(2**53 - 1)) * 2.0**-53
        targets = zip(sums.astype(np.float64), draws.reshape(len(rows), num_samples), strict=True)
        chosen = np.stack([np.searchsorted(row, target) for row, target in targets])
    else:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            columns = p.flags.f_contiguous and not p.flags.c_contiguous  # numbers are drawn in the order of memory
            noise = exponential(generator, rows.shape[::-1] if columns else rows.shape, rows.dtype)
            quotients = rows / (noise.T if columns else noise)
        if num_samples == 1:
            chosen = np.argmax(quotients, axis=1, keepdims=True)
        else:
            chosen = np.ascontiguousarray(np.argsort(-quotients, axis=1, kind="stable")[:, :num_samples])
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
    if categories == 0 and (p.ndim == 1 or p.shape[0]):
        raise RuntimeError("[multinomial] at least one category was expected; got none")


def poisson(generator: MersenneTwister, rate: Array) -> Array:
    """Poisson-distributed counts with the given rates, in the rates' dtype and shape.

    Raises NotImplementedError for a dtype that is no floating one and RuntimeError for a negative rate.
    """
    if rate.dtype.kind != "f" and rate.dtype.name != "bfloat16":
        raise NotImplementedError(f"[poisson] a floating dtype was expected; got {rate.dtype.name}; call .float()")
    rates = rate.astype(np.float64)
    if not np.all((rates >= 0) & (rates < np.inf)):
        raise RuntimeError("[poisson] invalid Poisson rate, expected rate to be non-negative and finite; clamp it")
    counts = [(_poisson_large if value >= 10 else _poisson_small)(generator, value) for value in rates.ravel().tolist()]
    return rounded(np.array(counts, np.float64), rate.dtype).reshape(rate.shape)


def _poisson_small(generator: MersenneTwister, rate: float) -> int:
    """Knuth's product of uniform numbers, which is compared with exp(-rate)."""
    if rate == 0:
        return 0
    bound, product, count = math.exp(-rate), 1.0, 0
    while True:
        product *= generator.random_double()
        if product <= bound:
            return count
        count += 1


def _poisson_large(generator: MersenneTwister, rate: float) -> int:
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
        accepted = -rate + k * logarithm - math.lgamma(k + 1)
        if _log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= accepted:
            return k


def _floor(x: float) -> int:
    return math.floor(x) if math.isfinite(x) else -1


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def binomial(generator: MersenneTwister, count: Array, prob: Array) -> Array:
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
        raise RuntimeError(f"[binomial] Found dtype {prob.dtype.name} but expected {dtype.name}; convert one of them")
    count, prob = np.broadcast_arrays(count, prob)
    values = [_binomial(generator, n, p) for n, p in zip(count.flat, prob.flat, strict=True)]
    return np.array(values, dtype).reshape(count.shape)


def _binomial(generator: MersenneTwister, n: float, p: float) -> float:
    """One count; ``n`` and ``p`` are numpy scalars, because PyTorch computes with them in their precision."""
    if n <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return float(n)
    if not p <= 0.5:
        return float(n) - _binomial(generator, n, type(p)(1.0 - float(p))) if p > 0.5 else math.nan
    return _binomial_rejection(generator, n, p) if n * p >= 10.0 else _binomial_inversion(generator, n, p)


def _binomial_inversion(generator: MersenneTwister, n: float, p: float) -> float:
    """Adds up geometric numbers, the waiting times for a success, until they exceed ``n``."""
    log_failure = float(type(p)(math.log1p(-float(p))))
    trials, successes = 0.0, 0
    while True:
        quotient = _log(generator.random_double()) / log_failure
        trials += math.ceil(quotient) if math.isfinite(quotient) else quotient
        if trials > n:
            return float(successes)
        successes += 1


def _binomial_rejection(generator: MersenneTwister, n: float, p: float) -> float:
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
        )
        if _log(v * alpha / (a / (us * us) + b)) <= upper:
            return k


_STIRLING_TAILS = (
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
    0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287,
)


def _stirling_tail(k: float) -> float:
    """log(k!) less Stirling's formula for it."""
    if k < len(_STIRLING_TAILS):
        return _STIRLING_TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)
