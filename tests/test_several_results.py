"""Functions of several results have one node for all of them, as in PyTorch: `unbind`, `split` and its kin, `var_mean`
and `std_mean`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch

Parts = Callable[[Any], Any]

CASES: dict[str, tuple[Parts, str]] = {
    "unbind": (lambda x: x.unbind(1), "UnbindBackward0"),
    "split": (lambda x: x.split(2, 1), "SplitBackward0"),
    "split_with_sizes": (lambda x: x.split([1, 0, 3], 1), "SplitWithSizesBackward0"),
    "chunk": (lambda x: x.chunk(2), "SplitBackward0"),
    "var_mean": (lambda x: torch.var_mean(x, 0), "VarMeanBackward0"),
    "std_mean": (lambda x: torch.std_mean(x, 1, keepdim=True), "StdMeanBackward0"),
}


def value(*shape: int) -> Any:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", CASES)
def test_all_results_have_one_node(name: str) -> None:
    parts, label = CASES[name]
    found = parts(value(3, 4))
    nodes = {id(part.grad_fn) for part in found}
    assert len(nodes) == 1 and found[0].grad_fn.name() == label
    assert [part.output_nr for part in found] == list(range(len(found)))
    assert [tuple(meta.shape) for meta in found[0].grad_fn._input_metadata] == [tuple(part.shape) for part in found]


@pytest.mark.parametrize("used", ["all", "first", "last"])
@pytest.mark.parametrize("name", CASES)
def test_gradients_of_both_orders(name: str, used: str) -> None:
    def chosen(x: Any) -> Any:
        found = [part.pow(3) for part in CASES[name][0](x)]
        return tuple({"all": found, "first": found[:1], "last": found[-1:]}[used])

    x = value(3, 4)
    assert torch.autograd.gradcheck(chosen, x) and torch.autograd.gradgradcheck(chosen, x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.complex64], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_the_gradient_has_the_dtype_of_the_operand(name: str, dtype: Any) -> None:
    x = torch.ones(3, 4, dtype=dtype).requires_grad_()
    sum(part.abs().sum() for part in CASES[name][0](x)).backward()
    assert x.grad.dtype is dtype and x.grad.shape == x.shape


def test_a_hook_on_a_result_that_nothing_depends_on_gets_none() -> None:
    x, seen = value(3), []
    first, second, _ = x.unbind()
    first.register_hook(seen.append)
    second.backward()
    assert seen == [None] and x.grad.tolist() == [0, 1, 0]


def test_a_prehook_gets_the_cotangents_of_all_results() -> None:
    x, seen = value(3, 4), []
    spread, mean = torch.var_mean(x, 0)

    def doubled(cts: Any) -> Any:
        seen.append(len(cts))
        return tuple(2 * ct for ct in cts)

    mean.grad_fn.register_prehook(doubled)
    (spread + mean).sum().backward()
    y = x.detach().requires_grad_()
    (y.var(0) + y.mean(0)).sum().backward()
    assert seen == [2] and torch.allclose(x.grad, 2 * y.grad)


@pytest.mark.parametrize("name", ["split", "chunk", "unbind"])
def test_parts_of_one_function_are_views_that_may_not_be_written(name: str) -> None:
    whole = value(2, 3) * 1
    part, _ = getattr(whole, name)(*{"split": ([1, 1],), "chunk": (2,), "unbind": ()}[name])
    assert part._base is whole
    with pytest.raises(torch.core.errors.InplaceError, match="multiple views"):
        part.mul_(3)


def test_parts_that_are_slices_may_be_written() -> None:
    """Those of tensor_split and of its short forms."""
    x = value(2, 3)
    whole = x * 1
    left, right = whole.tensor_split([1], 1)
    left.mul_(3)
    right.add_(left)
    whole.sum().backward()
    assert left._base is whole and x.grad.tolist() == [[9, 1, 1]] * 2


def test_parts_made_without_recording_are_not_tracked() -> None:
    x = value(4)
    whole = x * 1
    with torch.no_grad():
        part, _ = whole.chunk(2)
    with pytest.raises(RuntimeError, match="no_grad"):
        part.mul_(2)


@pytest.mark.parametrize("name", CASES)
def test_inside_transformations_the_numbers_are_the_same(name: str) -> None:
    def total(x: Any) -> Any:
        return sum((part * part).sum() for part in CASES[name][0](x))

    x = value(3, 4).detach()
    (plain,) = torch.autograd.grad(total(y := x.clone().requires_grad_()), y)
    assert torch.allclose(torch.func.grad(total)(x), plain)
    assert torch.allclose(torch.func.jvp(total, (x,), (x,))[1], (plain * x).sum())
    assert torch.allclose(torch.func.vmap(torch.func.grad(total))(torch.stack([x, x]))[1], plain)
    assert torch.allclose(torch.compile(torch.func.grad(total))(x), plain)


def test_a_variance_may_be_written_as_its_derivative_does_not_read_it() -> None:
    x = value(3, 4)
    spread, mean = torch.var_mean(x * 1, 0)
    spread.mul_(2)
    (spread + mean).sum().backward()
    y = x.detach().requires_grad_()
    (2 * y.var(0) + y.mean(0)).sum().backward()
    assert torch.allclose(x.grad, y.grad)
