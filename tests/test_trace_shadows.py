"""Shadows whose numbers are owed lie as the results would that are computed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.core.primitive import P, evaluate
from wengert.nn import functional as F
from wengert.tracing.shadows import Shadows


def strided(rng: random.Random, sizes: list[int]) -> np.ndarray:
    """An array of these sizes that lies somehow: turned, with steps, reversed, repeated along a dimension."""
    order = [*range(len(sizes))]
    rng.shuffle(order)
    steps = [rng.choice([1, 1, 2, -1]) for _ in sizes]
    lying = np.ones([sizes[d] * abs(steps[d]) for d in order], np.float32).transpose(np.argsort(order))
    array = lying[tuple([slice(None, None, step) for step in steps])]
    if sizes and rng.random() < 0.4:
        d = rng.randrange(len(sizes))
        array = array[tuple([*[slice(None)] * d, slice(0, 1)])]
        if rng.random() < 0.7:
            array = np.broadcast_to(array, sizes)
    return array


@pytest.mark.parametrize("seed", range(120))
def test_results_of_ufuncs(seed: int) -> None:
    rng = random.Random(seed)
    sizes = [rng.choice([1, 2, 7, 16]) for _ in range(rng.randint(1, 4))]
    sizes[rng.randrange(len(sizes))] = rng.choice([4500, 70000])
    primitive = rng.choice([P.mul, P.add, P.div, P.exp, P.sqrt, P.neg, P.maximum])
    count = 1 if primitive in (P.exp, P.sqrt, P.neg) else 2
    values: list[Any] = [strided(rng, sizes if i == 0 else sizes[rng.randint(0, 1):]) for i in range(count)]
    if count == 2 and rng.random() < 0.2:
        values[1] = 2.0
    shadows = Shadows()
    found, expected = shadows.evaluate(primitive, values, {}), evaluate(primitive, values, {})
    lies = [[step for step, n in zip(array.strides, array.shape, strict=True) if n > 1] for array in (found, expected)]
    assert lies[0] == lies[1] and found.shape == expected.shape and found.dtype == expected.dtype
    assert shadows.known(found).tobytes() == expected.tobytes()


@pytest.mark.parametrize("last", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("params", [{}, {"transposed": True}])
def test_results_of_convolutions(last: tuple[bool, bool], params: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x, weight = (rng.standard_normal(shape).astype(np.float32) for shape in ((4, 12, 14, 14), (12, 12, 3, 3)))
    x, weight = (np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if turned else array
                 for array, turned in zip((x, weight), last, strict=True))
    for images in (x, x[:, :, ::2], x[..., :11].swapaxes(2, 3)):
        params = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1, **params}
        shadows = Shadows()
        found = shadows.evaluate(P.convolution, (images, weight), params)
        expected = evaluate(P.convolution, (images, weight), params)
        assert found.strides == expected.strides and shadows._owed
        np.testing.assert_array_equal(shadows.known(found), expected)


def test_recording_computes_no_recurrent_layer_and_no_large_array() -> None:
    layers = [torch.nn.GRU(8, 16), torch.nn.RNN(8, 16), torch.nn.LSTM(8, 16, proj_size=4)]
    convolution = torch.nn.ConvTranspose2d(8, 8, 2, stride=2)

    def step(x: Any, images: Any) -> Any:
        loss = sum(layer(x)[0].square().mean() for layer in layers)
        loss = loss + (F.relu(convolution(images)) * images.mean((2, 3), keepdim=True)).mean()
        loss.backward()
        return loss

    computed: list[str] = []
    whole = Shadows.known

    def known(self: Shadows, array: np.ndarray) -> np.ndarray:
        if self._owed:
            computed.append(str(array.shape))
        return whole(self, array)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shadows, "known", known)
        torch.capture(step).record(torch.rand(40, 12, 8), torch.rand(4, 8, 16, 16))
    assert not computed
