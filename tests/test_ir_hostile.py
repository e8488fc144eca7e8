"""Texts of graphs that are none: `GraphError`, and nothing else."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from wengert.ir.graph import GraphError
from wengert.ir.interpreter import Interpreter
from wengert.ir.parser import parse_graph
from wengert.ir.verifier import verify

LINE = "graph f(%0: float32[2])\n  %1: float32[2] = {}\n  return %1"


@pytest.mark.parametrize("call", [
    "__class__(%0)", "_all(%0)", "_register(%0)", "scatter_view(%0, steps=((P._all, {}),))", "add(%0, 2 * 3)",
    "add(%0, " + "-" * 100_000 + "1)", "add(%0, " + "(" * 100_000 + ")" * 100_000 + ")",
    "add(%0, " + "1+" * 100_000 + "1)",
    "add(%0, %2)", "add(%0, 1e999j - inf())", "add(%0, " + "9" * 10_000 + ")",
])
def test_lines_that_are_none(call: str) -> None:
    with pytest.raises(GraphError, match=r"^\[parse_graph\]"):
        parse_graph(LINE.format(call))


@pytest.mark.parametrize("constant", ["[[1], [1, 2]]", "[1e400, 10**10]", "[" + "9" * 400 + "]", "[1, 2, 3]"])
def test_constants_that_are_none(constant: str) -> None:
    with pytest.raises(GraphError, match=r"^\[parse_graph\]"):
        parse_graph(f"graph f(%0: float32[2])\n  const %c: int64[2] = {constant}\n  return %c")


def test_a_place_far_outside_takes_no_memory() -> None:
    """Whether a graph holds together is found without computing it; what an operand does not show is zero."""
    text = ("graph f(%0: float32[3,4])\n"
            f"  %1: float32[2,3] = as_strided(%0, size=(2, 3), stride=({2**40}, 1), offset=10)\n  return %1")
    tracemalloc.start()
    graph = verify(parse_graph(text))
    _, (found,) = Interpreter(graph)([np.arange(12, dtype=np.float32).reshape(3, 4)], [])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.tolist() == [[10.0, 11.0, 0.0], [0.0, 0.0, 0.0]]
    assert peak < 1_000_000
