"""What the steps of a native program are: in words, as code, how much they compute and move, and how long they take.

The one idea to know: the figures are of what the steps do, not of what they are the code for. What a pass computes once
a row counts once a row, and memory that it reads twice counts once, as the second look finds it in a cache.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from math import prod
from typing import Protocol

import numpy as np

from ..compiler.jit import engine
from ..ir import Instr
from ..ir.flops import operations
from .limits import limits
from .loops import FOLDS, READING, Nest, Place, Reduce, varies
from .steps import Call, Guard, Kernel, Layout, Product, Step


class Coded(Protocol):
    """A program with its code: the name of each step's function ("" for numpy's), and the module as text."""

    names: list[str]

    @property
    def text(self) -> str: ...

    @property
    def assembly(self) -> str: ...


class StepInfo:
    """One step of a native program: ``words`` say what it is, ``flops`` are its floating-point operations (None where
    nobody knows), ``bytes`` what it reads and writes. ``seconds`` is how long it takes, once it has been measured."""

    def __init__(self, program: Coded, number: int, step: Step, origin: Instr | None) -> None:
        self._program, self.number, self._step = program, number, step
        self.native = not isinstance(step, Call)
        self.words = words_of(step)
        self.flops = flops_of(step, origin)
        self.bytes = sum(bytes_of(step))
        self.seconds: float | None = None

    @property
    def share(self) -> float | None:
        """The least time in which this machine could do it (`limits`) over the time that it takes; None where that has
        not been measured."""
        if not self.seconds:
            return None
        return limits().seconds(self.flops or 0, self.bytes) / self.seconds

    @property
    def ir(self) -> str:
        """A pass as a nest of loops, and so what is done along with a product; what any other step does, in words."""
        if isinstance(self._step, Product) and self._step.tail is not None:
            return f"{self.words}\n{self._step.tail}"
        return str(self._step) if isinstance(self._step, Nest) else self.words

    @property
    def llvm(self) -> str:
        """The function in LLVM's language; "" for a call of numpy."""
        return self._cut(self._program.text, r"^define [^\n]*@{}\(.*?^}}$")

    @property
    def assembly(self) -> str:
        """The function in the processor's language; "" for a call of numpy."""
        return self._cut(self._program.assembly, r"^{}:.*?(?=^\.Lfunc_end|\Z)")

    def _cut(self, text: str, pattern: str) -> str:
        name = self._program.names[self.number]
        found = re.search(pattern.format(re.escape(name)), text, re.MULTILINE | re.DOTALL) if name else None
        return found[0] if found is not None else ""

    def __repr__(self) -> str:
        return f"<step {self.number}: {self.words}>"


def words_of(step: Step) -> str:
    """A step in a line of text."""
    if isinstance(step, Call):
        return f"numpy: {step.instr.primitive.name} -> {', '.join([str(r.spec) for r in step.instr.results])}"
    if isinstance(step, Nest):
        shape = "×".join(map(str, step.shape)) or "one number"
        return f"pass over {shape}: {_operations(step)}"
    if isinstance(step, Product):
        sides = [str(list(side.shape)) for side in (step.left, step.right)]
        if step.cut is not None and step.cut.share < 1:
            sides[-1] += f", of which a mask leaves {step.cut.share:.0%}"
        tail = "" if step.tail is None else f", then {_operations(step.tail)}"
        return f"product {' @ '.join(sides)}{'' if step.cut is not None else ' by OpenBLAS'}{tail}"
    if isinstance(step, Layout):
        return f"{list(step.source.shape)} laid out for a product"
    return "check" if isinstance(step, Guard) else step.name


def _operations(nest: Nest) -> str:
    """What a nest computes at a point, in words."""
    counted = Counter(node.op for node in nest.nodes() if node.op not in ("load", "const", "cast"))
    counted.update(f"{root.op} of all" for root in nest.roots if isinstance(root, Reduce))
    named = [f"{op} ({count})" if count > 1 else op for op, count in counted.items()]
    return f"{', '.join(named) or 'a copy'}; {len(nest.roots)} stored"


def flops_of(step: Step, origin: Instr | None) -> int | None:
    """The floating-point operations of a step; ``origin`` is the instruction that it is for."""
    if isinstance(step, Nest):
        along = varies(step)
        total = 0
        for node in along:
            if node.op not in ("load", "const", "cast", "pick"):
                total += prod([step.shape[d] for d in along[node.args[0] if node.op in FOLDS else node]])
        return total + prod(step.shape) * sum(isinstance(root, Reduce) for root in step.roots)
    if isinstance(step, Product):
        tail = 0 if step.tail is None else flops_of(step.tail, None) or 0
        share = 1 if step.cut is None else step.cut.share
        return round(2 * prod(step.out.shape) * step.left.shape[-1] * share) + tail + len(step.sums) * prod(
            step.out.shape)
    if isinstance(step, Call):
        return operations(step.instr)
    if isinstance(step, Kernel):
        return None if origin is None else operations(origin)
    return 0


def bytes_of(step: Step) -> Iterator[int]:
    """The bytes of each memory that a step reads or writes."""
    if isinstance(step, Nest):
        read = {node.args[0] for node in step.nodes() if node.op in READING}
        for place in {*read, *[root.place for root in step.roots]}:
            moved = prod([n for n, s in zip(step.shape, place.strides, strict=True) if s])
            yield moved * _size(place)
    elif isinstance(step, Product):
        sides = (step.left, step.right) if step.tail is not None else (step.left, step.right, step.out)
        yield from (prod(side.shape) * _size(side.place) for side in sides)
        if step.tail is not None:
            partial = {root.place for root in step.sums}
            yield from (prod([n for n, s in zip(step.out.shape, place.strides, strict=True) if s]) * _size(place)
                        for place in step.ends if place not in partial)
            yield from (place.buffer.bytes for place in partial)
    elif isinstance(step, Layout):
        yield 2 * prod(step.source.shape) * _size(step.source.place)
    elif isinstance(step, Kernel):
        yield from (place.buffer.bytes for place in (*step.reads, *step.writes))
    elif isinstance(step, Call):
        yield from (prod(x[1]) * _size(x[0]) for x in step.operands if type(x) is tuple and type(x[0]) is Place)
        yield from (buffer.bytes for buffer in step.results)


def _size(place: Place) -> int:
    return np.dtype(place.buffer.dtype).itemsize


def assembly_of(text: str) -> str:
    """A module of LLVM's in the language of this processor."""
    found = engine()
    module = found.llvm.parse_assembly(text)
    module.triple = found.triple
    return str(found.target.emit_assembly(module))


def table(steps: list[StepInfo], most: int = 20) -> str:
    """The steps as a table, the dearest first where they have been measured; the others are summed up."""
    measured = any(step.seconds for step in steps)
    ordered = sorted(steps, key=lambda step: -(step.seconds or 0)) if measured else steps
    lines = [f"{'µs':>9} {'of limit':>8} {'flops':>13} {'bytes':>12}  step"]
    for step in ordered[:most]:
        time = "" if step.seconds is None else f"{step.seconds * 1e6:9.1f}"
        share = "" if step.share is None else f"{step.share:8.0%}"
        flops = "·" if step.flops is None else f"{step.flops:,}"
        lines.append(f"{time:>9} {share:>8} {flops:>13} {step.bytes:>12,}  {step.number}: {step.words}")
    rest = ordered[most:]
    if rest:
        time = f"{sum([step.seconds or 0 for step in rest]) * 1e6:9.1f}" if measured else ""
        lines.append(f"{time:>9} {'':8} {sum([step.flops or 0 for step in rest]):>13,} "
                     f"{sum([step.bytes for step in rest]):>12,}  {len(rest)} others")
    return "\n".join(lines)
