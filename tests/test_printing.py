"""Printing against golden texts from PyTorch (``golden/make_printing.py`` writes them), and its options."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert.tensors.printing import (
    get_printoptions,
    printoptions,
    set_printoptions,
    tensor_format,
    tensor_repr,
)

GOLDEN: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("golden").joinpath("printing.json").read_text(encoding="utf-8")
)
PARSERS: dict[str, Any] = {"b": "True".__eq__, "i": int, "u": int, "f": float, "c": complex}


def golden_array(case: dict[str, Any]) -> np.ndarray:
    """The array of a golden case."""
    if case["dtype"] == "bfloat16":
        if importlib.util.find_spec("ml_dtypes") is None:
            pytest.skip("bfloat16 arrays need ml_dtypes")
        import ml_dtypes

        dtype, parse = np.dtype(ml_dtypes.bfloat16), float
    else:
        dtype = np.dtype(case["dtype"])
        parse = PARSERS[dtype.kind]
    values = [parse(text) for text in case["values"]]
    count = math.prod(case["shape"])
    return np.array((values * count)[:count], dtype).reshape(case["shape"])


def golden_text(case: dict[str, Any], array: np.ndarray) -> str:
    """What wengert prints for a golden case."""
    return tensor_repr(
        array,
        dtype_name=case["dtype"],
        default_dtype_name=case["default_dtype"],
        requires_grad=case["history"] is not None,
        grad_fn_name="CloneBackward0" if case["history"] == "result" else None,
        kind="Parameter containing:" if case["history"] == "parameter" else "tensor",
    )


def case_name(case: dict[str, Any]) -> str:
    """A test id that tells the case."""
    told = ("dtype", "shape", "options", "default_dtype", "history", "spec")
    return "-".join(str(case[name]) for name in told if case[name])


@pytest.mark.parametrize("case", [case for case in GOLDEN if case["spec"] is None], ids=case_name)
def test_repr_is_pytorchs(case: dict[str, Any]) -> None:
    array = golden_array(case)
    with printoptions(**case["options"]):
        assert golden_text(case, array) == case["text"]


@pytest.mark.parametrize("case", [case for case in GOLDEN if case["spec"] is not None], ids=case_name)
def test_format_is_pytorchs(case: dict[str, Any]) -> None:
    array = golden_array(case)
    error_name, _, message = case["text"].partition(": ")
    error = {"TypeError": TypeError, "ValueError": ValueError}.get(error_name)
    if error is None:
        assert tensor_format(array, case["spec"]) == case["text"]
    else:
        with pytest.raises(error) as caught:
            tensor_format(array, case["spec"])
        assert message in str(caught.value)


def test_golden_cases_cover_what_they_should() -> None:
    texts = "".join(case["text"] for case in GOLDEN)
    for part in ("...", "e-", "nan", "inf", "-0.", "size=(0, 3)", "grad_fn=<", "requires_grad", "\n\n\n"):
        assert part in texts
    assert len(GOLDEN) > 500


def float32(values: Any) -> np.ndarray:
    """A float32 array of these values."""
    return np.array(values, np.float32)


def show(values: Any, **arguments: Any) -> str:
    """The text for these values, as a tensor of their own dtype where float32 is the default."""
    array = np.asarray(values)
    return tensor_repr(array, dtype_name=array.dtype.name, default_dtype_name="float32", **arguments)


def test_the_texts_people_know() -> None:
    assert show(float32([7]), grad_fn_name="ReluBackward0") == "tensor([7.], grad_fn=<ReluBackward0>)"
    assert show(float32(0.5), requires_grad=True) == "tensor(0.5000, requires_grad=True)"
    assert show(-np.zeros(1, np.float32)) == "tensor([-0.])"
    assert show([[1, 2], [30, 4]]) == "tensor([[ 1,  2],\n        [30,  4]])"
    assert show([True, False]) == "tensor([ True, False])"
    assert show(np.zeros((0, 3), np.float32)) == "tensor([], size=(0, 3))"
    assert show(float32([1]), requires_grad=True, kind="Parameter containing:") == (
        "Parameter containing:\ntensor([1.], requires_grad=True)"
    )
    assert show(float32([[1], [2]]), kind="Distance") == "Distance([[1.],\n          [2.]])"


def test_a_shortened_print_touches_only_what_it_shows() -> None:
    """An array of 10^14 elements: whoever looks at all of them, or at a whole row, never comes back."""
    endless = np.broadcast_to(np.float32(1.5), (10**7, 10**7))
    lines = show(endless).splitlines()
    assert lines[0] == "tensor([[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000],"
    assert lines[3] == "        ...,"
    assert len(lines) == 7


def test_printing_leaves_the_array_as_it_was() -> None:
    array = np.array([[math.nan, -0.0], [1e-9, math.inf]])
    before = array.tobytes()
    array.setflags(write=False)
    show(array)
    assert array.tobytes() == before


def test_options_change_only_what_is_named() -> None:
    before = get_printoptions()
    with printoptions(precision=7, sci_mode=True):
        assert get_printoptions() == {**before, "precision": 7, "sci_mode": True}
        set_printoptions(edgeitems=1)
        assert get_printoptions() == {**before, "precision": 7, "edgeitems": 1, "sci_mode": None}
    assert get_printoptions() == before


def test_options_come_back_after_an_error() -> None:
    before = get_printoptions()
    with pytest.raises(KeyError), printoptions(profile="short"):
        raise KeyError
    assert get_printoptions() == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"profile": "long"}, ValueError, r"\[set_printoptions\] profile .*'short', 'full'.*'long'"),
        ({"precision": -1}, ValueError, r"\[set_printoptions\] precision must not be negative; got -1"),
        ({"precision": 2.5}, TypeError, r"\[set_printoptions\] precision must be an integer; got 2.5"),
        ({"edgeitems": -3, "precision": 2}, ValueError, "edgeitems must not be negative"),
        ({"profile": "short", "edgeitems": "many"}, TypeError, "edgeitems must be an integer; got 'many'"),
    ],
)
def test_wrong_options_are_refused_and_change_nothing(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = get_printoptions()
    with pytest.raises(error, match=message):
        set_printoptions(**arguments)
    with pytest.raises(error, match=message), printoptions(**arguments):
        pass
    assert get_printoptions() == before


def test_format_error_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"'\.3f'.*shape \(2,\).*item\(\)"):
        tensor_format(np.zeros(2), ".3f")
