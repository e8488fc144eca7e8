"""Functions of layers at the top level, ``torch.conv2d`` and its like, against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from wengert.nn.functional import legacy, native

torch = pytest.importorskip("torch")

CALLS: dict[str, Any] = {
    "adaptive_avg_pool1d": lambda t, x: t.adaptive_avg_pool1d(x(2, 3, 8), 4),
    "adaptive_max_pool1d": lambda t, x: t.adaptive_max_pool1d(x(2, 3, 8), 4)[0],
    "alpha_dropout": lambda t, x: t.alpha_dropout(x(3, 4), 0.5, False),
    "avg_pool1d": lambda t, x: t.avg_pool1d(x(2, 3, 8), 2),
    "batch_norm": lambda t, x: t.batch_norm(x(4, 3), x(3), x(3, seed=1), None, None, True, 0.1, 1e-5, False),
    "bilinear": lambda t, x: t.bilinear(x(4, 3), x(4, 2), x(5, 3, 2), x(5)),
    "celu_": lambda t, x: t.celu_(x(4) * 1.0, 0.5),
    "channel_shuffle": lambda t, x: t.channel_shuffle(x(1, 4, 2, 2), 2),
    "constant_pad_nd": lambda t, x: t.constant_pad_nd(x(2, 3), (1, 2), 7.0),
    "conv1d": lambda t, x: t.conv1d(x(2, 3, 8), x(4, 3, 3), padding=1),
    "conv2d": lambda t, x: t.conv2d(x(2, 3, 6, 6), x(4, 3, 3, 3), x(4), 2),
    "conv3d": lambda t, x: t.conv3d(x(1, 2, 4, 4, 4), x(3, 2, 2, 2, 2)),
    "conv_transpose1d": lambda t, x: t.conv_transpose1d(x(2, 3, 4), x(3, 2, 3)),
    "conv_transpose2d": lambda t, x: t.conv_transpose2d(x(2, 3, 4, 4), x(3, 2, 3, 3), stride=2),
    "conv_transpose3d": lambda t, x: t.conv_transpose3d(x(1, 2, 3, 3, 3), x(2, 2, 2, 2, 2)),
    "cosine_similarity": lambda t, x: t.cosine_similarity(x(3, 4), x(3, 4, seed=1), dim=1),
    "dropout": lambda t, x: t.dropout(x(3, 4), p=0.5, train=False),
    "embedding": lambda t, x: t.embedding(x(5, 3), t.tensor([0, 4])),
    "feature_alpha_dropout": lambda t, x: t.feature_alpha_dropout(x(3, 4), 0.5, False),
    "group_norm": lambda t, x: t.group_norm(x(2, 4, 3), 2, x(4), x(4, seed=1)),
    "instance_norm": lambda t, x: t.instance_norm(x(2, 3, 5), None, None, None, None, True, 0.1, 1e-5, False),
    "layer_norm": lambda t, x: t.layer_norm(x(3, 4), (4,), x(4)),
    "max_pool1d": lambda t, x: t.max_pool1d(x(2, 3, 8), 2),
    "max_pool2d": lambda t, x: t.max_pool2d(x(2, 3, 4, 4), 2),
    "max_pool3d": lambda t, x: t.max_pool3d(x(1, 2, 4, 4, 4), 2),
    "pairwise_distance": lambda t, x: t.pairwise_distance(x(3, 4), x(3, 4, seed=1)),
    "pdist": lambda t, x: t.pdist(x(4, 3)),
    "pixel_shuffle": lambda t, x: t.pixel_shuffle(x(1, 4, 2, 2), 2),
    "pixel_unshuffle": lambda t, x: t.pixel_unshuffle(x(1, 1, 4, 4), 2),
    "rms_norm": lambda t, x: t.rms_norm(x(3, 4), (4,)),
    "rrelu": lambda t, x: t.rrelu(x(4)),
    "rrelu_": lambda t, x: t.rrelu_(x(4) * 1.0),
    "selu_": lambda t, x: t.selu_(x(4) * 1.0),
    "threshold_": lambda t, x: t.threshold_(x(4) * 1.0, 0.1, 5.0),
}


def test_every_name_is_here() -> None:
    functions = {name: getattr(wengert, name) for name in dir(wengert) if not name.startswith("_")}
    of_layers = {name for name, function in functions.items()
                 if getattr(function, "__module__", "").startswith("wengert.nn.functional")
                 and function.__module__ not in (native.__name__, legacy.__name__) and name != "norm_except_dim"}
    assert sorted(CALLS) == sorted(of_layers)


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients(name: str) -> None:
    found = []
    for library in (torch, wengert):
        leaves: list[Any] = []

        def make(*shape: int, seed: int = 0, library: Any = library, leaves: list[Any] = leaves) -> Any:
            data = np.random.RandomState(seed + sum(shape)).randn(*shape)
            leaves.append(library.from_numpy(data).requires_grad_())
            return leaves[-1]

        out = CALLS[name](library, make)
        grads = library.autograd.grad((out * out.detach().cos()).sum(), leaves, allow_unused=True)
        found.append([t.detach().numpy() for t in (out, *(g for g in grads if g is not None))])
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)
