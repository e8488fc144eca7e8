"""Compressed layouts of blocks, batches and dense dimensions: each way there and back, and what keeps the layout."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest

import wengert as torch

LAYOUTS = {"csr": torch.sparse_csr, "csc": torch.sparse_csc, "bsr": torch.sparse_bsr, "bsc": torch.sparse_bsc}
TURNED = {"csr": "csc", "csc": "csr", "bsr": "bsc", "bsc": "bsr"}
SHAPES: dict[str, tuple[tuple[int, ...], int]] = {
    "one": ((4, 6), 0), "batch": ((2, 3, 4, 6), 0), "dense": ((4, 6, 2), 1), "all": ((2, 4, 6, 2, 3), 2),
    "empty": ((0, 4, 6), 0), "none": ((4, 0), 0),
}


def matrices(shape: tuple[int, ...], dense_dim: int) -> Any:
    """Some with the same places in each matrix of a batch."""
    kept = (torch.arange(24).reshape(4, 6) * 7 % 5 < 2)[:, :shape[-1 - dense_dim]].reshape(4, -1, *[1] * dense_dim)
    return torch.arange(1.0, 1 + torch.Size(shape).numel(), dtype=torch.float64).reshape(shape) * kept


def converted(x: Any, name: str, dense_dim: int = 0, block: tuple[int, int] = (2, 1)) -> Any:
    return x.to_sparse(layout=LAYOUTS[name], blocksize=block if name[0] == "b" else None, dense_dim=dense_dim or None)


def parts(s: Any) -> list[Any]:
    by_rows = s.layout in (torch.sparse_csr, torch.sparse_bsr)
    places = [s.crow_indices(), s.col_indices()] if by_rows else [s.ccol_indices(), s.row_indices()]
    return [*places, s.values()]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_there_and_back(name: str, shape: str) -> None:
    """By `to_sparse`, by its parts, by coordinates, through files, pickles and copies; transposed, scaled, negated."""
    size, dense = SHAPES[shape]
    if shape == "none" and name[0] == "b":
        pytest.skip("no block fits")
    x = matrices(size, dense)
    s = converted(x, name, dense)
    assert s.layout is LAYOUTS[name]
    assert torch.equal(s.to_dense(), x)
    assert (s.sparse_dim(), s.dense_dim()) == (2, dense)
    again = torch.sparse_compressed_tensor(*parts(s), size, layout=LAYOUTS[name])
    assert torch.equal(again.to_dense(), x)
    assert torch.equal(s.to_sparse().to_dense(), x)
    file = io.BytesIO()
    torch.save([s], file)
    file.seek(0)
    for other in (torch.load(file)[0], pickle.loads(pickle.dumps(s)), s.clone()):
        assert other.layout is s.layout
        assert torch.equal(other.to_dense(), x)
    first = len(size) - 2 - dense
    turned = s.transpose(first, first + 1)
    assert turned.layout is LAYOUTS[TURNED[name]]
    assert torch.equal(turned.to_dense(), x.transpose(first, first + 1))
    assert torch.equal((-s * 3).to_dense(), -x * 3)
    assert torch.equal(s.to(torch.float32).to_dense(), x.float())
    assert str(LAYOUTS[name]) in repr(s)


@pytest.mark.parametrize("target", LAYOUTS)
@pytest.mark.parametrize("source", LAYOUTS)
def test_from_one_to_another(source: str, target: str) -> None:
    x = matrices((2, 4, 6), 0)
    for block in ((2, 1), (1, 3), (4, 6)):
        assert torch.equal(converted(converted(x, source), target, block=block).to_dense(), x)


@pytest.mark.parametrize("name", LAYOUTS)
def test_products_and_sums(name: str) -> None:
    x, y = matrices((4, 6), 0), torch.randn(6, 3, dtype=torch.float64)
    s = converted(x, name)
    assert torch.allclose(s @ y, x @ y)
    assert torch.allclose(y.t() @ s.t(), y.t() @ x.t())
    assert torch.equal((s + s).to_dense(), 2 * x)
    assert (s + s).layout is s.layout
    assert torch.equal((s * x).to_dense(), x * x)
    assert torch.equal(converted(matrices((2, 4, 6), 0), name)[1].to_dense(), matrices((2, 4, 6), 0)[1])


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("shape", ["one", "batch", "dense"])
def test_gradients(name: str, shape: str) -> None:
    """Of dense tensors that were converted, of values, and of the sparse tensor itself, once and twice."""
    size, dense = SHAPES[shape]
    x = matrices(size, dense)
    weight = torch.randn(size, dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    (converted(leaf, name, dense).to_dense(masked_grad=False) * weight).sum().backward()
    assert torch.equal(leaf.grad, weight)
    *places, values = parts(converted(x, name, dense))
    values = values.clone().requires_grad_()

    def through(v: Any) -> Any:
        return (torch.sparse_compressed_tensor(*places, v, size, layout=LAYOUTS[name]).to_dense() ** 2 * weight).sum()

    assert torch.autograd.gradcheck(through, (values,))
    assert torch.autograd.gradgradcheck(through, (values,))
    sparse = converted(x, name, dense).requires_grad_()
    (sparse.to_dense() * weight).sum().backward()
    assert sparse.grad.layout is sparse.layout
    assert torch.equal(sparse.grad.to_dense()[x != 0], weight[x != 0])


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_refused(name: str) -> None:
    block = name[0] == "b"
    uneven = torch.zeros(2, 4, 6)
    uneven[0, 0, 0] = 1
    with pytest.raises(RuntimeError, match="same number of specified elements"):
        converted(uneven, name)
    with pytest.raises(RuntimeError, match="blocksize"):
        torch.eye(4).to_sparse(layout=LAYOUTS[name], blocksize=None if block else (2, 2))
    with pytest.raises(RuntimeError, match="matrices"):
        converted(torch.ones(3), name)
    if block:
        with pytest.raises(RuntimeError, match="divisible"):
            converted(torch.ones(5, 4), name)
    make = lambda starts, others, size: torch.sparse_compressed_tensor(  # noqa: E731
        torch.tensor(starts), torch.tensor(others), torch.ones(*torch.tensor(others).shape, *(1, 1) * block), size,
        layout=LAYOUTS[name])
    for starts, others, size in (([1, 1, 2], [0, 1], (2, 2)), ([0, 1, 2], [0, 5], (2, 2)), ([0, 2, 2], [1, 1], (2, 2)),
                                 ([[0, 1], [0, 1]], [[0], [3]], (2, 1, 1)), ([0, 1, 2], [0, 1], (2,)),
                                 ([[0, 1]], [0], (1, 1, 1))):
        with pytest.raises(RuntimeError):
            make(starts, others, size)


def test_methods_of_the_class() -> None:
    """`torch.Tensor.crow_indices(x)`, as functions that compare tensors call them."""
    s = torch.eye(2).to_sparse_csr()
    assert torch.Tensor.crow_indices(s).tolist() == [0, 1, 2]
    assert torch.Tensor.coalesce(s.to_sparse()).is_coalesced()
    with pytest.raises(RuntimeError, match="Strided"):
        torch.Tensor.crow_indices(torch.eye(2))
