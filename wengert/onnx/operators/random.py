"""Random numbers, drawn by wengert's generator; a ``seed`` gives the same numbers each time."""

from __future__ import annotations

from typing import Any

import wengert as torch

from ..writer import dtype_of
from .table import operator


def _generator(call: Any) -> Any:
    seed = call.get("seed")
    return None if seed is None else torch.Generator().manual_seed(int(seed))


def _dtype(call: Any, like: Any = None) -> Any:
    given = call.get("dtype")
    return dtype_of(given) if given else torch.float32 if like is None else like.dtype


@operator("RandomNormal")
def _random_normal(call: Any) -> Any:
    drawn = torch.randn(call.get("shape"), dtype=_dtype(call), generator=_generator(call))
    return drawn * call.get("scale", 1.0) + call.get("mean", 0.0)


@operator("RandomNormalLike")
def _random_normal_like(call: Any, x: Any) -> Any:
    drawn = torch.randn(x.shape, dtype=_dtype(call, x), generator=_generator(call))
    return drawn * call.get("scale", 1.0) + call.get("mean", 0.0)


def _uniform(call: Any, shape: Any, dtype: Any) -> Any:
    low, high = call.get("low", 0.0), call.get("high", 1.0)
    return torch.rand(shape, dtype=dtype, generator=_generator(call)) * (high - low) + low


@operator("RandomUniform")
def _random_uniform(call: Any) -> Any:
    return _uniform(call, call.get("shape"), _dtype(call))


@operator("RandomUniformLike")
def _random_uniform_like(call: Any, x: Any) -> Any:
    return _uniform(call, x.shape, _dtype(call, x))


@operator("Bernoulli")
def _bernoulli(call: Any, x: Any) -> Any:
    return torch.bernoulli(x, generator=_generator(call)).to(_dtype(call, x))


@operator("Multinomial")
def _multinomial(call: Any, x: Any) -> Any:
    found = torch.multinomial(torch.softmax(x, -1), call.get("sample_size", 1), True, generator=_generator(call))
    return found.to(dtype_of(call.get("dtype", 6)))
