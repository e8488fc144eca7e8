"""Gradients of every elementwise primitive at NaN, infinities, signed zeros, ties and bounds, for cotangents that are
NaN and infinite themselves: where nothing comes back, nothing comes back of an infinite cotangent either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.core.primitive import P, Primitive

torch = pytest.importorskip("torch")
forward = pytest.importorskip("torch.autograd.forward_ad")
functional = torch.nn.functional

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning"),
]

THEIRS: dict[str, Callable[..., Any]] = {
    "floor_divide": lambda x, y, rounded: torch.div(x, y, rounding_mode="floor"),
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "log_sigmoid": functional.logsigmoid,
    "clamp": lambda x, low=None, high=None: torch.clamp(x, low, high),
    "hardtanh": lambda x, low, high: functional.hardtanh(x, low, high),
    "threshold": lambda x, limit, value: functional.threshold(x, limit, value),
    "hardshrink": lambda x, limit: functional.hardshrink(x, limit),
    "softshrink": lambda x, limit: functional.softshrink(x, limit),
    "trunc_divide": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
    "prelu": torch._prelu_kernel,
    "polygamma": lambda x, n=0: torch.polygamma(n, x),
    **{name: getattr(functional, name) for name in
       ("leaky_relu", "softplus", "gelu", "silu", "mish", "elu", "hardsigmoid", "hardswish")},
}
# Where wengert's gradient is another: held against PyTorch's for finite operands other than 0, -1 and -3, and finite
# cotangents.
OTHERWISE = {
    "relu": "nothing comes back where x is NaN",
    "threshold": "nothing comes back where x is NaN",
    "hardshrink": "all comes back where x is NaN",
    "softshrink": "all comes back where x is NaN",
    "nan_to_num": "PyTorch multiplies by 0 and 1",
    "nextafter": "PyTorch selects where the operands are equal, and we multiply by 0",
    "pow": "PyTorch selects where the exponent is 0, and we multiply",
    "hardswish": "PyTorch selects up to x = -3, and we multiply by 0",
    "prelu": "PyTorch selects where x is positive, and we multiply by 0",
    "logaddexp": "infinities that are equal share the cotangent; PyTorch has NaN",
    "logaddexp2": "infinities that are equal share the cotangent; PyTorch has NaN",
    "lgamma": "the sign of the pole at -0",
    "polygamma": "PyTorch has large numbers at poles, and we infinities",
    "i0": "the last bits of i1 at 0",
    "i0e": "the last bits of i1e at 0",
    "i1": "PyTorch takes NaN for a small number",
    "i1e": "PyTorch takes NaN for a small number",
    "log_ndtr": "PyTorch has NaN at minus infinity",
}
ABSENT = {"igamma": "PyTorch has no derivative", "igammac": "PyTorch has no derivative", "zeta": "not by both operands"}
OPERANDS = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 0.5, -0.5, 2.5, -3.0, 3.0])
COTANGENTS = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -0.7, 2.3])
PRIMITIVES = [p for p in P if p.kind == "elementwise" and p.vjp is not None and p.name not in ABSENT]


def theirs(name: str) -> Callable[..., Any]:
    found = THEIRS.get(name) or getattr(torch, name, None) or getattr(torch.special, name, None)
    assert found is not None, f"{name}: name PyTorch's function in THEIRS, or say in ABSENT why it has none"
    return found


def edges(primitive: Primitive) -> tuple[list[np.ndarray], np.ndarray, dict[str, Any]]:
    """Every combination of operands and cotangent, and the first of the primitive's parameters."""
    values = OPERANDS if primitive.arity < 3 else OPERANDS[[0, 1, 3, 5, 6, 8]]
    *operands, ct = (grid.ravel() for grid in np.meshgrid(*[values] * primitive.arity, COTANGENTS, indexing="ij"))
    if primitive.promotion == "where":
        operands[0] = operands[0] > 0
    samples = [] if primitive.samples is None else [params for _, params in primitive.samples() if params]
    return operands, ct, samples[0] if samples else {}


def compared(name: str, operands: list[np.ndarray], ct: np.ndarray) -> np.ndarray:
    """The places at which both libraries have one gradient."""
    if name not in OTHERWISE:
        return np.full(ct.shape, True)
    usual = [np.isfinite(x) & (x != 0) & (x != -1) & (x != -3) for x in operands]
    return np.logical_and.reduce([np.isfinite(ct), *usual])


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_gradients_at_the_edges(primitive: Primitive) -> None:
    operands, ct, params = edges(primitive)
    ours = [wengert.tensor(x).requires_grad_(x.dtype.kind == "f") for x in operands]
    leaves = [torch.tensor(x).requires_grad_(x.dtype.kind == "f") for x in operands]
    got = wengert.autograd.grad(primitive(*ours, **params), [x for x in ours if x.requires_grad], wengert.tensor(ct))
    result = theirs(primitive.name)(*leaves, **params)
    wanted = torch.autograd.grad(result, [x for x in leaves if x.requires_grad], torch.tensor(ct))
    places = compared(primitive.name, operands, ct)
    assert places.any()
    for a, b in zip(got, wanted, strict=True):
        # PyTorch's hardsigmoid has a sixth of single precision.
        np.testing.assert_allclose(a.numpy()[places], b.numpy(force=True)[places], rtol=1e-7, atol=1e-14)


@pytest.mark.parametrize("name", ["relu", "clamp", "hardtanh", "threshold", "hardshrink", "softshrink", "hardsigmoid",
                                  "leaky_relu", "floor", "round", "sign", "abs", "log", "sqrt", "div", "where"])
def test_tangents_at_the_edges(name: str) -> None:
    """The forward rule comes from the same statement as the backward one."""
    primitive = getattr(P, name)
    operands, t, params = edges(primitive)
    tangents = [t if x.dtype.kind == "f" else None for x in operands]
    got = primitive.jvp(tangents, operands, primitive.run(*operands, **params), params)
    with forward.dual_level():
        duals = [torch.tensor(x) if x.dtype.kind != "f" else forward.make_dual(torch.tensor(x), torch.tensor(t))
                 for x in operands]
        wanted = forward.unpack_dual(theirs(name)(*duals, **params)).tangent
    places = compared(name, operands, t) & (np.isfinite(got) if name == "div" else True)
    np.testing.assert_allclose(got[places], wanted.numpy(force=True)[places], rtol=1e-7, atol=1e-14)


@pytest.mark.parametrize("name", ["abs", "angle", "sgn", "log", "sqrt", "mul", "div", "addcmul", "addcdiv"])
def test_tangents_of_complex_numbers(name: str) -> None:
    primitive = getattr(P, name)
    random = np.random.default_rng(3)
    operands, tangents = ([random.normal(size=(5, 2)) @ (1, 1j) for _ in range(primitive.arity)] for _ in range(2))
    got = primitive.jvp(tangents, operands, primitive.run(*operands), {})
    with forward.dual_level():
        duals = [forward.make_dual(torch.tensor(x), torch.tensor(t)) for x, t in zip(operands, tangents, strict=True)]
        wanted = forward.unpack_dual(theirs(name)(*duals)).tangent.numpy(force=True)
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
