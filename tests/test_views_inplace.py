"""The one law for views and in-place writes: the matrix, and what a refused write leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.core.errors import DTypeError, InplaceError, ShapeError
from wengert.testing.programs import Outcome, Statement, gradients, interpret
from wengert.testing.views import MATRIX


def eagerly(program: Sequence[Statement]) -> Outcome:
    return gradients(torch, program)


def watched(program: Sequence[Statement]) -> Outcome:
    """With lines recorded, so that every operation takes the path on which it is watched."""
    with torch.autograd.record_lines():
        return gradients(torch, program)


def packed(program: Sequence[Statement]) -> Outcome:
    """With every saved value replaced by a copy, so that nothing can be written over."""
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x.clone(), lambda x: x):
        return gradients(torch, program)


# The ways in which a program can be carried out.
EXECUTORS: dict[str, Callable[[Sequence[Statement]], Outcome]] = {
    "eager": eagerly,
    "watched": watched,
    "packed": packed,
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", MATRIX)
def test_matrix(name: str, executor: str) -> None:
    program = MATRIX[name]
    found, meant = EXECUTORS[executor](program), interpret(program)
    assert found.refused == meant.refused
    assert bool(found.refused) == name.endswith("refused")
    for got, expected in zip(found.values, meant.values, strict=True):
        assert (got is None) == (expected is None)
        if got is not None:
            np.testing.assert_allclose(got, expected, atol=1e-12)
    if name.endswith("overwritten") and executor != "packed":
        assert isinstance(found.error, InplaceError)
    else:
        assert found.error is None
        assert found.first == pytest.approx(meant.first, abs=1e-9)
        assert found.second == pytest.approx(meant.second, abs=1e-9)


def leaf(*values: float) -> Any:
    return torch.tensor(values, requires_grad=True)


def state_of(x: Any) -> Any:
    return x.tolist(), x._version, x.grad_fn, x.requires_grad


@pytest.mark.parametrize(
    "write, error, words",
    [
        (
            lambda y: y.add_(torch.ones(3, 2)),
            ShapeError,
            r"output with shape \[2\] doesn't match the broadcast shape \[3, 2\]",
        ),
        (lambda y: y.copy_(torch.ones(3, 2)), ShapeError, "doesn't match the broadcast shape"),
        (lambda y: y.copy_(torch.ones(3)), RuntimeError, "must match the existing size"),
        (lambda y: y.__setitem__(slice(None), torch.ones(3)), RuntimeError, "must match the existing size"),
        (lambda y: y.mul_(1j), RuntimeError, "can't be cast"),
        (
            lambda y: y.mul_(torch.ones(2, dtype=torch.complex64)),
            DTypeError,
            "can't be cast to the desired output type Float",
        ),
        (lambda y: y.__setitem__(5, 1.0), IndexError, "out of (bounds|range)"),
        (lambda y: y.__setitem__((0, 0), 1.0), IndexError, "too many indices"),
        (lambda y: y.add_("one"), TypeError, "must be Tensor"),
        (lambda y: y.fill_(1j), RuntimeError, "value cannot be converted to type float32 without overflow"),
        (lambda y: y.expand(3, 2).add_(1), InplaceError, "single memory location"),
        (lambda y: y.expand(3, 2).copy_(torch.zeros(3, 2)), InplaceError, "single memory location"),
    ],
)
@pytest.mark.parametrize("with_view", [False, True])
def test_a_refused_write_changes_nothing(write: Any, error: type[Exception], words: str, with_view: bool) -> None:
    y = leaf(1.0, 2.0) * 2
    part = y[1:] if with_view else None
    before, part_before = state_of(y), with_view and state_of(part)
    with pytest.raises(error, match=words):
        write(y)
    assert state_of(y) == before
    if with_view:
        assert state_of(part) == part_before


def test_an_integer_target_refuses_floats() -> None:
    n = torch.tensor([1, 2])
    for write in (lambda: n.add_(1.5), lambda: n.mul_(torch.ones(2)), lambda: n.div_(2)):
        with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
            write()
    assert n.tolist() == [1, 2] and n._version == 0


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.zero_(),
        lambda x: x.copy_(torch.ones(2)),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.__iadd__(1),
        lambda x: x.exp_(),
        lambda x: x[0].add_(1),
        lambda x: x.view(2, 1).mul_(2),
        lambda x: x.__setitem__(x > 0, 5.0),
        lambda x: x.__setitem__(torch.tensor([0]), 5.0),
        lambda x: x.fill_(3),
        lambda x: x.clamp_(0, 1),
        lambda x: x.requires_grad_().sub_(1),
    ],
)
def test_leaves_are_not_written_in_grad_mode(write: Any) -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad is being used in an in-place operation"):
        write(x)
    assert state_of(x) == ([1.0, 2.0], 0, None, True)
    with torch.no_grad():
        write(x)
    assert x._version >= 1 and x.is_leaf


def test_a_view_that_is_made_a_leaf_begins_its_own_history() -> None:
    base = torch.zeros(3)
    x = base[1:].requires_grad_()
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.mul_(2)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x[0].mul_(2)
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and base.grad is None
    y = x * x
    base.add_(1)
    assert x.tolist() == [1.0, 1.0]
    with pytest.raises(InplaceError):
        y.sum().backward()


def test_versions_are_shared_with_views_and_detached_twins() -> None:
    y = leaf(1.0, 2.0) * 1
    part, twin = y[0], y.detach()
    part.add_(1)
    twin.add_(1)
    y.add_(1)
    assert y._version == part._version == twin._version == 3
    assert y.tolist() == twin.tolist() == [4.0, 4.0]


def test_the_error_about_an_overwritten_value_names_it() -> None:
    y = leaf(1.0, 2.0) * 1
    z = y * y
    y.add_(1)
    with pytest.raises(InplaceError) as caught:
        z.sum().backward()
    words = str(caught.value)
    assert words.startswith(
        "[backward] one of the variables needed for gradient computation has been modified by an inplace"
    )
    assert "shape [2] and dtype float32, saved by MulBackward0, is at version 1; expected version 0 instead" in words


def test_writing_what_second_order_reads() -> None:
    """Values that a recorded backward saves again keep the version of their memory."""
    x = leaf(1.0, 2.0)
    y = x * 1
    (g,) = torch.autograd.grad((y * y * y).sum(), x, create_graph=True)
    y.add_(1)
    with pytest.raises(InplaceError):
        g.sum().backward()


def test_an_output_saved_by_its_own_node() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.add_(1)
    with pytest.raises(InplaceError, match="ExpBackward0"):
        y.sum().backward()


def test_index_writes() -> None:
    x, v = leaf(1.0, 2.0, 3.0), leaf(10.0, 20.0)
    y = x * x
    y[torch.tensor([2, 0])] = v * v
    assert y.tolist() == [400.0, 4.0, 100.0]
    (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 8.0, 0.0] and v.grad.tolist() == [60.0, 40.0]
    y = x.detach() * x
    y[y > 2] = 0.0
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [1.0, 0.0, 0.0]


def test_retained_gradient_is_that_of_the_value_after_the_write() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    y.retain_grad()
    y.mul_(2)
    assert y.retains_grad
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0, 3.0] and x.grad.tolist() == [6.0, 6.0]


def test_hooks_stay_with_the_value_they_were_registered_on() -> None:
    seen = []
    y = leaf(1.0) * 1
    y.register_hook(lambda g: seen.append(("before", g.item())))
    y.mul_(2)
    y.register_hook(lambda g: seen.append(("after", g.item())))
    (y * 3).backward()
    assert seen == [("after", 3.0), ("before", 6.0)]


@pytest.mark.parametrize("turn", [lambda v: v.t_(), lambda v: v.unsqueeze_(0), lambda v: v.transpose_(0, 1),
                                  lambda v: v.as_strided_((2, 2), (3, 1))], ids=["t", "unsqueeze", "transpose",
                                                                                 "as_strided"])
def test_a_view_that_is_turned_where_nothing_is_recorded_stays_a_part_of_its_whole(turn) -> None:
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    whole = x * 1
    part = whole[:, :2]
    with torch.no_grad():
        turn(part)
    part.mul_(3)
    (whole * torch.arange(6.0).reshape(2, 3)).sum().backward()
    assert x.grad.tolist() == [[0, 3, 2], [9, 12, 5]]
    assert part.grad_fn is not None and part.sum().grad_fn is not None


def test_a_lazy_clone_is_a_copy_to_whoever_writes() -> None:
    x = torch.ones(2, requires_grad=True)
    whole = x * 1
    copy = whole._lazy_clone()
    copy.mul_(3)
    (whole.sum() + copy.sum()).backward()
    assert whole.tolist() == [1, 1] and copy.tolist() == [3, 3] and x.grad.tolist() == [4, 4]
