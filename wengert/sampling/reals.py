"""Random arrays from a `MersenneTwister`: the distributions, with PyTorch's use of the stream and its arithmetic.

Every function returns a new C-contiguous array and leaves the generator where PyTorch's would be. ``size`` is a length
or a shape, ``dtype`` a numpy dtype: float16 and bfloat16 are made in float32 and rounded, complex numbers as pairs of
real ones. `fill`, `normal_fill` and `bernoulli_fill` write into an array that exists, in the order in which PyTorch
visits it. Wrong parameters raise before the generator moves. Whole numbers are in `integers`.

This module knows arrays only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .box_muller import box_muller, cosine_sine, fused_multiply_add, libm
from .twister import MersenneTwister

__all__ = [
    "bernoulli", "bernoulli_fill", "cauchy", "dropout_mask", "exponential", "fill", "geometric", "log_normal", "normal",
    "normal_around", "normal_fill", "uniform",
]

Array = np.ndarray[Any, np.dtype[Any]]
DType = np.dtype[Any]
Size = int | Sequence[int]

_CHUNK = 1 << 16  # elements made at a time, so that the words they are made of stay in the cache
_FEW = 4  # numbers that are sooner made as Python numbers than as an array
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_DIGITS: dict[DType, int] = {np.dtype(np.float16): 11, _FLOAT32: 24, _FLOAT64: 53}  # bits of the significand


def significand_bits(dtype: DType) -> int | None:
    """The bits of a floating dtype's significand, None for any other dtype."""
    digits = _DIGITS.get(dtype)
    # Asking numpy for a name takes longer than drawing a number.
    if digits is None and dtype.char in "E" and dtype.name == "bfloat16":
        digits = _DIGITS[dtype] = 8
    return digits


def shape_of(size: Size) -> tuple[int, ...]:
    """The shape that a length or a shape stands for."""
    return (int(size),) if isinstance(size, (int, np.integer)) else tuple(size)


def chunks(count: int) -> Iterable[slice]:
    """Slices of at most `_CHUNK` elements that cover ``count``."""
    if count <= _CHUNK:
        return (slice(0, count),)
    return [slice(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]


def refusal(operation: str, dtype: DType, expected: str) -> NotImplementedError:
    """The error for a dtype that a distribution does not have."""
    return NotImplementedError(
        f"[{operation}] {expected} was expected; this is not implemented for dtype {dtype.name}; convert the result "
        f"with .to(...) instead"
    )


def _require_floating(operation: str, dtype: DType) -> None:
    if significand_bits(dtype) is None:
        raise refusal(operation, dtype, "a floating dtype")


def rounded(values: Array, dtype: DType) -> Array:
    """``values`` as ``dtype``; PyTorch reaches the 16-bit floating types from float32, which can round twice."""
    if values.dtype == dtype:
        return values
    with np.errstate(over="ignore"):
        if dtype.itemsize == 2 and significand_bits(dtype) is not None:
            values = values.astype(np.float32)
        return values.astype(dtype)


# ---- uniform numbers


def _uniform32(generator: MersenneTwister, count: int, low: float = 0.0, high: float = 1.0) -> Array:
    """float32 numbers of [low, high): the lower 24 bits of a word each."""
    standard = low == 0.0 and high == 1.0
    if standard and count <= _FEW:
        return np.array([(word & 0xFFFFFF) * 2.0**-24 for word in generator.random32(count).tolist()], _FLOAT32)
    if standard and count <= _CHUNK:
        values = (generator.random32(count) & 0xFFFFFF).astype(_FLOAT32)
        values *= 2.0**-24
        return values
    values = np.empty(count, _FLOAT32)
    for part in chunks(count):
        values[part] = generator.random32(part.stop - part.start) & 0xFFFFFF
        values[part] *= 2.0**-24
        if not standard:
            values[part] = fused_multiply_add(values[part], float(np.float32(high) - np.float32(low)), low)
    return values


def _uniform64(generator: MersenneTwister, count: int, low: float = 0.0, high: float = 1.0) -> Array:
    """float64 numbers of [low, high): the lower 53 bits of two words each."""
    values = np.empty(count, _FLOAT64)
    for part in chunks(count):
        words = generator.random32(2 * (part.stop - part.start))
        values[part] = words[0::2] & 0x1FFFFF
        values[part] *= 2.0**-21
        values[part] += words[1::2] * 2.0**-53
        if low != 0.0 or high != 1.0:
            values[part] = fused_multiply_add(values[part], high - low, low)
    return values


def uniform(generator: MersenneTwister, size: Size, dtype: DType, low: float = 0.0, high: float = 1.0) -> Array:
    """Numbers spread evenly over [low, high).

    Raises RuntimeError for bounds in the wrong order or beyond the dtype, NotImplementedError for an integer dtype.
    """
    if dtype is _FLOAT32 and low == 0.0 and high == 1.0:
        shape = shape_of(size)
        return _uniform32(generator, math.prod(shape)).reshape(shape)
    if dtype.kind in "cW":
        return uniform(generator, (*shape_of(size), 2), _parts(dtype), low, high).view(dtype)[..., 0]
    _require_floating("uniform_", dtype)
    standard = low == 0.0 and high == 1.0
    if not standard:
        _check_uniform_bounds(dtype, low, high)
    shape = shape_of(size)
    draw = _uniform64 if dtype is _FLOAT64 else _uniform32
    result = rounded(draw(generator, math.prod(shape), low, high), dtype)
    if dtype.itemsize == 2 or not standard:
        # Rounding can reach the upper bound, which is excluded.
        result[result == dtype.type(high)] = dtype.type(low)
    return result.reshape(shape)


def _parts(dtype: DType) -> DType:
    """The dtype of a complex number's parts."""
    return np.dtype(f"f{dtype.itemsize // 2}")


def _check_uniform_bounds(dtype: DType, low: float, high: float) -> None:
    largest = largest_of(dtype)
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


def largest_of(dtype: DType) -> float:
    """The largest finite number of a floating dtype."""
    return 2.0**128 - 2.0**120 if dtype.name == "bfloat16" else float(np.finfo(dtype).max)


# ---- normal numbers


def normal(generator: MersenneTwister, size: Size, dtype: DType, mean: float = 0.0, std: float = 1.0) -> Array:
    """Normally distributed numbers.

    From sixteen numbers on they are made in blocks by `box_muller`; fewer are made in pairs in float64, and the second
    of a pair that is not needed serves the next such call. A complex number's parts have ``std`` / sqrt(2) each.
    Raises RuntimeError for a negative ``std``, NotImplementedError for an integer dtype.
    """
    if dtype.kind in "cW":
        _check_std(std)
        return normal(generator, (*shape_of(size), 2), _parts(dtype), mean, std / math.sqrt(2)).view(dtype)[..., 0]
    _require_floating("normal_", dtype)
    _check_std(std)
    shape = shape_of(size)
    count = math.prod(shape)
    if count < 16:
        return rounded(_normal_pairs(generator, count, mean, std), dtype).reshape(shape)
    return _normal_blocks(generator, count, dtype, mean, std).reshape(shape)


def _check_std(std: float) -> None:
    if not std >= 0.0:
        raise RuntimeError(f"[normal] normal expects std >= 0.0, but found std {std}; take its absolute value")


def _normal_blocks(generator: MersenneTwister, count: int, dtype: DType, mean: float, std: float) -> Array:
    draw = _uniform64 if dtype is _FLOAT64 else _uniform32
    tail = count % 16
    if not tail:
        values = draw(generator, count)
        box_muller(values, mean, std)
        return rounded(values, dtype)
    # The last sixteen are made anew from sixteen more draws. Those for what is beyond the last whole block are made
    # and not used, except for the 16-bit types.
    whole = count - tail
    drawn = whole if dtype.itemsize == 2 else count
    values = draw(generator, drawn + 16)
    values[whole : whole + 16] = values[drawn:].copy()
    values = values[: whole + 16]
    box_muller(values, mean, std)
    result = np.empty(count, dtype)
    result[:whole] = values[:whole]
    result[-16:] = values[whole:]
    return result


def _normal_pairs(generator: MersenneTwister, count: int, mean: float, std: float) -> Array:
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
        cosines, sines = cosine_sine((2.0 * math.pi) * uniforms[0::2])
        sines *= radius
        values[start::2] = radius * cosines
        values[start + 1 :: 2] = sines[: (count - start) // 2]
        if (count - start) % 2:
            generator.next_normal = float(sines[-1])
    return fused_multiply_add(values, std, mean)


def normal_around(generator: MersenneTwister, mean: Array | float, std: Array | float) -> Array:
    """Normal numbers with a mean and a standard deviation for each, broadcast; one of the two must be an array.

    The dtype is the mean's where that is an array, else the std's. Raises as `normal` does.
    """
    dtype = mean.dtype if isinstance(mean, np.ndarray) else np.asarray(std).dtype
    if not isinstance(std, np.ndarray):
        return rounded(normal(generator, np.shape(mean), dtype, 0.0, std) + mean, dtype)
    if std.dtype.kind in "cW":
        raise RuntimeError("[normal] normal expects standard deviation to be non-complex; take its absolute value")
    if std.size and not np.min(std) >= 0:
        raise RuntimeError("[normal] normal expects all elements of std >= 0.0; take their absolute values")
    values = normal(generator, np.broadcast_shapes(np.shape(mean), std.shape), dtype)
    values = rounded(values * std, dtype)
    return rounded(values + (mean if isinstance(mean, np.ndarray) else dtype.type(mean)), dtype)


def log_normal(generator: MersenneTwister, size: Size, dtype: DType, mean: float = 1.0, std: float = 2.0) -> Array:
    """The exponentials of normal numbers; raises RuntimeError unless ``std`` is positive."""
    if not std > 0.0:
        raise RuntimeError(f"[log_normal_] log_normal_ expects std > 0.0, but found std={std}; take a positive one")
    _require_floating("log_normal_", dtype)
    shape = shape_of(size)
    exponents = _normal_pairs(generator, math.prod(shape), mean, std)
    with np.errstate(over="ignore"):
        values = np.exp(exponents)
        if dtype == np.float64:
            exact = exponents < 709.0  # beyond, the C library's exp overflows, which Python turns into an error
            values[exact] = libm(math.exp, exponents[exact])
        return rounded(values, dtype).reshape(shape)


# ---- numbers that are transformed uniform ones


def _apply(function: str, x: Array, dtype: DType) -> Array:
    """A function of ``math`` and numpy: the C library's bits where the result stays float64, else numpy's speed."""
    result: Array = libm(getattr(math, function), x) if dtype == np.float64 else getattr(np, function)(x)
    return result


def exponential(generator: MersenneTwister, size: Size, dtype: DType, rate: float = 1.0) -> Array:
    """Exponentially distributed numbers; raises RuntimeError for an integer dtype or unless ``rate`` is positive."""
    if not rate > 0.0:
        raise RuntimeError(
            f"[exponential_] exponential_ expects lambda > 0.0, but found lambda={rate}; take a positive one"
        )
    if significand_bits(dtype) is None:
        raise RuntimeError(
            f"[exponential_] Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtype.name}; convert the result with .to(...) instead"
        )
    shape = shape_of(size)
    logarithms = _apply("log1p", -_uniform64(generator, math.prod(shape)), dtype)
    return rounded(-1.0 / rate * logarithms, dtype).reshape(shape)


def cauchy(generator: MersenneTwister, size: Size, dtype: DType, median: float = 0.0, sigma: float = 1.0) -> Array:
    """Cauchy-distributed numbers; raises RuntimeError for an integer dtype or unless ``sigma`` is positive."""
    if not sigma > 0.0:
        raise RuntimeError(f"[cauchy_] cauchy_ expects sigma > 0.0, but found sigma={sigma}; take a positive one")
    if significand_bits(dtype) is None:
        raise RuntimeError(
            f"[cauchy_] Cauchy distribution is a continuous probability distribution. dtype must be a floating point "
            f"but you specified {dtype.name}; convert the result with .to(...) instead"
        )
    shape = shape_of(size)
    tangents = _apply("tan", math.pi * (_uniform64(generator, math.prod(shape)) - 0.5), dtype)
    return rounded(fused_multiply_add(tangents, sigma, median), dtype).reshape(shape)


def geometric(generator: MersenneTwister, size: Size, dtype: DType, p: float) -> Array:
    """The number of trials up to the first success of probability ``p``; RuntimeError unless ``p`` is in (0, 1)."""
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"[geometric_] geometric_ expects p to be in (0, 1), but got p={p}; take one inside")
    if dtype.kind in "bc":
        raise refusal("geometric_", dtype, "an integer or floating dtype")
    shape = shape_of(size)
    # Zero is drawn once in 2**53 times; its logarithm is an error in Python.
    uniforms = np.maximum(_uniform64(generator, math.prod(shape)), 2.0**-1074)
    # Not numpy's logarithm, even for float32: the last bit can decide to which side of an integer a quotient falls.
    values = np.ceil(libm(math.log, uniforms) / math.log1p(-p))
    return rounded(values, dtype).reshape(shape)


def bernoulli(generator: MersenneTwister, p: Array | float, dtype: DType, size: Size | None = None) -> Array:
    """Ones with probability ``p`` and zeros.

    ``p`` is an array with a probability for each number (broadcast to ``size``, where that is given), compared with a
    float32 draw, or a float64 one if ``p`` is float64; or it is a number, compared with float64 draws, and ``size``
    must be given. Raises RuntimeError where a probability is outside [0, 1].
    """
    if dtype.kind in "cW" or dtype.char == "V":
        raise refusal("bernoulli_", dtype, "a real dtype that is computed with")
    if not isinstance(p, np.ndarray):
        if not 0.0 <= p <= 1.0:
            raise RuntimeError(f"[bernoulli_] bernoulli_ expects p to be in [0, 1], but got p={p}; clamp it")
        if size is None:
            raise TypeError("[bernoulli_] a size was expected beside a probability that is a number; pass size=...")
        shape = shape_of(size)
        return (_uniform64(generator, math.prod(shape)) < p).astype(dtype).reshape(shape)
    if significand_bits(p.dtype) is None:
        raise refusal("bernoulli", p.dtype, "a floating dtype of the probabilities")
    shape = p.shape if size is None else shape_of(size)
    p = np.broadcast_to(p if p.dtype == np.float64 else p.astype(np.float32), shape)
    if not np.all((p >= 0) & (p <= 1)):
        raise RuntimeError("[bernoulli] Expected p_in >= 0 && p_in <= 1 to be true for every probability; clamp them")
    draw = _uniform64 if p.dtype == np.float64 else _uniform32
    return (draw(generator, p.size).reshape(shape) < p).astype(dtype)


def dropout_mask(generator: MersenneTwister, size: Size, dtype: DType, p: float) -> Array:
    """What dropout multiplies its input with: zeros with probability ``p``, else 1 / (1 - p).

    Nothing is drawn where nothing is to be decided, for ``p`` 0 or 1. Raises ValueError for ``p`` outside [0, 1].
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"[dropout] dropout probability has to be between 0 and 1, but got {p}; take one inside")
    if p in (0.0, 1.0):
        return np.full(shape_of(size), 1.0 - p, dtype)
    keep = 1.0 - p
    mask = bernoulli(generator, keep, dtype, size)
    scale = np.float64(1.0) / keep if dtype == np.float64 else np.float32(1.0) / np.float32(keep)
    mask *= dtype.type(scale)
    return mask


# ---- into an array that exists


def _by_memory(target: Array) -> tuple[int, ...]:
    """The dimensions in PyTorch's order of visiting: the smallest stride innermost."""
    return tuple(sorted(range(target.ndim), key=lambda dim: -target.strides[dim]))


def fill(target: Array, sample: Callable[[int], Array]) -> None:
    """Writes ``sample(target.size)`` into ``target``, in PyTorch's order."""
    view = target.transpose(_by_memory(target))
    view[...] = sample(target.size).reshape(view.shape)


def bernoulli_fill(generator: MersenneTwister, target: Array, p: Array | float) -> None:
    """Writes ones with probability ``p`` (a number, or an array to broadcast) and zeros into ``target``."""
    order = _by_memory(target)
    view = target.transpose(order)
    if isinstance(p, np.ndarray):
        p = np.broadcast_to(p, target.shape).transpose(order)
    view[...] = bernoulli(generator, p, target.dtype, view.shape)


def normal_fill(generator: MersenneTwister, target: Array, mean: float = 0.0, std: float = 1.0) -> None:
    """Writes normal numbers into ``target``; blocks are for contiguous arrays, others get theirs in pairs."""
    if target.flags.c_contiguous:
        target[...] = normal(generator, target.shape, target.dtype, mean, std)
        return
    _check_std(std)
    dtype, parts = target.dtype, 1
    if dtype.kind in "cW":
        dtype, parts, std = _parts(dtype), 2, std / math.sqrt(2)
    _require_floating("normal_", dtype)
    draw = partial(_normal_pairs, generator, mean=mean, std=std)
    fill(target, lambda count: rounded(draw(parts * count), dtype).view(target.dtype))
