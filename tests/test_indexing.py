"""Indexing, gathering, scattering, sorting: against numpy, and against loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch

A = np.arange(60.0).reshape(3, 4, 5)
ROWS, ALONG = torch.tensor([2, 0, 2]), torch.tensor([[0, 2, 1], [2, 0, 0]])
MASK = np.arange(12).reshape(3, 4) % 3 == 0
# Index expressions that mean the same to numpy.
EXPRESSIONS: list[Any] = [
    0,
    -1,
    (1, 2),
    (slice(1, None), slice(None, None, 2)),
    (Ellipsis, 1),
    None,
    (None, 0, None),
    (slice(None), 1, Ellipsis, None),
    [0, 2],
    ([0, 2], [1, 3]),
    (slice(None), [0, 2, 0]),
    ([[0], [1]], [2, 3]),
    MASK,
    (slice(None), MASK[0]),
    (MASK, slice(1, 3)),
    MASK[:, 0],
    True,
    False,
    (slice(2, 1),),
    ([],),
    (slice(None), slice(None), [4, 0]),
    (np.array([0, 1]), Ellipsis, np.array([1, 2])),
    (),
]


def as_index(index: Any, module: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(as_index(i, module) for i in index)
    if isinstance(index, (list, np.ndarray)) and module is not np:
        return torch.tensor(index) if len(index) else torch.zeros(0, dtype=torch.int64)
    return np.array(index, np.int64) if isinstance(index, list) and not index else index


@pytest.mark.parametrize("index", EXPRESSIONS, ids=str)
def test_getitem_and_its_gradient(index: Any) -> None:
    leaf = torch.from_numpy(A.copy()).requires_grad_()
    part = leaf[as_index(index, torch)]
    expected = A[as_index(index, np)]
    assert tuple(part.shape) == expected.shape and part.detach().tolist() == expected.tolist()
    (part * part).sum().backward()
    counts = np.zeros(60)
    np.add.at(counts, np.arange(60).reshape(A.shape)[as_index(index, np)].reshape(-1), 1)
    assert leaf.grad.tolist() == (2 * A * counts.reshape(A.shape)).tolist()


@pytest.mark.parametrize("index", EXPRESSIONS, ids=str)
def test_setitem_and_its_gradient(index: Any) -> None:
    expected = A.copy()
    expected[as_index(index, np)] = -1.0
    plain = torch.from_numpy(A.copy())
    plain[as_index(index, torch)] = -1.0
    assert plain.tolist() == expected.tolist()
    leaf, value = (
        torch.from_numpy(A.copy()).requires_grad_(),
        torch.tensor(-1.0, dtype=torch.float64, requires_grad=True),
    )
    written = leaf * 1
    written[as_index(index, torch)] = value
    assert written.detach().tolist() == expected.tolist()
    written.sum().backward()
    assert leaf.grad.tolist() == (expected != -1).astype(float).tolist()
    assert value.grad.item() == A[as_index(index, np)].size


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (3, "out of (range|bounds)"),
        ((0, 0, 0, 0), "too many indices"),
        (1.5, "valid indices"),
        ("a", "valid indices"),
        (torch.tensor([7]), "out of (range|bounds)"),
        (torch.ones(2), "long, int, byte or bool"),
        ((Ellipsis, Ellipsis), "single ellipsis"),
        (torch.ones(2, 4).bool(), "mask"),
        ((torch.tensor([0, 1]), torch.tensor([0, 1, 2])), "shape mismatch"),
    ],
)
def test_wrong_indices(index: Any, words: str) -> None:
    x = torch.from_numpy(A.copy())
    for act in (lambda: x[index], lambda: x.__setitem__(index, 0.0)):
        with pytest.raises((IndexError, TypeError), match=words):
            act()
    assert x.tolist() == A.tolist()


def test_negative_step_is_refused() -> None:
    with pytest.raises(ValueError, match="step must be greater than zero"):
        torch.arange(3)[::-1]


def test_assigned_shapes_that_do_not_fit() -> None:
    x = torch.zeros(3, 4)
    for index in (0, [0, 1], torch.ones(3, 4).bool()):
        with pytest.raises(RuntimeError, match="shape|broadcast|match"):
            x[index] = torch.ones(5)
    assert x.tolist() == [[0.0] * 4] * 3


def test_gather_and_scatter_against_loops() -> None:
    x, source = np.arange(12.0).reshape(3, 4), np.array([[1.0, 2, 3], [4, 5, 6]])
    taken, put, added = np.zeros((2, 3)), x.copy(), x.copy()
    for i in range(2):
        for j in range(3):
            place = int(ALONG[i, j])
            taken[i, j] = x[place, j]
            put[place, j] = source[i, j]
            added[place, j] += source[i, j]
    t, s = torch.from_numpy(x), torch.from_numpy(source)
    assert t.gather(0, ALONG).tolist() == taken.tolist()
    assert t.scatter(0, ALONG, s).tolist() == put.tolist()
    assert t.scatter_add(0, ALONG, s).tolist() == added.tolist()
    assert t.clone().scatter_(0, ALONG, s).tolist() == put.tolist()
    assert torch.zeros(2, 3).scatter_(1, torch.tensor([[2], [0]]), 1.0).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_scatter_reduce() -> None:
    x, index, source = torch.tensor([1.0, 2.0]), torch.tensor([0, 0, 1]), torch.tensor([3.0, 5.0, 4.0])
    expected = {"sum": [9, 6], "prod": [15, 8], "mean": [3, 3], "amax": [5, 4], "amin": [1, 2]}
    for name, values in expected.items():
        assert x.scatter_reduce(0, index, source, name).tolist() == values
    assert x.scatter_reduce(0, index, source, "mean", include_self=False).tolist() == [4, 4]


def test_index_functions() -> None:
    x = torch.arange(12.0).view(3, 4)
    assert x.index_select(0, ROWS).tolist() == x[ROWS].tolist()
    assert x.index_add(0, ROWS, torch.ones(3, 4), alpha=2)[:, 0].tolist() == [2, 4, 12]
    assert x.index_copy(1, torch.tensor([3, 0]), torch.zeros(3, 2)).tolist() == [
        [0, 1, 2, 0],
        [0, 5, 6, 0],
        [0, 9, 10, 0],
    ]
    assert x.index_fill(1, torch.tensor([0]), -1.0)[:, 0].tolist() == [-1, -1, -1]
    assert x.take(torch.tensor([5, -1])).tolist() == [5, 11]
    assert torch.zeros(2, 2).put_(torch.tensor([3, 3]), torch.ones(2), accumulate=True).tolist() == [[0, 0], [0, 2]]
    assert x.masked_fill(x > 5, 0.0).sum().item() == 15
    assert x.masked_select(x % 5 == 0).tolist() == [0, 5, 10]
    assert torch.zeros(4).masked_scatter(torch.tensor([True, False, True, True]), torch.arange(5.0)).tolist() == [
        0,
        0,
        1,
        2,
    ]
    assert torch.tensor([[0, 3], [2, 0]]).nonzero().tolist() == [[0, 1], [1, 0]]
    assert torch.zeros(3, 3).fill_diagonal_(2.0).tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]


def test_sorting_is_stable_and_knows_nan() -> None:
    x = torch.tensor([[3.0, 1.0, 3.0, float("nan")], [0.0, -1.0, 0.0, -1.0]])
    assert x.sort().indices.tolist() == [[1, 0, 2, 3], [1, 3, 0, 2]]
    assert x.sort(descending=True).indices.tolist() == [[3, 0, 2, 1], [0, 2, 1, 3]]
    assert x[1].topk(2, largest=False).values.tolist() == [-1.0, -1.0]
    assert x[0, :3].kthvalue(2).values.item() == 3.0
    assert torch.tensor([5, 1, 5, 1]).unique(return_inverse=True, return_counts=True)[2].tolist() == [2, 2]
    assert torch.unique_consecutive(torch.tensor([1, 1, 2, 1])).tolist() == [1, 2, 1]
    assert torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6])).tolist() == [1, 3]
    assert torch.bucketize(torch.tensor([3, 6]), torch.tensor([1, 3, 5]), right=True).tolist() == [2, 3]


def test_gradient_of_sort_goes_back_to_its_place() -> None:
    x = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)
    (x.sort().values * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [100.0, 1.0, 10.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.gather(0, torch.tensor([[5]])),
        lambda x: x.scatter(0, torch.tensor([[-1]]), 0.0),
        lambda x: x.topk(9),
        lambda x: x.masked_fill(torch.ones(3, 4), 0.0),
        lambda x: x.scatter_add(0, torch.tensor([[0]]), torch.ones(1, 1).long()),
    ],
)
def test_wrong_arguments(call: Any) -> None:
    with pytest.raises(RuntimeError):
        call(torch.zeros(3, 4))


def test_named_results() -> None:
    result = torch.tensor([2, 1]).sort()
    assert repr(result) == "torch.return_types.sort(\nvalues=tensor([1, 2]),\nindices=tensor([1, 0]))"
    assert isinstance(result, torch.return_types.sort) and result.values is result[0]


def test_an_index_without_dimensions_counts_as_one_element() -> None:
    """The usual way to make a one-hot target: ``zeros(10).scatter_(0, torch.tensor(y), value=1)``."""
    x, place = torch.arange(5.0, requires_grad=True), torch.tensor(3)
    assert torch.zeros(5).scatter_(0, place, value=1).tolist() == [0, 0, 0, 1, 0]
    assert x.scatter(0, place, torch.tensor(7.0)).tolist() == [0, 1, 2, 7, 4]
    assert x.scatter(0, place, 2.0, reduce="add").tolist() == [0, 1, 2, 5, 4]
    assert x.scatter_add(0, place, torch.tensor(7.0)).tolist() == [0, 1, 2, 10, 4]
    assert x.scatter_reduce(0, place, torch.tensor(7.0), "prod").tolist() == [0, 1, 2, 21, 4]
    assert torch.tensor(4.0).scatter(0, torch.tensor([0]), 1.0).item() == 1
    assert torch.tensor(4.0).gather(0, torch.tensor([0, 0])).tolist() == [4, 4]
    picked = x.gather(0, place)
    picked.backward()
    assert picked.shape == () and x.grad is not None and x.grad.tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("numbers", ["all different", "many equal", "with NaN", "integers", "halves", "infinities"])
@pytest.mark.parametrize("largest", [True, False])
def test_the_largest_are_those_that_a_sort_puts_first(numbers: str, largest: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(7, 40, 5)
    match numbers:
        case "many equal":
            x = x.round()
        case "with NaN":
            x[torch.rand(7, 40, 5) < 0.1] = float("nan")
        case "integers":
            x = (1000 * x).long()
        case "halves":
            x = x.half()
        case "infinities":
            x[torch.rand(7, 40, 5) < 0.4] = float("inf")
            x[torch.rand(7, 40, 5) < 0.2] = -float("inf")
    for dim in range(3):
        ordered, places = x.sort(dim, descending=largest, stable=True)
        for k in (0, 1, 2, 5, x.shape[dim] // 4, x.shape[dim]):
            if k <= x.shape[dim]:
                values, found = x.topk(k, dim, largest=largest)
                assert torch.equal(found, places.narrow(dim, 0, k)) and values.is_contiguous(), (dim, k)
                assert torch.allclose(values, ordered.narrow(dim, 0, k), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("reduce", [torch.scatter_reduce, torch.index_reduce])
def test_products_of_what_is_scattered_to_one_place_differentiate_twice(reduce: Any) -> None:
    for start in (1.0, 0.0):
        for values in ([0.0, 0.0], [0.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [1.0, 2.0]):
            x, source = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ([start], values))
            index = torch.zeros(len(values), dtype=torch.int64)
            for include in (True, False):
                def product(x: Any, source: Any, index: Any = index, include: bool = include) -> Any:
                    return reduce(x, 0, index, source, "prod", include_self=include)

                assert torch.autograd.gradcheck(product, (x, source))
                assert torch.autograd.gradgradcheck(product, (x, source))
