"""Every primitive that has an ONNX form, as a graph of one instruction, run by onnxruntime: wengert's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.exchange.running import assert_same, session
from wengert.core.dtypes import from_numpy
from wengert.core.primitive import P, evaluate
from wengert.core.spec import Spec
from wengert.ir import InstructionGraph, Value
from wengert.onnx.exporting import graph_proto
from wengert.onnx.rules import ABSENT, RULES
from wengert.onnx.translation import Translation

REAL = np.array([-2.5, -1.0, -0.5, -0.0, 0.0, 0.3, 0.7, 1.0, 1.5, 2.5, 3.0, 30.0], np.float32)
SPECIAL = np.array([np.nan, np.inf, -np.inf], np.float32)
WHOLE = np.array([-7, -3, -1, 0, 1, 2, 5], np.int64)
TRUTHS = np.array([True, False, True])
PARAMS = {"clamp": {"low": -0.5, "high": 1.0}, "hardshrink": {"limit": 0.5}, "softshrink": {"limit": 0.5},
          "hardtanh": {"low": -1.0, "high": 1.0}, "threshold": {"limit": 0.5, "value": 2.0},
          "cast": {"dtype": torch.int64}, "kinked": {},
          "underivable": {"of": "heaviside"}}


def graph_of(primitive: Any, operands: list[Any], params: dict[str, Any], results: list[np.ndarray]
             ) -> InstructionGraph:
    graph = InstructionGraph(primitive.name)
    given = []
    for x in operands:
        if isinstance(x, np.ndarray):
            graph.inputs.append(Value(f"x{len(graph.inputs)}", Spec(x.shape, from_numpy(x.dtype))))
            given.append(graph.inputs[-1])
        else:
            given.append(x)
    specs = [Spec(each.shape, from_numpy(each.dtype)) for each in results]
    graph.outputs = list(graph.add(primitive, given, params, specs, "here"))
    return graph


def run(primitive: Any, operands: list[Any], params: dict[str, Any], opset: int = 18) -> tuple[list[Any], list[Any]]:
    found = evaluate(primitive, operands, params)
    wanted = [np.asarray(each) for each in (found if primitive.multiple else (found,))]
    graph = graph_of(primitive, operands, params, wanted)
    if primitive.name in ("lstm", "gru", "rnn"):  # the gates of every step are for backward passes
        wanted = wanted[: 3 if primitive.name == "lstm" else 2]
        graph.outputs = graph.outputs[: len(wanted)]
    names = [value.name for value in graph.inputs]
    translation = Translation(graph, opset, names, {}, {})
    started = session(graph_proto(translation, [f"y{i}" for i in range(len(wanted))], primitive.name, opset))
    arrays = [np.asarray(x, order="C") for x in operands if isinstance(x, np.ndarray)]
    kept = {each.name for each in started.get_inputs()}
    return started.run(None, {n: x for n, x in zip(names, arrays, strict=True) if n in kept}), wanted


def test_every_primitive_has_a_rule_or_a_reason() -> None:
    names = {primitive.name for primitive in P}
    assert names == RULES.keys() | ABSENT.keys()
    assert not RULES.keys() & ABSENT.keys()


def as_float32(x: Any) -> Any:
    return x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype == np.float64 else x


def samples(name: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    primitive = getattr(P, name)
    for given, params in primitive.samples() if primitive.samples else ():
        operands = list(given)
        if any(isinstance(x, np.ndarray) and x.dtype.kind == "c" for x in operands):
            continue
        if params.get("sizes") and name in ("lstm", "gru", "rnn") and len(set(params["sizes"])) > 1:
            continue
        if name == "searchsorted":
            operands = [np.sort(operands[0]), operands[1]]
        if name == "window_winner":
            operands[1] = P.max_pool.run(operands[0], **params)
        params = {key: torch.float32 if key in ("dtype", "back") else value for key, value in params.items()}
        yield [as_float32(x) for x in operands], params


@pytest.mark.parametrize("name", sorted(RULES))
def test_samples(name: str) -> None:
    count = 0
    for operands, params in samples(name):
        found, wanted = run(getattr(P, name), operands, params)
        assert_same(found, wanted, 1e-5)
        count += 1
    assert count or name in ("conj", "positive", "kinked") or getattr(P, name).samples is None


def operands_of(primitive: Any, values: np.ndarray) -> list[np.ndarray]:
    if primitive.arity == 1:
        return [values]
    grids = np.meshgrid(*[values] * primitive.arity, indexing="ij")
    return [grid.reshape(-1) for grid in grids]


REAL_ONLY = ("addcdiv", "hardtanh", "threshold")
"""Those that are asked for floating numbers alone, as `wengert.ops` sees to."""
ELEMENTWISE = sorted(name for name in RULES if getattr(P, name).kind == "elementwise")


@pytest.mark.parametrize("dtype", ["real", "special", "whole", "truths"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name: str, dtype: str) -> None:
    primitive = getattr(P, name)
    values = {"real": REAL, "special": SPECIAL, "whole": WHOLE, "truths": TRUTHS}[dtype]
    if (primitive.promotion == "float" or name in REAL_ONLY) and dtype in ("whole", "truths"):
        pytest.skip("operands are converted to floating numbers before")
    if any(letter in primitive.refuses for letter in values.dtype.char):
        pytest.skip("wengert refuses the dtype")
    operands = operands_of(primitive, values)
    if name == "where":
        operands[0] = operands[0] > 0
    if name.endswith("_shift"):
        operands[1] = abs(operands[1])
    try:
        evaluate(primitive, operands, PARAMS.get(name, {}))
    except (RuntimeError, NotImplementedError, TypeError) as error:
        if dtype != "whole":
            pytest.skip(f"wengert refuses it: {error}")
        operands = [x if i == 0 else np.where(x <= 0, 3, x) for i, x in enumerate(operands)]
        try:
            evaluate(primitive, operands, PARAMS.get(name, {}))
        except (RuntimeError, NotImplementedError, TypeError) as again:
            pytest.skip(f"wengert refuses it: {again}")
    found, wanted = run(primitive, operands, PARAMS.get(name, {}))
    assert_same(found, wanted, 2e-6)
