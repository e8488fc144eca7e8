"""`func.laplacian` against the trace of the Hessian: every way in which an operation can bend its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.core.primitive import P
from wengert.func import grad, hessian, jacobian, jvp, laplacian, vmap


def values(*shape: int, seed: int = 0) -> Any:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.2, 1.5, shape))


def close(found: Any, wanted: Any, tolerance: float = 1e-9) -> None:
    assert tuple(found.shape) == tuple(wanted.shape)
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=tolerance, atol=tolerance)


class Cube(torch.autograd.Function):
    """x³ by hand, backward only."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any) -> Any:
        return x * x * x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x * x * ct


def written(p: Any) -> Any:
    y = p.clone() * 2
    y[1:] = y[1:].clone() * p[:-1]
    y[0] = y[0].clone() * p[2]
    y.add_(p.sin()).exp_()
    y[:2].add_(p[1] ** 2)
    return (y * y).sum()


def looped(p: Any) -> Any:
    y = p
    while y.sum() < 20:
        y = y * y + p
    return y.sum()


def put_into_zeros(p: Any) -> Any:
    y = torch.zeros(4, dtype=p.dtype)
    y[1:4] = p**3
    part = y[2:]
    y += p.sum() ** 2
    return (part * y[:2]).sum()


W, B = values(3, 3, seed=1), values(3, seed=2)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "cubes": lambda p: (p**3).sum(),
    "a product of two that move": lambda p: (p.sin() * p.exp()).sum(),
    "a sum of two": lambda p: (p.sin() + p.exp() - p.tanh()).prod(),
    "a quotient": lambda p: (p / (1 + p.flip(0) ** 2)).sum(),
    "a power of two that move": lambda p: (p ** p.flip(0)).sum(),
    "products of matrices": lambda p: ((p @ W).tanh() @ (W @ p)).sin(),
    "an outer product": lambda p: (torch.outer(p, p.sin()) @ p).sum(),
    "a layer": lambda p: nn.functional.linear(p.sin(), W, B).pow(2).sum(),
    "a layer whose weight moves": lambda p: nn.functional.linear(B, torch.outer(p, p), p).pow(2).sum(),
    "addmm": lambda p: torch.addmm(p, torch.outer(p, p), W, alpha=2.0).sin().sum(),
    "pieces": lambda p: torch.cat([p * p, p.sin(), torch.ones(2, dtype=p.dtype)]).cumsum(0).pow(2).sum(),
    "stacked": lambda p: torch.stack([p[0] * p[1], p[2].exp(), p.sum()]).prod(),
    "cumprod": lambda p: torch.cumprod(p, 0).sum(),
    "softmax": lambda p: (torch.softmax(p * p, 0) * B).sum(),
    "logsumexp": lambda p: torch.logsumexp(p * p.flip(0), 0),
    "a norm": lambda p: torch.linalg.vector_norm(p.sin() + 1),
    "a maximum": lambda p: (torch.max(p * B, 0)[0] ** 3) * p.min(),
    "sorted": lambda p: (torch.sort(p * B)[0] * torch.arange(3.0, dtype=p.dtype) * p).sum(),
    "where": lambda p: torch.where(p > 0.7, p**3, p.sin()).sum(),
    "straight pieces": lambda p: (nn.functional.relu(p - 0.7) * p.abs()).sum(),
    "clamped": lambda p: (p.clamp(0.3, 1.2) ** 3).sum(),
    "an activation": lambda p: nn.functional.gelu(p).sum() * nn.functional.silu(p).sum(),
    "an index": lambda p: (p[torch.tensor([0, 2, 2])] ** 3).sum(),
    "an inverse": lambda p: torch.linalg.inv(torch.outer(p, p) + torch.eye(3, dtype=p.dtype) * (2 + p[0])).sum(),
    "a solution": lambda p: torch.linalg.solve(torch.outer(p, p) + torch.eye(3, dtype=p.dtype), p.exp()).sum(),
    "a determinant": lambda p: torch.linalg.slogdet(torch.outer(p, p) + torch.eye(3, dtype=p.dtype))[1],
    "a convolution": lambda p: nn.functional.conv1d((p.sin())[None, None], (p * p)[None, None, :2]).pow(2).sum(),
    "normalised": lambda p: nn.functional.layer_norm(p * p, (3,), B, B).pow(3).sum(),
    "a Function": lambda p: Cube.apply(p.sin()).prod(),
    "writes": written,
    "writes into zeros": put_into_zeros,
    "a loop by values": looped,
    "a detached part": lambda p: (p.detach() * p**2).sum(),
    "a gradient inside": lambda p: grad(lambda q: (q**4).prod())(p).sum(),
    "a forward derivative inside": lambda p: jvp(lambda q: q.sin().prod(), (p,), (p * p,))[1],
    "a map inside": lambda p: vmap(lambda q: (q * p).exp().sum())(p).prod(),
    "a Laplacian inside": lambda p: laplacian(lambda q: (q**5).sum() * q.prod(), p),
    "what does not move": lambda p: torch.ones((), dtype=p.dtype),
    "straight": lambda p: (p * B).sum() - p[0],
    "in float32 on the way": lambda p: (p.double() ** 3).sum(),
    "complex on the way": lambda p: (torch.complex(p, p * p).exp() * 1j).abs().pow(2).sum(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_trace_of_the_hessian(name: str) -> None:
    f = FUNCTIONS[name]
    points = values(4, 3, seed=5)
    if name == "a detached part":  # of which the derivative is what is asked for, not the value's
        wanted = torch.stack([2 * p.sum() for p in points])
    else:
        wanted = torch.stack([torch.trace(hessian(f)(p)) for p in points])
    close(laplacian(f, points[0]), wanted[0])
    if name != "a loop by values":
        close(laplacian(f, points), wanted)
    else:
        with pytest.raises(RuntimeError, match="data-dependent"):
            laplacian(f, points)


@pytest.mark.parametrize("name", [p.name for p in P if p.kind == "elementwise" and p.arity == 1 and p.is_diagonal])
def test_every_primitive_of_elements_bends(name: str) -> None:
    """By a kernel, on large arrays, and without one."""
    primitive = getattr(P, name)
    samples = next(iter(primitive.samples()), None) if primitive.samples is not None else None
    x, params = np.linspace(0.15, 0.85, 5), {} if samples is None else dict(samples[-1]) if isinstance(
        samples[-1], dict) else {}
    try:
        wanted = vmap(grad(grad(lambda q: primitive(q, **params))))(torch.from_numpy(x))
    except (RuntimeError, TypeError) as error:
        pytest.skip(str(error)[:80])

    def f(p: Any) -> Any:
        return primitive(p[0], **params)

    close(laplacian(f, torch.from_numpy(x)[:, None]), wanted, 1e-7)
    many = np.tile(x, 8000)
    close(laplacian(f, torch.from_numpy(many)[:, None]), wanted.repeat(8000), 1e-7)
    # and where what comes in bends already
    inner = vmap(grad(grad(lambda q: primitive(q * q + 0.1, **params))))(torch.from_numpy(x * 0.8))
    points = torch.from_numpy(np.tile(x * 0.8, 8000))[:, None]
    close(laplacian(lambda p: primitive(p[0] * p[0] + 0.1, **params), points), inner.repeat(8000), 1e-7)


def test_it_nests() -> None:
    points, scale = values(4, 3, seed=5), values(2, seed=7)

    def f(p: Any, s: Any) -> Any:
        return (p * s).sin().prod() + (p**3).sum() * s**2

    # by a parameter outside: backward, forward, and mapped
    def total(s: Any) -> Any:
        return laplacian(lambda p: f(p, s), points).sum()

    def wanted(s: Any) -> Any:
        return vmap(lambda p: torch.trace(hessian(f)(p, s)))(points).sum()

    s = scale[0]
    close(grad(total)(s), grad(wanted)(s))
    close(jvp(total, (s,), (torch.ones_like(s),))[1], jvp(wanted, (s,), (torch.ones_like(s),))[1])
    close(vmap(total)(scale), vmap(wanted)(scale))
    close(torch.compile(lambda s: laplacian(lambda p: f(p, s), points).sum())(s), total(s))
    # by the points themselves: third derivatives
    close(grad(lambda x: laplacian(lambda p: f(p, s), x).sum())(points),
          vmap(grad(lambda p: torch.trace(hessian(f)(p, s))))(points))


def test_many_coordinates_go_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from wengert.autograd import derivatives

    p = values(50)
    wanted = laplacian(lambda q: (q**3).sum() * q[0], p)
    monkeypatch.setattr(derivatives, "_ROOM", 4 * 50 * 8 * 7)
    close(laplacian(lambda q: (q**3).sum() * q[0], p), wanted)


def test_wrong_calls() -> None:
    outside = torch.zeros(3, dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"\[laplacian\] a function that gives one tensor"):
        laplacian(lambda p: (p, p), values(3))
    with pytest.raises(RuntimeError, match=r"\[laplacian\] a tensor made inside"):
        laplacian(lambda p: outside.add_(p * p).sum(), values(3))
    assert outside.tolist() == [0.0, 0.0, 0.0]
    for function in (laplacian, jacobian):
        with pytest.raises(RuntimeError, match=rf"\[{function.__name__}\] a tensor of a floating"):
            function(lambda p: (p * 1.0).sum(), torch.tensor([1, 2]))
        with pytest.raises(TypeError, match=rf"\[{function.__name__}\] a tensor was expected; got float"):
            function(lambda p: p, 1.0)
    assert laplacian(lambda p: p.sum() > 0, values(3)).item() is False  # what has no derivative
    for shape in ((0,), (0, 3), (4, 0)):
        assert laplacian(lambda p: (p**2).sum(), torch.zeros(shape)).tolist() == ([] if shape[0] == 0 and len(
            shape) == 2 else [0.0] * shape[0] if len(shape) == 2 else 0.0)
    close(laplacian(lambda p: (p**3).sum(), values(3)), 6 * values(3).sum())  # and nothing is left in force
