"""The graph as data: printing, reading, verifying, pruning, running; of graphs built by hand, without a tensor."""

from __future__ import annotations

import numpy as np
import pytest

import wengert  # noqa: F401  (fills the registry of primitives)
from wengert.core.dtypes import float32, int64
from wengert.core.primitive import P
from wengert.core.spec import Spec
from wengert.ir import (
    Effect,
    GraphError,
    Instr,
    InstructionGraph,
    Interpreter,
    Value,
    format_graph,
    parse_graph,
    prune,
    verify,
)

VECTOR, MATRIX = Spec((3,), float32), Spec((2, 3), float32)

GOLDEN = """\
graph step(%x: float32[2,3])
  state %layer.weight: float32[3]
  const %c0: int64[2] = [1, 0]
  const %c1: float32[] = 0.10000000149011612
  %0: float32[2,3] = mul(%x, %layer.weight)
  %1: float32[2,3] = index(%0, %c0, places=(True, False))
  %2: float32[3] = slice(%1, index=(0, slice(None, None, None)))
  %3: float32[3] = sub(%layer.weight, -2.5)
  %4: float32[2,3] = scatter_view(%x, %2, steps=((P.slice, {'index': (1,)}),))
  write %layer.weight <- %3
  set layer.weight.grad <- %2
  clear x.grad
  return %4, %c1"""


def by_hand() -> InstructionGraph:
    graph = InstructionGraph("step")
    x, weight = Value("x", MATRIX), Value("layer.weight", VECTOR)
    rows, tenth = Value("c0", Spec((2,), int64)), Value("c1", Spec((), float32))
    graph.inputs, graph.states = [x], [weight]
    graph.constants = [(rows, np.array([1, 0])), (tenth, np.array(0.1, np.float32))]
    (product,) = graph.add(P.mul, (x, weight), {}, [MATRIX])
    (swapped,) = graph.add(P.index, (product, rows), {"places": (True, False)}, [MATRIX])
    (row,) = graph.add(P.slice, (swapped,), {"index": (0, slice(None))}, [VECTOR])
    (moved,) = graph.add(P.sub, (weight, -2.5), {}, [VECTOR], line="train.py:7")
    (whole,) = graph.add(P.scatter_view, (x, row), {"steps": ((P.slice, {"index": (1,)}),)}, [MATRIX])
    graph.effects = [
        Effect("write", "layer.weight", moved),
        Effect("set", "layer.weight.grad", row),
        Effect("clear", "x.grad"),
    ]
    graph.outputs = [whole, tenth]
    return graph


def test_printing() -> None:
    assert str(verify(by_hand())) == GOLDEN
    assert "%3: float32[3] = sub(%layer.weight, -2.5)  # train.py:7" in format_graph(by_hand(), lines=True)


def test_reading_what_was_printed() -> None:
    for lines in (False, True):
        graph = verify(parse_graph(format_graph(by_hand(), lines)))
        assert str(graph) == GOLDEN
    assert graph.instrs[4].params == {"steps": ((P.slice, {"index": (1,)}),)}
    assert graph.constants[1][1].dtype == np.float32
    assert graph.add(P.neg, (graph.inputs[0],), {}, [MATRIX])[0].name == "5"


@pytest.mark.parametrize(
    "number",
    [
        0.1,
        -0.0,
        1e-300,
        float("inf"),
        float("-inf"),
        3,
        True,
        1 + 2j,
        complex(-1, -2),
        None,
        "mean",
        (),
        (1,),
        ...,
        slice(1, None, 2),
        float32,
        {"a": (P.add, None)},
    ],
)
def test_parameters_survive_printing(number: object) -> None:
    graph = InstructionGraph("g", inputs=[Value("x", VECTOR)])
    graph.add(P.neg, tuple(graph.inputs), {"p": number}, [VECTOR])
    back = parse_graph(str(graph)).instrs[0].params["p"]
    assert back == number and type(back) is type(number) and repr(back) == repr(number)


@pytest.mark.parametrize(
    "text",
    [
        "graph g()\n  %0: float32[] = nothing()",
        "graph g()\n  %0: float32[] = neg(%x)",
        "graph g()\n  %0: float32[] = neg(open('f'))",
        "graph g()\n  what is this",
        "",
    ],
)
def test_reading_what_is_no_graph(text: str) -> None:
    with pytest.raises(GraphError, match=r"^\[parse_graph\]"):
        parse_graph(text)


def test_long_constants_are_for_people() -> None:
    value = Value("c0", Spec((65,), float32))
    graph = InstructionGraph("g", constants=[(value, np.zeros(65, np.float32))], outputs=[value])
    assert "const %c0: float32[65] = ...  # 65 elements" in str(graph)
    with pytest.raises(GraphError, match="a line of a graph"):
        parse_graph(str(graph))


# --- the verifier -----------------------------------------------------------------------------------------------------


def broken(how: str) -> InstructionGraph:
    graph = by_hand()
    first, last = graph.instrs[0], graph.instrs[-1]
    if how == "undefined operand":
        first.operands = (graph.inputs[0], Value("elsewhere", VECTOR))
    elif how == "used before defined":
        graph.instrs[0], graph.instrs[1] = graph.instrs[1], graph.instrs[0]
    elif how == "wrong spec":
        first.results[0].spec = VECTOR
    elif how == "shapes do not fit":
        first.operands = (graph.inputs[0], graph.constants[0][0])
    elif how == "name given twice":
        last.results[0].name = "x"
    elif how == "constant of another dtype":
        graph.constants[1] = (graph.constants[1][0], np.array(0.1))
    elif how == "effect on nothing":
        graph.effects[0].target = "layer.bias"
    elif how == "effect of another spec":
        graph.effects[0].value = last.results[0]
    elif how == "effect of an undefined value":
        graph.effects[1].value = Value("7", VECTOR)
    elif how == "effect without a value":
        graph.effects[1].value = None
    elif how == "second effect":
        graph.effects.append(graph.effects[0])
    elif how == "undefined output":
        graph.outputs.append(Value("9", VECTOR))
    return graph


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("undefined operand", r"got %elsewhere, in: %0: float32\[2,3\] = mul\(%x, %elsewhere\)"),
        ("used before defined", r"got %0, in: %1: float32\[2,3\] = index\(%0, %c0"),
        ("wrong spec", r"mul gives float32\[2,3\]; got float32\[3\], in: %0: float32\[3\] = mul"),
        (
            "shapes do not fit",
            r"rule of mul does not take its operands: .*must match.*in: %0: .* = mul\(%x, %c0\)",
        ),
        ("name given twice", r"a second %x, in: %x: float32\[2,3\] = scatter_view"),
        ("constant of another dtype", r"constant %c1 is declared float32\[\]; got an array float64"),
        ("effect on nothing", r"an input or a state can be written to; got: write %layer.bias <- %3"),
        (
            "effect of another spec",
            r"keeps its target's spec float32\[3\]; got float32\[2,3\], in: write %layer.weight <- %4",
        ),
        ("effect of an undefined value", r"got %7, in: set layer.weight.grad <- %7"),
        ("effect without a value", r"have a value, those that clear have none; got: set layer.weight.grad"),
        ("second effect", r"a second effect on it: write %layer.weight <- %3"),
        ("undefined output", r"outputs are defined values; got %9"),
    ],
)
def test_a_broken_graph_is_refused(how: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        verify(broken(how))


# --- pruning and running ----------------------------------------------------------------------------------------------


def test_pruning_keeps_what_effects_and_outputs_need() -> None:
    graph = by_hand()
    unread = Value("unread", VECTOR)
    graph.states.append(unread)
    graph.instrs.insert(0, Instr(P.neg, (unread,), {}, (Value("wasted", VECTOR),)))
    assert str(verify(prune(graph))) == GOLDEN
    graph.effects, graph.outputs = graph.effects[:1], []
    assert [instr.primitive.name for instr in prune(graph).instrs] == ["sub"]
    assert graph.instrs[0].results[0].name == "0" and graph.constants == []


def test_running() -> None:
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    weight = np.array([1.0, 0.5, -1.0], np.float32)
    effects, outputs = Interpreter(by_hand())([x], [weight])
    product = (x * weight)[[1, 0]]
    assert effects[0].tolist() == (weight + 2.5).tolist()
    assert effects[1].tolist() == product[0].tolist()
    assert effects[2] is None
    assert outputs[0].tolist() == [x[0].tolist(), product[0].tolist()]
    assert outputs[1] == np.float32(0.1)
    assert x[1, 0] == 4.0 and weight[0] == 1.0


def test_running_a_primitive_with_several_results() -> None:
    graph = parse_graph(
        "graph g(%x: float32[3])\n  %0: float32[3], %1: int64[3] = sort(%x, dim=0)\n  return %1, %0"
    )
    _, (order, values) = Interpreter(verify(graph))([np.array([3.0, 1.0, 2.0], np.float32)])
    assert order.tolist() == [1, 2, 0] and values.tolist() == [1.0, 2.0, 3.0]


def test_values_are_let_go_after_their_last_use() -> None:
    graph = InstructionGraph("g", inputs=[Value("x", VECTOR)])
    (value,) = graph.inputs
    for _ in range(4):
        (value,) = graph.add(P.neg, (value,), {}, [VECTOR])
    graph.outputs = [value]
    interpreter = Interpreter(graph)
    assert [[v.name for v in dropped] for dropped in interpreter._dropped] == [["x"], ["0"], ["1"], ["2"]]
