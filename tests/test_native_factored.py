"""Common factors taken out of sums: the same values by fewer operations, and only where that is so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler.kernels import generated_code_is_possible
from wengert.native.factored import factored
from wengert.native.loops import Buffer, Nest, Node, Nodes, Place, Store, interpret, verify
from wengert.nn import functional as F

pytestmark = [pytest.mark.filterwarnings("error"),
              pytest.mark.skipif(not generated_code_is_possible(), reason="no generated code here")]

SHAPE = (3, 5)
FREE = ("load", "const", "neg")


class Expressions:
    """Values over a small space: some that differ from element to element, and one a row."""

    def __init__(self, dtype: str = "float32") -> None:
        self.rng, self.nodes, self.dtype = np.random.default_rng(7), Nodes(), dtype
        self.arrays: dict[Buffer, np.ndarray[Any, Any]] = {}
        self.many = [self.load((5, 1)) for _ in range(5)]
        self.few = [self.load((1, 0)) for _ in range(2)]

    def load(self, strides: tuple[int, int]) -> Node:
        made = Buffer(len(self.arrays), "given", self.dtype, 15)
        self.arrays[made] = self.rng.uniform(-2, 2, 15).astype(self.dtype)
        return self.nodes.load(Place(made, 0, strides))

    def __getattr__(self, op: str) -> Any:
        return lambda *xs: self.nodes.node(op, xs, self.dtype)

    def before_and_after(self, *values: Node) -> tuple[int, int]:
        """How many operations there are, whose values are checked to be the same."""
        out = [Buffer(len(self.arrays) + k, "given", self.dtype, 15) for k in range(len(values))]
        nest = verify(Nest(SHAPE, [Store(x, Place(b, 0, (5, 1))) for x, b in zip(values, out, strict=True)]))
        found = []
        for take in (False, True):
            if take:
                factored([nest], self.nodes)
                verify(nest)
            arrays = {**self.arrays, **{b: np.zeros(15, self.dtype) for b in out}}
            interpret(nest, arrays)
            found.append(([arrays[b] for b in out], self.cost(nest)))
        wide = 1e-5 if self.dtype == "float32" else 1e-13
        for x, y in zip(found[0][0], found[1][0], strict=True):
            np.testing.assert_allclose(y, x, rtol=wide, atol=wide, err_msg=str(nest))
        return found[0][1], found[1][1]

    @staticmethod
    def cost(nest: Nest) -> int:
        """Operations on vectors, of which a multiplication that is added to something comes for nothing."""
        nodes = nest.nodes()
        users: dict[Node, list[Node]] = {}
        for node in nodes:
            for x in node.operands:
                users.setdefault(x, []).append(node)
        sums = [x for x in nodes if x.op in ("add", "sub") and any(
            y.op == "mul" and len(users[y]) == 1 for y in x.operands)]
        return sum(x.op not in FREE for x in nodes) - len(sums)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_factor_of_longer_products_is_taken_out(dtype: str) -> None:
    e = Expressions(dtype)
    a, b, c, d, x = [e.tanh(y) for y in e.many]
    long = e.add(e.mul(e.mul(a, b), x), e.mul(e.mul(c, x), d))
    before, after = e.before_and_after(long)
    assert after == before - 1
    signs = e.sub(e.neg(e.mul(e.mul(a, x), b)), e.mul(x, e.mul(c, d)))
    before, after = e.before_and_after(signs)
    assert after == before - 1
    apart = e.sub(e.add(e.mul(e.mul(a, b), x), e.exp(d)), e.mul(e.mul(c, d), x))
    before, after = e.before_and_after(apart)
    assert after == before - 1


def test_where_nothing_is_saved_all_stays_as_it_is() -> None:
    e = Expressions()
    a, b, c, d, x = e.many
    row, other = e.few
    short = e.add(e.mul(a, x), e.mul(b, x))  # a multiplication and a multiply-add, either way
    shared = e.mul(e.mul(a, b), x)
    for value in (short, e.add(e.mul(c, d), e.add(a, b))):
        nest = Nest(SHAPE, [Store(value, Place(Buffer(99, "given", "float32", 15), 0, (5, 1)))])
        factored([nest], e.nodes)
        assert nest.roots[0].value is value
    assert e.before_and_after(e.add(shared, e.mul(e.mul(c, d), x)), shared) == (4, 4)
    # What is alike all along a row is multiplied outside of the loop along it, and stays there.
    rows = e.add(e.mul(e.mul(row, other), x), e.mul(e.mul(row, e.add(row, other)), c))
    nest = Nest(SHAPE, [Store(rows, Place(Buffer(99, "given", "float32", 15), 0, (5, 1)))])
    factored([nest], e.nodes)
    assert nest.roots[0].value is rows


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_that_may_leave_the_range_stay_as_they_are(dtype: str) -> None:
    """Note [range]: each order of three factors is in range as it is written, and some other is not."""
    e = Expressions(dtype)
    a, b, c, d, x = e.many
    small = e.tanh(a)
    big = 1e30 if dtype == "float32" else 1e200
    for large, little in ((b, x), (d, x)):
        e.arrays[large.args[0].buffer][:] = big
        e.arrays[little.args[0].buffer][:] = 1 / big
    e.arrays[c.args[0].buffer][:] = e.arrays[a.args[0].buffer][:] = big
    sums = [e.add(e.mul(e.mul(a, x), b), e.mul(e.mul(c, x), d)), e.sub(e.mul(e.mul(x, b), a), e.mul(d, e.mul(x, c))),
            e.add(e.mul(e.mul(small, x), b), e.mul(e.mul(e.mul(small, c), x), d))]
    for value in sums:
        out = Buffer(99, "given", dtype, 15)
        nest = Nest(SHAPE, [Store(value, Place(out, 0, (5, 1)))])
        factored([nest], e.nodes)
        arrays = {**e.arrays, out: np.zeros(15, dtype)}
        interpret(nest, arrays)
        assert np.isfinite(arrays[out]).all(), str(nest)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", [
    lambda x, y: (1 - torch.sigmoid(x)) * y,
    lambda x, y: (1 - torch.sigmoid(x)) * y + torch.sigmoid(x) * x,
    lambda x, y: (1 - torch.tanh(x) ** 2) * y,
    lambda x, y: torch.lerp(y, x, torch.sigmoid(x)),
    lambda x, y: torch.sigmoid(x) * y,
    lambda x, y: F.silu(x) * y,
    lambda x, y: x * y - y,
    lambda x, y: F.gelu(y) + x,
], ids=["complement", "gate", "tanh", "lerp", "sigmoid", "silu", "difference", "gelu"])
def test_what_is_infinite_stays_so(function: Any, dtype: Any) -> None:
    """Forward, and in gradients: `y - s * y`, for one, would make NaN of what (1 - s) * y leaves infinite."""
    numbers = [0.0, 1.0, -1.0, 2.5, -3.0, float("inf"), -float("inf"), float("nan"), 80.0, -80.0]
    pairs = torch.tensor([[a, b] for a in numbers for b in numbers], dtype=dtype)

    def run(function: Any) -> list[Any]:
        x, y = [column.clone().requires_grad_() for column in pairs.unbind(1)]
        value = function(x, y)
        value.backward(torch.ones_like(value))
        return [t.detach() for t in (value, x.grad, y.grad)]

    for want, got in zip(run(function), run(torch.compile(function, fullgraph=True)), strict=True):
        torch.testing.assert_close(got, want, equal_nan=True, rtol=1e-4 if dtype is torch.float32 else 1e-12, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", [
    lambda x: F.gelu(1.5 * x + 0.1) * torch.sigmoid(x) + torch.tanh(x) * torch.exp(-(x**2)),
    lambda x: x * torch.sigmoid(x) * torch.tanh(x),
    lambda x: F.silu(x) * F.gelu(x) * F.softplus(x) - x * torch.exp(-(x**2)),
], ids=["gelu", "sigmoid", "silu"])
def test_gradients_of_what_is_used_twice(function: Any, dtype: Any) -> None:
    torch.manual_seed(3)
    x = torch.randn(33, 70, dtype=dtype) * 3
    x[0, :6] = torch.tensor([0.0, 20.0, -20.0, 60.0, -90.0, 1e-6], dtype=dtype)

    def gradient(x: Any) -> Any:
        x = x.detach().requires_grad_()
        function(x).sum().backward()
        return x.grad

    wide = 5e-6 if dtype is torch.float32 else 1e-13  # tanh is exact to 3e-7, its derivative to twice as much
    want = gradient(x.double()).numpy()
    got = torch.compile(gradient, fullgraph=True)(x).numpy()
    assert np.abs(got - want).max() <= wide * np.abs(want).max()
