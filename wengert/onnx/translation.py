"""A recorded graph as the nodes of an ONNX graph.

The one idea to know: instruction after instruction, the rule of its primitive (`wengert.onnx.rules`) is given the
symbols of its operands. What depends on constants alone is computed now; what nothing needs is left out at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import numpy as np

from ..core.dtypes import float32
from ..core.eighths import in_numpy
from ..core.layout import parts_of
from ..core.primitive import evaluate
from ..core.spec import Spec
from ..ir import Instr, InstructionGraph, Value
from ..tracing.combination import Unlike
from .errors import UnsupportedOperatorError
from .rules import ABSENT, RULES
from .rules.complexes import Pair, constant_pair, grown_pair, is_complex, real_of, split, written
from .sizes import Extent, Grown, Scaled, Steps
from .writer import ELEMENTS, NoFormError, Symbol, Writer

FOLDED = 2**20
"""A constant of more elements is not made from smaller ones beforehand."""


class Translation:
    """Writes the graph: the symbols of its inputs are made first, those of its outputs are in ``outputs`` then.

    ``named`` gives the names of states; arrays of these are in ``arrays``, and ``buffers`` are those that are no
    parameters.
    """

    def __init__(self, graph: InstructionGraph, opset: int, input_names: Sequence[str], named: Mapping[str, str],
                 arrays: Mapping[str, np.ndarray], buffers: Collection[str] = ()) -> None:
        self.graph, self.writer, self.buffers = graph, Writer(opset), buffers
        self._symbols: dict[Value, Symbol | Pair] = {}
        self._needed = {value for instr in graph.instrs for value in instr.values()} | {*graph.roots()}
        writer = self.writer
        for value in (*graph.inputs, *graph.outputs):
            if is_complex(value.spec):
                raise UnsupportedOperatorError(
                    f"[onnx.export] inputs and outputs of real numbers were expected; {value.name} is "
                    f"{value.spec.dtype.name}, which runtimes do not have; take its parts by torch.view_as_real")
        self.inputs = [writer.made(writer.free(name), value.spec)
                       for name, value in zip(input_names, graph.inputs, strict=True)]
        self._symbols.update(zip(graph.inputs, self.inputs, strict=True))
        self.states: list[Symbol] = []
        for value in graph.states:
            shape, dtype, array = tuple(value.spec.shape), value.spec.dtype, in_numpy(arrays[value.name])
            if is_complex(value.spec):
                shape, dtype, array = (*shape, 2), real_of(dtype), parts_of(array)
            symbol = writer.initializer(named[value.name], array, dtype)
            symbol.array, symbol.shape = None, shape  # a parameter is no constant
            self.states.append(symbol)
            self._symbols[value] = split(writer, symbol) if is_complex(value.spec) else symbol
        for value, array in graph.constants:
            if is_complex(value.spec):
                self._symbols[value] = (grown_pair(writer, array, value.spec.dtype) if isinstance(array, Grown) else
                                        constant_pair(writer, np.asarray(array), value.spec.dtype))
                continue
            held = writer.grown(array) if isinstance(array, Grown) else writer.constant(array, value.spec.dtype)
            self._symbols[value] = Symbol(writer, held.name, value.spec.dtype, tuple(value.spec.shape), held.array)
        for instr in graph.instrs:
            self._translate(instr)
        self.outputs = [cast(Symbol, self._symbols[value]) for value in graph.outputs]

    def _translate(self, instr: Instr) -> None:
        name = instr.primitive.name
        rule = RULES.get(name)
        is_random = instr.primitive.kind == "random"  # its generator, which comes first, is no symbol
        operands = [self._symbols[each] if type(each) is Value else each for each in instr.operands[is_random:]]
        if not is_random and self._fold(instr, operands):
            return
        is_pair = any(map(is_complex, operands)) or any(is_complex(result.spec) for result in instr.results)
        if rule is None and not is_pair:
            raise UnsupportedOperatorError(
                f"[onnx.export] operations that ONNX has a form for were expected; {name} at {instr.line} has none: "
                f"{ABSENT.get(name, 'wengert writes no nodes for it yet')}; compute it outside the model, or by others")
        outs = [result.spec if result in self._needed else None for result in instr.results]
        try:
            found = self._paired(instr, operands, outs) if is_pair else self._ruled(instr, rule, operands, outs)
        except (NoFormError, Unlike) as error:
            raise UnsupportedOperatorError(
                f"[onnx.export] operations that ONNX has a form for were expected; {name} at {instr.line} has none "
                f"here: {error}; compute it outside the model, or by others") from None
        for result, symbol in zip(instr.results, found, strict=True):
            if symbol is not None:
                self._symbols[result] = self._finished(symbol, result.spec)

    def _paired(self, instr: Instr, operands: list[Any], outs: list[Any]) -> Sequence[Any]:
        """The symbols of an instruction with complex operands or results."""
        params = {key: self._number(each) for key, each in instr.params.items()}
        found = written(self.writer, instr.primitive, outs, [self._number(each) for each in operands], params)
        return found if instr.primitive.multiple else [found]

    def _ruled(self, instr: Instr, rule: Any, operands: list[Any], outs: list[Any]) -> Sequence[Any]:
        """The rule's symbols. Half precision is computed with in float32 where wengert does so, and rounded once."""
        primitive, params = instr.primitive, {key: self._number(each) for key, each in instr.params.items()}
        operands = [self._number(each) for each in operands]
        for dtype in [x.dtype for x in operands if isinstance(x, Symbol)]:
            if dtype.name not in ELEMENTS:
                raise NoFormError(f"ONNX has no {dtype.name} that runtimes compute with")
        is_half = primitive.widens and any(isinstance(x, Symbol) and x.dtype.name in ("float16", "bfloat16")
                                           for x in operands)
        if is_half:
            operands = [self._wide(x) for x in operands]
            outs = [out if out is None or out.dtype.name not in ("float16", "bfloat16") else
                    out._replace(dtype=float32) for out in outs]
        found = rule(self.writer, outs, *operands, **params)
        found = found if primitive.multiple else [found]
        if found:
            self._note(found[0], primitive.name, operands)
        return found

    def _note(self, found: Any, name: str, operands: Sequence[Any]) -> None:
        if found is not None:
            self.writer.producers[found.name] = (name, operands)

    def _wide(self, x: Any) -> Any:
        if not isinstance(x, Symbol) or x.dtype.name not in ("float16", "bfloat16"):
            return x
        found = self.writer.cast(x, float32)
        found.shape = x.shape
        return found

    def _number(self, value: Any) -> Any:
        """A float that depends on a size as a symbol without dimensions; everything else as it is."""
        if not isinstance(value, Scaled):
            return value
        found = self.writer.number(value, float32)
        found.shape = ()
        return found

    def _finished(self, symbol: Symbol | Pair, spec: Spec) -> Symbol | Pair:
        writer = self.writer
        if isinstance(symbol, Pair):
            part = spec._replace(dtype=real_of(spec.dtype))
            return Pair(*[cast(Symbol, self._finished(each, part)) for each in (symbol.real, symbol.imag)])
        if symbol.dtype is not spec.dtype:
            symbol = writer.cast(symbol, spec.dtype)
        return writer.measured(Symbol(writer, symbol.name, spec.dtype, tuple(spec.shape), symbol.array))

    def _fold(self, instr: Instr, operands: Sequence[Any]) -> bool:
        """Computes what depends on constants alone; True where that is done."""
        arrays = [x.array if isinstance(x, (Symbol, Pair)) else x for x in operands]
        if any(each is None and isinstance(x, (Symbol, Pair)) for each, x in zip(arrays, operands, strict=True)):
            return False
        if _varies((instr.params, arrays, [result.spec.shape for result in instr.results])):
            return False
        sizes = [int(np.prod(result.spec.shape)) for result in instr.results]
        if max(sizes, default=0) > max(FOLDED, *[x.size for x in arrays if isinstance(x, np.ndarray)], 0):
            return False
        found = evaluate(instr.primitive, arrays, instr.params)
        for result, array in zip(instr.results, found if instr.primitive.multiple else (found,), strict=True):
            if result in self._needed and is_complex(result.spec):
                self._symbols[result] = constant_pair(self.writer, np.asarray(array), result.spec.dtype)
            elif result in self._needed:
                known = self.writer.constant(in_numpy(np.asarray(array)), result.spec.dtype)
                self._symbols[result] = Symbol(self.writer, known.name, result.spec.dtype, tuple(result.spec.shape),
                                               known.array)
        return True


def _varies(thing: Any) -> bool:
    if isinstance(thing, (Extent, Scaled, Steps)):
        return True
    if isinstance(thing, (tuple, list)):
        return any(map(_varies, thing))
    if isinstance(thing, dict):
        return any(map(_varies, thing.values()))
    if isinstance(thing, slice):
        return _varies((thing.start, thing.stop, thing.step))
    return False


def needed(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    """The nodes that outputs need, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


