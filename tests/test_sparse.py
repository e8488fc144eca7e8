"""Sparse tensors, with numbers: making, arithmetic, gradients, optimisers, files, and what is refused."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.core.errors import LayoutError, TraceError
from wengert.nn import functional as F

INDICES, VALUES = [[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0]
DENSE = [[0.0, 0.0, 3.0], [4.0, 0.0, 5.0]]


def coo(**options: Any) -> Any:
    return torch.sparse_coo_tensor(INDICES, VALUES, (2, 3), **options)


def twice() -> Any:
    """One coordinate twice, and not in order."""
    return torch.sparse_coo_tensor([[1, 0, 1], [0, 2, 0]], [1.0, 2.0, 3.0], (2, 3))


def test_importing_wengert_loads_none_of_it() -> None:
    program = "import wengert, sys; print(any('sparse' in name for name in sys.modules if name.startswith('wengert')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- making -----------------------------------------------------------------------------------------------------------


def test_parts_and_questions() -> None:
    x = coo()
    assert x.layout is torch.sparse_coo and x.is_sparse and not x.is_sparse_csr and isinstance(x, torch.Tensor)
    assert (x._nnz(), x.sparse_dim(), x.dense_dim(), x.shape, x.ndim, x.numel()) == (3, 2, 0, (2, 3), 2, 6)
    assert not x.is_coalesced() and x.coalesce().is_coalesced()
    assert x._indices().tolist() == INDICES and x._values().tolist() == VALUES
    assert x.coalesce().values().tolist() == VALUES and x.coalesce().indices().tolist() == INDICES
    assert x.to_dense().tolist() == DENSE
    with pytest.raises(RuntimeError, match="call .coalesce"):
        x.indices()
    assert torch.ones(2, 3).sparse_dim() == 0 and torch.ones(2, 3).dense_dim() == 2


def test_old_types() -> None:
    x = torch.sparse.FloatTensor(torch.LongTensor(INDICES), torch.FloatTensor(VALUES), torch.Size([2, 3]))
    assert x.to_dense().tolist() == DENSE and x.type() == "torch.sparse.FloatTensor"
    assert isinstance(x, torch.sparse.FloatTensor) and not isinstance(x, torch.sparse.DoubleTensor)
    assert not isinstance(x, torch.FloatTensor) and not isinstance(x.to_dense(), torch.sparse.FloatTensor)
    assert torch.sparse.DoubleTensor(2, 3).shape == (2, 3)
    assert torch.is_floating_point(x) and torch.numel(x) == 6 and torch.as_tensor(x) is x
    with pytest.warns(UserWarning, match="copy construct"):
        assert torch.tensor(x).is_sparse


def test_coalesce_adds_up() -> None:
    x = twice().coalesce()
    assert x.indices().tolist() == [[0, 1], [2, 0]] and x.values().tolist() == [2.0, 4.0]
    assert x.coalesce() is x
    assert twice().to_dense().tolist() == [[0, 0, 2], [4, 0, 0]]


def test_hybrid_and_empty() -> None:
    x = torch.sparse_coo_tensor([[0, 2]], [[1.0, 2.0], [3.0, 4.0]], (3, 2))
    assert (x.sparse_dim(), x.dense_dim()) == (1, 1) and x.to_dense().tolist() == [[1, 2], [0, 0], [3, 4]]
    assert torch.ones(2, 3).to_sparse(1).dense_dim() == 1
    empty = torch.sparse_coo_tensor(size=(2, 0))
    assert empty._nnz() == 0 and empty.to_dense().shape == (2, 0)
    assert torch.zeros(2, 3).to_sparse()._nnz() == 0
    assert torch.zeros(2, 3, layout=torch.sparse_coo).to_dense().tolist() == [[0, 0, 0]] * 2
    assert torch.tensor(3.0).to_sparse().to_dense().item() == 3


def test_compressed_layouts() -> None:
    x = torch.tensor(DENSE).to_sparse_csr()
    assert x.crow_indices().tolist() == [0, 1, 3] and x.col_indices().tolist() == [2, 0, 2]
    assert x.values().tolist() == VALUES and x.is_sparse_csr and not x.is_sparse
    assert x.to_dense().tolist() == DENSE and x.to_sparse().to_dense().tolist() == DENSE
    columns = x.t()
    assert columns.layout is torch.sparse_csc and columns.to_dense().tolist() == torch.tensor(DENSE).t().tolist()
    assert columns.to_sparse_csr().to_dense().tolist() == columns.to_dense().tolist()
    assert torch.sparse_compressed_tensor([0, 1, 3], [2, 0, 2], VALUES, layout=torch.sparse_csr).shape == (2, 3)
    assert torch.sparse_csc_tensor([0, 1, 1, 3], [1, 0, 1], [4.0, 3.0, 5.0]).to_dense().tolist() == DENSE


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "beyond": (lambda: torch.sparse_coo_tensor(INDICES, VALUES, (2, 2)), "found index 2"),
    "negative": (lambda: torch.sparse_coo_tensor([[-1]], [1.0], (2,)), "negative index"),
    "count": (lambda: torch.sparse_coo_tensor(INDICES, VALUES[:2], (2, 3)), "same nnz"),
    "dims": (lambda: torch.sparse_coo_tensor(INDICES, VALUES, (2, 3, 4)), "sparse_dim"),
    "dense size": (lambda: torch.sparse_coo_tensor([[0]], [[1.0, 2.0]], (2, 3)), "incorrect size"),
    "coalesced": (lambda: torch.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (2,), is_coalesced=True), "is_coalesced"),
    "huge": (lambda: torch.sparse_coo_tensor([[0], [0]], [1.0], (2**40, 2**40)), "can be counted"),
    "crow": (lambda: torch.sparse_csr_tensor([0, 2, 1], [0], [1.0], (2, 2)), "do not decrease"),
    "col": (lambda: torch.sparse_csr_tensor([0, 1], [5], [1.0], (1, 2)), "plain_indices"),
    "unsorted": (lambda: torch.sparse_csr_tensor([0, 2], [1, 0], [1.0, 2.0], (1, 2)), "sorted"),
    "blocks": (lambda: torch.ones(2, 2).to_sparse(layout=torch.sparse_bsr), "sparse_bsr"),
}


@pytest.mark.parametrize("name", WRONG)
def test_parts_that_do_not_fit(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(RuntimeError, match=message):
        make()


def test_printing() -> None:
    assert repr(coo(requires_grad=True)) == """tensor(indices=tensor([[0, 1, 1],
                       [2, 0, 2]]),
       values=tensor([3., 4., 5.]),
       size=(2, 3), nnz=3, layout=torch.sparse_coo, requires_grad=True)"""
    assert repr(coo().to_sparse_csr()) == """tensor(crow_indices=tensor([0, 1, 3]),
       col_indices=tensor([2, 0, 2]),
       values=tensor([3., 4., 5.]), size=(2, 3), nnz=3,
       layout=torch.sparse_csr)"""


# --- arithmetic and shapes --------------------------------------------------------------------------------------------

EQUAL: dict[str, Callable[[Any], Any]] = {
    "neg": lambda x: -x,
    "times a number": lambda x: x * 3,
    "a number times": lambda x: 3 * x,
    "by a number": lambda x: x / 4,
    "power": lambda x: x**2,
    "sin": lambda x: x.sin(),
    "relu": lambda x: F.relu(-x),
    "sqrt": lambda x: torch.sqrt(x),
    "double": lambda x: x.double(),
    "t": lambda x: x.t(),
    "transpose": lambda x: x.transpose(0, 1),
    "clone": lambda x: x.clone(),
    "sum": lambda x: x.sum(),
    "sum of rows": lambda x: x.sum(0),
    "select": lambda x: x[1],
    "index_select": lambda x: x.index_select(1, torch.tensor([2, 0, 2])),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "narrow_copy": lambda x: x.narrow_copy(1, 1, 2),
    "mm": lambda x: x @ torch.arange(6.0).reshape(3, 2),
    "mm by": lambda x: torch.arange(4.0).reshape(2, 2) @ x,
    "mv": lambda x: x @ torch.arange(3.0),
    "linear": lambda x: F.linear(x, torch.arange(6.0).reshape(2, 3), torch.ones(2)),
    "norm": lambda x: x.norm(),
    "times dense": lambda x: x * torch.arange(6.0).reshape(2, 3),
    "dense plus": lambda x: torch.ones(2, 3) + x,
    "dense minus": lambda x: torch.ones(2, 3) - x,
    "zeros_like": torch.zeros_like,
}


@pytest.mark.parametrize("name", EQUAL)
@pytest.mark.parametrize("make", [coo, twice], ids=["sorted", "twice"])
def test_what_the_dense_tensor_gives(name: str, make: Callable[[], Any]) -> None:
    x = make()
    found, expected = EQUAL[name](x), EQUAL[name](x.to_dense())
    torch.testing.assert_close(found.to_dense(), expected)


def test_two_sparse_ones() -> None:
    x, y = coo(), twice()
    for found, expected in ((x + y, DENSE_SUM), (x - y, [[0, 0, 1], [0, 0, 5]]), (x * y, [[0, 0, 6], [16, 0, 0]])):
        assert found.is_sparse and found.to_dense().tolist() == expected
    product = x @ y.t()
    assert product.is_sparse and product.to_dense().tolist() == (x.to_dense() @ y.to_dense().t()).tolist()
    assert torch.cat([x, y], 1).to_dense().tolist() == torch.cat([x.to_dense(), y.to_dense()], 1).tolist()
    assert torch.stack([x, y]).to_dense().tolist() == torch.stack([x.to_dense(), y.to_dense()]).tolist()


DENSE_SUM = [[0, 0, 5], [8, 0, 5]]


@pytest.mark.parametrize("longest", [1, 3, 64, 65, 200])
def test_rows_of_any_length(longest: int) -> None:
    """Rows of few entries and of many are added up in two ways."""
    torch.manual_seed(0)
    rows = torch.cat([torch.full((int(n),), i) for i, n in enumerate(torch.randint(1, longest + 1, (20,)).tolist())])
    columns, values = torch.randint(7, (len(rows),)), torch.randn(len(rows), dtype=torch.float64)
    x = torch.sparse_coo_tensor(torch.stack([rows, columns]), values, (20, 7))
    y = torch.randn(7, 3, dtype=torch.float64)
    torch.testing.assert_close(x @ y, x.to_dense() @ y)
    expected = torch.zeros(20, 7, dtype=torch.float64).index_put((rows, columns), values, accumulate=True)
    torch.testing.assert_close(x.to_dense(), expected)


def test_in_place() -> None:
    x = coo()
    assert x.add_(twice()) is x and x.to_dense().tolist() == DENSE_SUM
    x.mul_(2)
    assert x.to_dense().tolist() == [[0, 0, 10], [16, 0, 10]]
    x.zero_()
    assert x._nnz() == 0 and x.shape == (2, 3)
    dense = torch.ones(2, 3)
    shared = dense[0]
    dense += coo()
    assert shared.tolist() == [1, 1, 4] and dense[1].tolist() == [5, 1, 6]
    assert dense.add_(coo(), alpha=-1).tolist() == [[1, 1, 1]] * 2
    with pytest.raises(RuntimeError, match="leaf"):
        coo(requires_grad=True).add_(twice())


def test_softmax_counts_what_is_kept() -> None:
    found = torch.sparse.softmax(coo(), 1).to_dense()
    expected = torch.tensor([4.0, 5.0]).softmax(0)
    assert found[0].tolist() == [0, 0, 1]
    torch.testing.assert_close(found[1, ::2], expected)
    torch.testing.assert_close(torch.sparse.log_softmax(coo(), 1).to_dense()[1, ::2], expected.log())


def test_sparse_resize() -> None:
    x = coo()
    x.sparse_resize_((3, 4), 2, 0)
    assert x.shape == (3, 4) and x.to_dense()[:2, :3].tolist() == DENSE
    with pytest.raises(RuntimeError, match="shrinking"):
        x.sparse_resize_((2, 2), 2, 0)


def test_sparse_mask() -> None:
    found = torch.arange(6.0).reshape(2, 3).sparse_mask(coo())
    assert found._values().tolist() == [2.0, 3.0, 5.0]


# --- gradients --------------------------------------------------------------------------------------------------------


def test_gradients_of_a_product() -> None:
    x, y = coo().coalesce().requires_grad_(), torch.arange(6.0).reshape(3, 2).requires_grad_()
    torch.sparse.mm(x, y).sum().backward()
    assert x.grad.is_sparse and x.grad._values().tolist() == [9.0, 1.0, 9.0]
    assert y.grad.tolist() == [[4, 4], [0, 0], [8, 8]]
    x.grad = None
    (x @ y).sum().backward()
    assert x.grad.layout is torch.strided and x.grad.tolist() == [[1, 5, 9]] * 2


def test_gradients_reach_the_values() -> None:
    v = torch.tensor(VALUES, requires_grad=True)
    weights = torch.arange(6.0).reshape(2, 3)
    (torch.sparse_coo_tensor(INDICES, v, (2, 3)).to_dense() * weights).sum().backward()
    assert v.grad.tolist() == [2, 3, 5]
    doubled = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (torch.sparse_coo_tensor([[1, 0, 1], [0, 2, 0]], doubled, (2, 3)).to_dense() * weights).sum().backward()
    assert doubled.grad.tolist() == [3, 2, 3]


def test_second_order() -> None:
    v = torch.tensor(VALUES, requires_grad=True, dtype=torch.float64)
    y = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(
        lambda v, y: torch.sparse.mm(torch.sparse_coo_tensor(INDICES, v, (2, 3)).sin(), y), (v, y))


CHECKED: dict[str, Callable[[Any], Any]] = {
    "to_dense": lambda x: x.to_dense(),
    "sparse.mm": lambda x: torch.sparse.mm(x, torch.arange(6.0, dtype=torch.float64).reshape(3, 2)),
    "sparse.sum": lambda x: torch.sparse.sum(x),
    "sparse.sum 0": lambda x: torch.sparse.sum(x * x, 0).to_dense(),
    "softmax": lambda x: torch.sparse.softmax(x, 1).to_dense(),
    "values": lambda x: x.coalesce().values() ** 2,
    "select": lambda x: x[1].to_dense() ** 2,
    "cat": lambda x: torch.cat([x, x * 2]).to_dense() ** 2,
}


@pytest.mark.parametrize("name", CHECKED)
def test_masked_gradcheck(name: str) -> None:
    x = coo(dtype=torch.float64).coalesce().requires_grad_()
    assert torch.autograd.gradcheck(CHECKED[name], (x,), masked=True)


def test_gradcheck_of_all_places() -> None:
    x = coo(dtype=torch.float64).coalesce().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: x.to_dense(masked_grad=False), (x,), masked=False)
    assert torch.autograd.gradcheck(lambda x: x @ torch.ones(3, 2, dtype=torch.float64), (x,))
    with pytest.raises(torch.autograd.gradcheck.__globals__["GradcheckError"], match="Jacobian mismatch"):
        torch.autograd.gradcheck(CHECKED["sparse.mm"], (x,), masked=False)


# --- sparse gradients of embeddings -----------------------------------------------------------------------------------


def table(**options: Any) -> Any:
    weight = torch.arange(12.0).reshape(4, 3)
    return nn.Embedding.from_pretrained(weight, freeze=False, sparse=True, **options)


def test_embedding_has_a_sparse_gradient() -> None:
    layer = table()
    (layer(torch.tensor([[1, 2], [2, 0]])) * torch.arange(12.0).reshape(2, 2, 3)).sum().backward()
    grad = layer.weight.grad
    assert grad.is_sparse and not grad.is_coalesced() and grad._indices().tolist() == [[1, 2, 2, 0]]
    assert grad.to_dense().tolist() == [[9, 10, 11], [0, 1, 2], [9, 11, 13], [0, 0, 0]]
    padded = table(padding_idx=2)
    padded(torch.tensor([1, 2])).sum().backward()
    assert padded.weight.grad._indices().tolist() == [[1]]
    with pytest.raises(IndexError, match="out of range"):
        layer(torch.tensor([4]))


def test_accumulation() -> None:
    layer = table()
    layer(torch.tensor([1])).sum().backward()
    layer(torch.tensor([1, 3])).sum().backward()
    assert layer.weight.grad.is_sparse and layer.weight.grad.to_dense()[:, 0].tolist() == [0, 2, 0, 1]
    layer.weight.sum().backward()
    assert layer.weight.grad.layout is torch.strided and layer.weight.grad[:, 0].tolist() == [1, 3, 1, 2]
    layer(torch.tensor([0])).sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [2, 3, 1, 2]
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.abs().sum().item() == 0
    layer.zero_grad()
    (layer(torch.tensor([0])).sum() + (layer.weight * 2).sum()).backward()
    assert layer.weight.grad[:, 0].tolist() == [3, 2, 2, 2]


def test_a_sparse_gradient_goes_on_through_dense_operations() -> None:
    weight = torch.arange(12.0).reshape(4, 3).requires_grad_()
    F.embedding(torch.tensor([1, 1]), weight * 2, sparse=True).sum().backward()
    assert weight.grad.to_dense().tolist() == [[0, 0, 0], [4, 4, 4], [0, 0, 0], [0, 0, 0]]


def test_hooks_and_grad() -> None:
    layer, seen = table(), []
    layer.weight.register_hook(lambda grad: (seen.append(grad.is_sparse), grad * 2)[1])
    layer.weight.register_post_accumulate_grad_hook(lambda weight: seen.append(weight.grad._nnz()))
    layer(torch.tensor([1, 1])).sum().backward()
    assert seen == [True, 2] and layer.weight.grad.to_dense()[1].tolist() == [4, 4, 4]
    (found,) = torch.autograd.grad(layer(torch.tensor([3])).sum(), layer.weight)
    assert found.is_sparse and found.to_dense()[3].tolist() == [2, 2, 2]


def test_clip_grad_norm() -> None:
    layer = table()
    layer(torch.tensor([1, 1])).sum().backward()
    total = nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
    assert total.item() == pytest.approx(12**0.5) and layer.weight.grad.norm().item() == pytest.approx(1, abs=1e-5)


def test_bags() -> None:
    bag = nn.EmbeddingBag.from_pretrained(torch.arange(12.0).reshape(4, 3), freeze=False, sparse=True, mode="mean")
    bag(torch.tensor([1, 2, 2]), torch.tensor([0, 1])).sum().backward()
    assert bag.weight.grad.is_sparse and bag.weight.grad.to_dense()[:, 0].tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="max mode"):
        nn.EmbeddingBag(3, 2, mode="max", sparse=True)(torch.tensor([[0]]))


def trained(optimizer: Callable[[Any], Any], sparse: bool) -> list[Any]:
    layer = nn.Embedding.from_pretrained(torch.arange(12.0).reshape(4, 3) / 12, freeze=False, sparse=sparse)
    chosen = optimizer(layer.parameters())
    for step in range(4):
        chosen.zero_grad()
        (layer(torch.tensor([[1, 2], [2, step]])) ** 2).sum().backward()
        chosen.step()
    return layer.weight.detach()


@pytest.mark.parametrize("optimizer", [
    lambda p: torch.optim.SGD(p, lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5), lambda p: torch.optim.Adagrad(p, lr=0.1),
    lambda p: torch.optim.SGD(p, lr=0.1, maximize=True)])
def test_optimisers_move_as_by_dense_gradients(optimizer: Callable[[Any], Any]) -> None:
    torch.testing.assert_close(trained(optimizer, True), trained(optimizer, False))


def test_sparse_adam_moves_what_the_gradient_has() -> None:
    """One step is Adam's where there is a gradient; other rows stay, also when there are moments."""
    layer, dense = table(), nn.Embedding.from_pretrained(torch.arange(12.0).reshape(4, 3), freeze=False)
    for each, kind in ((layer, torch.optim.SparseAdam), (dense, torch.optim.Adam)):
        optimizer = kind(each.parameters(), lr=0.1)
        each(torch.tensor([1, 2])).sum().backward()
        optimizer.step()
    torch.testing.assert_close(layer.weight, dense.weight)
    optimizer = torch.optim.SparseAdam(layer.parameters(), lr=0.1)
    for rows in ([1], [2]):
        optimizer.zero_grad()
        layer(torch.tensor(rows)).sum().backward()
        before = layer.weight.detach().clone()
        optimizer.step()
        moved = (layer.weight.detach() != before).any(1)
        assert moved.nonzero().flatten().tolist() == rows
    assert optimizer.state[layer.weight]["step"] == 2


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "Adadelta", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop",
                                  "Muon", "Adafactor"])
def test_other_optimisers_refuse(kind: str) -> None:
    layer = table()
    layer(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        getattr(torch.optim, kind)(layer.parameters()).step()


@pytest.mark.filterwarnings("ignore:Anomaly Detection", "ignore:Error detected")
def test_who_looks_on_sees_the_values() -> None:
    """Anomaly detection, the questions, pictures and the scaler take sparse cotangents."""
    def loss(layer: Any) -> Any:
        return (layer(torch.tensor([1, 1])) ** 2).sum()

    with torch.autograd.detect_anomaly():
        loss(table()).backward()
        with pytest.raises(RuntimeError, match="nan"):
            (table()(torch.tensor([0])).sum() * float("nan")).backward()
    assert "finite" in str(torch.autograd.why_nan(loss(table())))
    assert "EmbeddingBackward0" in str(torch.graph(loss(table())))
    layer, scaler = table(), torch.amp.GradScaler("cpu")
    optimizer = torch.optim.SparseAdam(layer.parameters(), lr=0.1)
    scaler.scale(loss(layer)).backward()
    scaler.step(optimizer)
    scaler.update()
    assert layer.weight.detach()[1].tolist() == pytest.approx([2.9, 3.9, 4.9], abs=1e-4)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x.clone(), lambda x: x):
        x, y = coo().requires_grad_(), torch.ones(3, 2, requires_grad=True)
        torch.sparse.mm(x, y).sum().backward()
    assert x.grad.is_sparse


# --- copies and files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [coo, lambda: coo().coalesce(), lambda: coo().to_sparse_csr()])
def test_copies_and_files(make: Callable[[], Any], tmp_path: Any) -> None:
    x = make()
    torch.save({"x": x}, tmp_path / "a.pt")
    torch.io.save_torch({"x": x}, tmp_path / "b.pt")
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), torch.load(tmp_path / "a.pt")["x"],
                  torch.load(tmp_path / "b.pt")["x"]):
        assert repr(other) == repr(x) and other.layout is x.layout
        assert not x.is_sparse or other.is_coalesced() == x.is_coalesced()


def test_a_file_with_indices_beyond_is_refused() -> None:
    x = coo()
    x._data.indices[0, 0] = 7  # as a damaged file would say
    file = io.BytesIO()
    torch.save({"x": x}, file)
    file.seek(0)
    with pytest.raises(RuntimeError, match="found index 7|damaged"):
        torch.load(file)


def test_modules_keep_them_as_buffers() -> None:
    module = nn.Module()
    module.register_buffer("adjacency", coo())
    assert module.double().adjacency.dtype is torch.float64
    assert module.state_dict()["adjacency"].is_sparse
    with pytest.raises(LayoutError, match="register_buffer"):
        nn.Parameter(coo())


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED: dict[str, Callable[[Any], Any]] = {
    "exp": lambda x: x.exp(),
    "cos": torch.cos,
    "clamp": lambda x: x.clamp(0),
    "reshape": lambda x: x.reshape(3, 2),
    "view": lambda x: x.view(6),
    "mean": lambda x: x.mean(),
    "max": torch.max,
    "eq": lambda x: x == x,
    "where": lambda x: torch.where(torch.ones(2, 3) > 0, x, x),
    "einsum": lambda x: torch.einsum("ij->ji", x),
    "cumsum": lambda x: x.cumsum(0),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "softmax": lambda x: F.softmax(x, 0),
    "gelu": F.gelu,
    "softplus": F.softplus,
    "dropout": F.dropout,
    "layer_norm": lambda x: F.layer_norm(x, (3,)),
    "mse_loss": lambda x: F.mse_loss(x, torch.ones(2, 3)),
    "conv1d": lambda x: F.conv1d(x, torch.ones(1, 2, 1)),
    "svd": lambda x: torch.linalg.svd(x),
    "sort": lambda x: x.sort(),
    "flip": lambda x: torch.flip(x, (0,)),
    "setitem": lambda x: x.__setitem__(0, 1),
    "maximum": lambda x: torch.maximum(torch.ones(2, 3), x),
    "fill_": lambda x: x.fill_(1),
    "div": lambda x: torch.ones(2, 3) / x,
    "gather": lambda x: torch.gather(torch.ones(2, 3), 0, x.long()),
    "sparse + dense": lambda x: x + torch.ones(2, 3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_everything_else_says_so(name: str) -> None:
    with pytest.raises((LayoutError, RuntimeError, TypeError), match=r"^\[.*(to_dense|sparse)") as found:
        REFUSED[name](coo())
    assert "NoneType" not in str(found.value)


def test_every_method_of_a_tensor_is_there_or_refuses() -> None:
    """No method of dense tensors is inherited that would take a sparse one's data for an array."""
    inherited = [name for name in dir(torch.Tensor) if not name.startswith("__")
                 and getattr(type(coo()), name) is getattr(torch.Tensor, name)]
    for name in inherited:
        value = getattr(coo(), name)
        assert not callable(value) or name in KEPT, name


KEPT = set("""size dim ndimension numel nelement element_size get_device is_floating_point is_complex is_signed
    requires_grad_ backward retain_grad register_hook register_post_accumulate_grad_hook detach_ graph _rarely _set_edge
    _number _real_number _is_view is_conj is_neg is_inference is_pinned has_names _has_names is_distributed
    _is_any_true""".split())


def test_transformations_refuse_by_name() -> None:
    layer = table()
    with pytest.raises(TraceError, match="vmap"):
        torch.vmap(lambda x: coo() @ x)(torch.ones(2, 3))
    x = coo()
    with pytest.raises(TraceError, match=r"\[(compile|mm)\].*sparse"):
        torch.capture(lambda y: torch.sparse.mm(x, y))(torch.ones(3, 2))
    with pytest.warns(UserWarning, match=r"runs eagerly from now on.*sparse"):
        found = torch.compile(lambda y: torch.sparse.mm(x, y))(torch.ones(3, 2))
    assert found.tolist() == [[3, 3], [9, 9]]
    with pytest.warns(UserWarning, match=r"runs eagerly from now on.*\[embedding\]"):
        torch.compile(lambda i: layer(i).sum())(torch.tensor([1])).backward()
    assert layer.weight.grad.is_sparse
    with torch.no_grad():  # where no gradient is wanted there is nothing sparse
        assert torch.compile(lambda i: layer(i))(torch.tensor([1])).tolist() == [[3, 4, 5]]


def test_functions_that_write_are_the_methods_of_sparse_tensors() -> None:
    """``torch.sqrt_(x)`` and ``torch.Tensor.sqrt_(x)`` of a sparse tensor do what ``x.sqrt_()`` does; so do all whose
    functional form is a function too."""
    def outcome(run: Any) -> Any:
        try:
            return run(torch.tensor([0.5, 0.0, 0.25]).to_sparse()).to_dense().tolist()
        except (RuntimeError, TypeError, AttributeError) as error:
            return type(error)

    done = 0
    for name in [name for name in dir(torch.Tensor) if name.endswith("_") and not name.startswith("_")]:
        for other in ((), (2.0,)):
            want = outcome(lambda x, name=name, other=other: getattr(x, name)(*other))
            functions = {getattr(torch, name, None), hasattr(torch, name[:-1]) and getattr(torch.Tensor, name)}
            if isinstance(want, list):
                for function in functions - {None, False}:
                    assert outcome(lambda x, function=function, other=other: function(x, *other)) == want, (name, other)
                    done += 1
    assert done > 40
