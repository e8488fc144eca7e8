"""Wrong input: PyTorch's error class, the form of our messages, and every tensor left as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch
from wengert.core.errors import DTypeError, GradError, InplaceError, ShapeError

F = torch.nn.functional


def leaf(*shape: int) -> Any:
    return torch.ones(*shape, requires_grad=True)


def modified() -> None:
    y = leaf(2) * 1
    z = y * y
    y.add_(1)
    z.sum().backward()


def twice() -> None:
    y = (leaf(2) * leaf(2)).sum()
    y.backward()
    y.backward()


# What is done, PyTorch's class, ours, what the message says.
CASES: dict[str, tuple[Callable[[], Any], type[Exception], type[Exception], str]] = {
    "shapes that do not broadcast": (
        lambda: leaf(2, 3) + leaf(2, 4),
        RuntimeError,
        ShapeError,
        r"^\[add\] The size of tensor a \(3\) must match the size of tensor b \(4\) .*; got .*; make",
    ),
    "wrong inner sizes": (
        lambda: leaf(2, 3) @ leaf(2, 3),
        RuntimeError,
        ShapeError,
        r"^\[matmul\] mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\); .* got shapes .*; transpose",
    ),
    "index out of range": (
        lambda: leaf(3)[5],
        IndexError,
        IndexError,
        "index 5 is out of bounds for dimension 0 with size 3",
    ),
    "too many indices": (lambda: leaf(3)[0, 0], IndexError, IndexError, "too many indices for tensor of dimension 1"),
    "index tensor out of range": (
        lambda: leaf(3)[torch.tensor([7])],
        IndexError,
        IndexError,
        "index 7 is out of bounds",
    ),
    "dimension out of range": (
        lambda: leaf(3).sum(2),
        IndexError,
        IndexError,
        r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 2\)",
    ),
    "in-place on a leaf": (
        lambda: leaf(2).add_(1),
        RuntimeError,
        InplaceError,
        r"^\[add_\] a leaf Variable that requires grad is being used in an in-place operation\..*no_grad",
    ),
    "in-place on an expanded tensor": (
        lambda: torch.ones(1).expand(3).add_(1),
        RuntimeError,
        InplaceError,
        r"^\[add_\] unsupported operation: more than one element .*single memory location; got .*; clone\(\)",
    ),
    "in-place that grows": (
        lambda: torch.ones(3).add_(torch.ones(2, 3)),
        RuntimeError,
        ShapeError,
        r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]",
    ),
    "in-place that changes the dtype": (
        lambda: torch.arange(3).mul_(0.5),
        RuntimeError,
        DTypeError,
        "result type Float can't be cast to the desired output type Long",
    ),
    "backward twice": (
        twice,
        RuntimeError,
        GradError,
        "Trying to backward through the graph a second time.*retain_graph=True",
    ),
    "backward from a non-scalar": (
        lambda: (leaf(2) * 2).backward(),
        RuntimeError,
        GradError,
        r"^\[backward\] grad can be implicitly created only for scalar outputs; got shape \[2\]; reduce it",
    ),
    "backward without grad": (
        lambda: torch.ones(1).backward(),
        RuntimeError,
        GradError,
        r"^\[backward\] element 0 of tensors does not require grad and does not have a grad_fn; .*detached",
    ),
    "gradient of another shape": (
        lambda: (leaf(2) * 2).backward(torch.ones(3)),
        RuntimeError,
        ShapeError,
        r"Mismatch in shape: grad_output\[0\] has a shape of torch.Size\(\[3\]\)",
    ),
    "grad of a tensor that is not in the graph": (
        lambda: torch.autograd.grad(leaf(2).sum(), leaf(3)),
        RuntimeError,
        GradError,
        r"^\[grad\] The differentiated Tensor at index 0 .* appears to not have been used in the graph\.",
    ),
    "grad by a tensor that needs none": (
        lambda: torch.autograd.grad(leaf(2).sum(), torch.ones(2)),
        RuntimeError,
        GradError,
        "One of the differentiated Tensors does not require grad",
    ),
    "integers asked to require grad": (
        lambda: torch.arange(3).requires_grad_(),
        RuntimeError,
        DTypeError,
        r"only Tensors of floating point .*dtype can require gradients; got torch.int64; convert",
    ),
    "integers made to require grad": (
        lambda: torch.tensor([1, 2], requires_grad=True),
        RuntimeError,
        RuntimeError,
        "floating point and complex dtype can require gradients",
    ),
    "a modified saved tensor": (
        modified,
        RuntimeError,
        InplaceError,
        "modified by an inplace operation: .* is at version 1; expected version 0 instead.*clone",
    ),
    "unknown dtype": (lambda: torch.zeros(2, dtype="float33"), TypeError, TypeError, "dtype"),
    "unknown device": (lambda: torch.zeros(2, device="gpu"), RuntimeError, RuntimeError, "gpu"),
    "a device that is not there": (lambda: torch.zeros(2).to("cuda"), RuntimeError, RuntimeError, "(?i)cuda"),
    "numpy of a tensor on the tape": (
        lambda: leaf(2).numpy(),
        RuntimeError,
        RuntimeError,
        r"Can't call numpy\(\) on Tensor that requires grad",
    ),
    "truth of many": (lambda: bool(leaf(2)), RuntimeError, RuntimeError, "more than one value is ambiguous"),
    "item of many": (lambda: leaf(2).item(), RuntimeError, RuntimeError, "2 elements cannot be converted to Scalar"),
    "reshape to another size": (
        lambda: leaf(2, 3).reshape(4),
        RuntimeError,
        RuntimeError,
        r"shape '\[4\]' is invalid for input of size 6",
    ),
    "negation of truth values": (
        lambda: -torch.tensor([True]),
        RuntimeError,
        RuntimeError,
        "bool tensor is not supported",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_error_class_and_message(name: str) -> None:
    wrong, theirs, ours, words = CASES[name]
    with pytest.raises(ours, match=words) as caught:
        wrong()
    assert isinstance(caught.value, theirs)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, y: x + y[:, :2],
        lambda x, y: x @ y,
        lambda x, y: x[7],
        lambda x, y: x.add_(y[:, :2]),
        lambda x, y: x.add_(torch.ones(2, 2, 3)),
        lambda x, y: x.mul_(1j),
        lambda x, y: x.backward(),
        lambda x, y: y.add_(1),
        lambda x, y: y.zero_(),
        lambda x, y: x.expand(4, 2, 3).mul_(2),
        lambda x, y: torch.autograd.grad(x.sum(), torch.ones(1, requires_grad=True)),
        lambda x, y: x.backward(torch.ones(3)),
        lambda x, y: x.to("cuda"),
        lambda x, y: x.reshape(4),
        lambda x, y: x.sum(5),
        lambda x, y: x.__setitem__((0, 5), 1.0),
        lambda x, y: x.__setitem__(0, torch.ones(2)),
        lambda x, y: x.requires_grad_(False),
    ],
)
def test_every_tensor_is_left_as_it_was(wrong: Callable[[Any, Any], Any]) -> None:
    y = leaf(2, 3)
    x = y * 2

    def picture() -> Any:
        return (
            [(t.tolist(), t._version, t._edge, t.requires_grad) for t in (x, y)],
            y.grad,
            torch.is_grad_enabled(),
        )

    before = picture()
    with pytest.raises((RuntimeError, IndexError)):
        wrong(x, y)
    assert picture() == before
    (x * x).sum().backward()
    assert y.grad.tolist() == [[8.0] * 3] * 2


def test_a_loss_whose_operands_broadcast_by_accident_warns() -> None:
    with pytest.warns(UserWarning, match="Using a target size .* that is different to the input size .* broadcast"):
        F.mse_loss(torch.ones(4, 1), torch.ones(4))
    with pytest.warns(UserWarning, match="Using a target size"):
        F.l1_loss(torch.ones(4, 1), torch.ones(4))


def test_an_alternative_is_named_for_what_is_missing() -> None:
    with pytest.raises(AttributeError, match="not a name of PyTorch's"):
        torch.no_such_function  # noqa: B018
    with pytest.raises(NotImplementedError, match="the nuclear norm is not in wengert yet; use n=2"):
        torch.nn.utils.prune.ln_structured(torch.nn.Linear(2, 2), "weight", 1, n="nuc", dim=0)
