"""Loop emission: from a scalar expression to the IR of a function over whole arrays.

An elementwise kernel is ``void kernel(ptr operands, i64 start, i64 stop)``: it computes the elements from ``start`` to
``stop`` of contiguous arrays. ``operands`` is a table of 8-byte slots: the address of the output, then one slot an
input, either an address or, for a scalar, a float64. The same function serves every shape and every thread.

Note [direction]: a processor compares the low 12 bits of addresses to find out whether a load must wait for a store
still under way. Where the output lies a little behind an input in these bits, every load would wait for the stores
before it (half as slow again); so there the loop runs from the end to the beginning.

The body is written once. What does not fill a vector at the end is copied to a vector on the stack, and the same loop
runs over that: so no element's result depends on where the array was cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .math import MathBuilder
from .scalar import Machine, Value

EMITTER_VERSION = 1
"""Part of every key of the disk cache. Raise it when the meaning of a module changes but not its text."""

ARRAY, SCALAR = "a", "s"
"""The forms of an operand in a pattern: "as" is an array and then a scalar."""

Lower = Callable[..., Value]


@dataclass(frozen=True, slots=True)
class Module:
    """The IR of a kernel, and what a caller must know of it."""

    text: str
    result: str
    """The dtype of the output: that of the operands, or "bool"."""
    cost: int
    """The number of vector instructions a vector of elements takes."""
    lanes: int


def elementwise_module(lower: Lower, dtype: str, pattern: str, machine: Machine) -> Module:
    """The module of an elementwise kernel.

    ``lower(builder, *operands)`` writes the expression; ``pattern`` has a letter an operand: `ARRAY` or `SCALAR`.
    Raises `NotImplementedError` where the expression has an operation that the dtype lacks.
    """
    builder = MathBuilder(dtype, machine)
    values = [_load(builder, position, form) for position, form in enumerate(pattern, 1)]
    result = lower(builder, *values)
    if result.kind == "mask":
        builder.lines.append(f"  %bytes = zext {builder.mask_type} {result.text} to <{builder.lanes} x i8>")
        text = _Loop(builder, "i8", pattern).text("%bytes")
        return Module(text, "bool", builder.cost, builder.lanes)
    text = _Loop(builder, builder.element, pattern).text(result.text)
    return Module(text, dtype, builder.cost, builder.lanes)


def _load(builder: MathBuilder, position: int, form: str) -> Value:
    """The value of an operand: a vector of an array's elements, or the scalar in every lane."""
    if form == SCALAR:
        return Value(f"%scalar.{position}", "real")
    place = f"%place.{position}"
    builder.lines.append(f"  {place} = getelementptr {builder.element}, ptr %run.{position}, i64 %i")
    # An array may begin at any byte, and the processors meant here load from there as well.
    return builder.emit(f"load {builder.real_type}, ptr {place}, align 1")


class _Loop:
    """The loop round a body that a builder has written: first over the array, then over the rest on the stack."""

    def __init__(self, builder: MathBuilder, result_element: str, pattern: str) -> None:
        self.builder, self.lanes = builder, builder.lanes
        self.elements = {0: result_element}
        self.elements.update({i: builder.element for i, form in enumerate(pattern, 1) if form == ARRAY})
        self.scalars = [i for i, form in enumerate(pattern, 1) if form == SCALAR]

    def text(self, stored: str) -> str:
        """The whole module; ``stored`` is the vector to store."""
        lanes, out = self.lanes, self.elements[0]
        lines = [
            "define void @kernel(ptr %operands, i64 %start, i64 %stop) nounwind {",
            "entry:",
            "  %count = sub i64 %stop, %start",
            f"  %rest = and i64 %count, {lanes - 1}",
            "  %whole = sub i64 %count, %rest",
            *(line for i in self.elements for line in self._address(i)),
            *(line for i in self.scalars for line in self._scalar(i)),
            *self._direction(),
            "  %some = icmp ne i64 %whole, 0",
            "  br i1 %some, label %pass, label %remainder",
            "remainder:",
            "  %ragged = icmp ne i64 %rest, 0",
            "  br i1 %ragged, label %gather, label %done",
            "gather:",
            *(line for i in self.elements if i for line in self._gather(i)),
            "  br label %pass",
            "pass:",
            *(f"  %run.{i} = phi ptr [ %from.{i}, %entry ], [ %stack.{i}, %gather ]" for i in self.elements),
            f"  %limit = phi i64 [ %whole, %entry ], [ {lanes}, %gather ]",
            "  %last = phi i1 [ false, %entry ], [ true, %gather ]",
            f"  %top = sub i64 %limit, {lanes}",
            "  %first = select i1 %backwards, i64 %top, i64 0",
            "  br label %body",
            "body:",
            f"  %i = phi i64 [ %first, %pass ], [ %next, %{self.builder.block} ]",
            f"  %left = phi i64 [ %limit, %pass ], [ %left.next, %{self.builder.block} ]",
            *self.builder.lines,
            f"  %place.0 = getelementptr {out}, ptr %run.0, i64 %i",
            f"  store <{lanes} x {out}> {stored}, ptr %place.0, align 1",
            "  %next = add i64 %i, %step",
            f"  %left.next = sub i64 %left, {lanes}",
            "  %more = icmp ne i64 %left.next, 0",
            "  br i1 %more, label %body, label %finished",
            "finished:",
            "  br i1 %last, label %scatter, label %remainder",
            "scatter:",
            f"  %behind = getelementptr {out}, ptr %from.0, i64 %whole",
            f"  %size = mul i64 %rest, {_SIZE[out]}",
            "  call void @llvm.memcpy.p0.p0.i64(ptr %behind, ptr %stack.0, i64 %size, i1 false)",
            "  br label %done",
            "done:",
            "  ret void",
            "}",
            "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
            *sorted(self.builder.declarations.values()),
        ]
        return "\n".join(lines) + "\n"

    def _direction(self) -> list[str]:
        """Whether to run backwards: Note [direction]."""
        lines = ["  %place.out = ptrtoint ptr %from.0 to i64"]
        behind = "false"
        for i in self.elements:
            if i:
                lines += [
                    f"  %place.in.{i} = ptrtoint ptr %from.{i} to i64",
                    f"  %ahead.{i} = sub i64 %place.out, %place.in.{i}",
                    f"  %low.{i} = and i64 %ahead.{i}, 4095",
                    f"  %less.{i} = sub i64 %low.{i}, 1",
                    f"  %near.{i} = icmp ult i64 %less.{i}, 511",
                    f"  %behind.any.{i} = or i1 {behind}, %near.{i}",
                ]
                behind = f"%behind.any.{i}"
        return [*lines, f"  %backwards = or i1 {behind}, false",
                f"  %step = select i1 %backwards, i64 -{self.lanes}, i64 {self.lanes}"]

    def _address(self, i: int) -> list[str]:
        element = self.elements[i]
        return [
            f"  %slot.{i} = getelementptr i64, ptr %operands, i64 {i}",
            f"  %base.{i} = load ptr, ptr %slot.{i}",
            f"  %from.{i} = getelementptr {element}, ptr %base.{i}, i64 %start",
            f"  %stack.{i} = alloca <{self.lanes} x {element}>, align 64",
        ]

    def _scalar(self, i: int) -> list[str]:
        vector, element = self.builder.real_type, self.builder.element
        narrow = (f"fptrunc double %wide.{i} to float" if self.builder.single else f"fadd double %wide.{i}, -0.0")
        return [
            f"  %slot.{i} = getelementptr i64, ptr %operands, i64 {i}",
            f"  %wide.{i} = load double, ptr %slot.{i}",
            f"  %number.{i} = {narrow}",
            f"  %first.{i} = insertelement {vector} poison, {element} %number.{i}, i64 0",
            f"  %scalar.{i} = shufflevector {vector} %first.{i}, {vector} poison, <{self.lanes} x i32> zeroinitializer",
        ]

    def _gather(self, i: int) -> list[str]:
        element = self.elements[i]
        return [
            f"  %behind.{i} = getelementptr {element}, ptr %from.{i}, i64 %whole",
            f"  %size.{i} = mul i64 %rest, {_SIZE[element]}",
            f"  store {self.builder.real_type} zeroinitializer, ptr %stack.{i}",
            f"  call void @llvm.memcpy.p0.p0.i64(ptr %stack.{i}, ptr %behind.{i}, i64 %size.{i}, i1 false)",
        ]


_SIZE = {"i8": 1, "float": 4, "double": 8}
