"""`torch.autocast` on the CPU: what is cast, to what, when, and what becomes of gradients, programs and threads."""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.amp import casting
from wengert.examination.failure import describe
from wengert.nn import functional as F

x, w = torch.linspace(-1, 1, 12).reshape(3, 4), torch.linspace(0, 2, 16).reshape(4, 4)
LOW = (torch.bfloat16, torch.float16)


@pytest.fixture(autouse=True)
def _off_again() -> Iterator[None]:
    yield
    assert not torch.is_autocast_enabled("cpu") and torch.is_autocast_cache_enabled()
    assert torch.get_autocast_dtype("cpu") is torch.bfloat16 and not casting.switches.nesting
    assert not casting.switches.kept


@pytest.mark.parametrize("low", LOW)
def test_products_are_in_the_lower_precision_and_losses_in_float32(low: Any) -> None:
    with torch.autocast("cpu", dtype=low):
        y = torch.nn.Linear(4, 4)(x)
        found = y.dtype, (x @ w).dtype, F.mse_loss(y, y).dtype, (y + 1).dtype, (y + x[0]).dtype, torch.exp(x).dtype
        joined = torch.cat([y, x]).dtype, torch.stack([y, y]).dtype, torch.fft.fft(torch.ones(4, dtype=low)).dtype
    assert found == (low, low, torch.float32, low, torch.float32, torch.float32)
    assert joined == (torch.float32, low, torch.complex64)
    assert (x @ w).dtype is torch.float32


def test_the_numbers_are_those_of_operands_in_the_lower_precision() -> None:
    with torch.autocast("cpu"):
        y = x @ w
    assert torch.equal(y, x.bfloat16() @ w.bfloat16()) and not torch.equal(y.float(), x @ w)


def test_what_is_wider_integer_complex_or_has_an_out_is_left() -> None:
    target = torch.empty(3, 4)
    with torch.autocast("cpu"):
        found = [(x.to(dtype) @ w.to(dtype)).dtype for dtype in (torch.float64, torch.int64, torch.complex64)]
        torch.mm(x, w, out=target)
        added = torch.zeros(3, 4).addmm_(x, w)
    assert found == [torch.float64, torch.int64, torch.complex64]
    assert torch.equal(target, x @ w) and torch.equal(added, x @ w)


def test_every_function_on_the_lists_is_there_and_keeps_its_name_and_signature() -> None:
    missing = []
    before = {name: [(f, inspect.signature(f), f.__name__) for f in casting.named(name) if inspect.isfunction(f)]
              for name in casting.RULES}
    with torch.autocast("cpu"):
        pass
    for name, functions in before.items():
        if not functions and name not in ("_addmm_activation", "_native_multi_head_attention", "nll_loss2d"):
            missing.append(name)
        for f, signature, called in functions:
            assert (inspect.signature(f), f.__name__) == (signature, called)
    assert not missing


def test_blocks_nest_and_end_as_they_began() -> None:
    seen = []
    with torch.autocast("cpu"):
        seen.append((x @ w).dtype)
        with torch.autocast("cpu", enabled=False):
            seen.append((x @ w).dtype)
            with torch.autocast("cpu", dtype=torch.float16):
                seen += [(x @ w).dtype, torch.get_autocast_dtype("cpu")]
            seen.append(torch.is_autocast_enabled("cpu"))
        seen += [(x @ w).dtype, torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled()]
    assert seen == [torch.bfloat16, torch.float32, torch.float16, torch.float16, False, torch.bfloat16, True, False]
    with pytest.raises(ZeroDivisionError), torch.autocast("cpu"):
        raise ZeroDivisionError


def test_a_decorator_also_of_a_function_that_calls_itself() -> None:
    @torch.autocast("cpu")
    def f(n: int) -> list[Any]:
        return [(x @ w).dtype] + (f(n - 1) if n else [])

    assert f(2) == [torch.bfloat16] * 3 and f.__name__ == "f"
    with pytest.raises(TypeError, match="requires a callable"):
        torch.autocast("cpu")(3)  # type: ignore[arg-type]


def test_gradients_have_the_dtypes_of_their_tensors() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    given = x.clone().requires_grad_()
    with torch.autocast("cpu"):
        loss = F.cross_entropy(model(given), torch.tensor([0, 1, 1]))
    loss.backward()
    assert {p.grad.dtype for p in model.parameters()} == {torch.float32} and given.grad.dtype is torch.float32
    plain = torch.autograd.grad(F.cross_entropy(model(given), torch.tensor([0, 1, 1])), list(model.parameters()))
    for p, expected in zip(model.parameters(), plain, strict=True):
        assert torch.allclose(p.grad, expected, atol=2e-2, rtol=5e-2) and not torch.equal(p.grad, expected)


def test_a_parameter_is_cast_once_in_a_block_unless_it_is_written() -> None:
    p = torch.nn.Parameter(w.clone())
    with torch.autocast("cpu"):
        with torch.no_grad():
            x @ p
        first, second = x @ p, x @ p
        cast = [y.grad_fn.next_functions[1][0] for y in (first, second)]
        with torch.no_grad():
            p.zero_()
        third = x @ p
    assert cast[0] is cast[1] and cast[0].name() == "ToCopyBackward0" and not third.any()
    with torch.autocast("cpu", cache_enabled=False):
        cast = [(x @ p).grad_fn.next_functions[1][0] for _ in range(2)]
    assert cast[0] is not cast[1]


def test_an_optimizers_step_inside_of_a_block_is_seen() -> None:
    p = torch.nn.Parameter(torch.eye(4))
    optimizer = torch.optim.SGD([p], lr=1.0)
    with torch.autocast("cpu"):
        (x @ p).float().sum().backward()
        optimizer.step()
        assert torch.equal(x @ p, x.bfloat16() @ p.detach().bfloat16())


def test_threads_have_their_own() -> None:
    found = []
    with torch.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append((x @ w).dtype))
        thread.start()
        thread.join()
        found.append((x @ w).dtype)
    assert found == [torch.float32, torch.bfloat16]


def test_switches_set_by_hand() -> None:
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    torch.set_autocast_cache_enabled(False)
    try:
        assert (x @ w).dtype is torch.float16 and torch.is_autocast_cpu_enabled()
        assert torch.get_autocast_cpu_dtype() is torch.float16 and not torch.is_autocast_cache_enabled()
    finally:
        torch.set_autocast_enabled("cpu", False)
        torch.set_autocast_cpu_dtype(torch.bfloat16)
        torch.set_autocast_cache_enabled(True)
    torch.set_autocast_enabled(True)  # the older form, which is of CUDA
    assert torch.is_autocast_enabled() and torch.is_autocast_enabled("cuda")
    torch.set_autocast_enabled(False)
    assert torch.get_autocast_gpu_dtype() is torch.float16 and (x @ w).dtype is torch.float32
    assert (torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()) == (1, 0)


def test_what_is_refused() -> None:
    for device in ("toaster", "meta"):
        with pytest.raises(RuntimeError, match="unsupported autocast device_type"):
            torch.autocast(device)
    with pytest.raises(ValueError, match="of type `str`"):
        torch.autocast(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be bool"):
        torch.set_autocast_enabled("cpu")
    with pytest.raises(TypeError, match=r"must be torch\.dtype"):
        torch.set_autocast_dtype("cpu", "float16")  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="target dtype is not supported"), torch.autocast("cpu", dtype=torch.float64):
        assert (x @ w).dtype is torch.float32 and not torch.is_autocast_enabled("cpu")
    with torch.autocast("cpu"), pytest.raises(RuntimeError, match="Unexpected floating ScalarType"):
        torch.cat([x.half(), x.half()])


@pytest.mark.parametrize("cast_inputs", [None, torch.float32])
def test_functions_of_ones_own_run_back_as_they_ran_forth(cast_inputs: Any) -> None:
    seen = []

    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=cast_inputs)
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a, b)
            seen.append((a.dtype, torch.is_autocast_enabled("cpu")))
            return a @ b

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx: Any, grad: Any) -> Any:
            a, b = ctx.saved_tensors
            seen.append((grad.dtype, torch.is_autocast_enabled("cpu")))
            return grad @ b.T, a.T @ grad

    a, b = (t.clone().requires_grad_() for t in (x, w))
    with torch.autocast("cpu"):
        y = Product.apply(a.bfloat16(), b)
    y.sum().backward()
    on = cast_inputs is None
    dtype = torch.bfloat16 if on else torch.float32
    assert y.dtype is dtype and seen == [(dtype, on), (dtype, on)] and a.grad.dtype is torch.float32


@pytest.mark.parametrize("inside", [False, True])
def test_compiled_functions(inside: bool) -> None:
    model = torch.nn.Linear(4, 4)

    def f(x: Any) -> Any:
        if inside:
            with torch.autocast("cpu"):
                return model(x)
        return model(x)

    compiled = torch.compile(f, fullgraph=True)
    for on in (False, True, False, True, True):
        with torch.autocast("cpu", enabled=on):
            expected, found = f(x), compiled(x)
        assert found.dtype is expected.dtype is (torch.bfloat16 if on or inside else torch.float32)
        assert torch.allclose(found, expected)
        model.zero_grad()
        found.float().sum().backward()
        assert model.weight.grad.dtype is torch.float32 and model.weight.grad.abs().sum() > 0


def test_transformations() -> None:
    def loss(p: Any) -> Any:
        return F.mse_loss(x @ p, torch.zeros(3, 4))

    with torch.autocast("cpu"):
        gradient = torch.func.grad(loss)(w)
        rows = torch.func.vmap(lambda row: row @ w)(x)
        _, tangent = torch.func.jvp(lambda p: x @ p, (w,), (w,))
    assert gradient.dtype is torch.float32 and rows.dtype is tangent.dtype is torch.bfloat16
    assert torch.allclose(gradient, torch.func.grad(loss)(w), atol=1e-2, rtol=5e-2)


def test_checkpoints_compute_again_as_they_did() -> None:
    seen = []

    def f(x: Any) -> Any:
        y = x @ w
        seen.append(y.dtype)
        return y.sin()

    given = x.clone().requires_grad_()
    for reentrant in (False, True):
        with torch.autocast("cpu"):
            y = torch.utils.checkpoint.checkpoint(f, given, use_reentrant=reentrant)
        y.float().sum().backward()
    assert seen == [torch.bfloat16] * 4


def test_with_a_scaler() -> None:
    model = torch.nn.Linear(4, 1)
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=1024.0)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = F.mse_loss(model(x), torch.ones(3, 1))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0] and model.weight.dtype is torch.float32


def test_objects_with_torch_function_are_asked_first() -> None:
    class Seen(torch.Tensor):
        pass

    with torch.autocast("cpu"):
        y = x.as_subclass(Seen) @ w
    assert type(y) is Seen and y.dtype is torch.bfloat16


def test_without_a_block_nothing_is_slower_than_a_look_at_a_switch() -> None:
    with torch.autocast("cpu"):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (x @ w).dtype is torch.float32
    assert np.array_equal(torch.mm(x, w).numpy(), x.numpy() @ w.numpy())


def test_operations_that_cast_know_who_called_them() -> None:
    with torch.autocast("cpu"):
        pass
    for call in (lambda: torch.empty(3, 4, device="meta") @ w, lambda: torch.mm(x, torch.empty(4, 4, device="meta"))):
        with pytest.raises(RuntimeError, match="to be on the same device"):
            call()
    with pytest.raises(RuntimeError) as caught:
        torch.bmm(torch.ones(2, 3, 4), torch.ones(3, 4, 5))
    assert "input  (2, 3, 4)" in describe(caught.value) and "args[0]" not in describe(caught.value)
