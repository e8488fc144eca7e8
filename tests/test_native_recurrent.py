"""Recurrent layers in native programs and by generated code, against numpy, over random shapes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.compiler import recurrent as generated
from wengert.compiler.cells import Panels, Walk, cell, walk_table
from wengert.compiler.jit import engine
from wengert.core.errors import ShapeError
from wengert.native.checks import check
from wengert.native.loops import LoopError
from wengert.native.plan import Plan
from wengert.native.steps import Kernel
from wengert.prims import recurrent as prims

pytestmark = pytest.mark.filterwarnings("error")

LAYERS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "tanh": nn.RNN, "relu": partial(nn.RNN, nonlinearity="relu"),
                          "lstm_projected": nn.LSTM}


@pytest.fixture
def by_numpy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a function with recurrences by numpy."""
    def run(function: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(prims, "LARGE_PRODUCT", float("inf"))
            return function()

    return run


@pytest.fixture
def threads() -> Iterator[Any]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def training(draw: random.Random, sort: str, dtype: Any) -> Any:
    """A step of a random layer on random sequences: the loss, all results and all gradients."""
    torch.manual_seed(draw.randrange(10**6))
    layers, both = draw.choice([1, 1, 2]), draw.choice([False, True])
    width, inputs, batch = draw.choice([1, 5, 16, 33, 70]), draw.choice([1, 4, 20]), draw.choice([1, 3, 17, 40])
    first, more = draw.choice([False, True]), {}
    if sort == "lstm_projected":
        width = max(2, width)
        more["proj_size"] = draw.choice([n for n in (1, 3, 16, 40) if n < width])
    layer = LAYERS[sort](inputs, width, num_layers=layers, bidirectional=both, bias=draw.choice([False, True]),
                         batch_first=first, dtype=dtype, **more)
    lengths = sorted((draw.randrange(1, 8) for _ in range(batch)), reverse=True)
    packed = draw.choice([False, True])
    x = torch.randn(*((batch, lengths[0]) if first else (lengths[0], batch)), inputs, dtype=dtype, requires_grad=True)
    lstm = sort.startswith("lstm")
    states = [torch.randn(layers * (1 + both), batch, size, dtype=dtype, requires_grad=True)
              for size in ([more.get("proj_size", width), width] if lstm else [width])]

    def step() -> list[Any]:
        for leaf in (x, *states, *layer.parameters()):
            leaf.grad = None
        given = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=first) if packed else x
        out, last = layer(given, tuple(states) if lstm else states[0])
        ends = last if lstm else (last,)
        loss = ((out.data if packed else out) ** 2).mean() + sum((end * (k + 1.5)).sum() for k, end in enumerate(ends))
        loss.backward()
        return [loss, out.data if packed else out, *ends, x.grad, *(s.grad for s in states),
                *(p.grad for p in layer.parameters())]

    return step


def same(found: list[Any], meant: list[Any], wide: float) -> None:
    for x, y in zip(found, meant, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        largest = max(1.0, float(y.detach().abs().max()))
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=wide, atol=wide * largest)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sort", LAYERS)
@pytest.mark.parametrize("seed", range(3))
def test_a_compiled_layer_is_the_layer(seed: int, sort: str, dtype: Any, by_numpy: Any) -> None:
    step = training(random.Random(f"{seed} {sort} {dtype}"), sort, dtype)
    meant = by_numpy(lambda: [x.detach().clone() for x in step()])
    compiled = torch.compile(step, fullgraph=True)
    for _ in range(2):
        same(compiled(), meant, 2e-5 if dtype is torch.float32 else 1e-11)
    text = compiled.explain()
    name = "rnn" if sort in ("tanh", "relu") else sort
    assert f"native {name}" in text and f"native {name}_gradient" in text and "numpy computes" not in text, text


def test_what_a_step_of_time_computes_is_counted() -> None:
    layer, x = nn.GRU(8, 16), torch.randn(5, 4, 8)

    def step() -> Any:
        layer.zero_grad()
        layer(x)[0].sum().backward()
        return layer.weight_hh_l0.grad

    compiled = torch.compile(step, fullgraph=True)
    compiled()
    flops = {kernel.words: kernel.flops for kernel in compiled.kernels}
    assert flops["gru"] == 20 * (6 * 16**2 + 14 * 16) and flops["gru_gradient"] == 20 * (6 * 16**2 + 18 * 16)


@pytest.mark.parametrize("sort", LAYERS)
def test_the_bits_are_the_same_for_any_number_of_threads(sort: str, threads: Any) -> None:
    torch.manual_seed(0)
    more = {"proj_size": 20} if sort == "lstm_projected" else {}
    layer, x = LAYERS[sort](8, 64, **more), torch.randn(12, 70, 8)

    def step() -> list[bytes]:
        layer.zero_grad()
        out = layer(x)[0]
        out.square().sum().backward()
        return [out.detach().numpy().tobytes(), *(p.grad.numpy().tobytes() for p in layer.parameters())]

    found = []
    for count in (1, 2, 3):
        threads(count)
        found.append(step())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_a_loop_over_cells_lays_out_a_weight_once(kind: Any) -> None:
    torch.manual_seed(0)
    layer, x = kind(6, 20), torch.randn(7, 9, 6)

    def step() -> list[Any]:
        layer.zero_grad()
        state: Any = None
        for k in range(7):
            state = layer(x[k], state)
        loss = (state[0] if kind is nn.LSTMCell else state).square().sum()
        loss.backward()
        return [loss, *(p.grad for p in layer.parameters())]

    compiled, meant = torch.compile(step, fullgraph=True), [x.detach().clone() for x in step()]
    same(compiled(), meant, 2e-5)
    kernels = Counter(kernel.words for kernel in compiled.kernels)
    name = {nn.LSTMCell: "lstm", nn.GRUCell: "gru", nn.RNNCell: "rnn"}[kind]
    assert kernels["weight laid out"] == 2 and kernels[name] == kernels[f"{name}_gradient"] == 7, kernels


def test_a_step_stays_inside_its_memory() -> None:
    machine, plan = engine().machine, Plan()
    found = cell(machine, "lstm", "float32", 8, False, 4)
    walk = Walk(found, machine, rows=12, sequences=4, steps=3)
    sizes = [high + 1 for _, high in walk.extents()]
    for short in range(len(sizes)):
        places = [plan.whole(plan.buffer("arena", "float32", n - (k == short)), (n - (k == short),)).node.args[0]
                  for k, n in enumerate(sizes)]
        with pytest.raises(LoopError, match=r"inside a buffer.*lstm"):
            check(Kernel("lstm", walk, places[:5], places[5:]))
    panels = Panels(found, machine, "weight")
    small, room = (plan.whole(plan.buffer("arena", "float32", n), (n,)).node.args[0] for n in (255, panels.elements))
    with pytest.raises(LoopError, match="inside a buffer"):
        check(Kernel("weight laid out", panels, [small], [room]))


def test_arrays_that_do_not_fit_the_walk_are_refused() -> None:
    width, batch = 8, 4
    walk = walk_table([(0, 4), (4, 4), (8, 2)], batch, False)
    weight, inputs = np.zeros((32, width), "f"), np.zeros((10, 32), "f")
    states = [np.zeros((batch, width), "f")] * 2
    found = generated.forward("lstm", walk, inputs, None, states, [weight])
    assert found is not None and [x.shape for x in found[:2]] == [(10, width), (batch, width)]
    with pytest.raises(ShapeError, match=r"\[lstm\] \[4, 8\] of float32 was expected as c0; got \[3, 8\]"):
        generated.forward("lstm", walk, inputs, None, [states[0], states[1][:3]], [weight])
    with pytest.raises(ShapeError, match="as inputs"):
        generated.forward("lstm", walk, inputs.astype(float), None, states, [weight])
    back = walk_table([(0, 4), (4, 4), (8, 2)], batch, True)
    with pytest.raises(ShapeError, match=r"\[lstm\] \[10, 32\] of float32 was expected as gates"):
        saved = inputs[:9], np.zeros((10, width), "f")
        generated.backward("lstm", back, None, (None, None), saved, states[:1], [weight])
