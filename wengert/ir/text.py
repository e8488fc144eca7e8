"""The graph as text, and back.

::

    graph step(%x: float32[10,2], %y: float32[10])
      state %w: float32[2]
      %0: float32[10] = matmul(%x, %w, label='Mv')
      %1: float32[2] = sub(%w, 0.5)
      write %w <- %1
      set w.grad <- %1
      return %0

Numbers are written so that reading them gives the same bits. Constants of more than `SHOWN` elements are abbreviated;
a graph with such a constant can be read by people only.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

from ..core.dtypes import DType, by_name
from ..core.primitive import P, Primitive
from ..core.spec import Spec
from .graph import Effect, Graph, GraphError, Instr, Value

SHOWN = 64
"""Constants of up to so many elements are written out."""


def format_graph(graph: Graph, lines: bool = False) -> str:
    """The whole graph as text; ``lines`` adds the user's line to each instruction, as a comment."""
    text = [f"graph {graph.name}({', '.join(map(_declared, graph.inputs))})"]
    text += [f"  state {_declared(value)}" for value in graph.states]
    text += [f"  const {_declared(value)} = {_elements(array)}" for value, array in graph.constants]
    for instr in graph.instrs:
        comment = f"  # {instr.line}" if lines and instr.line else ""
        text.append(f"  {format_instr(instr)}{comment}")
    text += [f"  {format_effect(effect)}" for effect in graph.effects]
    text.append(f"  return {', '.join(map(repr, graph.outputs))}".rstrip())
    return "\n".join(text)


def format_instr(instr: Instr) -> str:
    """One instruction as a line of text."""
    operands = [repr(x) if type(x) is Value else _literal(x) for x in instr.operands]
    params = [f"{name}={_literal(value)}" for name, value in instr.params.items()]
    return (
        f"{', '.join(map(_declared, instr.results))} = {instr.primitive.name}({', '.join(operands + params)})"
    )


def format_effect(effect: Effect) -> str:
    """One effect as a line of text."""
    target = f"%{effect.target}" if effect.kind == "write" else effect.target
    return f"{effect.kind} {target}" + ("" if effect.value is None else f" <- {effect.value!r}")


def _declared(value: Value) -> str:
    return f"{value!r}: {value.spec}"


def _elements(array: np.ndarray) -> str:
    if array.size > SHOWN:
        return f"...  # {array.size} elements"
    return _literal(array.astype(np.float32).tolist() if array.dtype.kind == "V" else array.tolist())


def _literal(value: Any) -> str:
    """Python numbers, strings, None, slices, dtypes, primitives, and tuples, lists and dicts of them."""
    if isinstance(value, DType):
        return value.name
    if isinstance(value, Primitive):
        return f"P.{value.name}"
    if value is Ellipsis:
        return "..."
    if isinstance(value, slice):
        return f"slice({_literal(value.start)}, {_literal(value.stop)}, {_literal(value.step)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    return repr(value)


# --- reading ----------------------------------------------------------------------------------------------------------

_DECLARED = re.compile(r"%([\w.]+): (\w+)\[([\d,]*)\]")
_NAME = re.compile(r"%([\w.]+)")


def parse_graph(text: str) -> Graph:
    """The graph that `format_graph` wrote. Raises `GraphError` with the line that it cannot read."""
    graph: Graph | None = None
    known: dict[str, Value] = {}
    for line in text.strip().splitlines():
        line = line.split("  # ")[0].strip()
        try:
            if graph is None:
                name, _, inputs = line.removeprefix("graph ").partition("(")
                graph = Graph(name)
                graph.inputs = _declare(inputs, known)
            elif line:
                _read_line(graph, line, known)
        except (ValueError, TypeError, SyntaxError, KeyError, AttributeError) as error:
            raise GraphError(
                f"[parse_graph] a line of a graph was expected; got {line!r}: {error}"
            ) from error
    if graph is None:
        raise GraphError("[parse_graph] the text of a graph was expected; got nothing")
    return graph


def _read_line(graph: Graph, line: str, known: dict[str, Value]) -> None:
    word, _, rest = line.partition(" ")
    if word == "state":
        graph.states += _declare(rest, known)
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
        graph.instrs.append(Instr(getattr(P, name), operands, params, results))
        graph.counted += len(results)


def _declare(text: str, known: dict[str, Value]) -> list[Value]:
    found = []
    for name, dtype, sizes in _DECLARED.findall(text):
        value = Value(name, Spec(tuple(int(n) for n in sizes.split(",") if n), by_name(dtype)))
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
        case ast.BinOp(left=left, op=op, right=right):
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
            return getattr(P, name)
        case ast.Name(id=name):
            return _NUMBERS[name] if name in _NUMBERS else by_name(name)
        case ast.Call(func=ast.Name(id="value"), args=[ast.Constant(value=str(name))]):
            return known[name]
        case ast.Call(func=ast.Name(id="slice"), args=args, keywords=[]) if len(args) == 3:
            return slice(*(_read(arg, known) for arg in args))
    raise ValueError(f"{ast.unparse(node)} is no part of a graph")
