"""Half precision by generated code: conversions bit for bit, and every kernel in float32 with one rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler.kernels import cast_large, generated_code_is_possible
from wengert.core.generated import LARGE, cast_array
from wengert.core.layout import order_of
from wengert.core.primitive import P, Primitive

pytestmark = pytest.mark.skipif(not generated_code_is_possible(), reason="no generated code here")
KINDS = ["float16", "bfloat16"]
SINGLE = np.dtype(np.float32)
LOWERED = sorted([p.name for p in P if p.lower is not None and p.kind == "elementwise" and p.arity <= 2])


def numpy_of(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(torch, name).numpy)


def same(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether two arrays are equal to the sign of a zero; NaN is NaN, whatever its bits."""
    with np.errstate(invalid="ignore"):  # of a NaN that signals
        wide, other = x.astype(np.float64), y.astype(np.float64)
    bits = x.view(f"u{x.itemsize}") == y.view(f"u{y.itemsize}")
    return x.dtype == y.dtype and x.shape == y.shape and bool((bits | (np.isnan(wide) & np.isnan(other))).all())


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_in_half_precision_is_made_float32(kind: str) -> None:
    halves = np.arange(65536, dtype=np.uint16).view(numpy_of(kind))
    found = cast_large(halves, SINGLE)
    if found is None:
        pytest.skip("this processor has no instructions for it")
    with np.errstate(invalid="ignore"):
        assert same(found, halves.astype(np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_rounded_to_half_precision_as_numpy_and_ml_dtypes_do(kind: str) -> None:
    bits = np.arange(0, 2**32, 4093, dtype=np.uint64).astype(np.uint32)
    halves = np.arange(65536, dtype=np.uint16).view(numpy_of(kind)).astype(np.float32).view(np.uint32)
    near = np.concatenate([halves + step for step in (0, 1, 0x0FFF, 0x1000, 0x1001, 0x7FFF, 0x8000, 0x8001)])
    numbers = np.concatenate([bits, near.astype(np.uint32)]).view(np.float32)
    found = cast_large(numbers, numpy_of(kind))
    if found is None:
        pytest.skip("this processor has no instructions for it")
    with np.errstate(all="ignore"):
        assert same(found, numbers.astype(numpy_of(kind)))


def test_numbers_in_another_order_of_bytes() -> None:
    numbers = np.random.default_rng(0).standard_normal(LARGE + 3).astype(">f2")
    assert same(cast_array(numbers, SINGLE), numbers.astype(np.float32))
    assert same(cast_array(numbers.astype(np.float32), numbers.dtype), numbers)


@pytest.mark.parametrize("way", ["C", "F", "strided", "small", "expanded", "expanded twice"])
@pytest.mark.parametrize("kind", KINDS)
def test_conversions_of_any_layout(kind: str, way: str) -> None:
    rows = 4 if way == "small" else 300
    numbers = np.random.default_rng(0).standard_normal((rows, 150)).astype(np.float32)
    lying = {"F": np.asfortranarray(numbers), "strided": numbers[:, ::2],
             "expanded": np.broadcast_to(numbers[:1], (300, 150)),
             "expanded twice": np.broadcast_to(numbers[:1, :1], (300, 150))}
    numbers = lying.get(way, numbers)
    order = order_of(numbers)
    found, expected = cast_array(numbers, numpy_of(kind), order), numbers.astype(numpy_of(kind), order)
    assert same(found, expected) and found.strides == expected.strides and found.flags.writeable
    assert same(cast_array(found, SINGLE), expected.astype(np.float32))


def operands_of(primitive: Primitive, kind: str, count: int = LARGE + 77) -> list[np.ndarray]:
    generator = np.random.default_rng(1)
    numbers = [generator.standard_normal(count).astype(np.float32) for _ in range(primitive.arity)]
    for x in numbers:
        x[:6] = 0.0, -0.0, np.inf, -np.inf, np.nan, 60000.0
    return [x.astype(numpy_of(kind)) for x in numbers]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOWERED)
def test_a_kernel_computes_in_float32_and_rounds_once(name: str, kind: str) -> None:
    primitive = getattr(P, name)
    halves = operands_of(primitive, kind)
    params = next(iter(primitive.samples()))[1] if primitive.samples is not None else {}
    with np.errstate(all="ignore"):
        wide = primitive(*[x.astype(np.float32) for x in halves], **params)
        expected = wide.astype(numpy_of(kind)) if wide.dtype == np.float32 else wide
        tensors = [P.cast(torch.from_numpy(x.astype(np.float32)), dtype=x.dtype) for x in halves]
        found = primitive(*tensors, **params)._data
    assert same(found, expected) if found.dtype != bool else (found == expected).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", ["add", "sub", "mul", "div"])
def test_operands_that_broadcast_and_numbers(operation: str, kind: str) -> None:
    dtype = getattr(torch, kind)
    torch.manual_seed(0)
    x, row, column = torch.randn(300, 200, dtype=dtype), torch.randn(200, dtype=dtype), torch.randn(300, 1, dtype=dtype)
    function = getattr(torch, operation)
    for other in (row, column, torch.tensor(0.3, dtype=dtype)):
        assert function(x, other).equal(function(x.float(), other.float()).to(dtype))
        assert torch.equal(function(x, other)[:3], function(x[:3], other[:3] if other is column else other))
    number = 0.1 if operation in ("mul", "div") else torch.tensor(0.1, dtype=dtype).item()  # rounded as PyTorch does
    assert function(x, 0.1).equal(function(x.float(), number).to(dtype))
    assert torch.equal(function(x, 0.1)[:3], function(x[:3], 0.1)), "an element's bits do not depend on the size"


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_large_and_of_small_halves_are_the_same(kind: str) -> None:
    dtype = getattr(torch, kind)
    torch.manual_seed(1)
    numbers = torch.randn(LARGE + 5, dtype=dtype)
    for function in (torch.tanh, torch.sigmoid, torch.nn.functional.silu, lambda x: x * x + x):
        whole = numbers.clone().requires_grad_()
        function(whole).backward(torch.ones_like(whole))
        part = numbers[:1000].clone().requires_grad_()
        function(part).backward(torch.ones_like(part))
        assert (whole.grad[:1000] - part.grad).abs().max() <= torch.finfo(dtype).eps * 2
