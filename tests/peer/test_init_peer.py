"""`wengert.nn.init` against PyTorch: the same seed, the same numbers, to the last bit where no library of linear
algebra has a say; and the same errors and warnings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")

SEEDS = [0, 1, 123]
SHAPES = [(3, 5), (4, 4), (16, 15), (17, 3, 3), (8, 4, 3, 3), (2, 3, 2, 2, 2)]

FILLS: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {}),
    ("uniform_", {"a": -2.0, "b": 3.0}),
    ("normal_", {}),
    ("normal_", {"mean": 1.0, "std": 0.2}),
    ("constant_", {"val": 0.3}),
    ("ones_", {}),
    ("zeros_", {}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {}),
    ("kaiming_uniform_", {"a": 5**0.5}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", {}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("trunc_normal_", {}),
    ("trunc_normal_", {"std": 0.02}),
    ("trunc_normal_", {"mean": 0.5, "std": 0.7, "a": 0.0, "b": 1.5}),
    ("trunc_normal_", {"std": 3.0, "a": -0.1, "b": 0.2}),
]


def fill(lib: Any, name: str, shape: tuple[int, ...], options: dict[str, Any], seed: int, dtype: str, own: bool) -> Any:
    tensor = lib.empty(*shape, dtype=getattr(lib, dtype)).requires_grad_()
    generator = lib.Generator().manual_seed(seed) if own else None
    if not own:
        lib.manual_seed(seed)
    given = {**options, "generator": generator} if own and name not in ("constant_", "ones_", "zeros_") else options
    result = getattr(lib.nn.init, name)(tensor, **given)
    assert result is tensor and tensor.requires_grad and tensor.grad_fn is None
    after = lib.rand(1, generator=generator).item()
    return tensor.detach().numpy(), after


@pytest.mark.parametrize("name, options", FILLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("own", [False, True])
def test_fills(name: str, options: dict[str, Any], dtype: str, own: bool) -> None:
    normal = "normal" in name
    for shape in SHAPES:
        for seed in SEEDS:
            ours, after = fill(wengert, name, shape, options, seed, dtype, own)
            theirs, expected = fill(torch, name, shape, options, seed, dtype, own)
            if normal:  # PyTorch's logarithms and cosines differ in the last bit from one machine to the next
                np.testing.assert_allclose(ours, theirs, rtol=4e-7 if dtype == "float32" else 1e-14, atol=1e-8)
            else:
                np.testing.assert_array_equal(ours, theirs)
            assert after == expected


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (3, 2, 2), (6, 2, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    for seed in SEEDS:
        ours, after = fill(wengert, "orthogonal_", shape, {"gain": 1.5}, seed, "float64", False)
        theirs, expected = fill(torch, "orthogonal_", shape, {"gain": 1.5}, seed, "float64", False)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
        assert after == expected


def test_fills_without_randomness() -> None:
    for shape in ((3, 5), (5, 3), (4, 4)):
        ours, theirs = wengert.nn.init.eye_(wengert.empty(*shape)), torch.nn.init.eye_(torch.empty(*shape))
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    for shape, groups in (((4, 2, 3), 1), ((4, 2, 3, 3), 2), ((6, 2, 3, 3, 4), 3), ((2, 4, 5), 1)):
        ours = wengert.nn.init.dirac_(wengert.empty(*shape), groups)
        theirs = torch.nn.init.dirac_(torch.empty(*shape), groups)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_sparse() -> None:
    for seed in SEEDS:
        ours, after = fill(wengert, "sparse_", (20, 7), {"sparsity": 0.33}, seed, "float32", False)
        theirs, expected = fill(torch, "sparse_", (20, 7), {"sparsity": 0.33}, seed, "float32", False)
        np.testing.assert_allclose(ours, theirs, rtol=4e-7)
        assert after == expected


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains(name: str) -> None:
    assert wengert.nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert wengert.nn.init.calculate_gain("leaky_relu", 0.2) == torch.nn.init.calculate_gain("leaky_relu", 0.2)


WRONG: list[Callable[[Any], Any]] = [
    lambda lib: lib.nn.init.calculate_gain("swish"),
    lambda lib: lib.nn.init.calculate_gain("leaky_relu", True),
    lambda lib: lib.nn.init.calculate_gain("leaky_relu", "x"),
    lambda lib: lib.nn.init.eye_(lib.empty(3)),
    lambda lib: lib.nn.init.dirac_(lib.empty(3, 3)),
    lambda lib: lib.nn.init.dirac_(lib.empty(3, 3, 3), 2),
    lambda lib: lib.nn.init.xavier_normal_(lib.empty(3)),
    lambda lib: lib.nn.init.kaiming_normal_(lib.empty(3)),
    lambda lib: lib.nn.init.kaiming_normal_(lib.empty(3, 3), mode="fan"),
    lambda lib: lib.nn.init.orthogonal_(lib.empty(3)),
    lambda lib: lib.nn.init.sparse_(lib.empty(3), 0.1),
    lambda lib: lib.nn.init.xavier_uniform_(lib.empty(())),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_calls_raise_the_same(number: int) -> None:
    texts = []
    for lib in (wengert, torch):
        with pytest.raises(ValueError) as caught:
            WRONG[number](lib)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_warnings() -> None:
    calls: list[Callable[[Any], Any]] = [
        lambda lib: lib.nn.init.kaiming_uniform_(lib.empty(0, 3)),
        lambda lib: lib.nn.init.trunc_normal_(lib.empty(3), mean=-9.0),
        lambda lib: lib.nn.init.xavier_uniform(lib.empty(2, 3)),
        lambda lib: lib.nn.init.normal(lib.empty(2, 3)),
        lambda lib: lib.nn.init.constant(lib.empty(2, 3), 1.0),
    ]
    for call in calls:
        seen = []
        for lib in (wengert, torch):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                call(lib)
            seen.append([(entry.category, str(entry.message)) for entry in caught])
        assert seen[0] == seen[1]
