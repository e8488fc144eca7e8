"""Printing against PyTorch's own ``repr``, character by character, on random and adversarial arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from wengert.tensors import printing

torch = pytest.importorskip("torch")
ml_dtypes = pytest.importorskip("ml_dtypes")

FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEXES = ["complex64", "complex128"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]
DTYPES = [*FLOATS, *COMPLEXES, *INTEGERS, "bool"]

SHAPES: list[tuple[int, ...]] = [
    (), (1,), (2,), (7,), (30,), (1, 1), (3, 4), (5, 1), (1, 20), (2, 3, 4), (3, 1, 2), (2, 2, 2, 3),
    (1, 1, 1, 1), (2, 1, 2, 1, 2), (0,), (0, 3), (2, 0), (2, 0, 3), (1, 0, 1, 1),
]
LARGE_SHAPES: list[tuple[int, ...]] = [
    (1000,), (1001,), (40, 40), (7, 200), (6, 200), (2000, 1), (1, 2000), (11, 12, 13), (2, 3, 400),
    (5, 6, 7, 8),
]

OPTIONS: list[dict[str, Any]] = [
    {},
    {"precision": 0},
    {"precision": 1, "sci_mode": True},
    {"precision": 9},
    {"sci_mode": True},
    {"sci_mode": False},
    {"threshold": 0},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 5, "edgeitems": 0},
    {"edgeitems": 0},
    {"threshold": 10, "edgeitems": 2, "linewidth": 30},
    {"linewidth": 10},
    {"linewidth": 0},
    {"linewidth": 200},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "short", "precision": 6, "threshold": 4},
]

SPECIAL = [math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0]

ADVERSARIAL: dict[str, list[float]] = {
    "special": SPECIAL,
    "only nan": [math.nan],
    "nan and zero": [math.nan, 0.0],
    "infinite": [math.inf, -math.inf],
    "minus zero": [-0.0, 0.0],
    "whole and special": [*SPECIAL, 1.0, -20.0, 300.0],
    "fraction and special": [*SPECIAL, 1.5, -20.25],
    "scientific and special": [*SPECIAL, 1e-7, 12.5],
    "ratio exactly 1000": [0.5, 500.0],
    "ratio above 1000": [0.5, 500.5],
    "whole ratio exactly 1000": [1.0, 1000.0],
    "whole ratio above 1000": [1.0, 1001.0],
    "largest 1e8": [1e8, 9e7],
    "largest above 1e8": [1e8 + 8.0, 9e7],
    "smallest 1e-4": [1e-4, 2e-4],
    "smallest above 1e-4": [1.01e-4, 2e-4],
    "smallest below 1e-4": [9.9e-5, 2e-4],
    "huge": [1e30, 3e38, -2e35],
    "tiny": [1e-30, 1e-38, -3e-40],
    "denormal": [1e-45, -1.4e-45, 5e-324],
    "denormal beside huge": [5e-324, 1.7e308],
    "half denormal": [6e-8, -1.2e-7],
    "half largest": [65504.0, -65504.0],
    "rounding": [0.00005, 0.00015, 0.5, 1.99995, 2.5, 9.99995, 99.99995],
    "rounding up in width": [9.99999, 99.99999, -99.99999],
    "halves": [0.5, 1.5, 2.5, -0.5, -1.5],
    "thirds": [1 / 3, -2 / 3, 4 / 3],
    "whole": [-3.0, 0.0, 12.0, 123456.0],
    "wide whole": [123456.0, 654321.0, -999999.0],
    "one": [1.0],
    "negative": [-1.25, -22.5],
    "just not whole": [1.0, 1.0000001, 2.0],
    "two to 53": [2.0**53, 2.0**53 + 2],
}


def to_torch(array: np.ndarray) -> Any:
    """The torch tensor with this data."""
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.copy().view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def ours(array: np.ndarray, **arguments: Any) -> str:
    """The text under test, for the default dtype now set in torch."""
    default = str(torch.get_default_dtype()).removeprefix("torch.")
    return printing.tensor_repr(array, dtype_name=array.dtype.name, default_dtype_name=default, **arguments)


def assert_same(array: np.ndarray, options: dict[str, Any] | None = None) -> None:
    """Both print this array alike under these options."""
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**(options or {}))
    try:
        expected = repr(to_torch(array))
    finally:
        torch.set_printoptions(profile="default")
    with printing.printoptions(**(options or {})):
        assert ours(array) == expected


def cast(values: Any, dtype: str) -> np.ndarray:
    """The values as an array of this dtype; what does not fit becomes what the cast makes of it."""
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def random_array(random: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of one of many characters: scale, spread, whole or not, with special values or not."""
    if dtype == "bool":
        return np.asarray(random.random(shape) < random.choice([0.0, 0.5, 1.0]))
    if dtype in INTEGERS:
        limits = np.iinfo(dtype)
        span = int(random.choice([2, 10, 100]))
        if random.random() < 0.3:
            return random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
        return random.integers(max(limits.min, -span), span, shape).astype(dtype)
    values = random_floats(random, shape)
    if dtype in COMPLEXES:
        # Set part by part: a sum with 1j times infinity would turn the real part into NaN.
        pair = np.empty(shape, "complex128")
        pair.real, pair.imag = values, random_floats(random, shape)
        values = pair
    return cast(values, dtype)


def random_floats(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Floats for `random_array`."""
    scale = 10.0 ** random.integers(-9, 10) if random.random() < 0.5 else 1.0
    values = random.standard_normal(shape) * scale
    if random.random() < 0.3:
        values = values * 10.0 ** random.uniform(-4, 4, shape)
    if random.random() < 0.3:
        values = np.trunc(values)
    if random.random() < 0.3:
        values = np.where(random.random(shape) < 0.3, random.choice(SPECIAL, shape), values)
    return values


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_small_arrays_under_all_options(dtype: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng([DTYPES.index(dtype), SHAPES.index(shape)])
    for options in OPTIONS:
        for _ in range(4):
            assert_same(random_array(random, dtype, shape), options)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "complex64", "int32", "bool"])
@pytest.mark.parametrize("shape", LARGE_SHAPES, ids=str)
def test_large_arrays(dtype: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng([DTYPES.index(dtype), LARGE_SHAPES.index(shape)])
    shortening = [{"edgeitems": 1}, {"edgeitems": 0}, {"edgeitems": 8, "linewidth": 60}, {"threshold": 1300}]
    for options in ({}, *shortening):
        assert_same(random_array(random, dtype, shape), options)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("case", ADVERSARIAL)
def test_adversarial_floats(dtype: str, case: str) -> None:
    values = cast(ADVERSARIAL[case], dtype)
    for options in ({}, {"sci_mode": True}, {"sci_mode": False}, {"precision": 0}, {"precision": 8}):
        assert_same(values, options)
        assert_same(values.reshape(1, -1, 1), options)
        for value in values:
            assert_same(np.array(value, values.dtype), options)


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_adversarial_complex_numbers(dtype: str) -> None:
    cases = list(ADVERSARIAL.values())
    for reals in cases:
        for imags in cases:
            values = np.empty(max(len(reals), len(imags)), dtype)
            with np.errstate(over="ignore"):
                values.real = np.resize(reals, values.shape)
                values.imag = np.resize(imags, values.shape)
            assert_same(values)
            assert_same(np.array(values[0], dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_extreme_integers(dtype: str) -> None:
    limits = np.iinfo(dtype)
    assert_same(np.array([limits.min, 0, limits.max], dtype))
    assert_same(np.array([[limits.max]], dtype))


@pytest.mark.parametrize("default", ["float16", "bfloat16", "float32", "float64"])
def test_dtype_suffix_follows_the_default_dtype(default: str) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, default))
    try:
        for dtype in DTYPES:
            for shape in ((2,), (0,), (0, 2), ()):
                assert_same(cast(np.ones(shape), dtype))
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_gradient_suffixes_and_their_line_breaks(dtype: str) -> None:
    for columns in range(1, 40):
        array = cast(np.arange(2.0 * columns).reshape(2, columns) / 8, dtype)
        leaf = to_torch(array).requires_grad_()
        assert ours(array, requires_grad=True) == repr(leaf)
        assert ours(array, requires_grad=True, kind="Parameter containing:") == repr(torch.nn.Parameter(leaf))
        assert ours(array, grad_fn_name="CloneBackward0") == repr(leaf.clone())
        row = leaf[0]
        assert ours(array[0], requires_grad=True, grad_fn_name="SelectBackward0") == repr(row)


def test_suffixes_wrap_at_every_linewidth() -> None:
    array = np.arange(6.0).reshape(2, 3)
    leaf = to_torch(array).requires_grad_()
    for linewidth in range(0, 100):
        torch.set_printoptions(linewidth=linewidth)
        try:
            expected = repr(leaf * 1), repr(leaf.detach()), repr(leaf[:0] * 1)
        finally:
            torch.set_printoptions(profile="default")
        with printing.printoptions(linewidth=linewidth):
            assert ours(array, grad_fn_name="MulBackward0") == expected[0]
            assert ours(array) == expected[1]
            assert ours(array[:0], grad_fn_name="MulBackward0") == expected[2]


def test_subclass_name_takes_the_place_of_tensor() -> None:
    distance = type("Distance", (torch.Tensor,), {})
    array = cast(np.arange(40.0).reshape(2, 20) / 4, "float32")
    assert ours(array, kind="Distance") == repr(to_torch(array).as_subclass(distance))


def test_memory_layout_does_not_show() -> None:
    base = np.arange(24.0).reshape(4, 6)
    assert ours(base.T) == repr(torch.from_numpy(base).T)
    assert ours(base[:, ::2]) == repr(torch.from_numpy(base)[:, ::2])
    assert ours(base[::-1]) == repr(torch.from_numpy(base).flip(0))
    wide = np.broadcast_to(np.float32(1.5), (50, 50))
    assert ours(wide) == repr(torch.tensor(1.5).expand(50, 50))


@pytest.mark.parametrize("calls", [
    [{"precision": 2}], [{"profile": "short"}], [{"profile": "full", "edgeitems": 5}],
    [{"sci_mode": True}, {}], [{"profile": "short", "sci_mode": False}, {"linewidth": 44}],
    [{"threshold": math.inf}, {"profile": "default"}],
])
def test_options_change_as_in_torch(calls: list[dict[str, Any]]) -> None:
    torch_options = torch._tensor_str.get_printoptions
    before = printing.get_printoptions()
    torch.set_printoptions(profile="default")
    assert before == torch_options()
    try:
        for arguments in calls:
            torch.set_printoptions(**arguments)
            printing.set_printoptions(**arguments)
            assert printing.get_printoptions() == torch_options()
            with printing.printoptions(precision=7), torch._tensor_str.printoptions(precision=7):
                assert printing.get_printoptions() == torch_options()
            assert printing.get_printoptions() == torch_options()
    finally:
        torch.set_printoptions(profile="default")
        printing.set_printoptions(**before)


SPECS = ["", ".3f", "8.2e", ">12", "<9", "d", "05d", "g", "+.1f", "x", "s", "10.4", ".1%", ",", "r", "=+9"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spec", SPECS)
def test_format(dtype: str, spec: str) -> None:
    for values in (1.1, 3.0, 100.7, math.nan, [1.0], [[1.5, 2.0]], []):
        if values is math.nan and dtype not in FLOATS + COMPLEXES:
            continue
        array = cast(values, dtype)
        tensor = to_torch(array)
        try:
            expected = format(tensor, spec)
        except (TypeError, ValueError) as error:
            with pytest.raises(type(error)) as caught:
                printing.tensor_format(array, spec)
            assert str(error) in str(caught.value)
        else:
            assert printing.tensor_format(array, spec) == expected


def test_format_of_a_parameter_is_its_text_only() -> None:
    parameter = torch.nn.Parameter(torch.tensor(1.5))
    array = np.array(1.5, np.float32)

    def text() -> str:
        return ours(array, requires_grad=True, kind="Parameter containing:")

    assert printing.tensor_format(array, "", text=text, class_name="Parameter") == format(parameter, "")
    with pytest.raises(TypeError, match="unsupported format string passed to Parameter.__format__"):
        format(parameter, ".1f")
    with pytest.raises(TypeError, match="unsupported format string passed to Parameter.__format__"):
        printing.tensor_format(array, ".1f", text=text, class_name="Parameter")
