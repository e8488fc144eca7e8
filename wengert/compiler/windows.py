"""Generated code for the gradients of many small convolutions' weights, as of examples that have a weight each.

The one idea to know: the windows of one group are laid out in memory of the thread, small enough for its cache, and
OpenBLAS multiplies them by the group's cotangent there and then. So the windows of all groups are never in memory.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from . import memory, threads
from .blas import openblas, whole_of_word, write_call
from .code import POINTER, Code, Operand, module
from .jit import engine
from .kernels import generated_code_is_possible
from .vectors import Machine, Vectors

__all__ = ["weights_of_groups"]

Array = np.ndarray[Any, Any]
Dims = tuple[int, ...]

PARTS = 16
"""In how many parts groups are dealt out at most: each has windows of its own in memory."""
_PLAIN, _TRANSPOSED = Operand("111", "i32"), Operand("112", "i32")
_SLOTS = "function source begin scratch scratch_step parts groups reads rows width depth channels inputs".split()


def _text(dtype: str, lanes: int, word: str) -> str:
    """``void kernel(ptr operands, i64 start, i64 stop)``; the operands are a table with the slots `_SLOTS`, the input,
    the cotangent and the result. ``source`` is where each (channel, place of the kernel) begins in a group's input, and
    ``begin`` each row of windows."""
    code = Code()
    size = 4 if dtype == "float32" else 8
    vectors = Vectors(code, dtype, Machine(lanes * size, fused=True, avx512=False))
    operands, start, stop = code.parameters
    table = code.address(operands, 0)
    slots = {name: code.word(table, number) for number, name in enumerate(_SLOTS)}
    function, source, begin, scratch = [code.convert("inttoptr", slots[name], POINTER) for name in _SLOTS[:4]]
    x, ct, out = [code.address(operands, number) for number in (1, 2, 3)]
    final = code.sub(slots["width"], lanes)
    with code.loop(stop, start=start) as part:
        windows = vectors.at(scratch, code.mul(part.index, slots["scratch_step"]))
        first = code.div(code.mul(part.index, slots["groups"]), slots["parts"])
        last = code.div(code.mul(code.add(part.index, 1), slots["groups"]), slots["parts"])
        with code.loop(last, start=first) as group:
            given = vectors.at(x, code.mul(group.index, slots["inputs"]))
            with code.loop(slots["reads"]) as read, code.loop(slots["rows"]) as row:
                from_ = vectors.at(given, code.add(code.word(source, read.index), code.word(begin, row.index)))
                number = code.add(code.mul(read.index, slots["rows"]), row.index)
                to = vectors.at(windows, code.mul(number, slots["width"]))
                with code.loop(slots["width"], step=lanes) as column:
                    at = code.least(column.index, final)
                    vectors.store(vectors.load(vectors.at(from_, at)), vectors.at(to, at))
            sizes = [whole_of_word(code, word, slots[name]) for name in ("channels", "reads", "depth")]
            depth, reads = sizes[2], sizes[1]
            left = vectors.at(ct, code.mul(code.mul(group.index, slots["channels"]), slots["depth"]))
            into = vectors.at(out, code.mul(code.mul(group.index, slots["channels"]), slots["reads"]))
            write_call(code, vectors.element, function, (_PLAIN, _TRANSPOSED), sizes, (left, depth), (windows, depth),
                       "0.0", (into, reads))
    code.done()
    return module(code)


@lru_cache(maxsize=64)
def _kernel(dtype: str, lanes: int, word: str, guard: int) -> threads.Parts:
    return threads.Parts(_text(dtype, lanes, word), arrays=3, guard=guard)


@lru_cache(maxsize=256)
def _offsets(sizes: Dims, out: Dims, kernel: Dims, stride: Dims, dilation: Dims, channels: int) -> tuple[Array, Array]:
    """Where each place of the kernel begins in the input of a group, and where each row of windows."""
    steps = [prod(sizes[k + 1:]) for k in range(len(sizes))]
    places = [sum(i * d * s for i, d, s in zip(place, dilation, steps, strict=True))
              for place in product(*map(range, kernel))]
    source = [c * prod(sizes) + place for c in range(channels) for place in places]
    begin = [sum(i * t * s for i, t, s in zip(row, stride, steps, strict=False))
             for row in product(*map(range, out[:-1]))]
    return np.array(source, np.int64), np.array(begin, np.int64)


def weights_of_groups(x: Array, ct: Array, kernel: Dims, stride: Dims, dilation: Dims, groups: int) -> Array | None:
    """The gradients of the weights of ``groups`` convolutions of one sample, (groups, channels, places), from the input
    ``x`` (1, C, *sizes), with its padding, and the cotangent ``ct`` (1, O, *out). That the windows lie inside the input
    is for the caller to prove (`check_reach`). None where numpy should compute it: another dtype, another BLAS, windows
    of one row apart."""
    library = openblas() if generated_code_is_possible() else None
    char, out = x.dtype.char, ct.shape[2:]
    if library is None or char not in library.products or ct.dtype != x.dtype or (stride[-1] != 1 and out[-1] != 1):
        return None
    x, ct = np.ascontiguousarray(x), np.ascontiguousarray(ct)
    inner, channels = x.shape[1] // groups, ct.shape[1] // groups
    source, begin = _offsets(x.shape[2:], out, kernel, stride, dilation, inner)
    lanes = min(engine().machine.vector_bytes // x.itemsize, 1 << out[-1].bit_length() >> 1)
    parts, depth = min(groups, PARTS), prod(out)
    scratch = np.empty((parts, len(source) * depth), x.dtype)
    result = np.empty((groups, channels, len(source)), x.dtype)
    table = threads.table(len(_SLOTS))
    table[:] = (library.product(char), memory.address(source), memory.address(begin), memory.address(scratch),
                len(source) * depth, parts, groups, len(source), len(begin), out[-1], depth, channels,
                inner * prod(x.shape[2:]))
    _kernel(x.dtype.name, lanes, library.word, library.guard).run(
        parts, result.size * depth / 8 + scratch.size * groups / parts, table, x, ct, result)
    return result
