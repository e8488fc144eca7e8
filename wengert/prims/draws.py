"""Random numbers: one primitive, `draw`, whose first operand is the generator.

A draw moves the generator on, so a graph keeps every draw, used or not, and in order; see `ir`. On the tape there is
none: what is drawn has no derivative (where a draw moves with a parameter, a primitive of its own says how).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import DType, float64, from_numpy
from ..core.geometry import check_room
from ..core.operands import Array, Dims
from ..core.primitive import Primitive, register
from ..core.spec import Spec, broadcast_shapes
from ..sampling import gammas, integers, reals
from ..sampling.twister import MersenneTwister


class Draw(NamedTuple):
    """``run(generator, *arrays, **params)`` draws an array; ``spec(*specs, **params)`` says which."""

    run: Callable[..., Any]
    spec: Callable[..., Spec]


def _of_size(*_: Any, size: Dims, dtype: DType, **__: Any) -> Spec:
    return Spec(tuple(size), dtype)


def _like_first(first: Spec, *_: Any, **__: Any) -> Spec:
    return first


def _around(mean: Spec | float, std: Spec | float) -> Spec:
    given = [x for x in (mean, std) if isinstance(x, Spec)]
    return Spec(broadcast_shapes(*(x.shape for x in given), op="normal"), given[0].dtype)


def _filled(sample: Callable[..., Any]) -> Draw:
    """Numbers as an in-place method draws them: in the order of the memory of a row-major tensor."""

    def run(generator: MersenneTwister, *, size: Dims, dtype: DType, numbers: tuple[Any, ...] = ()) -> Any:
        target = np.empty(size, dtype.numpy)
        reals.fill(target, lambda count: sample(generator, count, target.dtype, *numbers))
        return target

    return Draw(run, _of_size)


def _plain(sample: Callable[..., Any]) -> Draw:
    def run(generator: MersenneTwister, *, size: Dims, dtype: DType, numbers: tuple[Any, ...] = ()) -> Any:
        check_room("draw", size, dtype.itemsize)  # as the numbers are counted, whatever their shape
        return sample(generator, size, dtype.numpy, *numbers)

    return Draw(run, _of_size)


def _normal_filled(generator: MersenneTwister, *, size: Dims, dtype: DType, numbers: tuple[float, float]) -> Any:
    target = np.empty(size, dtype.numpy)
    reals.normal_fill(generator, target, *numbers)
    return target


def _normal_pairs_filled(generator: MersenneTwister, *, size: Dims, dtype: DType, numbers: tuple[float, float]) -> Any:
    """As a tensor that does not lie in row-major order is filled."""
    target = np.empty((*size, 2), dtype.numpy)[..., 0]
    reals.normal_fill(generator, target, *numbers)
    return target.copy()


def _rrelu_slopes(generator: MersenneTwister, negative: Array, *, dtype: DType, numbers: tuple[float, float]) -> Any:
    """PyTorch draws in double precision, and only for the elements that need a slope."""
    slopes = np.ones_like(negative, np.float64)
    drawn = _filled(reals.uniform).run(generator, size=(int(negative.sum()),), dtype=float64, numbers=numbers)
    slopes[negative] = drawn
    return reals.rounded(slopes, dtype.numpy)


def _bernoulli_filled(generator: MersenneTwister, chance: Array | float, *, size: Dims, dtype: DType) -> Any:
    target = np.empty(size, dtype.numpy)
    reals.bernoulli_fill(generator, target, chance)
    return target


SAMPLERS = {
    "uniform": _plain(reals.uniform),
    "normal": _plain(reals.normal),
    "random_from_to": Draw(
        lambda generator, *, size, dtype, low, high: integers.random_from_to(generator, size, low, high, dtype.numpy),
        _of_size),
    "randperm": Draw(lambda generator, *, n, dtype: integers.randperm(generator, n, dtype.numpy),
                        lambda *, n, dtype: Spec((n,), dtype)),
    "normal_around": Draw(reals.normal_around, _around),
    "bernoulli": Draw(
        lambda generator, chance, *, size, dtype: reals.bernoulli(generator, chance, dtype.numpy, size), _of_size),
    "multinomial": Draw(
        integers.multinomial,
        lambda p, *, num_samples, replacement: Spec((*p.shape[:-1], num_samples), from_numpy(np.dtype(np.int64)))),
    "poisson": Draw(integers.poisson, _like_first),
    "binomial": Draw(integers.binomial, lambda count, prob: Spec(
        broadcast_shapes(count.shape, prob.shape, op="binomial"), count.dtype)),
    "gamma": Draw(gammas.gamma, _like_first),
    "dirichlet": Draw(gammas.dirichlet, _like_first),
    "dropout_mask": Draw(
        lambda generator, *, size, dtype, p: reals.dropout_mask(generator, size, dtype.numpy, p), _of_size),
    "rrelu slopes": Draw(_rrelu_slopes, lambda negative, *, dtype, numbers: Spec(negative.shape, dtype)),
    "fill uniform": _filled(reals.uniform),
    "fill exponential": _filled(reals.exponential),
    "fill cauchy": _filled(reals.cauchy),
    "fill log_normal": _filled(reals.log_normal),
    "fill geometric": _filled(reals.geometric),
    "fill random": _filled(integers.random_),
    "fill random_from_to": Draw(
        lambda generator, *, size, dtype, numbers: _filled(
            lambda g, count, kind, low, high: integers.random_from_to(g, count, low, high, kind)
        ).run(generator, size=size, dtype=dtype, numbers=numbers), _of_size),
    "fill normal": Draw(_normal_filled, _of_size),
    "fill normal pairs": Draw(_normal_pairs_filled, _of_size),
    "fill bernoulli": Draw(_bernoulli_filled, _of_size),
}
"""Every way to draw, by name."""


def _draw(xp: ModuleType, generator: MersenneTwister, *operands: Array, sampler: str, **params: Any) -> Array:
    return SAMPLERS[sampler].run(generator, *operands, **params)


def _spec(generator: MersenneTwister, *operands: Any, sampler: str, **params: Any) -> Spec:
    return SAMPLERS[sampler].spec(*operands, **params)


draw = register(Primitive(
    "draw", "random", _draw, spec=_spec,
    missing={**dict.fromkeys(("vjp", "jvp", "samples"), "what is drawn does not vary with its operands"),
             "batch": "`vmap` says by its `randomness` what is drawn for each example"},
    doc="Operands: the generator, and what the draw depends on. params['sampler'] names one of prims/draws.py.",
))
