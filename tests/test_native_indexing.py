"""Indexing, losses of classes and padding in native programs, against eager evaluation."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.test_native import run_nest
from tests.test_native_windows import both
from wengert.native.loops import Buffer, LoopError, Nest, Nodes, Place, Store, interpret, verify
from wengert.native.plan import row_major
from wengert.nn import functional as F

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("seed", range(12))
def test_nests_pick_what_an_index_says(seed: int) -> None:
    """An index for each vector, for each lane, or for all; along a dimension of any stride."""
    rng = np.random.default_rng(seed)
    nodes, rows, columns, count = Nodes(), int(rng.integers(1, 6)), int(rng.integers(1, 40)), int(rng.integers(1, 9))
    dtype = str(rng.choice(["float32", "float64", "int64", "bool"]))
    sizes = {"x": rows * columns * count, "index": rows * columns, "out": rows * columns}
    buffers = {name: Buffer(k, "given", "int64" if name == "index" else dtype, size)
               for k, (name, size) in enumerate(sizes.items())}
    strides = [(0, 1), (1, 0), (columns, 1), (0, 0)][seed % 4]
    index = nodes.load(Place(buffers["index"], 0, strides))
    step, place = (columns, (0, 1)) if seed % 3 else (1, (columns * count, count))
    value = nodes.pick(Place(buffers["x"], 0, place), index, step, count)
    nest = Nest((rows, columns), [Store(value, Place(buffers["out"], 0, row_major((rows, columns))))])
    arrays = {buffers["x"]: (rng.uniform(-2, 2, sizes["x"]) * 2).astype(dtype),
              buffers["index"]: rng.integers(0, count, sizes["index"]), buffers["out"]: np.zeros(sizes["out"], dtype)}
    meant = {buffer: array.copy() for buffer, array in arrays.items()}
    interpret(nest, meant)
    run_nest(nest, arrays)
    np.testing.assert_array_equal(arrays[buffers["out"]], meant[buffers["out"]], err_msg=str(nest))
    wrong = nodes.pick(Place(buffers["x"], 0, place), index, step, count * rows * columns + 1)
    with pytest.raises(LoopError, match="inside a buffer"):
        verify(Nest((rows, columns), [Store(wrong, nest.roots[0].place)]))


def picked(name: str) -> tuple[list[Any], Callable[..., Any]]:
    """Leaves, and a function of them that indexes by integers."""
    x = torch.randn(7, 5, 6).requires_grad_()
    wide = torch.randn(50, 33, dtype=torch.float64).requires_grad_()
    rows, many = torch.tensor([[2, -1, 0], [6, 2, 2]]), torch.randint(-50, 50, (700,))
    along, mask, spots = torch.randint(5, (7, 4, 6)), torch.arange(7) % 2 == 0, torch.randint(6, (7, 5, 2))
    functions: dict[str, tuple[list[Any], Callable[..., Any]]] = {
        "rows": ([x], lambda: x[rows] * 2), "columns": ([x], lambda: (x * 2)[:, rows.clamp(-1, 4)]),
        "last": ([x], lambda: x.index_select(2, torch.tensor([5, 0, 5]))),
        "pairs": ([x], lambda: x[torch.tensor([0, 3, 3]), torch.tensor([1, 4, 4])]),
        "apart": ([x], lambda: x[torch.tensor([0, 3]), :, torch.tensor([1, 4])]),
        "mask": ([x], lambda: torch.where(mask[:, None, None], x, x[0])),
        "many": ([wide], lambda: wide[many].tanh()), "embedding": ([wide], lambda: F.embedding(many % 50, wide, 3)),
        "gather": ([x], lambda: x.exp().gather(1, along)), "gather last": ([x], lambda: x.gather(2, along)),
        "scatter": ([x], lambda: torch.zeros(7, 5, 6).scatter_add(1, along, x[:, :4])),
        "part": ([x], lambda: x.gather(1, along[:3, :, :2])),
        "put": ([x], lambda: (x * 2).index_put((torch.tensor([1, 6, 1, 6]),), x[:4] * 3)),
        "put one": ([x], lambda: (x * 2).index_put((torch.tensor([[1], [-1]]),), torch.tensor(0.5))),
        "put many": ([wide], lambda: wide.exp().index_put((many,), wide[many] * 2, accumulate=True)),
        "set": ([x], lambda: x.exp().scatter(1, torch.argsort(x.detach(), 1)[:, :3], x[:, 1:4])),
        "set a number": ([x], lambda: x.exp().scatter(2, spots, 0.25)),
        "median": ([x], lambda: x.max(1).values + x.max(1).indices),
    }
    return functions[name]


@pytest.mark.parametrize("name", ["rows", "columns", "last", "pairs", "apart", "mask", "many", "embedding", "gather",
                                  "gather last", "scatter", "part", "median", "put", "put one", "put many", "set",
                                  "set a number"])
def test_picking_and_its_gradients(name: str) -> None:
    torch.manual_seed(0)
    leaves, function = picked(name)
    dtype = leaves[0].dtype

    def step() -> Any:
        out = function()
        (out * torch.arange(out.numel(), dtype=dtype).view(out.shape).cos()).sum().backward()
        return (out.detach(),)

    native = () if name == "apart" else ("index", "index_adjoint", "gather", "index_put", "scatter")
    both(step, leaves, 1e-5 if dtype is torch.float32 else 1e-12, native)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(9, 4), (5, 300), (3, 4, 6, 5)])
def test_losses_of_classes(shape: Any, reduction: str) -> None:
    torch.manual_seed(2)
    x = torch.randn(*shape, requires_grad=True)
    target = torch.randint(shape[1], (shape[0], *shape[2:]))
    target.view(-1)[1] = 2
    weight = torch.rand(shape[1])
    for options in ({}, {"ignore_index": 2}, {"weight": weight}, {"weight": weight, "ignore_index": 2}):
        def step(options: Any = options) -> Any:
            loss = F.cross_entropy(x, target, reduction=reduction, **options)
            loss.sum().backward()
            return (loss.detach(),)

        both(step, [x], 1e-5, ("nll_loss",))


@pytest.mark.parametrize(("what", "index", "error"), [
    (lambda x, i: x[i], [0, 7], IndexError("out of bounds")),
    (lambda x, i: x.gather(0, i[:, None]), [-8, 0], RuntimeError("out of bounds")),
    (lambda x, i: F.cross_entropy(x, i.repeat(4)[:7]), [2, 3], IndexError("Target 3 is out of bounds")),
])
def test_an_index_that_is_out_of_range_is_an_error_and_changes_nothing(what: Any, index: Any, error: Exception) -> None:
    x, total = torch.randn(7, 3), torch.zeros(())

    @torch.compile(fullgraph=True)
    def step(i: Any) -> Any:
        total.add_(what(x, i).sum())
        return total * 1

    step(torch.tensor([0, 1]))
    before = total.clone()
    with pytest.raises(type(error), match=str(error)):
        step(torch.tensor(index))
    assert torch.equal(total, before)
    step(torch.tensor([1, 2]))
    assert not torch.equal(total, before)


@pytest.mark.parametrize("seed", range(10))
def test_padding_and_its_gradient(seed: int) -> None:
    draw = random.Random(seed)
    torch.manual_seed(seed)
    x = torch.randn(2, 3, 5, 4, requires_grad=True)
    weight = torch.randn(4, 3, 2, 2, requires_grad=True)
    last = draw.choice([1, 2, 3])
    widths = [draw.choice([0, 1, 2, -1]) for _ in range(2 * last)]
    value = draw.choice([0.0, 0.0, -1.5, float("inf")])

    def step() -> Any:
        out = F.pad(x * 2 if seed % 2 else x, widths, value=value)
        used = out.clamp(-4, 4)
        if out.shape[1] == 3 and seed % 3:
            used = F.conv2d(used, weight, padding=1)
        (used * used.detach().sin()).sum().backward()
        return out.detach(), used.detach(), out[..., :1] + 1

    both(step, [x, weight], 1e-5, ("pad",))


def test_added_rows_are_the_same_bits_for_any_number_of_threads() -> None:
    def left(threads: int) -> Any:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            torch.manual_seed(0)
            weight, index = torch.randn(40, 64, requires_grad=True), torch.randint(40, (3000,))

            @torch.compile(fullgraph=True)
            def step() -> Any:
                F.embedding(index, weight).square().mean().backward()

            step()
            return weight.grad
        finally:
            torch.set_num_threads(before)

    first, *others = (left(threads) for threads in (1, 2, 3))
    assert all(torch.equal(first, other) for other in others)
