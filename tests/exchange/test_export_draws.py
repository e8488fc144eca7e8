"""Draws that are exported: onnxruntime draws other numbers than wengert, from the same distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest

import wengert as torch
import wengert.nn.functional as F
from tests.exchange.running import ran, session
from tests.exchange.test_export_options import Of
from wengert import nn
from wengert.onnx.errors import UnsupportedOperatorError

COUNT = 20000
CHANCES = np.array([0.1, 0.0, 0.5, 0.4], np.float32)

DRAWS: dict[str, Any] = {
    "rand": lambda x: torch.rand_like(x),
    "rand of another shape": lambda x: torch.rand(x.shape[0], dtype=torch.float64),
    "uniform_": lambda x: torch.empty_like(x).uniform_(-2.0, 3.0),
    "randn": lambda x: torch.randn(x.shape) * 2 + 1,
    "normal_": lambda x: torch.zeros_like(x).normal_(3.0, 0.5),
    "normal around": lambda x: torch.normal(x, 0.5 + x * 0),
    "bernoulli": lambda x: torch.bernoulli(torch.sigmoid(x)),
    "bernoulli_": lambda x: torch.empty_like(x).bernoulli_(0.3),
    "randint": lambda x: torch.randint(-3, 9, x.shape),
    "random_": lambda x: torch.empty_like(x, dtype=torch.int32).random_(2, 7),
    "randperm": lambda x: torch.randperm(x.shape[0]),
    "exponential_": lambda x: torch.empty_like(x).exponential_(2.0),
    "log_normal_": lambda x: torch.empty_like(x).log_normal_(0.0, 0.25),
    "geometric_": lambda x: torch.empty_like(x).geometric_(0.4),
    "arctangent of cauchy_": lambda x: torch.empty_like(x).cauchy_(1.0, 2.0).atan(),
    "dropout": lambda x: F.dropout(x + 1, 0.25, True),
    "rrelu": lambda x: F.rrelu(x - 1, 0.1, 0.4, True),
    "multinomial": lambda x: torch.multinomial(torch.from_numpy(CHANCES), COUNT, True),
    "multinomial of rows": lambda x: torch.multinomial(x.abs().view(-1, 4) * 0 + torch.from_numpy(CHANCES), 2, True),
    "multinomial without replacement": lambda x: torch.multinomial(
        x.view(-1, 4) * 0 + torch.from_numpy(CHANCES), 2, False),
}


def apart(one: Any, other: Any) -> float:
    """How far the distributions of two samples are from each other: Kolmogorov and Smirnov's number."""
    one, other = (np.sort(np.asarray(each, np.float64).reshape(-1)) for each in (one, other))
    points = np.concatenate([one, other])
    shares = [np.searchsorted(each, points, side="right") / len(each) for each in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


@pytest.mark.parametrize("varies", [False, True])
@pytest.mark.parametrize("name", DRAWS)
def test_a_draw(name: str, varies: bool) -> None:
    onnxruntime.set_seed(3)
    torch.manual_seed(3)
    model, x = Of(DRAWS[name]), torch.zeros(COUNT)
    axes = {"x": {0: "n"}} if varies and "multinomial" not in name else None
    program = torch.onnx.export(model, (x if axes is None else x[:64],), input_names=["x"], dynamic_axes=axes)
    started = session(program.model_proto)
    (found,), wanted = ran(started, (x,)), model(x).numpy()
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    assert apart(found, wanted) < 2 * (2 / wanted.size) ** 0.5  # once in a thousand it is larger
    if name == "randperm":
        assert sorted(found.tolist()) == list(range(COUNT))
    elif name == "multinomial without replacement":
        assert (found[:, 0] != found[:, 1]).all() and not (found == 1).any()
    elif name != "dropout":  # which draws for what is given
        assert not np.array_equal(ran(started, (x,))[0], found)  # each run draws anew


def test_a_model_in_train_mode_with_dropout() -> None:
    model = nn.Sequential(nn.Linear(8, 400), nn.Dropout(0.5), nn.ReLU()).train()
    x = torch.randn(3, 8)
    program = torch.onnx.export(model, (x,), training=torch.onnx.TrainingMode.TRAINING)
    (found,) = ran(session(program.model_proto), (x,))
    kept = model[0](x).detach().numpy() * 2
    assert np.allclose(found[found != 0], np.maximum(kept, 0)[found != 0], rtol=1e-5)
    assert 0.4 < (found[kept > 0] != 0).mean() < 0.6


@pytest.mark.parametrize("draw", [lambda x: torch.poisson(x), lambda x: torch._standard_gamma(x)])
def test_what_onnx_cannot_draw(draw: Any) -> None:
    with pytest.raises(UnsupportedOperatorError, match="ONNX has nothing that draws the numbers of"):
        torch.onnx.export(Of(draw), (torch.ones(4),))
