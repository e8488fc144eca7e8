"""What may stand in the place of an argument: `odd` yields it with a word for it, as values of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

Odd = Iterator[tuple[str, Any]]
DTYPES = ("float64", "float32", "float16", "bfloat16", "complex64", "int64", "int32", "uint8", "bool")


def odd(value: Any) -> Odd:
    if isinstance(value, torch.Tensor):
        yield from _tensors(value)
    elif isinstance(value, bool):
        yield from _shown(not value, 0, 1, None, "x", 2.5, (value,))
        yield "tensor(True)", torch.tensor(True)
    elif isinstance(value, int):
        yield from _integers(value)
    elif isinstance(value, float):
        yield from _floats(value)
    elif isinstance(value, str):
        yield from _shown("x", "", value.upper(), None, 1, True, b"x", [value])
    elif isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        yield from _rows(list(value))
    elif isinstance(value, torch.dtype):
        yield from ((name, getattr(torch, name)) for name in (*DTYPES, "complex128", "int8"))
        yield from _shown(None, "float32", float, int, 1)
    elif value is None:
        yield from _shown(0, 1, 1.5, "x", (1,), True)
        yield "t(3)", torch.tensor([0.01, 0.86, 0.7])
    else:
        yield from _shown(None, 1, "x", (1,), 1.5)
        yield "t(3)", torch.tensor([0.01, 0.86, 0.7])


def _shown(*values: Any) -> Odd:
    return ((repr(value), value) for value in values)


def _tensors(x: torch.Tensor) -> Odd:
    yield from ((name, x.to(getattr(torch, name))) for name in DTYPES if getattr(torch, name) is not x.dtype)
    yield from _of_other_shapes(x)
    yield from _laid_otherwise(x)
    if x.is_floating_point() or x.dtype == torch.int64:
        yield from (("negated", -x - 1), ("zeros", torch.zeros_like(x)), ("ones", torch.ones_like(x)))
    if x.is_floating_point():
        yield from (("nan", torch.full_like(x, math.nan)), ("huge", x * 1e30), ("tiny", x * 1e-40),
                    ("grad", x.clone().requires_grad_()))
        for number in (math.nan, math.inf, -math.inf) if x.numel() else ():
            one = x.clone(memory_format=torch.contiguous_format)
            one.view(-1)[0] = number
            yield f"one {number}", one
    elif x.dtype == torch.int64:
        yield from (("bigint", x + 1000), ("minus100", torch.full_like(x, -100)))
    yield from _shown(None, 1.5, 2, "x")
    yield "list", x.tolist()
    if x.dtype != torch.bfloat16:
        yield "numpy", x.detach().numpy()


def _of_other_shapes(x: torch.Tensor) -> Odd:
    yield from (("unsqueeze0", x.unsqueeze(0)), ("unsqueeze-1", x.unsqueeze(-1)), ("empty", x.new_empty((0,))))
    yield "0-d", torch.tensor(1).to(x.dtype)
    if x.dim() and x.shape[0]:
        yield "first", x[0].clone()
    if x.dim() > 1:
        yield "flat", x.reshape(-1).clone()
    for d, size in enumerate(x.shape):
        yield f"size0@{d}", x.narrow(d, 0, 0).clone()
        if size > 1:
            yield f"size1@{d}", x.narrow(d, 0, 1).clone()
        if size:
            yield f"more@{d}", torch.cat([x, x.narrow(d, 0, 1)], d)


def _laid_otherwise(x: torch.Tensor) -> Odd:
    back = tuple(range(x.dim()))[::-1]
    if x.dim() > 1:
        yield "noncontig", x.permute(back).clone(memory_format=torch.contiguous_format).permute(back)
    if x.dim() and x.numel():
        yield "stepped", torch.stack([x, x], -1).reshape(*x.shape[:-1], -1)[..., ::2]
    if x.dim() and x.shape[0]:
        yield "expanded", x.narrow(0, 0, 1).clone().expand(x.shape)


def _integers(n: int) -> Odd:
    yield from _shown(-1, -2, 0, 1, n + 1, n + 5, float(n), n + 0.5, True, False, None, "x", str(n), (n,), [n], (n, n),
                      (n, n, n), (n, n, n, n), (), 2**63, 1j, math.nan)
    yield from (("tensor(float)", torch.tensor(float(n))), ("torch.float64", torch.float64))
    if n.bit_length() < 64:
        yield from (("tensor(int)", torch.tensor(n)), ("tensor([int])", torch.tensor([n])), ("np.int64", np.int64(n)))


def _floats(v: float) -> Odd:
    yield from _shown(-1.0, 0.0, -v, 2 * v + 1, 1, 0, -1, 2, 1e30, 1e-45, math.inf, -math.inf, math.nan, True, None,
                      "x", (v,), [v], 1j, (v, v))
    yield from (("tensor(v)", torch.tensor(v)), ("tensor([v])", torch.tensor([v])), ("tensor(int)", torch.tensor(1)),
                ("tensor grad", torch.tensor(v, requires_grad=True)), ("np.float64", np.float64(v)),
                ("np.float32", np.float32(v)))


def _rows(v: list[Any]) -> Odd:
    yield from (("()", ()), ("list", list(v)), ("[:-1]", tuple(v[:-1])), ("+last", tuple(v + v[-1:])),
                ("*2", tuple(v * 2)), ("reversed", tuple(v[::-1])))
    if v and all(isinstance(x, int) for x in v):
        yield from (("one", v[0]), ("tensor", torch.tensor(v)), ("np", np.array(v)))
        if min(v) >= 0:
            yield "size", torch.Size(v)
        yield from ((f"[0]={o!r}", (o, *v[1:])) for o in (-1, 0, 1.5, "x", None, 2.0, True, 1000, 2**63))
        yield from ((f"[-1]={o!r}", (*v[:-1], o)) for o in (-1, 0))
    else:
        for i, part in enumerate(v):
            yield from ((f"[{i}]={what}", (*v[:i], o, *v[i + 1:])) for what, o in odd(part))
    yield from _shown(None, "x", 1.5, -1)
