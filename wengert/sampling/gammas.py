"""Gamma- and Dirichlet-distributed numbers, one after another, with PyTorch's use of the stream.

The conventions are those of `reals`. The method is a rejection, as those of `integers` are: how many draws a number
takes is known only when it is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .reals import Array
from .twister import MersenneTwister

__all__ = ["dirichlet", "gamma"]

# PyTorch has these two constants in single precision.
_THIRD, _SQUEEZE = float(np.float32(1.0) / np.float32(3.0)), float(np.float32(0.0331))


def gamma(generator: MersenneTwister, shape_parameter: Array) -> Array:
    """Numbers of the gamma distributions of the given shapes and rate 1, in their dtype, at least its tiniest.

    Raises NotImplementedError for a dtype that is neither float32 nor float64.
    """
    dtype = _real("_standard_gamma", shape_parameter)
    values = _gammas(generator, shape_parameter).astype(dtype)
    return np.maximum(values, np.finfo(dtype).tiny)


def dirichlet(generator: MersenneTwister, concentration: Array) -> Array:
    """Points of the simplex with the concentrations (..., K): gamma numbers divided by their sum, inside (0, 1).

    Raises NotImplementedError for a dtype that is neither float32 nor float64.
    """
    dtype = _real("_sample_dirichlet", concentration)
    values = _gammas(generator, concentration.astype(np.float64))
    with np.errstate(invalid="ignore"):
        values /= values.sum(-1, keepdims=True)
    below_one = 1.0 - (2.0**-53 if dtype == np.float64 else 2.0**-24)
    return np.clip(values, float(np.finfo(dtype).tiny), below_one).astype(dtype)


def _real(name: str, values: Array) -> np.dtype[Any]:
    if values.dtype not in (np.float32, np.float64):
        raise NotImplementedError(f"[{name}] float32 or float64 was expected; got {values.dtype.name}; call .float()")
    return values.dtype


def _gammas(generator: MersenneTwister, shape_parameter: Array) -> Array:
    """float64 gamma numbers. What depends on the shape alone is computed in the shape's precision, as in PyTorch."""
    alpha = shape_parameter.ravel()
    small = alpha < 1
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where(small, 1 / alpha, 0)
    d = np.where(small, alpha + 1, alpha) - alpha.dtype.type(_THIRD)
    normal = _normals(generator)
    drawn = [_one(generator.random_double, normal, *each) for each in
             zip(alpha.tolist(), power.tolist(), d.tolist(), strict=True)]
    return np.array(drawn, np.float64).reshape(shape_parameter.shape)


def _normals(generator: MersenneTwister) -> Callable[[], float]:
    """A source of single normal numbers, made in pairs; the second of a pair waits in the generator."""

    def draw() -> float:
        waiting = generator.next_normal
        if waiting is not None:
            generator.next_normal = None
            return waiting
        angle = 2.0 * math.pi * generator.random_double()
        radius = math.sqrt(-2.0 * math.log1p(-generator.random_double()))
        generator.next_normal = radius * math.sin(angle)
        return radius * math.cos(angle)

    return draw


def _one(
    uniform: Callable[[], float], normal: Callable[[], float], alpha: float, power: float, d: float
) -> float:
    """Marsaglia & Tsang, *A simple method for generating gamma variables* (2000), with d = alpha − 1/3; for a shape
    below 1 by their section 6: a number of shape alpha + 1, times a uniform one to the ``power`` 1 / alpha."""
    if not alpha > 0.0:
        return 0.0 if alpha == 0.0 else math.nan
    scale = (1.0 - uniform()) ** power if alpha < 1.0 else 1.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal()
        y = 1.0 + c * x
        if y <= 0.0:
            continue
        v = y * y * y
        u = 1.0 - uniform()
        square = x * x
        if u < 1.0 - _SQUEEZE * square * square or math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v
