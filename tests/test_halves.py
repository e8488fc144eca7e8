"""Half precision computes in float32 and rounds once: every primitive, and the functions and optimisers around them.

What is computed in float16 or bfloat16 is held against the same computation in float32 on the same numbers, rounded at
its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.core.primitive import P

pytest.importorskip("ml_dtypes")
F = torch.nn.functional
HALVES = (torch.float16, torch.bfloat16)
halves = pytest.mark.parametrize("dtype", HALVES, ids=("float16", "bfloat16"))


def last_place(dtype: Any, count: float = 1.0) -> float:
    """The relative size of ``count`` units in the last place."""
    return count * torch.finfo(dtype).eps


def rounded_once(got: Any, want: Any, dtype: Any, tolerance: float = 0.0) -> None:
    """``got`` is ``want``, which was computed in float32, in ``dtype``."""
    assert got.dtype is (dtype if want.is_floating_point() else want.dtype)
    np.testing.assert_allclose(got.detach().float().numpy(), want.detach().to(got.dtype).float().numpy(),
                               rtol=tolerance, atol=0)


# --- the registry -----------------------------------------------------------------------------------------------------

# Of these the result is not rounded to the operands' dtype, or depends on it.
ITS_OWN_DTYPE = {"cast", "nextafter", "bincount", "histogram", "complex", "angle", "view_as_complex"}
# Those of LAPACK and of numpy refuse half precision, as PyTorch's do; gammas are derived in float32 and float64.
REFUSED = {"inv", "adjugate", "det", "slogdet", "solve", "solve_triangular", "cholesky", "qr", "eigh", "eig", "svd",
           "pinv", "matrix_rank", "matrix_exp", "lu_factor", "permutation", "ldl_factor", "geqrf",
           "fft_complex", "fft_real", "fft_to_real",
           "igamma", "igammac", "standard_gamma_grad", "dirichlet_grad", "standard_gamma", "sample_dirichlet"}
WALKED = [p for p in P if p.samples is not None and p.name not in ITS_OWN_DTYPE | REFUSED and p.kind != "random"]


def in_dtype(operand: Any, dtype: Any, wide: bool) -> Any:
    """A sample's operand as a tensor of the numbers that ``dtype`` has, held in it or in float32."""
    if not isinstance(operand, np.ndarray):
        return operand
    if operand.dtype.kind != "f":
        return torch.tensor(operand)
    x = torch.tensor(operand).to(dtype)
    return (x.float() if wide else x).requires_grad_()


def parts(result: Any) -> Iterator[Any]:
    yield from (result if isinstance(result, tuple) else (result,))


@halves
@pytest.mark.parametrize("primitive", WALKED, ids=lambda p: p.name)
def test_a_primitive_computes_in_float32_and_rounds_once(primitive: Any, dtype: Any) -> None:
    compared = 0
    for operands, params in primitive.samples():
        if any(isinstance(x, np.ndarray) and x.dtype.kind == "c" for x in operands):
            continue
        wide, narrow = ([in_dtype(x, dtype, w) for x in operands] for w in (True, False))
        for want, got in zip(parts(primitive(*wide, **params)), parts(primitive(*narrow, **params)), strict=True):
            if primitive.name == "normalize" and got.dtype is torch.float32:  # statistics are not rounded at all
                assert torch.equal(got, want)
                continue
            rounded_once(got, want, dtype)
            compared += 1
    assert compared or all(isinstance(x, np.ndarray) and x.dtype.kind == "c" for x, in
                           [operands for operands, _ in primitive.samples()])


@halves
@pytest.mark.parametrize("primitive", [p for p in WALKED if p.vjp is not None and not p.multiple],
                         ids=lambda p: p.name)
def test_a_backward_rule_runs_in_float32(primitive: Any, dtype: Any) -> None:
    for operands, params in primitive.samples():
        if any(isinstance(x, np.ndarray) and x.dtype.kind == "c" for x in operands):
            continue
        saves_out = "out" in str(primitive._saves) or callable(primitive._saves)
        wide, narrow = ([in_dtype(x, dtype, w) for x in operands] for w in (True, False))
        leaves = [[x for x in xs if isinstance(x, torch.Tensor) and x.requires_grad] for xs in (wide, narrow)]
        outs = [primitive(*xs, **params) for xs in (wide, narrow)]
        if not outs[0].requires_grad:
            continue
        wants, gots = ([*torch.autograd.grad(out, xs, torch.ones_like(out), allow_unused=True)]
                       for out, xs in zip(outs, leaves, strict=True))
        for want, got in zip(wants, gots, strict=True):
            assert (want is None) == (got is None)
            if want is None:
                continue
            # A rule that reads the result reads it rounded; and a view's, or an element's, may be of several roundings.
            if saves_out:
                assert got.dtype is dtype
                scale = float(want.abs().max()) if want.numel() else 0.0
                np.testing.assert_allclose(got.float().numpy(), want.numpy(), rtol=last_place(dtype, 32),
                                           atol=last_place(dtype, 8) * max(scale, 1.0))
            else:
                rounded_once(got, want, dtype, last_place(dtype, 2.1))


# --- large counts and large numbers -----------------------------------------------------------------------------------

COUNT = 3000
ZEROS = torch.zeros(COUNT, dtype=torch.int64)


def ones(dtype: Any, number: float = 1.0, *shape: int) -> Any:
    return torch.full(shape or (COUNT,), number, dtype=dtype)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda t: ones(t).sum(),
    "mean": lambda t: ones(t, 60000.0).mean(),
    "cumsum": lambda t: ones(t).cumsum(0)[-1],
    "cumprod": lambda t: ones(t, 1.0078125, 200).cumprod(0)[-1],
    "logcumsumexp": lambda t: ones(t, 0.0).logcumsumexp(0)[-1],
    "trace": lambda t: torch.eye(COUNT, dtype=t).trace(),
    "var": lambda t: torch.cat([ones(t, 200.0), ones(t, -200.0)]).var(),
    "norm": lambda t: ones(t, 300.0).norm(),
    "dist": lambda t: torch.dist(ones(t, 300.0), ones(t, 1.0)),
    "prod": lambda t: torch.tensor([300.0, 300.0, 0.0078125], dtype=t).prod(),
    "logsumexp": lambda t: ones(t, 0.0).logsumexp(0),
    "softmax": lambda t: ones(t, 0.0).softmax(0)[0],
    "scatter_add": lambda t: ones(t, 0.0, 1).scatter_add(0, ZEROS, ones(t)),
    "scatter_reduce mean": lambda t: ones(t, 0.0, 1).scatter_reduce(0, ZEROS, ones(t), "mean", include_self=False),
    "index_add": lambda t: ones(t, 0.0, 1).index_add(0, ZEROS, ones(t)),
    "index_put": lambda t: ones(t, 0.0, 1).index_put((ZEROS,), ones(t), accumulate=True),
    "dot": lambda t: ones(t) @ ones(t),
    "matmul": lambda t: ones(t, 1.0, 2, COUNT) @ ones(t, 1.0, COUNT, 2),
    "einsum": lambda t: torch.einsum("i,i->", ones(t), ones(t)),
    "addr": lambda t: torch.addr(ones(t, -59392.0, 2, 2), ones(t, 300.0, 2), ones(t, 300.0, 2)),
    "add, scaled": lambda t: torch.add(ones(t, -59392.0, 2), ones(t, 300.0, 2), alpha=300),
    "times a number": lambda t: ones(t, 2.0**-9, 2) * 70000,
    "fold": lambda t: F.fold(ones(t, 1.0, 1, 1024, 1024), (63, 63), (32, 32)).max(),
    "mse_loss": lambda t: F.mse_loss(ones(t), ones(t, 0.0)),
    "l1_loss": lambda t: F.l1_loss(ones(t), ones(t, 0.0)),
    "smooth_l1_loss": lambda t: F.smooth_l1_loss(ones(t), ones(t, 0.0)),
    "cross_entropy": lambda t: F.cross_entropy(ones(t, 0.0, COUNT, 2), ZEROS),
    "nll_loss": lambda t: F.nll_loss(ones(t, -1.0, COUNT, 2), ZEROS),
    "binary_cross_entropy": lambda t: F.binary_cross_entropy(ones(t, 0.5), ones(t)),
    "kl_div": lambda t: F.kl_div(ones(t, -1.0), ones(t, 1.0), reduction="sum"),
    "triplet_margin_loss": lambda t: F.triplet_margin_loss(
        ones(t, 300.0, 1, 9), ones(t, 0.0, 1, 9), ones(t, 1.0, 1, 9)),
    "cosine_similarity": lambda t: F.cosine_similarity(ones(t, 300.0, 1, 9), ones(t, 300.0, 1, 9)),
    "normalize": lambda t: F.normalize(ones(t, 300.0, 1, 9)),
    "layer_norm": lambda t: F.layer_norm(torch.tensor([300.0, 400.0], dtype=t), (2,)),
    "rms_norm": lambda t: F.rms_norm(torch.tensor([300.0, 400.0], dtype=t), (2,)),
    "group_norm": lambda t: F.group_norm(torch.tensor([[300.0, 400.0]], dtype=t), 1),
    "batch_norm": lambda t: F.batch_norm(torch.tensor([[300.0], [900.0]], dtype=t), None, None, training=True),
    "local_response_norm": lambda t: F.local_response_norm(ones(t, 300.0, 1, 4, 4), 2),
    "avg_pool1d": lambda t: F.avg_pool1d(ones(t, 60000.0, 1, 1, 4), 2),
    "avg_pool2d": lambda t: F.avg_pool2d(ones(t, 60000.0, 1, 1, 4, 4), 2, ceil_mode=True),
    "adaptive_avg_pool1d": lambda t: F.adaptive_avg_pool1d(ones(t, 60000.0, 1, 1, 5), 2),
    "lp_pool1d": lambda t: F.lp_pool1d(ones(t, 300.0, 1, 1, 4), 2, 2),
    "conv1d": lambda t: F.conv1d(ones(t, 1.0, 1, 1, COUNT), ones(t, 1.0, 1, 1, COUNT)),
    "attention": lambda t: F.scaled_dot_product_attention(
        ones(t, 60.0, 4, 64), ones(t, 60.0, 4, 64), ones(t, 3.0, 4, 64)),
    "interpolate": lambda t: F.interpolate(torch.tensor([[[1.0, 2.0, 4.0]]], dtype=t), 7, mode="linear"),
    "trapezoid": lambda t: torch.trapezoid(ones(t)),
}
GRADIENTS: dict[str, Callable[[Any], Any]] = {
    "embedding": lambda w: F.embedding(ZEROS, w[:, None]),
    "index": lambda w: w[ZEROS],
    "gather": lambda w: w.gather(0, ZEROS),
    "as_strided": lambda w: w.as_strided((COUNT,), (0,)),
    "expand": lambda w: w.expand(COUNT, 2),
    "broadcast": lambda w: w * torch.ones(COUNT, 2, dtype=w.dtype),
    "linear": lambda w: F.linear(torch.ones(COUNT, 2, dtype=w.dtype), w[None]),
}


@halves
@pytest.mark.parametrize("name", FUNCTIONS)
def test_sums_do_not_stand_still_and_squares_do_not_overflow(name: str, dtype: Any) -> None:
    rounded_once(FUNCTIONS[name](dtype), FUNCTIONS[name](torch.float32), dtype)


@halves
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_that_are_sums_do_not_stand_still(name: str, dtype: Any) -> None:
    gradients = []
    for t in (torch.float32, dtype):
        w = torch.ones(2, dtype=t, requires_grad=True)
        GRADIENTS[name](w).sum().backward()
        gradients.append(w.grad)
    rounded_once(gradients[1], gradients[0], dtype)


@halves
def test_the_gradient_of_overlapping_windows_is_summed_in_float32(dtype: Any) -> None:
    x = torch.ones(4000, dtype=dtype, requires_grad=True)
    x.unfold(0, 3000, 1).sum().backward()
    want = torch.minimum(torch.arange(1, 4001), torch.arange(4000, 0, -1)).clamp(max=1001)
    assert torch.equal(x.grad, want.to(dtype))


@halves
def test_gradients_of_gradients_run_in_float32(dtype: Any) -> None:
    firsts = []
    for t in (torch.float32, dtype):
        x = torch.full((2,), 1.5, dtype=t, requires_grad=True)
        (first,) = torch.autograd.grad(x.sigmoid().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
        assert first.dtype is second.dtype is t
        firsts.append(second)
    np.testing.assert_allclose(firsts[1].float().numpy(), firsts[0].numpy(), rtol=last_place(dtype, 8))


@halves
def test_comparisons_are_with_the_number_that_the_dtype_has(dtype: Any) -> None:
    x = torch.tensor([0.1], dtype=dtype)
    assert bool(x == 0.1) and bool(x <= 0.1) and not bool(x != 0.1) and not bool(x < 0.1)
    assert bool(x < 1e9)


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "AdamW": {}, "NAdam": {}, "RAdam": {},
    "RMSprop": {"momentum": 0.9}, "Adagrad": {}, "Adadelta": {}, "Adamax": {}, "ASGD": {}, "Rprop": {}, "Adafactor": {},
}


@halves
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_steps_in_float32(name: str, dtype: Any) -> None:
    moved = []
    for t in (torch.float32, dtype):
        p = torch.tensor([1.0, -2.0], dtype=t, requires_grad=True)
        optimizer = getattr(torch.optim, name)([p], lr=0.125, **OPTIMIZERS[name])
        p.grad = torch.tensor([300.0, 0.5], dtype=t)
        optimizer.step()
        moved.append(p)
    rounded_once(moved[1], moved[0], dtype)


@halves
def test_a_recorded_step_in_half_precision_is_the_eager_one(dtype: Any) -> None:
    def step(w: Any, x: Any) -> Any:
        loss = F.mse_loss(torch.tanh(x @ w), torch.ones(8, 3, dtype=dtype))
        return loss, *torch.autograd.grad(loss, w)

    w = torch.linspace(-1, 1, 12).reshape(4, 3).to(dtype).requires_grad_()
    x = torch.linspace(-2, 2, 32).reshape(8, 4).to(dtype)
    for got, want in zip(torch.capture(step)(w, x), step(w, x), strict=True):
        assert got.dtype is dtype and torch.equal(got, want)


# --- dtypes that do not meet ------------------------------------------------------------------------------------------

# These are asked by functions (kinked by the tape) that have looked at the dtypes, or take what they are given into the
# first one's; or, as searchsorted, they only compare.
LOOKED_AT = {"overwrite", "index_put", "scatter", "scatter_add", "scatter_reduce", "scatter_view", "cat", "complex",
             "solve", "solve_triangular", "convolution_weight", "standard_gamma_grad", "dirichlet_grad", "bincount",
             "histogram", "searchsorted", "window_winner", "window_take", "window_put", "kinked"}
TOGETHER = [p for p in P if p.promotion is None and p.samples is not None and p.name not in LOOKED_AT and any(
    sum(isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in operands) > 1 for operands, _ in p.samples())]


@pytest.mark.parametrize("primitive", TOGETHER, ids=lambda p: p.name)
def test_operands_that_compute_together_are_of_one_dtype(primitive: Any) -> None:
    refused = 0
    for operands, params in primitive.samples():
        floats = [i for i, x in enumerate(operands) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        for other in floats[1:]:
            tensors = [torch.tensor(x, dtype=torch.float32 if i == other else None) if isinstance(x, np.ndarray) else x
                       for i, x in enumerate(operands)]
            with pytest.raises(RuntimeError, match="the same dtype|of one dtype|should be the same"):
                primitive(*tensors, **params)
            refused += 1
    assert refused
