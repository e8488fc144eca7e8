"""What packages take from PyTorch's inside, against PyTorch: runs, groups, scaled products, forms as text, gradients of
each example."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.nn.utils._per_sample_grad import call_for_per_sample_grads
from wengert.utils import _pytree

torch = pytest.importorskip("torch")
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads as their_call  # noqa: E402
from torch.utils import _pytree as their_pytree  # noqa: E402

SIDES: tuple[Any, Any] = (wengert, torch)
RUNS = [((6, 2), [2, 0, 4], 0), ((6,), [3, 3], 0), ((2, 5, 3), [[2, 3], [1, 4]], 1)]


def both(compute: Any) -> tuple[Any, Any]:
    return compute(wengert).detach().float().numpy(), compute(torch).detach().float().numpy()


@pytest.mark.parametrize("initial", [None, 1.5])
@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize(("shape", "lengths", "axis"), RUNS)
def test_runs_are_reduced_alike(shape: Any, lengths: Any, axis: int, reduce: str, initial: Any) -> None:
    data, results = np.random.default_rng(0).normal(size=shape), []
    for library in SIDES:
        x = library.tensor(data, requires_grad=True)
        out = library.segment_reduce(x, reduce, lengths=library.tensor(lengths), axis=axis, initial=initial)
        library.where(library.isfinite(out), out, library.zeros_like(out)).sum().backward()
        results.append((out.detach().numpy(), x.grad.numpy(), out.grad_fn.name()))
    np.testing.assert_allclose(results[0][0], results[1][0])
    np.testing.assert_allclose(results[0][1], results[1][1])
    assert results[0][2] == results[1][2]


@pytest.mark.parametrize("arguments", [{"lengths": [2, 2]}, {"lengths": [-1, 7]}, {}, {"lengths": [6], "reduce": "x"}])
def test_runs_that_do_not_fit_raise_alike(arguments: Any) -> None:
    kinds = []
    for library in SIDES:
        given = {"reduce": "sum"} | {name: library.tensor(value) if name == "lengths" else value
                                     for name, value in arguments.items()}
        with pytest.raises(RuntimeError) as caught:
            library.segment_reduce(library.ones(6), **given)
        kinds.append(caught.type)
    assert issubclass(kinds[0], kinds[1])


@pytest.mark.parametrize(("left", "right", "ends"), [
    ((8, 16), (2, 16, 8), [3, 8]), ((16, 8), (8, 16), [3, 8]), ((2, 16, 8), (8, 8), [4, 8]),
    ((2, 16, 8), (2, 8, 8), None),
])
def test_groups_are_multiplied_alike(left: Any, right: Any, ends: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left).astype(np.float32), rng.normal(size=right).astype(np.float32)

    def compute(library: Any) -> Any:
        F = library.nn.functional
        offs = None if ends is None else library.tensor(ends, dtype=library.int32)
        return F.grouped_mm(library.tensor(a), library.tensor(b), offs=offs)

    ours, theirs = both(compute)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [False, True])
def test_scaled_products_are_alike(rows: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(16, 32)).astype(np.float32), rng.normal(size=(16, 32)).astype(np.float32)
    left, right = rng.random((16, 1)).astype(np.float32), rng.random((1, 16)).astype(np.float32)

    def compute(library: Any) -> Any:
        F = library.nn.functional
        x, y = (library.tensor(each).to(library.float8_e4m3fn) for each in (a, b))
        how = F.ScalingType.RowWise if rows else F.ScalingType.TensorWise
        scales = [library.tensor(each) if rows else library.tensor(2.0) for each in (left, right)]
        return F.scaled_mm(x, y.t(), scales[0], how, scales[1], how)

    ours, theirs = both(compute)
    np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-2)  # bfloat16


@pytest.mark.parametrize("tree", [{"a": [1, (2, 3)], "b": None}, OrderedDict(b=1, a=[2]), defaultdict(list, x=[1]), 3])
def test_forms_are_written_alike(tree: Any) -> None:
    assert _pytree.treespec_dumps(_pytree.tree_structure(tree)) == their_pytree.treespec_dumps(
        their_pytree.tree_structure(tree))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_gradients_of_each_example_are_alike(reduction: str) -> None:
    x, found = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32), []
    for library, call in ((wengert, call_for_per_sample_grads), (torch, their_call)):
        library.manual_seed(0)
        model = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.Tanh(), library.nn.Linear(4, 2))
        out = call(model, loss_reduction=reduction)(library.tensor(x))
        getattr(out.square().sum(1), reduction)().backward()
        found.append([p.grad_sample.numpy() for p in model.parameters()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_memory_goes_over_to_pytorch_and_back(name: str) -> None:
    for source, target in (SIDES, SIDES[::-1]):
        x = source.tensor([[1.0, 2.0], [4.0, 0.5]]).to(getattr(source, name))
        shared = target.from_dlpack(x)
        assert str(shared.dtype).endswith(name) and shared.data_ptr() == x.data_ptr()
        assert shared.to(target.complex64).tolist() == [[1, 2], [4, 0.5]]
