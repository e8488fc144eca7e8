"""The errors of 3×3 convolutions that are computed with fewer multiplications, beside those of PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch as peer

from wengert.prims import convolution as prims

GEOMETRY = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}


def errors(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """The largest and the root mean square, beside the largest result."""
    difference = found - exact
    return np.array([np.abs(difference).max(), np.sqrt(np.mean(difference**2))]) / np.abs(exact).max()


@pytest.mark.parametrize("channels, side", [(16, 32), (32, 16), (64, 8)])
def test_within_what_the_peer_shows(channels: int, side: int) -> None:
    """The result twice at most, as its sums are short; the weight's gradient, of many windows, no more."""
    random = np.random.default_rng(0)
    x, ct = (random.normal(size=(32, channels, side, side)).astype(np.float32) for _ in range(2))
    weight = random.normal(size=(channels, channels, 3, 3)).astype(np.float32)

    def of_peer(dtype: peer.dtype) -> list[np.ndarray]:
        a, b, w = (peer.from_numpy(array).to(dtype) for array in (x, ct, weight))
        return [peer.conv2d(a, w, padding=1).numpy(), peer.nn.grad.conv2d_weight(a, weight.shape, b, padding=1).numpy()]

    ours = [prims.convolution.run(x, weight, **GEOMETRY),
            prims.convolution_weight.run(x, ct, kernel=(3, 3), **GEOMETRY)]
    for limit, found, theirs, exact in zip((2, 1), ours, of_peer(peer.float32), of_peer(peer.float64), strict=True):
        assert (errors(found, exact) <= limit * errors(theirs, exact)).all()
