"""Exchange with numpy, DLPack, pickle, copy, Python's protocols and matplotlib."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.utils.dlpack


def test_memory_is_shared_with_numpy() -> None:
    array = np.zeros((2, 3))
    tensor = torch.from_numpy(array)
    tensor[0] = 1
    tensor.t().numpy()[2, 1] = 7
    assert array.tolist() == tensor.tolist() == [[1, 1, 1], [0, 0, 7]]
    assert np.shares_memory(np.asarray(tensor), array) and np.array(tensor, dtype=np.int64).dtype == np.int64
    with pytest.raises(RuntimeError, match=r"detach\(\).numpy\(\)"):
        torch.ones(1, requires_grad=True).numpy()
    assert torch.ones(1, requires_grad=True).numpy(force=True).tolist() == [1]


def test_numpy_functions_and_operators() -> None:
    x, array = torch.tensor([0.0, 1.0]), np.array([2.0, 3.0])
    for result, expected in (
        (np.exp(x), [1, np.e]),
        (x * array, [0, 3]),
        (array * x, [0, 3]),
        (array - x, [2, 2]),
        (x + array, [2, 4]),
    ):
        assert isinstance(result, torch.Tensor) and result.tolist() == pytest.approx(expected)
    assert (x == np.array([0.0, 2.0])).tolist() == [True, False]
    y = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (array * y).sum().backward()
    assert y.grad.tolist() == [2, 3]


def test_dlpack() -> None:
    x = torch.arange(6.0).view(2, 3).t()
    for taken in (
        np.from_dlpack(x),
        torch.from_dlpack(x).numpy(),
        wengert.utils.dlpack.from_dlpack(wengert.utils.dlpack.to_dlpack(x)).numpy(),
    ):
        assert taken.tolist() == x.tolist() and np.shares_memory(taken, x.numpy())
    array = np.arange(3)
    torch.from_dlpack(array)[0] = 9
    assert array[0] == 9 and x.__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError):
        torch.ones(1, requires_grad=True).__dlpack__()


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.tensor(1),
        lambda: torch.zeros(0, 2),
        lambda: torch.tensor([True]),
        lambda: torch.tensor([1j]),
        lambda: torch.ones(2, requires_grad=True),
        lambda: torch.arange(6.0).view(2, 3).t(),
        lambda: torch.arange(5)[1:3],
        lambda: torch.ones(2).to(torch.bfloat16),
        lambda: torch.ones(2, 1).expand(2, 3),
    ],
)
def test_pickles_and_copies_are_faithful(make: Any) -> None:
    x = make()
    for again in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        assert (
            again.tolist() == x.tolist() and again.dtype is x.dtype and (again.stride() == x.stride() or not x.numel())
        )
        assert again.requires_grad == x.requires_grad and again is not x
    assert not x.numel() or copy.deepcopy(x).data_ptr() != x.data_ptr() == copy.copy(x).data_ptr()


def test_shared_memory_is_shared_again() -> None:
    base = torch.arange(6.0).view(2, 3).clone()
    for whole, part in (pickle.loads(pickle.dumps((base, base[1]))), copy.deepcopy((base, base[1]))):
        part[0] = 100
        assert whole[1, 0].item() == 100 and base[1, 0].item() == 3


def test_only_leaves_are_deeply_copied() -> None:
    leaf = torch.ones(2, requires_grad=True)
    leaf.grad = torch.ones(2)
    twin = copy.deepcopy(leaf)
    assert twin.grad.tolist() == [1, 1] and twin.grad is not leaf.grad
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(leaf * 2)


def test_python_protocols() -> None:
    x = torch.arange(3)
    assert 2 in x and 5 not in x and len(x) == 3 and [int(i) for i in x] == [0, 1, 2] and [10, 20, 30][x[1]] == 20
    assert hash(x) == id(x) and len({x, x, torch.arange(3)}) == 2
    assert float(torch.tensor(2)) == 2.0 and complex(torch.tensor(1j)) == 1j and bool(torch.tensor(0)) is False
    for call in (lambda: len(torch.tensor(1)), lambda: iter(torch.tensor(1)), lambda: [1][torch.tensor(0.0)]):
        with pytest.raises(TypeError):
            call()
    for call in (lambda: bool(x), lambda: x.item(), lambda: "a" in x):
        with pytest.raises(RuntimeError):
            call()
    with pytest.raises(ValueError, match="only one element"):
        int(x)


def test_storages() -> None:
    x = torch.arange(6.0)
    assert (
        x.storage().tolist() == x.tolist()
        and x[2:].untyped_storage().data_ptr() == x.data_ptr()
        and x.untyped_storage().nbytes() == 24
    )
    assert torch.is_storage(x.storage()) and not torch.is_storage(x)
    assert torch.arange(6).resize_(2, 2).tolist() == [[0, 1], [2, 3]] and torch.zeros(2).set_(
        torch.arange(3.0)
    ).tolist() == [0, 1, 2]


def test_matplotlib_takes_tensors() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    (line,) = axes.plot(torch.arange(3), torch.tensor([1.0, 4.0, 9.0]))
    axes.scatter(torch.arange(3), torch.arange(3.0), c=torch.tensor([0, 1, 0]))
    axes.imshow(torch.rand(4, 4))
    assert list(line.get_ydata()) == [1, 4, 9]
    figure.savefig(io.BytesIO())
    pyplot.close(figure)


LACKING = ["bfloat16", "complex32", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
           "float8_e8m0fnu"]


@pytest.mark.parametrize("name", LACKING)
def test_types_that_numpy_lacks_go_over_by_dlpack(name: str) -> None:
    x = torch.tensor([[1.0, 2.0, 4.0], [8.0, 0.5, 16.0]]).to(getattr(torch, name))
    for given in (x, x.T, x[:, 1:]):
        shared = torch.from_dlpack(given.__dlpack__())
        assert shared.dtype is x.dtype and shared.shape == given.shape and shared.data_ptr() == given.data_ptr()
        assert torch.equal(shared.to(torch.complex64), given.to(torch.complex64))
    shared = torch.from_dlpack(x.__dlpack__(max_version=(1, 0)))
    shared[0, 0] = 2.0
    assert x[0, 0].to(torch.complex64) == 2
    with pytest.raises((BufferError, RuntimeError)):  # numpy's own words
        np.from_dlpack(x)
