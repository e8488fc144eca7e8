"""Draws of random numbers: nodes that draw from the same distribution. Which numbers come is up to the runtime.

The one idea to know: everything is made of even and of normal numbers, which ONNX draws, as the samplers of
`wengert.prims.draws` are defined by them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...core.dtypes import DType, float32, float64, int64
from ..sizes import Extent
from ..writer import ELEMENTS, NoFormError, Symbol, Writer
from .table import absent, rule

SAMPLERS: dict[str, Callable[..., Symbol]] = {}


def sampler(*names: str) -> Callable[[Callable[..., Symbol]], Callable[..., Symbol]]:
    """Enters a function as what writes these samplers."""

    def enter(function: Callable[..., Symbol]) -> Callable[..., Symbol]:
        SAMPLERS.update(dict.fromkeys(names, function))
        return function

    return enter


@rule("draw")
def _draw(w: Writer, outs: Any, *operands: Any, sampler: str, **params: Any) -> Any:
    write = SAMPLERS.get(sampler)
    if write is None:
        raise NoFormError(f"ONNX has nothing that draws the numbers of {sampler.removeprefix('fill ')!r}")
    return write(w, *operands, **params)


# --- even and normal numbers ------------------------------------------------------------------------------------------


def _drawn(w: Writer, kind: str, size: Any, dtype: DType, **attributes: Any) -> Symbol:
    """Numbers that a node of ONNX's draws; where sizes vary, in the shape of an array that is made for it."""
    dtype = dtype if dtype in (float32, float64) else float32
    element = ELEMENTS[dtype.name]
    if any(isinstance(n, Extent) for n in size):
        found: Symbol = w.op(kind + "Like", w.filled(0.0, size, dtype), dtype=dtype, **attributes)
    else:
        # A shape of no dimensions is an attribute that is not there.
        shape = [int(n) for n in size] or [1]
        node = w.helper.make_node(kind, [], [w.free(kind.lower())], shape=shape, **attributes)
        node.attribute.append(w.helper.make_attribute("dtype", element))
        w.nodes.append(node)
        found = Symbol(w, node.output[0], dtype)
        found = w.op("Squeeze", found, w.ints([0])) if not size else found
    found.shape = tuple(size)
    return found


@sampler("uniform", "fill uniform")
def _uniform(w: Writer, *, size: Any, dtype: DType, numbers: Any = ()) -> Symbol:
    low, high = numbers or (0.0, 1.0)
    return _drawn(w, "RandomUniform", size, dtype, low=float(low), high=float(high))


@sampler("normal", "fill normal", "fill normal pairs")
def _normal(w: Writer, *, size: Any, dtype: DType, numbers: Any = ()) -> Symbol:
    mean, std = numbers or (0.0, 1.0)
    return _drawn(w, "RandomNormal", size, dtype, mean=float(mean), scale=float(std))


@sampler("normal_around")
def _normal_around(w: Writer, mean: Any, std: Any) -> Symbol:
    shaped: Any = mean + 0.0 * std
    like = shaped if shaped.dtype is float64 else w.cast(shaped, float32)
    found: Symbol = w.op("RandomNormalLike", like) * std + mean
    return found


# --- made of these ----------------------------------------------------------------------------------------------------


def _happens(w: Writer, chance: Any, size: Any) -> Symbol:
    """True with a probability, a number or an array that is broadcast."""
    wide = isinstance(chance, Symbol) and chance.dtype is float64
    return _drawn(w, "RandomUniform", size, float64 if wide else float32, low=0.0, high=1.0) < chance


@sampler("bernoulli", "fill bernoulli")
def _bernoulli(w: Writer, chance: Any, *, size: Any, dtype: DType) -> Symbol:
    if isinstance(chance, Symbol) and chance.dtype not in (float32, float64):
        chance = w.cast(chance, float32)
    return w.cast(_happens(w, chance, size), dtype)


@sampler("dropout_mask")
def _dropout_mask(w: Writer, *, size: Any, dtype: DType, p: float) -> Symbol:
    if p in (0.0, 1.0):
        return w.filled(1.0 - p, size, dtype)
    return w.cast(_happens(w, 1.0 - p, size), float32) * (1.0 / (1.0 - p))


@sampler("rrelu slopes")
def _rrelu_slopes(w: Writer, negative: Symbol, *, dtype: DType, numbers: Any) -> Symbol:
    return w.where(negative, _uniform(w, size=negative.shape, dtype=dtype, numbers=numbers), 1.0)


@sampler("random_from_to")
def _integers(w: Writer, *, size: Any, dtype: DType, low: int, high: int) -> Symbol:
    found = w.op("Floor", _drawn(w, "RandomUniform", size, float64, low=float(low), high=float(high)))
    # An even number may be rounded up to the end that is excluded.
    return w.cast(w.both("Min", found, float(high - 1)), dtype)


@sampler("fill random_from_to")
def _filled_integers(w: Writer, *, size: Any, dtype: DType, numbers: Any) -> Symbol:
    return _integers(w, size=size, dtype=dtype, low=numbers[0], high=numbers[1])


@sampler("randperm")
def _randperm(w: Writer, *, n: Any, dtype: DType) -> Symbol:
    even = _drawn(w, "RandomUniform", (n,), float64, low=0.0, high=1.0)
    return w.cast(_largest(w, even, n, 0), dtype)


def _largest(w: Writer, x: Symbol, count: Any, axis: int) -> Symbol:
    """The places of the largest numbers."""
    places = w.op("TopK", x, w.ints([count]), outputs=2, axis=axis)[1]
    return Symbol(w, places.name, int64)


@sampler("multinomial")
def _multinomial(w: Writer, p: Symbol, *, num_samples: Any, replacement: bool) -> Symbol:
    assert p.shape is not None, p
    logs = w.op("Log", p if p.dtype in (float32, float64) else w.cast(p, float32))
    logs.shape = p.shape
    if not replacement or isinstance(num_samples, Extent):
        # The largest of log p and Gumbel's numbers, -log(-log u), are a draw without replacement (Vieira, 2014).
        if replacement:
            raise NoFormError("a number of draws that varies")
        even = _drawn(w, "RandomUniform", p.shape, logs.dtype, low=2.0**-24, high=1.0)
        noise = -w.op("Log", -w.op("Log", even))
        return _largest(w, logs + noise, num_samples, len(p.shape) - 1)
    logs = w.cast(logs, float32)
    rows = logs if len(p.shape) == 2 else w.op("Unsqueeze", logs, w.ints([0]))
    found: Symbol = w.op("Multinomial", rows, dtype=int64, sample_size=int(num_samples))
    node = w.nodes[-1]
    node.attribute.append(w.helper.make_attribute("dtype", ELEMENTS["int64"]))
    return found if len(p.shape) == 2 else w.op("Squeeze", found, w.ints([0]))


def _open(w: Writer, size: Any, dtype: DType) -> Symbol:
    """Even numbers above zero, whose logarithm is finite."""
    return 1.0 - _drawn(w, "RandomUniform", size, dtype, low=0.0, high=1.0 - 2.0**-24)


@sampler("fill exponential")
def _exponential(w: Writer, *, size: Any, dtype: DType, numbers: Any = ()) -> Symbol:
    return w.op("Log", _open(w, size, dtype)) * (-1.0 / (numbers[0] if numbers else 1.0))


@sampler("fill cauchy")
def _cauchy(w: Writer, *, size: Any, dtype: DType, numbers: Any = ()) -> Symbol:
    median, sigma = numbers or (0.0, 1.0)
    turned = (_drawn(w, "RandomUniform", size, float64, low=0.0, high=1.0) - 0.5) * math.pi
    return w.cast(w.op("Tan", w.cast(turned, float32)) * float(sigma) + float(median), dtype)


@sampler("fill log_normal")
def _log_normal(w: Writer, *, size: Any, dtype: DType, numbers: Any = ()) -> Symbol:
    return w.op("Exp", _normal(w, size=size, dtype=dtype, numbers=numbers or (1.0, 2.0)))


@sampler("fill geometric")
def _geometric(w: Writer, *, size: Any, dtype: DType, numbers: Any) -> Symbol:
    trials = w.op("Ceil", w.op("Log", _open(w, size, float32)) * (1.0 / math.log1p(-numbers[0])))
    return w.cast(w.both("Max", trials, 1.0), dtype)


absent("it is the derivative of a draw that ONNX does not have",
       "dirichlet_grad sample_dirichlet standard_gamma standard_gamma_grad")
