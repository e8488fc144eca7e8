"""numpy's functions called with tensors: PyTorch has neither `__array_ufunc__` nor `__array_function__`, so that what
comes follows from `__array__`, `__array_wrap__`, `__array_priority__` and the names of its methods."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")

SKIPPED = set("""
    DataSource add_newdoc apply_along_axis bmat broadcast busdaycalendar disp empty empty_like fromfile fromregex
    genfromtxt get_include getbufsize info load loadtxt lookfor memmap ndarray nditer nested_iters save savetxt savez
    savez_compressed set_printoptions setbufsize seterr seterrcall show_config show_runtime size source test
""".split())
"""What reads files, writes settings or leaves memory as it is; and `numpy.size`, which gives a tensor's method."""
OPERANDS = [("A",), ("P",), ("I",), ("b",), ("s",), ("C",), ("V",), ("bf",), ("A", "B"), ("A", "na"), ("na", "A"),
            ("A", 2), (2, "A"), ("V", "V"), ("I", "I"), ("S",), (["A", "A"],), ("A", 0), ("b", "V"), ("P", "na"),
            ("V", "I"), ("b", "V", "V"), ("S", "V"), ((3,), "V"), ("A", np.float64(2)), (np.float64(2), "A"), ("H",)]
DIFFERENT = {
    **{(name, operand): "ours raises NotImplementedError, as the method does; numpy goes on after a TypeError alone"
       for name in ("argmax", "argmin", "round", "around") for operand in "bCI"},
    **{("clip", operand): "without bounds the method raises RuntimeError" for operand in ("A", "I", "s", "C", "V", "S",
                                                                                         "H")},
}
"""Where PyTorch gives a result and wengert does not; may only shrink."""


def operands(lib: Any) -> dict[str, Any]:
    rng = np.random.RandomState(0)
    A, B = rng.rand(3, 4).astype(np.float32) + 0.5, rng.rand(3, 4) + 0.5
    S, V = rng.rand(3, 3) + np.eye(3) * 3, rng.rand(3).astype(np.float32)

    def made(array: Any) -> Any:
        return lib.from_numpy(np.array(array))

    return {"A": made(A), "B": made(B), "S": made(S), "I": made(np.array([3, 1, 2])), "V": made(V), "na": A.copy(),
            "b": made(np.array([True, False, True])), "P": made(A).requires_grad_(), "s": lib.tensor(2.5),
            "C": made(A + 1j * A).to(lib.complex64), "H": made(A).half(), "bf": made(A).to(lib.bfloat16)}


def described(x: Any) -> Any:
    """What came: the kind of result, and its numbers."""
    if isinstance(x, (tuple, list)):
        return type(x).__name__, [described(each) for each in x]
    if isinstance(x, (torch.Tensor, wengert.Tensor)):
        lib: Any = torch if isinstance(x, torch.Tensor) else wengert
        plain = x.detach().to(lib.complex128 if x.dtype.is_complex else lib.float64).numpy()
        return "tensor", str(x.dtype), tuple(x.shape), x.requires_grad, plain
    if isinstance(x, (np.ndarray, np.generic)):
        return type(x).__name__, str(x.dtype), x.shape, np.asarray(x)
    return type(x).__name__, x if isinstance(x, (bool, int, float, complex, str)) else None


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == object or bool(np.array_equal(one, other) if one.dtype.kind not in "fc" else
                                           np.allclose(one, other, rtol=1e-5, atol=1e-7, equal_nan=True))
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and (one == other or (isinstance(one, float) and bool(
        np.isclose(one, other, equal_nan=True))))


def outcome(lib: Any, function: Callable[..., Any], pattern: Any) -> Any:
    """What the function gives, or None where it raises."""
    given = operands(lib)
    args = [[given[part] for part in x] if isinstance(x, list) else given.get(x, x) if isinstance(x, str) else x
            for x in pattern]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return described(function(*args))
        except Exception:  # of any kind: what PyTorch cannot, wengert may
            return None


def functions(module: ModuleType) -> list[str]:
    return [name for name in dir(module) if name[0] != "_" and name not in SKIPPED and callable(getattr(module, name))
            and not (isinstance(getattr(module, name), type) and not issubclass(getattr(module, name), np.generic))]


def disagreements(function: Callable[..., Any], name: str) -> list[str]:
    found = []
    for pattern in OPERANDS:
        theirs = outcome(torch, function, pattern)
        known = len(pattern) == 1 and isinstance(pattern[0], str) and (name, pattern[0]) in DIFFERENT
        if theirs is not None and not known and not alike(outcome(wengert, function, pattern), theirs):
            found.append(f"{name}{pattern}")
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("module", [np, np.linalg, np.fft], ids=lambda module: module.__name__)
def test_what_numpys_functions_give_of_tensors(module: ModuleType) -> None:
    found = [each for name in functions(module) for each in disagreements(getattr(module, name), name)]
    assert not found


@pytest.mark.parametrize("operation", [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul, operator.lt, operator.eq,
    operator.floordiv, operator.mod, operator.iadd, operator.imul, operator.itruediv])
def test_operators_between_arrays_and_tensors(operation: Any) -> None:
    pairs = [("na", "A"), ("A", "na"), ("P", "na"), ("na", "P"), (np.float64(2), "A"), ("A", np.float64(2)),
             (np.int64(2), "A"), ("A", np.int64(2)), (np.float32(2), "s"), ("s", np.array(3.0)), (np.ones(3), "V"),
             (np.array([True, True, False]), "b")]
    # `tensor += array` writes into the tensor here; PyTorch leaves it to numpy, which gives another, of another dtype.
    for pair in pairs[:-3] if operation.__name__[0] == "i" else pairs:
        theirs = outcome(torch, operation, pair)
        assert theirs is None or alike(outcome(wengert, operation, pair), theirs), pair


@pytest.mark.filterwarnings("ignore")
def test_reductions_and_targets_of_ufuncs() -> None:
    calls: list[Callable[[dict[str, Any]], Any]] = [
        lambda x: np.add.reduce(x["A"]), lambda x: np.add.reduce(x["A"], axis=1),
        lambda x: np.multiply.accumulate(x["V"]), lambda x: np.add.outer(x["V"], x["V"]),
        lambda x: np.add(x["A"], 1, out=np.zeros((3, 4), np.float32)),
        lambda x: np.add(x["A"], 1, where=x["na"] > 1, out=np.zeros((3, 4))),
        lambda x: np.add(x["A"], 1, dtype=np.float64),
        lambda x: np.array(x["A"], dtype=np.int32), lambda x: np.array([x["s"], x["s"]]),
        lambda x: x["na"][x["I"] - 1],
        lambda x: x["na"][x["b"]], lambda x: np.float64(x["s"]), lambda x: x["A"].__array_priority__,
        lambda x: [hasattr(x["A"], name) for name in ("__array_ufunc__", "__array_function__", "__array_wrap__",
                                                      "__array_interface__", "__array_struct__")]]
    for number, call in enumerate(calls):
        ours, theirs = (described(call(operands(lib))) for lib in (wengert, torch))
        assert alike(ours, theirs), number
