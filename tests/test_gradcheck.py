"""`gradcheck`, `gradgradcheck` and `autograd.functional`."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert.autograd import Function, GradcheckError, functional, gradcheck, gradgradcheck


def numbers(*values: float) -> Any:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


class Wrong(Function):
    """The square, whose backward forgets the factor 2 for its second element."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ct * x * torch.tensor([2.0, 1.0], dtype=torch.float64)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_right_and_wrong_derivatives(fast_mode: bool) -> None:
    x = numbers(0.5, 1.5)
    assert gradcheck(lambda x: x * x, (x,), fast_mode=fast_mode)
    assert gradcheck(lambda x: x * x, x, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(Wrong.apply, (x,), fast_mode=fast_mode)
    assert not gradcheck(Wrong.apply, (x,), fast_mode=fast_mode, raise_exception=False)
    assert x.tolist() == [0.5, 1.5] and x.grad is None


def test_the_message_shows_both_jacobians() -> None:
    with pytest.raises(GradcheckError) as caught:
        gradcheck(Wrong.apply, (numbers(1.0, 2.0),))
    assert "numerical:tensor([[2.0000, 0.0000],\n        [0.0000, 4.0000]], dtype=torch.float64)" in str(caught.value)
    assert "analytical:tensor([[2., 0.],\n        [0., 2.]], dtype=torch.float64)" in str(caught.value)


def test_several_inputs_and_outputs() -> None:
    x, y = numbers(0.5, 1.5), numbers(2.0, -1.0)
    constant = torch.ones(2, dtype=torch.float64)
    assert gradcheck(lambda x, y, c, n: (x * y + c, x.sum() * n, c), (x, y, constant, 3))
    assert gradgradcheck(lambda x, y, c, n: (x * y * y + c, (x * x).sum() * n), (x, y, constant, 3))


def test_the_second_derivative_is_checked() -> None:
    class WrongTwice(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            return ct * 2 * x.detach()

    x = numbers(0.5, 1.5)
    assert gradcheck(WrongTwice.apply, (x,))
    with pytest.raises(GradcheckError):
        gradgradcheck(WrongTwice.apply, (x,))


@pytest.mark.parametrize("fast_mode", [False, True])
def test_complex(fast_mode: bool) -> None:
    z = torch.tensor([1 + 2j, 0.5 - 1j], requires_grad=True, dtype=torch.complex128)
    x = numbers(0.5, 1.5)
    assert gradcheck(lambda z: z * z * (2 - 1j), (z,), fast_mode=fast_mode)
    assert gradcheck(lambda z: z.abs(), (z,), fast_mode=fast_mode)
    assert gradcheck(lambda z: z.conj() * z.real, (z,), fast_mode=fast_mode)
    assert gradcheck(lambda x, z: x * z, (x, z), fast_mode=fast_mode)
    assert gradgradcheck(lambda z: z * z, (z,))

    class Unconjugated(Function):
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct * 2 * ctx.saved_tensors[0]

    with pytest.raises(GradcheckError):
        gradcheck(Unconjugated.apply, (z,), fast_mode=fast_mode)


def test_wrong_use() -> None:
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x * 2, (torch.ones(2),))
    with pytest.warns(UserWarning, match="not a double precision"):
        gradcheck(lambda x: x * 2, (torch.ones(2, requires_grad=True),), eps=1e-2, atol=1e-2)
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(lambda x: x * 2, (numbers(1.0).expand(3),))
    for options in ({"check_backward_ad": False}, {"check_backward_ad": False, "check_forward_ad": True,
                    "check_batched_grad": True}, {"check_batched_forward_grad": True}):
        with pytest.raises(AssertionError, match="check_"):
            gradcheck(lambda x: x * 2, (numbers(1.0),), **options)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="same shape"):
        gradcheck(lambda x: torch.cat([x, x]) if (x >= 1).all() else x, (numbers(1.0),))


class Skewed(torch.autograd.Function):
    """Twice its argument, with a tangent of its own making."""

    @staticmethod
    def forward(ctx: Any, x: Any, tangent: float) -> Any:
        ctx.tangent = tangent
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * 2, None

    @staticmethod
    def jvp(ctx: Any, x: Any, tangent: Any) -> Any:
        return x * ctx.tangent


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_forward_mode_and_batches_are_checked(fast_mode: bool, dtype: Any) -> None:
    x = torch.randn(2, 3, dtype=dtype, requires_grad=True)
    y = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)

    def function(x: Any, y: Any) -> Any:
        return x * y.sin(), (x.abs() ** 2).sum(0)

    assert gradcheck(function, (x, y), check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True,
                     fast_mode=fast_mode)
    assert gradgradcheck(lambda x: x * x.cos(), (x,), check_fwd_over_rev=True, check_batched_grad=True,
                         fast_mode=fast_mode)
    assert gradcheck(lambda x: Skewed.apply(x, 2.0), (x,), check_forward_ad=True, fast_mode=fast_mode)
    assert gradcheck(lambda x: Skewed.apply(x, 2.5), (x,), fast_mode=fast_mode)  # forward mode is not looked at
    with pytest.raises(GradcheckError, match="forward mode mismatch for output 0 with respect to input 0"):
        gradcheck(lambda x: Skewed.apply(x, 2.5), (x,), check_forward_ad=True, fast_mode=fast_mode)


class Remembering(torch.autograd.Function):
    """Its backward depends on what the batch holds, so that examples disturb each other."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any) -> Any:
        return x * 2

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * (3 if _batched() else 2)


def _batched() -> bool:
    from wengert.autograd.levels import level

    return level() is not None


def test_a_gradient_that_differs_in_batches_is_found() -> None:
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(Remembering.apply, (x,))
    with pytest.raises(GradcheckError, match="testing batched gradient"):
        gradcheck(Remembering.apply, (x,), check_batched_grad=True)


def test_outputs_without_gradient() -> None:
    x = numbers(0.5)
    assert gradcheck(lambda x: x.detach() * 0 + 1, (x,))
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, (x,))


def test_backward_must_repeat_itself() -> None:
    calls = []

    class Drifts(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            calls.append(1)
            return ct * (1 + 1e-9 * len(calls))

    x = numbers(0.5, 1.0)
    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(Drifts.apply, (x,))
    assert gradcheck(Drifts.apply, (x,), nondet_tol=1e-6)


def test_backward_must_be_linear() -> None:
    class Shifts(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct + 1e-7

    with pytest.raises(GradcheckError, match="not multiplied by grad_output"):
        gradcheck(Shifts.apply, (numbers(0.5),))


def test_undefined_gradients_must_be_handled() -> None:
    class Pair(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, first: Any, second: Any) -> Any:
            return first * 2 + second * 3

    x = numbers(0.5)
    joined = lambda x: Pair.apply(x)  # noqa: E731
    with pytest.raises((GradcheckError, TypeError), match="undefined|NoneType"):
        gradcheck(joined, (x,))


# --- functional -------------------------------------------------------------------------------------------------------


def cubes(x: Any) -> Any:
    return x * x * x


def test_jacobian_and_hessian() -> None:
    x, y = numbers(1.0, 2.0), numbers(3.0)
    assert functional.jacobian(cubes, x).tolist() == [[3.0, 0.0], [0.0, 12.0]]
    by_x, by_y = functional.jacobian(lambda x, y: x * y, (x, y))
    assert by_x.tolist() == [[3.0, 0.0], [0.0, 3.0]] and by_y.tolist() == [[1.0], [2.0]]
    assert functional.hessian(lambda x: cubes(x).sum(), x).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    (xx, xy), (yx, yy) = functional.hessian(lambda x, y: (x * x * y).sum(), (x, y))
    assert xx.tolist() == [[6.0, 0.0], [0.0, 6.0]] and xy.tolist() == [[2.0], [4.0]]
    assert yx.tolist() == [[2.0, 4.0]] and yy.tolist() == [[0.0]]
    assert not functional.jacobian(cubes, x).requires_grad
    assert functional.jacobian(cubes, x, create_graph=True).requires_grad


def test_products() -> None:
    x, v = numbers(1.0, 2.0), torch.tensor([1.0, -1.0], dtype=torch.float64)
    out, product = functional.vjp(cubes, x, v)
    assert out.tolist() == [1.0, 8.0] and product.tolist() == [3.0, -12.0]
    out, product = functional.jvp(cubes, x, v)
    assert out.tolist() == [1.0, 8.0] and product.tolist() == [3.0, -12.0]
    out, product = functional.hvp(lambda x: cubes(x).sum(), x, v)
    assert out.item() == 9.0 and product.tolist() == [6.0, -12.0]
    assert functional.vhp(lambda x: cubes(x).sum(), x, v)[1].tolist() == [6.0, -12.0]
    with pytest.raises(RuntimeError, match="v can only be None"):
        functional.vjp(cubes, x)
    with pytest.raises(RuntimeError, match="invalid size"):
        functional.jvp(cubes, x, torch.ones(3))
    with pytest.raises(RuntimeError, match="independent of input 0"):
        functional.vjp(lambda x: torch.ones(2, dtype=torch.float64, requires_grad=True) * 1, x, v, strict=True)


def test_an_input_at_rest_moves_as_one_that_moves_by_zeros() -> None:
    calls: list[bool] = []

    class Pair(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x.clone(), y.clone()

        @staticmethod
        def jvp(ctx: Any, x: Any, y: Any) -> Any:
            calls.append(True)
            return x, y

    only_forward = {"check_forward_ad": True, "check_backward_ad": False}
    for moves, undefined, count in ((True, False, 2), (True, True, 6), (False, True, 2)):
        calls.clear()
        pair = numbers(0.5), numbers(0.25).detach().requires_grad_(moves)
        assert gradcheck(Pair.apply, pair, check_undefined_grad=undefined, **only_forward)  # type: ignore[arg-type]
        assert len(calls) == count


def test_gradients_are_sparse_as_their_inputs_are() -> None:
    class Sparse(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad.to_sparse()

    with pytest.raises(GradcheckError, match="grad is incorrect layout"):
        gradcheck(Sparse.apply, (numbers(1.0),))

    def other_way(x: Any) -> Any:
        y = x.clone()
        y.register_hook(lambda grad: grad.to_dense().to_sparse(1))
        return y.to_dense()

    with pytest.raises(GradcheckError, match="incorrect sparse_dim"):
        gradcheck(other_way, (torch.ones(2, 2, dtype=torch.float64, requires_grad=True).to_sparse(),), masked=True)
