"""Expressions of a nest as instructions: each value is one vector of lanes.

The one idea to know: what a node computes depends on its operands and the lanes alone, not on the loops round it. So
`Expressions` knows how operations, reductions, loads and stores of a vector are written, and `emission` where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..compiler.code import Code, Operand
from ..compiler.extents import hint, varies
from ..compiler.math import MathBuilder
from ..compiler.vectors import Machine
from .loops import REALS, Node, Place

TYPES = {"float32": "float", "float64": "double", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
         "uint8": "i8", "bool": "i1"}
_ALIGN = Operand("1", "i32 immarg")


@dataclass(frozen=True, slots=True)
class Sum:
    """How values are combined: by ``op``, in the dtype ``over``: sums of real numbers in float64."""

    op: str
    over: str

    @staticmethod
    def of(op: str, dtype: str) -> Sum:
        """That of values of a dtype."""
        return Sum(op, dtype if op != "sum" else "float64" if dtype in REALS else "int64")


class Expressions:
    """Writes into ``code`` what works on vectors of so many ``lanes``. ``strides`` say how far apart neighbouring lanes
    lie at a place; None where there is one lane only. ``alike`` are the nodes with one value for all lanes."""

    def __init__(self, code: Code, lanes: int, strides: dict[Place, int] | None, alike: set[Node], machine: Machine
                 ) -> None:
        self.code, self.lanes, self.strides, self.alike, self.machine = code, lanes, strides, alike, machine
        self.reals = {dtype: self._math(dtype) for dtype in REALS}

    def _math(self, dtype: str) -> MathBuilder:
        size = self.lanes * np.dtype(dtype).itemsize
        full = size == self.machine.vector_bytes
        machine = replace(self.machine, vector_bytes=size, avx512=self.machine.avx512 and full)
        return MathBuilder(self.code, dtype, machine)

    def _first_lanes(self, count: Operand) -> Operand:
        return self.reals["float64"].first_lanes(count)

    # --- nodes --------------------------------------------------------------------------------------------------------

    def _node(self, node: Node, values: dict[Node, Operand], places: dict[Place, Operand], mask: Operand | None
              ) -> Operand:
        if node.op == "load":
            return self._load(node.args[0], places[node.args[0]], mask)
        if node.op == "pick":
            return self._pick(node, values[node.args[1]], places[node.args[0]], mask)
        if node.op == "const":
            return self._constant(node.args[0], node.dtype)
        operands = [values[x] for x in node.args]
        if node.op == "cast":
            return self._cast(operands[0], node.args[0].dtype, node.dtype)
        if node.op == "select":
            return self.code.select(*operands)
        if node.op.startswith("logical"):
            math: Any = self.reals["float64"]
            return getattr(math, node.op)(*operands)
        if node.over in REALS:
            math = self.reals[node.over]
            if node.op == "pow":
                return math.intrinsic("pow", *operands)
            if node.op == "exp":
                x = node.args[0]
                return math.exp(operands[0], never_above_zero(x), values[x.args[0]] if x.op == "neg" else None)
            return getattr(math, node.op)(*operands)
        return self._integer(node, operands)

    def _integer(self, node: Node, xs: Sequence[Operand]) -> Operand:
        code = self.code
        if node.op in ("add", "sub", "mul"):
            return code.binary(node.op, *xs)
        if node.op == "neg":
            return code.binary("sub", self._constant(0, node.dtype), xs[0])
        sign = "u" if node.over == "uint8" else "s"
        name = {"eq": "eq", "ne": "ne", "min": f"{sign}lt", "max": f"{sign}gt"}.get(node.op, sign + node.op)
        found = code.emit(f"icmp {name} {xs[0].type} {xs[0]}, {xs[1]}", f"<{self.lanes} x i1>")
        return code.select(found, *xs) if node.op in ("min", "max") else found

    def _constant(self, number: float, dtype: str) -> Operand:
        if varies(number):
            return self._at_run_time(number, dtype)
        if dtype in REALS:
            return self.reals[dtype].const(number)
        text = str(bool(number)).lower() if dtype == "bool" else str(int(number))
        return Operand(f"splat ({TYPES[dtype]} {text})", self._type(dtype))

    def _at_run_time(self, extent: Any, dtype: str) -> Operand:
        """A number that depends on a size, in all lanes."""
        code, kind = self.code, TYPES[dtype]
        found = Operand(str(extent), "i64")
        if type(hint(extent)) is float:
            found = code.convert("bitcast", found, "double")
            found = found if kind == "double" else code.convert("fptrunc" if dtype in REALS else "fptosi", found, kind)
        elif dtype in REALS:
            found = code.convert("sitofp", found, kind)
        elif kind != "i64":
            found = code.convert("trunc", found, kind)
        return self._everywhere(found, self._type(dtype))

    def _everywhere(self, x: Operand, type: str) -> Operand:
        """A number in all lanes."""
        one = self.code.emit(f"insertelement {type} poison, {x.type} {x}, i64 0", type)
        return self.code.emit(f"shufflevector {type} {one}, {type} poison, <{self.lanes} x i32> zeroinitializer", type)

    def _steps(self, stride: int) -> str:
        """How far the lanes are from the first, as a vector of words."""
        type = f"<{self.lanes} x i64>"
        if not varies(stride):
            return f"{type} <{', '.join(f'i64 {lane * stride}' for lane in range(self.lanes))}>"
        lanes = Operand(f"<{', '.join(f'i64 {lane}' for lane in range(self.lanes))}>", type)
        return f"{type} {self.code.binary('mul', self._everywhere(Operand(str(stride), 'i64'), type), lanes)}"

    def _type(self, dtype: str) -> str:
        return f"<{self.lanes} x {TYPES[dtype]}>"

    def _cast(self, x: Operand, was: str, dtype: str) -> Operand:
        if was == dtype:
            return x
        code, type = self.code, self._type(dtype)
        if dtype == "bool":
            word = "fcmp une" if was in REALS else "icmp ne"
            return code.emit(f"{word} {x.type} {x}, zeroinitializer", type)
        unsigned = was in ("bool", "uint8")
        if dtype in REALS:
            if was in REALS:
                return code.convert("fpext" if dtype == "float64" else "fptrunc", x, type)
            return code.convert("uitofp" if unsigned else "sitofp", x, type)
        if was in REALS:
            return code.convert("fptosi", x, type)
        mine, its = np.dtype(was).itemsize, np.dtype(dtype).itemsize
        if was != "bool" and mine >= its:
            return x if mine == its else code.convert("trunc", x, type)
        return code.convert("zext" if unsigned else "sext", x, type)

    # --- reductions ---------------------------------------------------------------------------------------------------

    def _neutral(self, sum: Sum) -> Operand:
        """What changes nothing that it is combined with."""
        dtype = sum.over
        if dtype in REALS:
            return self.reals[dtype].const({"sum": 0.0, "max": float("-inf"), "min": float("inf")}[sum.op])
        info = np.iinfo(dtype)
        return self._constant({"sum": 0, "max": info.min, "min": info.max}[sum.op], dtype)

    def _combine(self, sum: Sum, x: Operand, y: Operand) -> Operand:
        """What is there, x, and one more; an extreme of real numbers is there again sooner if it comes second."""
        if sum.over in REALS:
            math = self.reals[sum.over]
            return {"sum": math.add, "max": math.max, "min": math.min}[sum.op](y, x)
        if sum.op == "sum":
            return self.code.binary("add", x, y)
        sign = "u" if sum.over == "uint8" else "s"
        better = self.code.emit(f"icmp {sign}{'gt' if sum.op == 'max' else 'lt'} {x.type} {x}, {y}",
                                f"<{self.lanes} x i1>")
        return self.code.select(better, x, y)

    def _across(self, sum: Sum, x: Operand) -> Operand:
        """The combination of the lanes, as a vector of one: half of the lanes meets the other, again and again."""
        lanes = self.lanes
        while lanes > 1:
            lanes //= 2
            type = f"<{lanes} x {TYPES[sum.over]}>"
            low, high = [self.code.emit(f"shufflevector {x.type} {x}, {x.type} poison, <{lanes} x i32> <"
                                        f"{', '.join([f'i32 {lane + first}' for lane in range(lanes)])}>", type)
                         for first in (0, lanes)]
            x = Expressions(self.code, lanes, None, set(), self.machine)._combine(sum, low, high)
        return x

    def _splat(self, x: Operand, dtype: str) -> Operand:
        """A vector of one in every lane."""
        return self.code.emit(f"shufflevector {x.type} {x}, {x.type} poison, <{self.lanes} x i32> zeroinitializer",
                              self._type(dtype))

    # --- memory -------------------------------------------------------------------------------------------------------

    def _stride(self, place: Place) -> int:
        return 0 if self.strides is None else self.strides[place]

    def _stored(self, value: Operand) -> Operand:
        """Truth values take a byte."""
        return self.code.convert("zext", value, f"<{self.lanes} x i8>") if value.is_mask else value

    def _load(self, place: Place, pointer: Operand, mask: Operand | None) -> Operand:
        code, dtype, lanes = self.code, place.buffer.dtype, self.lanes
        element = "i8" if dtype == "bool" else TYPES[dtype]
        type, stride = f"<{lanes} x {element}>", self._stride(place)
        math = self.reals["float64"]
        if stride == 0:
            found = math.splat(code.load(element, pointer))
        elif stride == 1 and mask is None:
            found = code.load(type, pointer)
        elif stride == 1 and mask is not None:
            found = code.call(type, f"llvm.masked.load.v{lanes}{_suffix(element)}.p0", pointer, _ALIGN, mask,
                              Operand("zeroinitializer", type))
        else:
            pointers = self._pointers(element, pointer, stride)
            lanes_on = Operand("splat (i1 true)", f"<{lanes} x i1>") if mask is None else mask
            found = code.call(type, f"llvm.masked.gather.v{lanes}{_suffix(element)}.v{lanes}p0", pointers, _ALIGN,
                              lanes_on, Operand("zeroinitializer", type))
        return self._truth(found, dtype)

    def _pick(self, node: Node, index: Operand, pointer: Operand, mask: Operand | None) -> Operand:
        """Elements as far on as an index says: neighbours, where all lanes have the same index."""
        code, lanes = self.code, self.lanes
        place, _, step, _ = node.args
        if node.args[1] in self.alike:
            number = code.emit(f"extractelement {index.type} {index}, i64 0", "i64")
            return self._load(place, code.at("i8", pointer, code.mul(number, step * np.dtype(node.dtype).itemsize)),
                              mask)
        element = "i8" if node.dtype == "bool" else TYPES[node.dtype]
        type, stride = f"<{lanes} x {element}>", self._stride(place)
        every = self._everywhere(Operand(str(step), "i64"), index.type) if varies(step) else Operand(
            f"splat (i64 {step})", index.type)
        further = code.binary("mul", index, every)
        if stride:
            further = code.emit(f"add {self._steps(stride)}, {further}", index.type)
        pointers = code.emit(f"getelementptr {element}, ptr {pointer}, {further.type} {further}", f"<{lanes} x ptr>")
        on = Operand("splat (i1 true)", f"<{lanes} x i1>") if mask is None else mask
        found = code.call(type, f"llvm.masked.gather.v{lanes}{_suffix(element)}.v{lanes}p0", pointers, _ALIGN, on,
                          Operand("zeroinitializer", type))
        return self._truth(found, node.dtype)

    def _truth(self, loaded: Operand, dtype: str) -> Operand:
        """What was read, as truth values where a byte holds one."""
        if dtype != "bool":
            return loaded
        return self.code.emit(f"icmp ne {loaded.type} {loaded}, zeroinitializer", f"<{self.lanes} x i1>")

    def _pointers(self, element: str, pointer: Operand, stride: int) -> Operand:
        return self.code.emit(f"getelementptr {element}, ptr {pointer}, {self._steps(stride)}", f"<{self.lanes} x ptr>")

    def _put(self, place: Place, value: Operand, pointer: Operand, mask: Operand | None) -> None:
        code, lanes = self.code, self.lanes
        value, stride = self._stored(value), self._stride(place)
        element = "i8" if place.buffer.dtype == "bool" else TYPES[place.buffer.dtype]
        if self.strides is None or (stride == 1 and mask is None):
            code.store(value, pointer)
        elif stride == 1:
            assert mask is not None
            code.call("void", f"llvm.masked.store.v{lanes}{_suffix(element)}.p0", value, pointer, _ALIGN, mask)
        else:
            lanes_on = Operand("splat (i1 true)", f"<{lanes} x i1>") if mask is None else mask
            code.call("void", f"llvm.masked.scatter.v{lanes}{_suffix(element)}.v{lanes}p0", value,
                      self._pointers(element, pointer, stride), _ALIGN, lanes_on)


def never_above_zero(node: Node) -> bool:
    """Whether a value is 0 or less, up to rounding, or NaN, whatever is in memory."""
    if node.op == "neg":
        return _never_below_zero(node.args[0])
    if node.op == "sub":
        return node.args[1].op == "row_max" and node.args[1].args[0] is node.args[0]
    if node.op == "mul":
        return any(x.op == "const" and not varies(x.args[0]) and x.args[0] <= 0 and _never_below_zero(y)
                   for x, y in (node.args, node.args[::-1]))
    return False


def _never_below_zero(node: Node) -> bool:
    return node.op in ("abs", "exp", "sqrt") or node.op == "mul" and node.args[0] is node.args[1]


def _suffix(element: str) -> str:
    return {"float": "f32", "double": "f64"}.get(element, element)
