"""Views and shapes: shared memory, shared history, and the words of errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch

X = torch.arange(24.0).view(2, 3, 4)
VIEWS: dict[str, Any] = {
    "view": lambda x: x.view(6, 4),
    "reshape": lambda x: x.reshape(4, 6),
    "flatten": lambda x: x.flatten(1),
    "ravel": lambda x: x.ravel(),
    "squeeze": lambda x: x[:1].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "transpose": lambda x: x.transpose(0, 2),
    "permute": lambda x: x.permute(2, 0, 1),
    "movedim": lambda x: x.movedim(0, -1),
    "T": lambda x: x[0].T,
    "mT": lambda x: x.mT,
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(1, 2),
    "diagonal": lambda x: x.diagonal(1, 1, 2),
    "unfold": lambda x: x.unfold(2, 2, 2),
    "as_strided": lambda x: x.as_strided((2, 2), (12, 4), 1),
    "split": lambda x: x.split(2, 2)[1],
    "chunk": lambda x: x.chunk(2)[1],
    "unbind": lambda x: x.unbind(1)[0],
    "slice": lambda x: x[:, ::2, 1:],
    "tensor_split": lambda x: x.tensor_split(2, 2)[0],
    "unflatten": lambda x: x.unflatten(2, (2, 2)),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "expand": lambda x: x[:, :1].expand(2, 3, 4),
}


@pytest.mark.parametrize("name", VIEWS)
def test_view_shares_memory_and_history(name: str) -> None:
    take = VIEWS[name]
    leaf = X.clone().requires_grad_()
    base = leaf * 1
    part = take(base)
    assert np.shares_memory(part.detach().numpy(), base.detach().numpy())
    places = take(torch.arange(24).view(2, 3, 4)).reshape(-1)
    (part * 2).sum().backward(retain_graph=True)
    counts = np.bincount(places.numpy(), minlength=24).reshape(2, 3, 4)
    assert leaf.grad.tolist() == (2.0 * counts).tolist()
    if name == "expand":
        with pytest.raises(
            RuntimeError, match="more than one element of the written-to tensor refers to a single memory"
        ):
            part.mul_(5)
        return
    if name in ("split", "chunk", "unbind"):
        with pytest.raises(RuntimeError, match="the output of a function that returns multiple views"):
            part.mul_(5)
        return
    leaf.grad = None
    part.mul_(5)
    base.sum().backward()
    assert leaf.grad.tolist() == np.where(counts, 5.0, 1.0).tolist()
    assert base.detach().tolist() == np.where(counts, 5 * X.numpy(), X.numpy()).tolist()


def test_copies_share_nothing() -> None:
    for copy in (
        X.permute(2, 0, 1).reshape(-1),
        X.repeat(1, 1, 1),
        X.flip(0),
        X.roll(1),
        torch.cat([X]),
        X.clone(),
        X[[0, 1]],
    ):
        assert not np.shares_memory(copy.numpy(), X.numpy())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: X.permute(2, 0, 1).view(24), "view size is not compatible with input tensor.s size and stride"),
        (lambda: X.view(5), r"shape '\[5\]' is invalid for input of size 24"),
        (lambda: X.view(-1, -1), "only one dimension can be inferred"),
        (lambda: X.expand(2, 5, 4), r"expanded size of the tensor \(5\) must match the existing size \(3\)"),
        (lambda: torch.cat([X, X[0]]), "same number of dimensions"),
        (lambda: torch.cat([X, X[:, :1]]), "Sizes of tensors must match except in dimension 0"),
        (lambda: torch.stack([X, X[:1]]), "stack expects each tensor to be equal size"),
        (lambda: X.t(), "t\\(\\) expects a tensor with <= 2 dimensions"),
        (lambda: X.permute(0, 0, 1), "dim 0 appears multiple times|duplicate"),
        (lambda: X.narrow(0, 1, 2), "exceeds dimension size"),
        (lambda: X.unflatten(2, (3, 2)), "don't multiply up to the size of dim"),
        (lambda: torch.ones(2, requires_grad=True).unsqueeze_(0), "leaf Variable that requires grad"),
    ],
)
def test_errors_are_runtime_errors(call: Any, words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        call()


@pytest.mark.parametrize("change", [
    lambda w: w.t_(), lambda w: w.transpose_(0, 1), lambda w: w.swapaxes_(0, 1), lambda w: w.swapdims_(0, 1),
    lambda w: w.unsqueeze_(0), lambda w: w.unsqueeze_(1).squeeze_(1), lambda w: w.as_strided_((3, 2), (1, 3)),
])
@pytest.mark.parametrize("viewed", [False, True])
def test_a_leaf_is_one_in_any_shape(change: Callable[[Any], Any], viewed: bool) -> None:
    """Also where it has views, which go on as they were."""
    w = torch.arange(6.0).reshape(2, 3).clone().requires_grad_()
    row = w[1] if viewed else None
    with torch.no_grad():
        change(w)
    assert w.is_leaf and w.requires_grad and w.grad_fn is None
    (w * w.detach()).sum().backward()
    assert torch.equal(w.grad, w.detach())
    with torch.no_grad():
        w.mul_(2)
        w[0].add_(1)
    assert w.is_leaf and (w[0] * 3).sum().requires_grad
    if row is not None:
        assert row.shape == (3,) and row._version == w._version
        with pytest.raises(RuntimeError, match="view of a leaf"):
            row.mul_(2)


def test_dimensions_out_of_range() -> None:
    for call in (
        lambda: X.transpose(0, 3),
        lambda: X.unsqueeze(5),
        lambda: X.squeeze(-4),
        lambda: X.select(0, 2),
        lambda: X.size(3),
    ):
        with pytest.raises(IndexError, match="out of range"):
            call()


def test_views_know_their_base() -> None:
    whole = torch.ones(2, 3)
    part = whole[1]
    assert part._base is whole and whole._base is None and part._is_view()
    assert part.storage_offset() == 3 and part.data_ptr() == whole.data_ptr() + 12
    assert part.is_set_to(whole[1]) and not part.is_set_to(whole[0])
    assert whole.t().stride() == (1, 3) and not whole.t().is_contiguous() and whole.t().contiguous().stride() == (2, 1)


def test_joining_and_taking_apart_are_inverse() -> None:
    for dim in range(3):
        for parts in (X.split(1, dim), X.chunk(2, dim), X.tensor_split((1,), dim), X.split([1, X.size(dim) - 1], dim)):
            assert (torch.cat(parts, dim) == X).numpy().all()
        assert (torch.stack(X.unbind(dim), dim) == X).numpy().all()


def test_shape_in_place_keeps_memory_and_history() -> None:
    leaf = torch.ones(2, 1, 3, requires_grad=True)
    y = leaf * 2
    row = y[1]
    y.squeeze_(1).mul_(3)
    assert y.shape == (2, 3) and row.tolist() == [[6.0, 6.0, 6.0]]
    (y.sum() + row.sum()).backward()
    assert leaf.grad.tolist() == [[[6.0] * 3], [[12.0] * 3]]


def test_meshgrid_warns_without_indexing() -> None:
    with pytest.warns(UserWarning, match="indexing argument"):
        torch.meshgrid(torch.arange(2), torch.arange(3))


def test_complex_views() -> None:
    z = torch.tensor([1 + 2j, 3 - 1j])
    z.real += 1
    z.imag = torch.tensor([5.0, 6.0])
    assert z.tolist() == [2 + 5j, 4 + 6j]
    assert torch.view_as_real(z).tolist() == [[2.0, 5.0], [4.0, 6.0]]
    assert torch.view_as_complex(torch.view_as_real(z)).data_ptr() == z.data_ptr()
    with pytest.raises(RuntimeError, match="non-complex"):
        torch.imag(torch.ones(1))
