"""What functions composed of others give: tensors of their own, held against PyTorch. A result is a view only where
PyTorch's is, may be written by what requires grad although it was made under no_grad, and shows no argument's
memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.agreement import MODULES

Function = Callable[[Any, Any, Any], Any]


def rows(T: Any) -> Any:
    return T.from_numpy(np.random.RandomState(0).standard_normal((4, 6)).astype("f4"))


def images(T: Any) -> Any:
    return T.from_numpy(np.random.RandomState(0).standard_normal((2, 4, 4, 4)).astype("f4"))


def functional(name: str, *rest: Any, **options: Any) -> Function:
    return lambda T, x, y: getattr(T.nn.functional, name)(y, *rest, **options)


RESULTS: dict[str, Function] = {
    "embedding": lambda T, x, y: T.nn.functional.embedding(T.tensor([0, 1]), x),
    "repeat": lambda T, x, y: x.repeat(2, 1),
    "tile": lambda T, x, y: x.tile(2), "roll": lambda T, x, y: x.roll(1), "roll rows": lambda T, x, y: x.roll(1, 1),
    "rot90": lambda T, x, y: x.rot90(),
    "kron": lambda T, x, y: T.kron(x, x),
    "quantile": lambda T, x, y: x.quantile(0.5, 1),
    "nanquantile": lambda T, x, y: x.nanquantile(T.tensor([0.2, 0.5]), 1), "group_norm": functional("group_norm", 2),
    "LSTM": lambda T, x, y: T.nn.LSTM(6, 3)(x[None])[0],
    "GRU": lambda T, x, y: T.nn.GRU(6, 3, batch_first=True)(x[None])[0],
    "pixel_shuffle": functional("pixel_shuffle", 2),
    "pixel_shuffle by 1": functional("pixel_shuffle", 1), "pixel_unshuffle by 1": functional("pixel_unshuffle", 1),
    "channel_shuffle": functional("channel_shuffle", 2), "channel_shuffle of 1": functional("channel_shuffle", 1),
    "interpolate": functional("interpolate", scale_factor=2),
    "interpolate, same size": functional("interpolate", size=(4, 4)),
    "interpolate by 1": functional("interpolate", scale_factor=1),
    "interpolate bilinear": functional("interpolate", size=(4, 4), mode="bilinear"),
    "adaptive_avg_pool2d": functional("adaptive_avg_pool2d", 3),
    "adaptive_max_pool2d": functional("adaptive_max_pool2d", 3),
    "adaptive_avg_pool2d, same size": functional("adaptive_avg_pool2d", 4),
    "avg_pool2d of 1": functional("avg_pool2d", 1),
    "max_pool2d of 1": functional("max_pool2d", 1), "pad by 0": functional("pad", (0, 0)),
    "reflect by 0": functional("pad", (0, 0, 0, 0), mode="reflect"),
    "fractional_max_pool2d": functional("fractional_max_pool2d", 2, output_size=2),
    "max_unpool2d": lambda T, x, y: T.nn.functional.max_unpool2d(
        *T.nn.functional.max_pool2d(y, 2, return_indices=True), 2),
    "diff of none": lambda T, x, y: x.diff(n=0), "solve": lambda T, x, y: T.linalg.solve(x[:, :4], x[:, 0]),
    "affine_grid": lambda T, x, y: T.nn.functional.affine_grid(T.ones(1, 2, 3), (1, 1, 2, 2), align_corners=False),
    "sum of one": lambda T, x, y: x[:1].sum(0),
    "cat of one": lambda T, x, y: T.cat([x]),
    "flip none": lambda T, x, y: x.flip(()),
    "stack of one": lambda T, x, y: T.stack([x]),
    "repeat once": lambda T, x, y: x.repeat(1, 1),
    "mean of one": lambda T, x, y: x[None].mean(0),
    "unfold": functional("unfold", 1), "conv2d": lambda T, x, y: T.nn.functional.conv2d(y, T.ones(1, 4, 1, 1)),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_tensors_of_their_own(name: str) -> None:
    outcomes = []
    for T in MODULES:
        T.manual_seed(0)
        x, y = rows(T), images(T)
        with T.no_grad():
            result = RESULTS[name](T, x, y)
        trained = T.ones((), requires_grad=True)
        viewed = result._is_view()
        result += trained
        result.sum().backward()
        kept = [bool((a == b).all()) for a, b in zip((x, y), (rows(T), images(T)), strict=True)]
        outcomes.append((viewed, trained.grad.item(), kept))
    assert outcomes[0] == outcomes[1] == (False, outcomes[1][1], [True, True])


def test_a_result_of_a_composite_still_guards_what_backward_reads() -> None:
    x = wengert.ones(2, 3, requires_grad=True)
    y = x.repeat(2, 1)
    z = (y * y).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        z.backward()
