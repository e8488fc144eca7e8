"""What a level of `torch.autograd.forward_ad` does with tensors from outside it, and with what was given to it."""

from __future__ import annotations

import pytest

import wengert as torch
import wengert.autograd.forward_ad as fwd


def test_a_level_is_number_0() -> None:
    with fwd.dual_level() as level:
        assert level == 0
        with pytest.raises(RuntimeError, match="Nested forward mode AD"):
            fwd.enter_dual_level()
    assert fwd.enter_dual_level() == 0
    fwd.exit_dual_level(level=0)


def test_the_tangent_that_was_given_comes_back() -> None:
    outside = torch.rand(2, requires_grad=True)
    with fwd.dual_level():
        inside = torch.rand(2, requires_grad=True)
        for tangent in (outside, inside):
            dual = fwd.make_dual(torch.rand(2), tangent)
            assert fwd.unpack_dual(dual).tangent is tangent
        slope, = torch.autograd.grad((fwd.unpack_dual(dual).tangent * 3).sum(), inside)
        assert slope.tolist() == [3.0, 3.0]
        dual.mul_(2)
        assert torch.equal(fwd.unpack_dual(dual).tangent, inside * 2)


def test_tangents_at_rest() -> None:
    x, t = torch.rand(2), torch.rand(2)
    with fwd.dual_level():
        dual = fwd.make_dual(x, t)
        with fwd._set_fwd_grad_enabled(False):
            assert fwd.unpack_dual(dual * 2).tangent is None
            assert fwd.unpack_dual(dual.view(2, 1).sum()).tangent is None
        assert torch.equal(fwd.unpack_dual(dual * 2).tangent, t * 2)
    with fwd._set_fwd_grad_enabled(False):
        pass


def test_what_moves_is_written_to_a_tensor_from_outside() -> None:
    whole, part = torch.zeros(1, 3), torch.zeros(3)
    with fwd.dual_level():
        dual = fwd.make_dual(torch.ones(3), torch.tensor([1.0, 2.0, 3.0]))
        whole.copy_(dual)
        assert fwd.unpack_dual(whole).tangent.tolist() == [[1.0, 2.0, 3.0]]
        assert fwd.unpack_dual(whole * 2).tangent.tolist() == [[2.0, 4.0, 6.0]]
        view = part[:2]
        with pytest.raises(RuntimeError, match="a value that moves"):
            view.copy_(dual[:2])
    assert whole.tolist() == [[1.0, 1.0, 1.0]]
    assert fwd.unpack_dual(whole).tangent is None


def test_no_out_and_no_tangent_after_detach_() -> None:
    with fwd.dual_level():
        dual = fwd.make_dual(torch.rand(2, requires_grad=True), torch.rand(2))
        plain = torch.rand(2)
        for operand, target in ((plain, dual), (dual, plain)):
            with torch.no_grad(), pytest.raises(RuntimeError, match="out= function"):
                torch.add(operand, 1, out=target)
        copy = dual.clone()
        copy.detach_()
        assert fwd.unpack_dual(copy * 2).tangent is None


def test_a_dual_tensor_shares_the_version_of_its_primal() -> None:
    x = torch.ones(2)
    with fwd.dual_level():
        dual = fwd.make_dual(x, torch.ones(2))
        x.add_(1)
        primal = fwd.unpack_dual(dual).primal
        assert primal is not fwd.unpack_dual(dual).primal
        assert x._version == dual._version == primal._version == 1
        primal.mul_(2)
        assert x.tolist() == [4.0, 4.0] and x._version == dual._version == 2
