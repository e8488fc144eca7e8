"""The writer of LLVM IR: a function, written from top to bottom, its control flow structured or block by block.

The one idea to know: everything that writes instructions of a function, the expressions on vectors (`vectors`, `math`)
included, writes them into its one `Code`, which alone knows the block in which the next instruction stands. So an
expression may open blocks inside a loop, and a loop stand inside a condition. What a loop carries from round to round
are phi nodes: the code needs no optimiser to live in registers. ``str(code)`` is what has been written.

Note [loops]: LLVM's loop strength reduction looks for the best counters by which to address all that a loop reads,
which takes half of its time over an optimiser's nest of dozens of places, and gains nothing there. An index whose
successor is frozen is none that it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import count

WORD, POINTER, TRUTH = "i64", "ptr", "i1"
_KERNEL = {"operands": POINTER, "start": WORD, "stop": WORD}

EMITTER_VERSION = 2
"""Part of every key of the disk cache. Raise it when the meaning of a module changes but not its text."""


class Operand:
    """What instructions read and give: its text (``%v7`` or a constant) and its type, as LLVM writes it."""

    __slots__ = ("number", "text", "type")

    def __init__(self, text: str, type: str, number: float | None = None) -> None:
        self.text, self.type = text, type
        self.number = number
        """The number, where the operand is a constant of an expression."""

    @property
    def is_mask(self) -> bool:
        """Whether it is a truth value a lane."""
        return self.type.endswith(" x i1>")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{self.type} {self.text}>"


class Phi(Operand):
    """A value that depends on the block from which its own was entered."""

    __slots__ = ("_edges",)

    def __init__(self, text: str, type: str) -> None:
        super().__init__(text, type)
        self._edges: list[str] = []

    def edge(self, value: Operand | int, block: str) -> None:
        """Coming from ``block`` it is ``value``."""
        self._edges.append(f"[ {value}, %{block} ]")

    @property
    def line(self) -> str:
        """The instruction."""
        return f"  {self.text} = phi {self.type} {', '.join(self._edges)}"


Index = Operand | int


class Loop:
    """What the body of a loop sees: its number, the carried values, and where to put their successors."""

    def __init__(self, index: Phi, carried: list[Phi]) -> None:
        self.index = index
        self.carried: Sequence[Operand] = carried
        self.next: Sequence[Operand] = carried


class Branch:
    """One side of a choice: a `with` block, which leaves in ``results`` what the code after the choice reads."""

    def __init__(self, code: Code, label: str, end: str) -> None:
        self._code, self._label, self._end = code, label, end
        self.results: Sequence[Operand] = ()
        self.block = ""

    def __enter__(self) -> Branch:
        self._code.label(self._label)
        return self

    def __exit__(self, *error: object) -> None:
        self.block = self._code.block
        self._code.jump(self._end)


class Code:
    """The text of one function. ``parameters`` are types by name; by default it is a kernel,
    ``void kernel(ptr operands, i64 start, i64 stop)``. What is not ``visible`` can be called by its module alone.

    ``block`` is the label of the block that is being written, ``cost`` the number of instructions on vectors so far.
    Loops are written as Note [loops] says where they are ``plain``.
    """

    def __init__(self, name: str = "kernel", parameters: Mapping[str, str] = _KERNEL, result: str = "void",
                 visible: bool = True, plain: bool = False) -> None:
        if "%" in name:
            raise NotImplementedError(f"a function for each size that is known at run time alone: {name}")
        self.name, self.plain = name, plain
        self.parameters = [Operand(f"%{parameter}", type) for parameter, type in parameters.items()]
        self.declarations: dict[str, str] = {}
        self.helpers: Sequence[Code] = ()
        """Functions that it calls, whose names say all that they are: its module has each once, whoever needs it."""
        self.extents: int | None = None
        """Which of a step's places is the table of its extents, if it has any (`extents`)."""
        self.block = "begin"
        self.cost = 0
        self._head = f"define {'' if visible else 'internal '}{result} @{name}({_listed(self.parameters)}) nounwind {{"
        self._entry: list[str | Phi] = []
        self._lines: list[str | Phi] = []
        self._names = count(1)

    @property
    def length(self) -> int:
        """How many lines it has."""
        return len(self._entry) + len(self._lines)

    def __str__(self) -> str:
        lines = [line if isinstance(line, str) else line.line for line in (*self._entry, *self._lines)]
        begin = len(self._entry)
        text = "\n".join([*lines[:begin], "  br label %begin", "begin:", *lines[begin:], "}"])
        return "\n".join([self._head, "entry:", *self._extents(text), text])

    def _extents(self, text: str) -> list[str]:
        """The instructions that read the words of the table of `extents` which the text names."""
        if "%extent" not in text:
            return []
        if self.extents is None:
            raise NotImplementedError(f"a size that is known at run time alone, in {self.name}")
        lines = ["  %places = load ptr, ptr %operands, align 8",
                 f"  %extents.at = getelementptr ptr, ptr %places, i64 {self.extents}",
                 "  %extents = load ptr, ptr %extents.at, align 8"]
        for number in sorted({int(found) for found in re.findall(r"%extent(\d+)", text)}):
            lines += [f"  %extent{number}.at = getelementptr i64, ptr %extents, i64 {number}",
                      f"  %extent{number} = load i64, ptr %extent{number}.at, align 8"]
        return lines

    # --- instructions -------------------------------------------------------------------------------------------------

    def emit(self, instruction: str, type: str) -> Operand:
        """Write an instruction that has a result, and return that."""
        name = f"%v{next(self._names)}"
        self._lines.append(f"  {name} = {instruction}")
        if type[0] == "<":
            self.cost += 1
        return Operand(name, type)

    def do(self, instruction: str) -> None:
        """Write an instruction without a result."""
        self._lines.append(f"  {instruction}")

    def call(self, result: str, function: str | Operand, *operands: Operand, how: str = "") -> Operand:
        """Call an intrinsic or a function of this module by its name, or any function by its address; ``how`` are
        LLVM's flags, each with a space behind it. The answer of a function without a result is of type void."""
        if isinstance(function, str):
            types = ", ".join([x.type for x in operands])
            self.declarations[function] = f"declare {result} @{function}({types})"
            function = f"@{function}"
        text = f"call {how}{result} {function}({_listed(operands)})"
        if result != "void":
            return self.emit(text, result)
        self.do(text)
        return Operand("", result)

    def binary(self, operation: str, x: Index, y: Index) -> Operand:
        """An operation on two operands of one type, as LLVM calls it; numbers take the other operand's type."""
        type = _type_of(x, y)
        return self.emit(f"{operation} {type} {x}, {y}", type)

    def compare(self, condition: str, x: Index, y: Index) -> Operand:
        """Whether a condition of integers holds: eq, ne, slt, ult, ..."""
        return self.emit(f"icmp {condition} {_type_of(x, y)} {x}, {y}", TRUTH)

    def convert(self, conversion: str, x: Operand, type: str) -> Operand:
        """The operand as another type: trunc, fpext, inttoptr, ..."""
        return self.emit(f"{conversion} {x.type} {x} to {type}", type)

    def select(self, condition: Operand, x: Index, y: Index) -> Operand:
        """x where the condition holds, else y."""
        type = _type_of(x, y)
        return self.emit(f"select {condition.type} {condition}, {type} {x}, {type} {y}", type)

    # --- integers -----------------------------------------------------------------------------------------------------

    def add(self, x: Index, y: Index) -> Operand:
        """x + y"""
        return self.binary("add", x, y)

    def sub(self, x: Index, y: Index) -> Operand:
        """x - y"""
        return self.binary("sub", x, y)

    def mul(self, x: Index, y: Index) -> Operand:
        """x * y"""
        return self.binary("mul", x, y)

    def div(self, x: Index, y: Index) -> Operand:
        """The quotient of two numbers that are not negative."""
        return self.binary("udiv", x, y)

    def rest(self, x: Index, y: Index) -> Operand:
        """What division leaves of a number that is not negative."""
        return self.binary("urem", x, y)

    def least(self, x: Operand, y: Index) -> Operand:
        """The smaller of two words."""
        return self.call(WORD, "llvm.smin.i64", x, word(y))

    def less(self, x: Index, y: Index) -> Operand:
        """x < y"""
        return self.compare("slt", x, y)

    # --- memory -------------------------------------------------------------------------------------------------------

    def at(self, type: str, pointer: Operand, index: Index) -> Operand:
        """The address of element ``index`` of an array of this type."""
        return self.emit(f"getelementptr {type}, ptr {pointer.text}, i64 {index}", POINTER)

    def load(self, type: str, pointer: Operand, index: Index = 0, align: int = 1) -> Operand:
        """A value of this type at ``index``; a vector may begin at any byte."""
        return self.emit(f"load {type}, ptr {self.at(type, pointer, index).text}, align {align}", type)

    def word(self, table: Operand, index: Index) -> Operand:
        """An entry of a table of integers of 8 bytes."""
        return self.load(WORD, table, index, align=8)

    def address(self, table: Operand, index: Index) -> Operand:
        """An entry of a table that is an address."""
        return self.load(POINTER, table, index, align=8)

    def addresses(self, operands: Operand, count: int) -> list[Operand]:
        """The addresses in the table that is a function's first operand."""
        table = self.address(operands, 0)
        return [self.address(table, number) for number in range(count)]

    def store(self, value: Operand, pointer: Operand, align: int = 1) -> None:
        """Write a value to an address."""
        self.do(f"store {value.type} {value.text}, ptr {pointer.text}, align {align}")

    def copy(self, to: Operand, source: Operand, size: Operand) -> None:
        """Copy ``size`` bytes from one place to another that does not overlap it."""
        self.call("void", "llvm.memcpy.p0.p0.i64", to, source, size, Operand("false", TRUTH))

    def stack(self, type: str, align: int = 8) -> Operand:
        """The address of memory for a value of this type, which is the function's own."""
        if "%" in type:
            raise NotImplementedError("a function with as much memory of its own as a size says at run time")
        with self.entry():
            return self.emit(f"alloca {type}, align {align}", POINTER)

    def table(self, numbers: Sequence[int]) -> Operand:
        """The address of a table of words that is part of the module, which has equal ones once."""
        listed = ", ".join([f"{WORD} {number}" for number in numbers])
        name = f"table{sha256(listed.encode()).hexdigest()[:24]}"
        self.declarations[name] = f"@{name} = internal constant [{len(numbers)} x {WORD}] [{listed}]"
        return Operand(f"@{name}", POINTER)

    # --- memory that threads share: words, with an ordering as LLVM calls it ------------------------------------------

    def atomic_load(self, place: Operand, ordering: str) -> Operand:
        """A word that other threads write."""
        return self.emit(f"load atomic i64, ptr {place} {ordering}, align 8", WORD)

    def atomic_store(self, value: Index, place: Operand, ordering: str) -> None:
        """Write a word that other threads read."""
        self.do(f"store atomic i64 {value}, ptr {place} {ordering}, align 8")

    def atomic_update(self, operation: str, place: Operand, value: Index, ordering: str) -> Operand:
        """Replace a word by an operation (add, sub, xchg) of it and ``value`` in one step; the answer is the old."""
        return self.emit(f"atomicrmw {operation} ptr {place}, i64 {value} {ordering}", WORD)

    # --- blocks -------------------------------------------------------------------------------------------------------

    @contextmanager
    def entry(self) -> Iterator[None]:
        """What is written here stands in the first block of the function, before all others, and holds everywhere."""
        lines, block = self._lines, self.block
        self._lines, self.block = self._entry, "entry"
        yield
        self._lines, self.block = lines, block

    def label(self, name: str) -> None:
        """Begin a block. The one before has ended with a jump, a branch or a return."""
        self._lines.append(f"{name}:")
        self.block = name

    def jump(self, label: str) -> None:
        """End the block: go on there."""
        self.do(f"br label %{label}")

    def branch(self, condition: Operand, then: str, otherwise: str) -> None:
        """End the block: go on in one of two."""
        self.do(f"br i1 {condition}, label %{then}, label %{otherwise}")

    def fall(self, label: str) -> None:
        """End the block and begin another, to which others may jump too."""
        self.jump(label)
        self.label(label)

    def phi(self, type: str, *edges: tuple[Index, str]) -> Phi:
        """A value by the block that was left last: pairs of value and block. `Phi.edge` adds those not written yet."""
        phi = Phi(f"%v{next(self._names)}", type)
        for value, block in edges:
            phi.edge(value, block)
        self._lines.append(phi)
        return phi

    def done(self, result: Operand | None = None) -> None:
        """End the block and leave the function."""
        self.do("ret void" if result is None else f"ret {result.type} {result}")

    # --- structured control flow --------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, stop: Index, *, start: Index = 0, step: int = 1, carried: Sequence[Operand] = ()) -> Iterator[Loop]:
        """``for index in range(start, stop, step)``. ``carried`` are first values; the body sets their successors,
        ``loop.next``, and after the loop ``loop.carried`` are the last values."""
        name, before = f"loop{next(self._names)}", self.block
        self.fall(f"{name}.head")
        phis = [self.phi(WORD, (start, before)), *[self.phi(x.type, (x, before)) for x in carried]]
        loop = Loop(phis[0], phis[1:])
        self.branch(self.less(loop.index, stop), f"{name}.body", f"{name}.end")
        self.label(f"{name}.body")
        yield loop
        successor = self.add(loop.index, step)
        following = [self.emit(f"freeze {WORD} {successor}", WORD) if self.plain else successor, *loop.next]
        for phi, value in zip(phis, following, strict=True):
            phi.edge(value, self.block)
        self.jump(f"{name}.head")
        self.label(f"{name}.end")

    @contextmanager
    def when(self, condition: Operand, usual: Sequence[Operand] = ()) -> Iterator[Branch]:
        """The block runs only where the condition holds. In the place of ``usual`` it leaves its ``results``; after it
        ``results`` are the values, those of the block or the usual ones."""
        name, before = f"when{next(self._names)}", self.block
        then = Branch(self, f"{name}.then", f"{name}.end")
        then.results = usual
        self.branch(condition, f"{name}.then", f"{name}.end")
        with then:
            yield then
        self.label(f"{name}.end")
        self._merge(then, usual, before)

    @contextmanager
    def choice(self, condition: Operand) -> Iterator[tuple[Branch, Branch]]:
        """Two branches, each a `with` block, of which the first runs where the condition holds, else the second. Both
        leave equally many ``results``; after the choice those of the first are the values."""
        name = f"choice{next(self._names)}"
        self.branch(condition, f"{name}.then", f"{name}.else")
        then, otherwise = (Branch(self, f"{name}.{side}", f"{name}.end") for side in ("then", "else"))
        yield then, otherwise
        self.label(f"{name}.end")
        self._merge(then, otherwise.results, otherwise.block)

    def _merge(self, then: Branch, others: Sequence[Operand], block: str) -> None:
        """The results of a branch, or what they are where ``block`` was left instead."""
        pairs = zip(then.results, others, strict=True)
        then.results = [self.phi(x.type, (x, then.block), (y, block)) for x, y in pairs]


def module(*functions: Code) -> str:
    """The module of these functions and their helpers, with the declarations of all that they call."""
    functions = tuple({each.name: each for code in functions for each in (code, *code.helpers)}.values())
    own = {code.name for code in functions}
    declared = {name: text for code in functions for name, text in code.declarations.items() if name not in own}
    return "\n".join([*map(str, functions), *[declared[name] for name in sorted(declared)]]) + "\n"


def word(number: Index) -> Operand:
    """A number as an operand."""
    return number if isinstance(number, Operand) else Operand(str(number), WORD)


def _listed(operands: Sequence[Operand]) -> str:
    return ", ".join([f"{x.type} {x.text}" for x in operands])


def _type_of(x: Index, y: Index) -> str:
    return x.type if isinstance(x, Operand) else y.type if isinstance(y, Operand) else WORD
