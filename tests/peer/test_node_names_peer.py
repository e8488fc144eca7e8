"""What the node of a result is called, beside PyTorch: people read `grad_fn`, and programs print it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wengert

torch = pytest.importorskip("torch")


def functional(name: str, *arguments: Any, **options: Any) -> Callable[[Any, Any], Any]:
    """A function of ``nn.functional`` on a row, an image or a volume made of x, with the other arguments."""
    rank = options.pop("rank", 2)

    def call(t: Any, x: Any) -> Any:
        return getattr(t.nn.functional, name)(x[(None,) * (rank - 2)] if rank > 2 else x, *arguments, **options)

    return call


def images(*shape: int) -> Callable[[Any, Any], Any]:
    return lambda t, x: x[0, 0] * t.ones(*shape)


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "1 - x": lambda t, x: 1 - x,
    "tensor - x": lambda t, x: t.ones(3, 3) - x,
    "rsub of a number": lambda t, x: t.rsub(x, 1),
    "rsub of a tensor": lambda t, x: t.rsub(x, x),
    "2 ** x": lambda t, x: 2 ** x,
    "x ** 2": lambda t, x: x ** 2,
    "pow of a number": lambda t, x: t.pow(2, x),
    "pow of tensors": lambda t, x: t.pow(x, x),
    "stack": lambda t, x: t.stack([x, x]),
    "split": lambda t, x: x.split(1)[0],
    "split by sizes": lambda t, x: x.split([1, 2])[1],
    "chunk": lambda t, x: x.chunk(3)[0],
    "unbind": lambda t, x: x.unbind(1)[1],
    "iteration": lambda t, x: next(iter(x)),
    "x[0]": lambda t, x: x[0],
    "x[1:]": lambda t, x: x[1:],
    "narrow": lambda t, x: x.narrow(0, 0, 1),
    "diag of a matrix": lambda t, x: x.diag(),
    "diag of a vector": lambda t, x: t.diag(x[0]),
    "trace": lambda t, x: x.trace(),
    "trace, the function": lambda t, x: t.trace(x),
    "roll, flat": lambda t, x: x.roll(1),
    "roll": lambda t, x: x.roll(1, 0),
    "rot90": lambda t, x: t.rot90(x),
    "rot90 twice": lambda t, x: t.rot90(x, 2),
    "cdist": lambda t, x: t.cdist(x, x),
    "take": lambda t, x: x.take(t.tensor([0])),
    "nansum": lambda t, x: x.nansum(),
    "block_diag": lambda t, x: t.block_diag(x, x),
    "clamp": lambda t, x: x.clamp(0, 1),
    "clamp_min": lambda t, x: x.clamp_min(0),
    "clamp_max": lambda t, x: x.clamp_max(0),
    "clamp between tensors": lambda t, x: x.clamp(t.zeros(3), t.ones(3)),
    "clamp_": lambda t, x: (x * 1).clamp_(0, 1),
    "fill_": lambda t, x: (x * 1).fill_(2),
    "zero_": lambda t, x: (x * 1).zero_(),
    "linear, a row": lambda t, x: t.nn.functional.linear(x[0], t.ones(2, 3)),
    "linear, rows": lambda t, x: t.nn.functional.linear(x, t.ones(2, 3)),
    "linear, batches": lambda t, x: t.nn.functional.linear(x[None], t.ones(2, 3)),
    "linear with bias": lambda t, x: t.nn.functional.linear(x, t.ones(2, 3), t.ones(2)),
    "attention": lambda t, x: t.nn.functional.scaled_dot_product_attention(*[x[None, None]] * 3),
    "attention, masked": lambda t, x: t.nn.functional.scaled_dot_product_attention(
        *[x[None, None]] * 3, is_causal=True),
    "attention, three dimensions": lambda t, x: t.nn.functional.scaled_dot_product_attention(*[x[None]] * 3),
    "nearest, 1": functional("interpolate", scale_factor=2, rank=3),
    "nearest, 2": functional("interpolate", scale_factor=2, rank=4),
    "nearest, 3": functional("interpolate", scale_factor=2, rank=5),
    "nearest-exact": functional("interpolate", scale_factor=2, mode="nearest-exact", rank=4),
    "linear": functional("interpolate", scale_factor=2, mode="linear", rank=3),
    "bilinear": functional("interpolate", scale_factor=2, mode="bilinear", rank=4),
    "bicubic": functional("interpolate", scale_factor=2, mode="bicubic", rank=4),
    "trilinear": functional("interpolate", scale_factor=2, mode="trilinear", rank=5),
    "antialias": functional("interpolate", scale_factor=2, mode="bilinear", antialias=True, rank=4),
    "area": functional("interpolate", size=2, mode="area", rank=4),
    "avg_pool2d": functional("avg_pool2d", 2, rank=4),
    "avg_pool3d": functional("avg_pool3d", (1, 2, 2), rank=5),
    "adaptive_avg_pool2d": functional("adaptive_avg_pool2d", 2, rank=4),
    "adaptive_avg_pool2d to one": functional("adaptive_avg_pool2d", 1, rank=4),
    "adaptive_max_pool2d": functional("adaptive_max_pool2d", 2, rank=4),
    "adaptive_max_pool2d, even": functional("adaptive_max_pool2d", 3, rank=4),
    "reflect": functional("pad", (1, 1), mode="reflect", rank=3),
    "replicate": functional("pad", (1, 1, 1, 1), mode="replicate", rank=4),
    "pixel_shuffle": lambda t, x: t.nn.functional.pixel_shuffle(images(1, 4, 2, 2)(t, x), 2),
    "pixel_unshuffle": lambda t, x: t.nn.functional.pixel_unshuffle(images(1, 1, 2, 2)(t, x), 2),
    "channel_shuffle": lambda t, x: t.nn.functional.channel_shuffle(images(1, 4, 2, 2)(t, x), 2),
    "grid_sample": lambda t, x: t.nn.functional.grid_sample(x[None, None], t.zeros(1, 2, 2, 2), align_corners=False),
    "affine_grid": lambda t, x: t.nn.functional.affine_grid(x[None, :2], (1, 1, 2, 2), align_corners=False),
}


@pytest.mark.parametrize("name", CASES)
def test_names(name: str) -> None:
    called = []
    for t in (wengert, torch):
        x = (t.arange(9.0).view(3, 3) / 9 + 0.1).requires_grad_()
        out = CASES[name](t, x)
        called.append(out.grad_fn.name())
        out.sum().backward()
        assert x.grad is not None and out.grad_fn.name() == called[-1]
    assert called[0] == called[1]


def test_where_there_is_nothing_to_do_the_result_is_a_tensor_of_its_own() -> None:
    found = []
    for t in (wengert, torch):
        y = t.ones(1, 1, 2, 2, requires_grad=True).exp()
        results = [t.nn.functional.interpolate(y, size=2),
                   *[t.nn.functional.pad(y, (0, 0, 0, 0), mode=mode) for mode in ("reflect", "replicate", "circular")]]
        assert all(result.data_ptr() != y.data_ptr() for result in results)
        found.append([result.grad_fn.name() for result in results[:3]])
    assert found[0] == found[1]
