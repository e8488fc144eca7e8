"""Writes LLVM IR with structured control flow: counted loops and conditions as Python `with` blocks.

The values that a loop carries from round to round are phi nodes, so the code needs no optimiser to live in registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

WORD = "i64"


class Loop:
    """What the body of a loop sees: its number, the carried values, and where to put their successors."""

    def __init__(self, index: str, carried: list[str]) -> None:
        self.index = index
        self.carried = carried
        self.next = list(carried)


class Code:
    """The body of one function, written from top to bottom. Values are texts: ``%12``, or a constant."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self.block = "entry"
        self.names = count()

    def emit(self, instruction: str) -> str:
        """Write an instruction that has a result, and return its name."""
        name = f"%v{next(self.names)}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {instruction}")

    def call(self, result: str, function: str, *operands: tuple[str, str]) -> str:
        """Call an intrinsic; ``operands`` are pairs of type and value. Without a result the answer is empty."""
        kinds = ", ".join(kind for kind, _ in operands)
        self.declarations.add(f"declare {result} @{function}({kinds})")
        text = f"call {result} @{function}({', '.join(f'{kind} {value}' for kind, value in operands)})"
        if result == "void":
            self.do(text)
            return ""
        return self.emit(text)

    # --- integers -----------------------------------------------------------------------------------------------------

    def add(self, x: str, y: str | int) -> str:
        return self.emit(f"add i64 {x}, {y}")

    def sub(self, x: str, y: str | int) -> str:
        return self.emit(f"sub i64 {x}, {y}")

    def mul(self, x: str, y: str | int) -> str:
        return self.emit(f"mul i64 {x}, {y}")

    def div(self, x: str, y: str | int) -> str:
        """The quotient of two numbers that are not negative."""
        return self.emit(f"udiv i64 {x}, {y}")

    def least(self, x: str, y: str | int) -> str:
        return self.call(WORD, "llvm.smin.i64", (WORD, x), (WORD, str(y)))

    def less(self, x: str, y: str | int) -> str:
        return self.emit(f"icmp slt i64 {x}, {y}")

    # --- memory -------------------------------------------------------------------------------------------------------

    def at(self, kind: str, pointer: str, index: str | int) -> str:
        """The address of element ``index`` of an array of this type."""
        return self.emit(f"getelementptr {kind}, ptr {pointer}, i64 {index}")

    def load(self, kind: str, pointer: str, index: str | int = 0, align: int = 1) -> str:
        """A value of type ``kind`` at ``index``; a vector may begin at any byte."""
        return self.emit(f"load {kind}, ptr {self.at(kind, pointer, index)}, align {align}")

    def word(self, table: str, index: str | int) -> str:
        """An entry of a table of integers of 8 bytes."""
        return self.load(WORD, table, index, align=8)

    def address(self, table: str, index: str | int) -> str:
        """An entry of a table that is an address."""
        return self.load("ptr", table, index, align=8)

    def store(self, kind: str, value: str, pointer: str) -> None:
        self.do(f"store {kind} {value}, ptr {pointer}, align 1")

    # --- control flow -------------------------------------------------------------------------------------------------

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    @contextmanager
    def loop(self, stop: str | int, *, start: str | int = 0, step: int = 1,
             carried: Sequence[tuple[str, str]] = ()) -> Iterator[Loop]:
        """``for index in range(start, stop, step)``. ``carried`` are pairs of type and first value; the body sets
        ``loop.next``, and after the loop ``loop.carried`` are the last values."""
        name = f"l{next(self.names)}"
        before = self.block
        loop = Loop(f"%{name}.i", [f"%{name}.c{k}" for k in range(len(carried))])
        self.do(f"br label %{name}.head")
        self.label(f"{name}.head")
        head = len(self.lines)
        more = self.emit(f"icmp slt i64 {loop.index}, {stop}")
        self.do(f"br i1 {more}, label %{name}.body, label %{name}.end")
        self.label(f"{name}.body")
        yield loop
        after = self.emit(f"add i64 {loop.index}, {step}")
        self.do(f"br label %{name}.head")
        phis = [f"  {loop.index} = phi i64 [ {start}, %{before} ], [ {after}, %{self.block} ]"]
        phis += [f"  {place} = phi {kind} [ {first}, %{before} ], [ {following}, %{self.block} ]"
                 for place, (kind, first), following in zip(loop.carried, carried, loop.next, strict=True)]
        self.lines[head:head] = phis
        self.label(f"{name}.end")

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """The block runs only where the condition (an i1) holds."""
        name = f"w{next(self.names)}"
        self.do(f"br i1 {condition}, label %{name}.then, label %{name}.end")
        self.label(f"{name}.then")
        yield
        self.do(f"br label %{name}.end")
        self.label(f"{name}.end")

    def kernel(self, *declarations: str) -> str:
        """The module of ``void kernel(ptr operands, i64 start, i64 stop)`` with what has been written as its body."""
        head = "define void @kernel(ptr %operands, i64 %start, i64 %stop) nounwind {"
        declared = sorted({*self.declarations, *declarations})
        return "\n".join([head, "entry:", *self.lines, "  ret void", "}", *declared]) + "\n"


class Vectors:
    """Loads, stores and constants of vectors of ``lanes`` floating-point elements, written into a `Code`."""

    def __init__(self, code: Code, element: str, lanes: int) -> None:
        self.code, self.element, self.lanes = code, element, lanes
        self.size = 4 if element == "float" else 8
        self.vector = f"<{lanes} x {element}>"
        self.mask_type = f"<{lanes} x i1>"
        self.suffix = f"v{lanes}f{8 * self.size}"
        """How LLVM's intrinsics name the vector."""

    def at(self, pointer: str, index: str | int) -> str:
        """The address of an element."""
        return self.code.at(self.element, pointer, index)

    def load(self, place: str, mask: str | None = None) -> str:
        """A vector that begins at this address; of the lanes that a mask leaves out nothing is read, and they are 0."""
        if mask is None:
            return self.code.load(self.vector, place)
        return self.code.call(self.vector, f"llvm.masked.load.{self.suffix}.p0", ("ptr", place), ("i32 immarg", "1"),
                              (self.mask_type, mask), (self.vector, "zeroinitializer"))

    def store(self, value: str, place: str, mask: str | None = None) -> None:
        """Write a vector, or of it the lanes of a mask."""
        if mask is None:
            self.code.store(self.vector, value, place)
        else:
            self.code.call("void", f"llvm.masked.store.{self.suffix}.p0", (self.vector, value), ("ptr", place),
                           ("i32 immarg", "1"), (self.mask_type, mask))

    def number(self, place: str) -> str:
        """A single element."""
        return self.code.load(self.element, place, align=self.size)

    def splat(self, number: str) -> str:
        """A number in every lane."""
        first = self.code.emit(f"insertelement {self.vector} poison, {self.element} {number}, i64 0")
        return self.code.emit(f"shufflevector {self.vector} {first}, {self.vector} poison, "
                              f"<{self.lanes} x i32> zeroinitializer")

    def first_lanes(self, count: str) -> str:
        """The mask of the first ``count`` lanes, an i64."""
        kind = f"<{self.lanes} x i64>"
        first = self.code.emit(f"insertelement {kind} poison, i64 {count}, i64 0")
        counts = self.code.emit(f"shufflevector {kind} {first}, {kind} poison, <{self.lanes} x i32> zeroinitializer")
        numbers = ", ".join(f"i64 {k}" for k in range(self.lanes))
        return self.code.emit(f"icmp slt {kind} <{numbers}>, {counts}")
