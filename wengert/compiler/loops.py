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

    def function(self, head: str) -> str:
        """The whole function: ``head`` is its result, name and parameters."""
        return "\n".join([f"define {head} nounwind {{", "entry:", *self.lines, "  ret void", "}"]) + "\n"
