"""Views taken again, of another base; the memory that a resized tensor and a real base with a complex power have."""

from __future__ import annotations

import cmath
from typing import Any

import pytest

import wengert as torch

VIEWS: list[Any] = [
    lambda x: x.narrow(0, 1, 1), lambda x: x.t(), lambda x: x[1], lambda x: x.unsqueeze(-1).transpose(-1, -2),
    lambda x: x.chunk(2, -1)[1], lambda x: x.unbind(0)[1], lambda x: x.split_with_sizes([1, 3], -1)[1].t(),
]


@pytest.mark.parametrize("take", VIEWS)
def test_a_view_of_another_base(take: Any) -> None:
    base, other = torch.rand(2, 4), torch.rand(2, 4)
    view = take(base)
    assert torch.equal(view._view_func(other), take(other))
    assert view._view_func(other)._base is other
    again = view._rev_view_func_unsafe(view.detach())
    assert torch.equal(again, base) and again.stride() == base.stride()
    with pytest.raises(RuntimeError, match="a view was expected"):
        base._view_func(other)
    with pytest.raises(NotImplementedError, match="not in wengert"):
        view._view_func(other, symint_visitor_fn=lambda n: n)


def test_versions_of_resized_tensors() -> None:
    x = torch.rand(1)
    x.resize_(1, 2)
    assert x._version == 1
    x.resize_as_(torch.rand(3))
    assert x._version == 2
    x.resize_(3)
    assert x._version == 2


@pytest.mark.parametrize("base", [-1, 2.5, torch.tensor([-2.0, 3.0], dtype=torch.float64)])
def test_a_real_base_to_a_complex_power(base: Any) -> None:
    power = torch.tensor([0.5 + 1j, -1 + 0.3j], dtype=torch.complex128, requires_grad=True)
    torch.autograd.gradcheck(lambda power: torch.pow(base, power), power)
    out = torch.pow(base, power)
    out.real.sum().backward()
    first = base if not isinstance(base, torch.Tensor) else base[0].item()
    expected = (out[0].item() * cmath.log(first)).conjugate()
    assert abs(power.grad[0].item() - expected) < 1e-9 * (1 + abs(expected))
