"""What ``out=`` means, held against PyTorch: dtypes, resizing and its warning, memory that is shared, and refusals.

The database's walk has a column for every function; here are the rules themselves, and what the walk does not ask.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import wengert
from tests.peer.agreement import MODULES

Program = Callable[[Any], Any]


def told(program: Program, T: Any) -> tuple[Any, list[str], list[str]]:
    """The values that a program leaves, or the built-in classes of its error, and the warnings it gave."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            T.manual_seed(0)
            found, error = program(T), []
        except Exception as problem:  # noqa: BLE001 - which error it is, is compared
            found, error = (), [kind.__name__ for kind in type(problem).__mro__ if kind.__module__ == "builtins"]
    return found, error, [str(each.message)[:80] for each in heard]


def ramp(T: Any, *shape: int) -> Any:
    return T.arange(float(np.prod(shape))).reshape(shape)


def into(name: str, shape: tuple[int, ...], dtype: str, *args: Any, **options: Any) -> Program:
    """A function of a 2×3 ramp and others, into zeros."""
    def program(T: Any) -> Any:
        target = T.zeros(shape, dtype=getattr(T, dtype))
        found = getattr(T, name)(ramp(T, 2, 3), *args, out=target, **options)
        return found is target, target.dtype is getattr(T, dtype), target
    return program


def made(name: str, kind: str, *args: Any, **options: Any) -> Program:
    """A function of sizes and numbers, into an empty target."""
    def program(T: Any) -> Any:
        target = T.empty(0, dtype=getattr(T, kind))
        words = {key: getattr(T, value) for key, value in options.items()}
        return getattr(T, name)(*args, out=target, **words) is target, target
    return program


def strided(name: str, *args: Any, **options: Any) -> Program:
    """A function into every second element of a matrix: what lies between stays."""
    def program(T: Any) -> Any:
        whole = T.ones(4, 6)
        given = [ramp(T, 4, 3) / 12 if arg == "ramp" else arg for arg in args]
        getattr(T, name)(*given, out=whole[:, ::2], **options)
        return whole
    return program


def overlapping(name: str, source: Any, target: Any) -> Program:
    """A function of one part of a memory into another."""
    def program(T: Any) -> Any:
        memory = ramp(T, 8)
        getattr(T, name)(memory[source], memory[source], out=memory[target])
        return memory
    return program


def mixed(name: str, dtype: str, *shapes: tuple[int, ...]) -> Program:
    """A function of ones of float64, into an empty target."""
    def program(T: Any) -> Any:
        target = T.empty(0, dtype=getattr(T, dtype))
        return getattr(T, name)(*(T.ones(shape, dtype=T.float64) for shape in shapes), out=target), target
    return program


PROGRAMS: dict[str, Program] = {
    **{f"{name} of {shapes} into {dtype}": mixed(name, dtype, *shapes) for name, shapes in (
        ("inner", ((), (2, 2))), ("inner", ((2,), (2,))), ("lerp", ((2,), (2,), ())), ("lerp", ((2,), (2,), (2,))),
        ("diff", ((3, 2),))) for dtype in ("float64", "float32", "complex64", "int64")},
    "diff of no order": lambda T: T.diff(T.ones(3), 0, out=T.empty(0, dtype=T.float64)),
    "a weight of another dtype": lambda T: T.lerp(T.ones(2), T.zeros(2), T.tensor(0.25, dtype=T.float64)),
    "a target that broadcasts": lambda T: T.ones(1).addbmm_(ramp(T, 2, 2, 3), ramp(T, 2, 3, 4)),
    **{f"exp into {dtype}": into("exp", (2, 3), dtype) for dtype in ("float32", "float64", "int64", "complex64")},
    **{f"tril into {dtype}": into("tril", (2, 3), dtype) for dtype in ("float32", "float64", "int64")},
    **{f"{name} into {dtype}": into(name, (2,), dtype, 1) for name in ("sum", "amax", "argmax", "any", "mean")
       for dtype in ("float32", "float64", "int64", "bool", "uint8")},
    **{f"cumsum into {dtype}": into("cumsum", (2, 3), dtype, 1) for dtype in ("float64", "int64", "uint8", "bool")},
    **{f"exp into {shape}": into("exp", shape, "float32") for shape in ((0,), (3,), (2, 3), (3, 2), (1, 2, 3))},
    **{f"{name} into {dtype}": made(name, dtype, *args) for dtype in ("float64", "int64", "bool") for name, args in (
        ("zeros", (2, 3)), ("ones", (2, 3)), ("full", ((2,), 1)), ("eye", (3,)), ("arange", (0, 5)),
        ("arange", (0, 5, 2)), ("linspace", (0, 6, 4)))},
    "zeros of another dtype": made("zeros", "float64", 2, dtype="float32"),
    "arange of another dtype": made("arange", "float64", 5, dtype="int64"),
    "rand": strided("rand", 4, 3), "randn": strided("randn", 4, 3),
    "randperm": made("randperm", "int64", 6),
    "normal": strided("normal", "ramp", "ramp"), "bernoulli": strided("bernoulli", "ramp"),
    "bernoulli into integers": lambda T: T.bernoulli(ramp(T, 3) / 3, out=T.zeros(3, dtype=T.int64)),
    "exp, strided": strided("exp", "ramp"), "cumsum, strided": strided("cumsum", "ramp", 0),
    "the same memory": overlapping("add", slice(0, 4), slice(0, 4)),
    "memory apart": overlapping("add", slice(0, 4), slice(4, 8)),
    "memory in part the same": overlapping("add", slice(0, 4), slice(2, 6)),
    "memory in turns": overlapping("add", slice(0, 8, 2), slice(1, 8, 2)),
    "expanded": lambda T: T.exp(ramp(T, 3), out=T.zeros(1).expand(3)),
    "no tensor": lambda T: T.exp(ramp(T, 3), out=3),
    "a leaf": lambda T: T.exp(ramp(T, 3), out=T.zeros(3, requires_grad=True)).detach(),
    "an operand with a history": lambda T: T.exp(ramp(T, 3).requires_grad_(), out=T.zeros(3)).detach(),
    "counts into a leaf": lambda T: T.histc(ramp(T, 3), 3, out=T.zeros(3, requires_grad=True)).detach(),
    "a view": lambda T: (lambda whole: (T.exp(ramp(T, 3), out=whole[0]), whole)[1])(T.zeros(2, 3)),
    "two targets": lambda T: T.max(ramp(T, 2, 3), 1, out=(T.zeros(2), T.zeros(2, dtype=T.int64))),
    "two targets, one of another dtype": lambda T: T.max(ramp(T, 2, 3), 1, out=(T.zeros(2), T.zeros(2))),
    "a layer's function": lambda T: T.nn.functional.gelu(ramp(T, 3), out=T.zeros(3)),
    "a layer's function into doubles": lambda T: T.nn.functional.gelu(ramp(T, 3), out=T.zeros(3, dtype=T.float64)),
    "a product": lambda T: T.nn.functional.linear(ramp(T, 2, 3), ramp(T, 4, 3), out=T.zeros(2, 4)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_targets_are_treated_as_pytorchs(name: str) -> None:
    (got, problem, heard), (want, refusal, said) = (told(PROGRAMS[name], T) for T in MODULES)
    assert bool(problem) is bool(refusal) and set(refusal) <= set(problem)
    assert [text for text in heard if "resized" in text] == [text for text in said if "resized" in text]
    pairs = zip(got if isinstance(got, tuple) else (got,), want if isinstance(want, tuple) else (want,), strict=True)
    for mine, its in pairs:
        if isinstance(its, torch.Tensor):
            assert str(mine.dtype) == str(its.dtype)
            np.testing.assert_allclose(mine.numpy(), its.numpy(), rtol=1e-6)
        else:
            assert mine == its


@pytest.mark.parametrize("name", ["fft.fft", "fft.ifft", "fft.rfft", "cumsum", "cumprod", "sum", "logsumexp", "amax"])
@pytest.mark.parametrize("of_numpy", [True, False])
def test_a_call_made_once_more_keeps_its_target(name: str, of_numpy: bool) -> None:
    """A dimension that is numpy's number, or a tensor that is one, is a number; the target is refused all the same."""
    for lib in (torch, wengert):
        function = lib
        for part in name.split("."):
            function = getattr(function, part)
        dim = np.int64(0) if of_numpy else lib.tensor(0)
        real = name in ("amax", "cumsum", "cumprod", "sum", "logsumexp")
        target = lib.zeros(3, 6, dtype=lib.float32 if real else lib.complex64, requires_grad=True)
        with pytest.raises(RuntimeError, match="automatic differentiation"):
            function(lib.ones(3, 6, requires_grad=True), dim=dim, out=target)
