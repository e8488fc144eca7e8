"""Random arrays from a `Generator`: the distributions, with PyTorch's use of the stream and its arithmetic.

Every function returns a new C-contiguous array and leaves the generator where PyTorch's would be. ``size`` is a length
or a shape, ``dtype`` a numpy dtype: float16 and bfloat16 are made in float32 and rounded, complex numbers as pairs of
real ones. `fill` and `normal_fill` write into an array that exists, in the order in which PyTorch visits it. Wrong
parameters raise before the generator moves. What draws one by one (poisson, binomial) and multinomial stand in
`counting`.

This module knows arrays only.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .box_muller import box_muller, fused_multiply_add, libm
from .generator import Generator

__all__ = [
    "bernoulli", "cauchy", "dropout_mask", "exponential", "fill", "geometric", "log_normal", "normal", "normal_around",
    "normal_fill", "random_", "random_from_to", "randperm", "uniform",
]  # fmt: skip

Array = np.ndarray[Any, np.dtype[Any]]
DType = np.dtype[Any]
Size = int | Sequence[int]

_CHUNK = 1 << 16  # elements made at a time, so that the words they are made of stay in the cache
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # bits of the significand
_INT64 = (-(2**63), 2**63 - 1)


def _shape(size: Size) -> tuple[int, ...]:
    return (int(size),) if isinstance(size, (int, np.integer)) else tuple(size)


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK))


def _refuse(operation: str, dtype: DType, expected: str) -> NotImplementedError:
    return NotImplementedError(
        f"[{operation}] {expected} was expected; this is not implemented for dtype {dtype.name}; convert the result "
        f"with .to(...) instead"
    )


def _require_floating(operation: str, dtype: DType) -> None:
    if dtype.name not in _DIGITS:
        raise _refuse(operation, dtype, "a floating dtype")


def _rounded(values: Array, dtype: DType) -> Array:
    """``values`` as ``dtype``; PyTorch reaches the 16-bit floating types from float32, which can round twice."""
    if values.dtype == dtype:
        return values
    with np.errstate(over="ignore"):
        if dtype.itemsize == 2 and dtype.name in _DIGITS:
            values = values.astype(np.float32)
        return values.astype(dtype)


# ---- uniform numbers


def _uniform32(generator: Generator, count: int) -> Array:
    """float32 numbers of [0, 1): the lower 24 bits of a word each."""
    values = np.empty(count, np.float32)
    for part in _chunks(count):
        words = generator.random32(part.stop - part.start) & np.uint32(0xFFFFFF)
        values[part] = words.view(np.int32)
        values[part] *= np.float32(2.0**-24)
    return values


def _uniform64(generator: Generator, count: int) -> Array:
    """float64 numbers of [0, 1): the lower 53 bits of two words each."""
    values = np.empty(count, np.float64)
    for part in _chunks(count):
        words = generator.random32(2 * (part.stop - part.start))
        values[part] = words[0::2] & np.uint32(0x1FFFFF)
        values[part] *= 2.0**-21
        values[part] += words[1::2] * 2.0**-53
    return values


def uniform(generator: Generator, size: Size, dtype: DType, low: float = 0.0, high: float = 1.0) -> Array:
    """Numbers spread evenly over [low, high).

    Raises RuntimeError for bounds in the wrong order or beyond the dtype, NotImplementedError for an integer dtype.
    """
    if dtype.kind == "c":
        real = np.dtype(f"f{dtype.itemsize // 2}")
        return uniform(generator, (*_shape(size), 2), real, low, high).view(dtype)[..., 0]
    _require_floating("uniform_", dtype)
    if (low, high) != (0.0, 1.0):
        _check_uniform_bounds(dtype, low, high)
    shape = _shape(size)
    count = math.prod(shape)
    values = _uniform64(generator, count) if dtype == np.float64 else _uniform32(generator, count)
    work = values.dtype.type
    if (low, high) != (0.0, 1.0):
        values = fused_multiply_add(values, work(high) - work(low), low)
    result = _rounded(values, dtype)
    top = dtype.type(work(high))
    if dtype.itemsize == 2 or (low, high) != (0.0, 1.0):
        # Rounding can reach the upper bound, which is excluded.
        result[result == top] = dtype.type(work(low))
    return result.reshape(shape)


def _check_uniform_bounds(dtype: DType, low: float, high: float) -> None:
    largest = _largest(dtype)
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"[uniform_] {name} is out of bounds for {dtype.name}: got {bound}; take a finite bound")
    if not low <= high:
        raise RuntimeError(
            f"[uniform_] uniform_ expects to return a [from, to) range, but found from={low} > to={high}; swap them"
        )
    if high - low > largest:
        raise RuntimeError(
            f"[uniform_] uniform_ expects to - from to be at most {largest}, but found from={low} and to={high}; take "
            f"bounds that are closer"
        )


def _largest(dtype: DType) -> float:
    """The largest finite number of a floating dtype."""
    return 2.0**128 - 2.0**120 if dtype.name == "bfloat16" else float(np.finfo(dtype).max)


# ---- normal numbers


def normal(generator: Generator, size: Size, dtype: DType, mean: float = 0.0, std: float = 1.0) -> Array:
    """Normally distributed numbers.

    From sixteen numbers on they are made in blocks by `box_muller`; fewer are made in pairs in float64, and the second
    of a pair that is not needed serves the next such call. A complex number's parts have ``std`` / sqrt(2) each.
    Raises RuntimeError for a negative ``std``, NotImplementedError for an integer dtype.
    """
    if dtype.kind == "c":
        _check_std(std)
        real = np.dtype(f"f{dtype.itemsize // 2}")
        return normal(generator, (*_shape(size), 2), real, mean, std / math.sqrt(2)).view(dtype)[..., 0]
    _require_floating("normal_", dtype)
    _check_std(std)
    shape = _shape(size)
    count = math.prod(shape)
    if count < 16:
        return _rounded(_normal_pairs(generator, count, mean, std), dtype).reshape(shape)
    return _normal_blocks(generator, count, dtype, mean, std).reshape(shape)


def _check_std(std: float) -> None:
    if not std >= 0.0:
        raise RuntimeError(f"[normal] normal expects std >= 0.0, but found std {std}; take its absolute value")


def _normal_blocks(generator: Generator, count: int, dtype: DType, mean: float, std: float) -> Array:
    whole = count - count % 16
    draw = _uniform64 if dtype == np.float64 else _uniform32
    # Draws for the elements beyond the last whole block are made and not used, except for the 16-bit types.
    values = draw(generator, whole if dtype.itemsize == 2 else count)
    box_muller(values[:whole], mean, std)
    result = np.empty(count, dtype)
    result[: values.size] = values
    if whole < count:
        last = draw(generator, 16)
        box_muller(last, mean, std)
        result[-16:] = last
    return result


def _normal_pairs(generator: Generator, count: int, mean: float, std: float) -> Array:
    """float64 normal numbers, one draw after another: first the cosine of a pair, then its sine."""
    values = np.empty(count)
    start = 0
    if count and generator.next_normal is not None:
        values[0] = generator.next_normal
        generator.next_normal = None
        start = 1
    pairs = (count - start + 1) // 2
    if pairs:
        uniforms = _uniform64(generator, 2 * pairs)
        radius = np.sqrt(-2.0 * libm(math.log1p, -uniforms[1::2]))
        theta = (2.0 * math.pi) * uniforms[0::2]
        values[start::2] = radius * libm(math.cos, theta)
        sines = radius * libm(math.sin, theta)
        values[start + 1 :: 2] = sines[: (count - start) // 2]
        if (count - start) % 2:
            generator.next_normal = float(sines[-1])
    return fused_multiply_add(values, std, mean)


def normal_around(generator: Generator, mean: Array | float, std: Array | float) -> Array:
    """Normal numbers with a mean and a standard deviation for each, broadcast; one of the two must be an array.

    The dtype is the mean's where that is an array, else the std's. Raises as `normal` does.
    """
    dtype = mean.dtype if isinstance(mean, np.ndarray) else np.asarray(std).dtype
    if not isinstance(std, np.ndarray):
        return _rounded(normal(generator, np.shape(mean), dtype, 0.0, std) + mean, dtype)
    if std.dtype.kind == "c":
        raise RuntimeError("[normal] normal expects standard deviation to be non-complex; take its absolute value")
    if std.size and not np.min(std) >= 0:
        raise RuntimeError("[normal] normal expects all elements of std >= 0.0; take their absolute values")
    values = normal(generator, np.broadcast_shapes(np.shape(mean), std.shape), dtype)
    values = _rounded(values * std, dtype)
    return _rounded(values + (mean if isinstance(mean, np.ndarray) else dtype.type(mean)), dtype)


def log_normal(generator: Generator, size: Size, dtype: DType, mean: float = 1.0, std: float = 2.0) -> Array:
    """The exponentials of normal numbers; raises RuntimeError unless ``std`` is positive."""
    if not std > 0.0:
        raise RuntimeError(f"[log_normal_] log_normal_ expects std > 0.0, but found std={std}; take a positive one")
    _require_floating("log_normal_", dtype)
    shape = _shape(size)
    exponents = _normal_pairs(generator, math.prod(shape), mean, std)
    with np.errstate(over="ignore"):
        values = np.exp(exponents)
        if dtype == np.float64:
            exact = exponents < 709.0  # beyond, the C library's exp overflows, which Python turns into an error
            values[exact] = libm(math.exp, exponents[exact])
        return _rounded(values, dtype).reshape(shape)


# ---- numbers that are transformed uniform ones


def _apply(function: str, x: Array, dtype: DType) -> Array:
    """A function of ``math`` and numpy: the C library's bits where the result stays float64, else numpy's speed."""
    result: Array = libm(getattr(math, function), x) if dtype == np.float64 else getattr(np, function)(x)
    return result


def exponential(generator: Generator, size: Size, dtype: DType, rate: float = 1.0) -> Array:
    """Exponentially distributed numbers; raises RuntimeError for an integer dtype or unless ``rate`` is positive."""
    if not rate > 0.0:
        raise RuntimeError(
            f"[exponential_] exponential_ expects lambda > 0.0, but found lambda={rate}; take a positive one"
        )
    if dtype.name not in _DIGITS:
        raise RuntimeError(
            f"[exponential_] Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtype.name}; convert the result with .to(...) instead"
        )
    shape = _shape(size)
    logarithms = _apply("log1p", -_uniform64(generator, math.prod(shape)), dtype)
    return _rounded(-1.0 / rate * logarithms, dtype).reshape(shape)


def cauchy(generator: Generator, size: Size, dtype: DType, median: float = 0.0, sigma: float = 1.0) -> Array:
    """Cauchy-distributed numbers; raises RuntimeError for an integer dtype or unless ``sigma`` is positive."""
    if not sigma > 0.0:
        raise RuntimeError(f"[cauchy_] cauchy_ expects sigma > 0.0, but found sigma={sigma}; take a positive one")
    if dtype.name not in _DIGITS:
        raise RuntimeError(
            f"[cauchy_] Cauchy distribution is a continuous probability distribution. dtype must be a floating point "
            f"but you specified {dtype.name}; convert the result with .to(...) instead"
        )
    shape = _shape(size)
    tangents = _apply("tan", math.pi * (_uniform64(generator, math.prod(shape)) - 0.5), dtype)
    return _rounded(fused_multiply_add(tangents, sigma, median), dtype).reshape(shape)


def geometric(generator: Generator, size: Size, dtype: DType, p: float) -> Array:
    """The number of trials up to the first success of probability ``p``; RuntimeError unless ``p`` is in (0, 1)."""
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"[geometric_] geometric_ expects p to be in (0, 1), but got p={p}; take one inside")
    if dtype.kind in "bc":
        raise _refuse("geometric_", dtype, "an integer or floating dtype")
    shape = _shape(size)
    # Zero is drawn once in 2**53 times; its logarithm is an error in Python.
    uniforms = np.maximum(_uniform64(generator, math.prod(shape)), 2.0**-1074)
    # Not numpy's logarithm, even for float32: the last bit can decide to which side of an integer a quotient falls.
    values = np.ceil(libm(math.log, uniforms) / math.log1p(-p))
    return _rounded(values, dtype).reshape(shape)


def bernoulli(generator: Generator, p: Array | float, dtype: DType, size: Size | None = None) -> Array:
    """Ones with probability ``p`` and zeros.

    ``p`` is an array with a probability for each number (broadcast to ``size``, where that is given), compared with a
    float32 draw, or a float64 one if ``p`` is float64; or it is a number, compared with float64 draws, and ``size``
    must be given. Raises RuntimeError where a probability is outside [0, 1].
    """
    if dtype.kind == "c":
        raise _refuse("bernoulli_", dtype, "a real dtype")
    if not isinstance(p, np.ndarray):
        if not 0.0 <= p <= 1.0:
            raise RuntimeError(f"[bernoulli_] bernoulli_ expects p to be in [0, 1], but got p={p}; clamp it")
        if size is None:
            raise TypeError("[bernoulli_] a size was expected beside a probability that is a number; pass size=...")
        shape = _shape(size)
        return (_uniform64(generator, math.prod(shape)) < p).astype(dtype).reshape(shape)
    if p.dtype.name not in _DIGITS:
        raise _refuse("bernoulli", p.dtype, "a floating dtype of the probabilities")
    shape = p.shape if size is None else _shape(size)
    p = np.broadcast_to(p if p.dtype == np.float64 else p.astype(np.float32), shape)
    if not np.all((p >= 0) & (p <= 1)):
        raise RuntimeError("[bernoulli] Expected p_in >= 0 && p_in <= 1 to be true for every probability; clamp them")
    draw = _uniform64 if p.dtype == np.float64 else _uniform32
    return (draw(generator, p.size).reshape(shape) < p).astype(dtype)


def dropout_mask(generator: Generator, size: Size, dtype: DType, p: float) -> Array:
    """What dropout multiplies its input with: zeros with probability ``p``, else 1 / (1 - p).

    Nothing is drawn where nothing is to be decided, for ``p`` 0 or 1. Raises ValueError for ``p`` outside [0, 1].
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"[dropout] dropout probability has to be between 0 and 1, but got {p}; take one inside")
    if p in (0.0, 1.0):
        return np.full(_shape(size), 1.0 - p, dtype)
    keep = 1.0 - p
    mask = bernoulli(generator, keep, dtype, size)
    scale = np.float64(1.0) / keep if dtype == np.float64 else np.float32(1.0) / np.float32(keep)
    mask *= dtype.type(scale)
    return mask


# ---- integers


def random_(generator: Generator, size: Size, dtype: DType) -> Array:
    """Integers over the whole range of the dtype from zero on; of a floating one, over those it represents exactly."""
    shape = _shape(size)
    count = math.prod(shape)
    if dtype.name in _DIGITS:
        span = 2 ** _DIGITS[dtype.name] + 1
    elif dtype.kind in "biu":
        span = 2 if dtype.kind == "b" else int(np.iinfo(dtype).max) + 1
    else:
        raise _refuse("random_", dtype, "an integer, floating or boolean dtype")
    return _integers(generator, count, 0, span, dtype, wide=dtype.name in ("int64", "float64")).reshape(shape)


def random_from_to(generator: Generator, size: Size, low: int, high: int | None, dtype: DType) -> Array:
    """Integers from ``low`` up to, but not including, ``high``; without ``high``, up to the dtype's largest.

    This is PyTorch's ``randint``, and ``random_`` with bounds. In a floating dtype the bounds are first moved inwards
    to numbers that it represents. Raises RuntimeError for an empty range or bounds that the dtype does not hold.
    """
    if dtype.kind == "c":
        raise RuntimeError("[random_] check_random_bounds handles only integral, floating-point and boolean types")
    for bound in (low, high):
        if bound is not None and not _INT64[0] <= bound <= _INT64[1]:
            raise ValueError(f"[random_] bounds that fit into 64 bits were expected; got {bound}, which would overflow")
    shape = _shape(size)
    count = math.prod(shape)
    if high is None and low == _INT64[0]:
        if count and dtype.name not in ("int64", "float64", "float32", "bfloat16"):
            raise RuntimeError(
                f"[random_] random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16; got "
                f"{dtype.name}; pass bounds that it holds"
            )
        return _rounded(generator.random64(count).view(np.int64), dtype).reshape(shape)
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
    digits = _DIGITS.get(dtype.name)
    if digits is not None:
        below = _as_int(low + 1, dtype)
        if below < low:
            low = below + 2 ** (abs(low + 1).bit_length() - digits)
        if high is not None:
            above = _as_int(high - 1, dtype)
            if above >= high:
                high = above - 2 ** (abs(high - 1).bit_length() - digits)
        last = 2**digits if high is None else high - 1
        smallest, largest = -_largest(dtype), _largest(dtype)
    else:
        smallest, largest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        last = int(largest) if high is None else high - 1
    if low > last:
        raise RuntimeError(
            f"[random_] random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from={low} "
            f"> last={last} for {dtype.name}; take a dtype of more digits"
        )
    for name, bound in (("from", low), ("to - 1", last)):
        if not smallest <= bound <= largest:
            raise RuntimeError(f"[random_] {name} is out of bounds for {dtype.name}: got {bound}; take a wider dtype")
        if digits is not None and abs(bound) > 2**digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]; {dtype.name} does not represent every integer "
                f"of the range",
                UserWarning,
                stacklevel=4,
            )
    return low, last


def _as_int(value: int, dtype: DType) -> int:
    """``value`` rounded to a floating dtype; what the processor makes of an infinity is the least of its integers."""
    rounded = float(_rounded(np.array(value, np.int64), dtype))
    return int(rounded) if math.isfinite(rounded) else _INT64[0]


def _integers(generator: Generator, count: int, low: int, span: int, dtype: DType, wide: bool) -> Array:
    """``low`` plus a word modulo ``span``: of 64 bits if ``wide``, else of 32."""
    result = np.empty(count, dtype)
    divisor: Any = np.uint64(span) if wide else np.uint32(span)
    for part in _chunks(count):
        length = part.stop - part.start
        words: Array = generator.random64(length) if wide else generator.random32(length)
        # numpy divides by one number for all in vector code, but has no such code for the remainder.
        values = (words - words // divisor * divisor).astype(np.int64)
        values += low
        result[part] = _rounded(values, dtype)
    return result


def randperm(generator: Generator, n: int, dtype: DType = np.dtype(np.int64)) -> Array:  # noqa: B008 - a constant
    """The numbers 0 to n - 1 in random order, by Fisher and Yates's shuffle.

    Raises RuntimeError for a negative ``n`` or one with numbers that ``dtype`` does not hold.
    """
    if n < 0:
        raise RuntimeError(f"[randperm] n must be non-negative; got {n}")
    if dtype.kind in "bc":
        raise _refuse("randperm", dtype, "an integer or floating dtype")
    most = 2 ** _DIGITS[dtype.name] + 1 if dtype.name in _DIGITS else int(np.iinfo(dtype).max) + 1
    if n > most:
        raise RuntimeError(f"[randperm] n cannot be greater than {most} for {dtype.name}; got {n}; take a wider dtype")
    order = list(range(n))
    if n < (2**32 - 1) // 20:
        steps = np.arange(n - 1) if n else np.arange(0)
        partners = generator.random32(max(n - 1, 0)) % (n - steps) + steps
        for step, partner in enumerate(partners.tolist()):
            order[step], order[partner] = order[partner], order[step]
    else:
        # A remainder of 32 bits would be noticeably uneven: the inside-out form of the shuffle, with 64.
        for part in _chunks(n):
            partners = generator.random64(part.stop - part.start) % np.arange(part.start + 1, part.stop + 1, dtype="u8")
            for step, partner in enumerate(partners.tolist(), part.start):
                order[step], order[partner] = order[partner], step
    return _rounded(np.fromiter(order, np.int64, n), dtype)


# ---- into an array that exists


def fill(target: Array, sample: Callable[[int], Array]) -> None:
    """Writes ``sample(target.size)`` into ``target`` in PyTorch's order: by memory, the smallest stride innermost."""
    order = sorted(range(target.ndim), key=lambda dim: -target.strides[dim])
    view = target.transpose(order)
    view[...] = sample(target.size).reshape(view.shape)


def normal_fill(generator: Generator, target: Array, mean: float = 0.0, std: float = 1.0) -> None:
    """Writes normal numbers into ``target``; blocks are for contiguous arrays, others get theirs in pairs."""
    if target.flags.c_contiguous:
        target[...] = normal(generator, target.shape, target.dtype, mean, std)
        return
    _require_floating("normal_", target.dtype)
    _check_std(std)
    fill(target, lambda count: _rounded(_normal_pairs(generator, count, mean, std), target.dtype))
