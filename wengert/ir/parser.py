"""Reading the text of a graph, as `graph.format_graph` writes it."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

import numpy as np

from ..core.dtypes import by_name
from ..core.primitive import P, Primitive
from ..core.spec import Spec
from .graph import GENERATOR, Effect, GraphError, Instr, InstructionGraph, Value

# What a text that is none makes Python and numpy raise: the last three where it nests too deep, or counts too far.
_UNREADABLE = (
    ValueError, TypeError, SyntaxError, LookupError, AttributeError, NotImplementedError, RecursionError, MemoryError,
    ArithmeticError,
)
_MOST_ELEMENTS = 2**28  # of one value: the verifier evaluates each line on ones
_DECLARED = re.compile(r"%([\w.]+): (\w+)\[([\d,]*)\]")
_NAME = re.compile(r"%([\w.]+)")


def parse_graph(text: str) -> InstructionGraph:
    """The graph that `format_graph` wrote. Raises `GraphError` with the line that it cannot read."""
    graph: InstructionGraph | None = None
    known: dict[str, Value] = {}
    for line in text.strip().splitlines():
        line = line.split("  # ")[0].strip()
        try:
            if graph is None:
                name, _, inputs = line.removeprefix("graph ").partition("(")
                graph = InstructionGraph(name)
                graph.inputs = _declare(inputs, known)
            elif line:
                _read_line(graph, line, known)
        except _UNREADABLE as error:
            raise GraphError(f"[parse_graph] a line of a graph was expected; got {line!r}: {error}") from error
    if graph is None:
        raise GraphError("[parse_graph] the text of a graph was expected; got nothing")
    return graph


def _read_line(graph: InstructionGraph, line: str, known: dict[str, Value]) -> None:
    word, _, rest = line.partition(" ")
    if word == "state":
        graph.states += _declare(rest, known)
    elif word == "generator":
        name = rest.removeprefix("%")
        known[name] = Value(name, GENERATOR)
        graph.generators.append(known[name])
    elif word == "const":
        head, _, elements = rest.partition(" = ")
        (value,) = _declare(head, known)
        array = np.array(_expression(elements, known), value.spec.dtype.numpy).reshape(value.spec.shape)
        graph.constants.append((value, array))
    elif word in ("write", "set", "clear"):
        target, _, name = rest.partition(" <- ")
        written = known[name.removeprefix("%")] if name else None
        graph.effects.append(Effect(word, target.removeprefix("%"), written))  # type: ignore[arg-type]
    elif word == "return":
        graph.outputs = [known[name] for name in _NAME.findall(rest)]
    else:
        head, _, call = line.partition(" = ")
        name, operands, params = _call(_parsed(call), known)
        results = tuple(_declare(head, known))
        graph.instrs.append(Instr(_primitive(name), operands, params, results))
        graph.counted += len(results)


def _primitive(name: str) -> Primitive:
    if name not in P:
        raise ValueError(f"there is no primitive called {name!r}")
    return getattr(P, name)


def _declare(text: str, known: dict[str, Value]) -> list[Value]:
    found = []
    for name, dtype, sizes in _DECLARED.findall(text):
        shape = tuple(int(n) for n in sizes.split(",") if n)
        if math.prod(shape) > _MOST_ELEMENTS:
            raise ValueError(f"%{name} has more than {_MOST_ELEMENTS} elements")
        value = Value(name, Spec(shape, by_name(dtype)))
        known[name] = value
        found.append(value)
    return found


def _expression(text: str, known: dict[str, Value]) -> Any:
    return _read(_parsed(text), known)


def _parsed(text: str) -> ast.AST:
    """Python's view of an expression; a value ``%3`` is a call ``value('3')`` in it."""
    return ast.parse(_NAME.sub(r"value('\1')", text), mode="eval").body


def _call(node: ast.AST, known: dict[str, Value]) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The primitive's name, operands and parameters of an instruction."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError("a primitive and its operands were expected")
    params = {str(keyword.arg): _read(keyword.value, known) for keyword in node.keywords}
    return node.func.id, tuple(_read(arg, known) for arg in node.args), params


_NUMBERS = {
    "nan": float("nan"),
    "inf": float("inf"),
    "nanj": complex(0, float("nan")),
    "infj": complex(0, float("inf")),
}


def _read(node: ast.AST, known: dict[str, Value]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read(operand, known)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            second = _read(right, known)
            return _read(left, known) + (-second if isinstance(op, ast.Sub) else second)
        case ast.Tuple(elts=items):
            return tuple(_read(item, known) for item in items)
        case ast.List(elts=items):
            return [_read(item, known) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {
                _read(key, known): _read(value, known) for key, value in zip(keys, values, strict=True) if key
            }
        case ast.Attribute(value=ast.Name(id="P"), attr=name):
            return _primitive(name)
        case ast.Name(id=name):
            return _NUMBERS[name] if name in _NUMBERS else by_name(name)
        case ast.Call(func=ast.Name(id="value"), args=[ast.Constant(value=str(name))]):
            return known[name]
        case ast.Call(func=ast.Name(id="slice"), args=args, keywords=[]) if len(args) == 3:
            return slice(*(_read(arg, known) for arg in args))
    raise ValueError(f"{ast.unparse(node)} is no part of a graph")
