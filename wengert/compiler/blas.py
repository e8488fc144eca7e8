"""Products of large matrices: numpy's own BLAS, or code of ours in its place (`gemm`), called by our threads.

OpenBLAS, which numpy's packages bring along, shares a product among threads of its own. These spin for some 25 ms after
each product, on the processors that our workers need for the kernel that comes next, and the other way round: a
training step of small layers took twice as long. So here one pool of threads does both: a product is cut into parts,
and each thread calls OpenBLAS for its part. What else uses numpy in the process keeps OpenBLAS's threads.

Where numpy has another BLAS, or its library is not found, `product` declines and numpy multiplies.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from itertools import product as pairs_of
from pathlib import Path
from typing import Any

import numpy as np

from . import memory, runtime, threads
from .code import POINTER, WORD, Code, Operand, module
from .gemm import gains, gemm
from .jit import Library, engine
from .kernels import generated_code_is_possible

__all__ = ["openblas", "product"]

Array = np.ndarray[Any, Any]
Matrix = tuple[Operand, Operand]

PART = 16
"""Parts of a product are multiples of so many rows or columns."""

LEAST_LINES, LEAST_WORK, MOST_PARTS = 256, 2**26, 64
"""Rows or columns, and multiplications, that a part of a product has at least if there are more than two of them: each
part lays out the whole other operand for itself."""

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112
_SLOTS = ("function left_order right_order left_line right_line out_line rows columns depth inner row_step column_step "
          "left_outer left_inner right_outer right_inner out_outer out_inner").split()
_NAMES = {name: number for number, name in enumerate(_SLOTS)}


class OpenBlas:
    """OpenBLAS as numpy has loaded it: its products' addresses by dtype, the integers it takes (``word``), and its name
    of the processor that its kernels are for (``core``).

    A kernel with its ``guard`` has it with one thread, as the pool has threads of its own.
    """

    def __init__(self, products: dict[str, int], word: str, core: str, get_threads: Any, set_threads: Any) -> None:
        self.products, self.word, self.core = products, word, core
        self._own: dict[str, tuple[Library, int]] = {}
        self.get_threads = get_threads
        self._slots = threads.table(runtime.SET + 1)
        self._slots[runtime.GET :] = [ctypes.cast(each, ctypes.c_void_p).value for each in (get_threads, set_threads)]
        self.guard = memory.address(self._slots)
        self.hush, self.resume = threads.forks(self.guard)
        if hasattr(os, "register_at_fork"):  # what is called before is no code of Python's, where a Ctrl-C may come
            os.register_at_fork(before=self.hush, after_in_parent=self.resume, after_in_child=self._after_fork)

    def product(self, char: str) -> int:
        """The address of what multiplies float32 (``"f"``) or float64 (``"d"``): OpenBLAS's function, or code of ours
        that takes the same, where that is quicker on this machine."""
        if not gains(engine().machine, self.core):
            return self.products[char]
        if char not in self._own:
            self._own[char] = gemm(char, self.word, self.products[char])
        return self._own[char][1]

    def _after_fork(self) -> None:
        """The child has none of the threads that wait to multiply, or fork."""
        self._slots[: runtime.USUAL] = 0


@cache
def openblas() -> OpenBlas | None:
    """numpy's OpenBLAS; None where numpy has none of its own."""
    package = Path(np.__file__).parent
    folders = (package.parent / "numpy.libs", package / ".dylibs")
    for path in (path for folder in folders for path in sorted(folder.glob("*openblas*"))):
        library = ctypes.PyDLL(str(path))
        for prefix, suffix in pairs_of(("scipy_", ""), ("64_", "")):
            word = "i64" if suffix else "i32"
            single, double, get, set_, core = (
                getattr(library, f"{prefix}{name}{suffix}", None)
                for name in ("cblas_sgemm", "cblas_dgemm", "openblas_get_num_threads", "openblas_set_num_threads",
                             "openblas_get_corename"))
            if single and double and get and set_ and core:
                core.restype = ctypes.c_char_p
                products = {"f": ctypes.cast(single, ctypes.c_void_p).value or 0,
                            "d": ctypes.cast(double, ctypes.c_void_p).value or 0}
                get.restype, set_.argtypes = ctypes.c_int, (ctypes.c_int,)
                return OpenBlas(products, word, core().decode(), get, set_)
    return None


def _text(element: str, word: str) -> str:
    """``void kernel(ptr operands, i64 start, i64 stop)``; the operands are a table with the slots `_SLOTS`, the left
    and the right matrices and the result.

    Part i works on the matrices at ``outer * (i // inner) + inner_step * (i % inner)`` bytes, and on at most
    ``row_step`` rows and ``column_step`` columns of what parts before it have left.
    """
    code = Code()
    operands, start, stop = code.parameters
    table = code.address(operands, 0)
    slots = {name: code.word(table, number) for name, number in _NAMES.items()}
    bases = [code.address(operands, number) for number in (1, 2, 3)]
    function = code.convert("inttoptr", slots["function"], POINTER)

    orders = [code.convert("trunc", slots[name], "i32") for name in ("left_order", "right_order")]
    lines = [whole_of_word(code, word, slots[name]) for name in ("left_line", "right_line", "out_line")]
    depth = whole_of_word(code, word, slots["depth"])
    with code.loop(stop, start=start) as part:
        outer = code.div(part.index, slots["inner"])
        inner = code.sub(part.index, code.mul(outer, slots["inner"]))
        places = []
        for name, base in zip(("left", "right", "out"), bases, strict=True):
            moved = code.add(code.mul(outer, slots[f"{name}_outer"]), code.mul(inner, slots[f"{name}_inner"]))
            places.append(code.at("i8", base, moved))
        sizes = []
        for name in ("row", "column"):
            step = slots[f"{name}_step"]
            left = code.sub(slots[f"{name}s"], code.mul(part.index, step))
            size = code.select(code.compare("eq", step, 0), slots[f"{name}s"], code.least(step, left))
            sizes.append(whole_of_word(code, word, size))
        pairs = list(zip(places, lines, strict=True))
        write_call(code, element, function, orders, (*sizes, depth), pairs[0], pairs[1], "0.0", pairs[2])
    code.done()
    return module(code)


def whole_of_word(code: Code, word: str, value: Operand) -> Operand:
    """A number as wide as this OpenBLAS takes them."""
    return value if word == WORD else code.convert("trunc", value, word)


def matrix_order(strides: Sequence[int], shape: Sequence[int]) -> tuple[int, int]:
    """How BLAS should read a matrix with these strides, in elements, one of which is 1: plain or transposed, and the
    elements from line to line."""
    (down, right), (rows, columns) = strides, shape
    if (right == 1 or columns == 1) and (down >= columns or rows == 1):
        return _PLAIN, max(down, columns)
    return _TRANSPOSED, max(right, rows)


def write_call(code: Code, element: str, function: Operand, orders: Sequence[Operand], sizes: Sequence[Operand],
                left: Matrix, right: Matrix, keep: str, out: Matrix) -> None:
    """Write ``out = keep * out + left @ right``; matrices are pairs of an address and the step from line to line."""
    code.call("void", function, Operand(str(_ROW_MAJOR), "i32"), *orders, *sizes, Operand("1.0", element), *left,
              *right, Operand(keep, element), *out)


@cache
def _kernel(char: str, library: OpenBlas) -> threads.Parts:
    return threads.Parts(_text("float" if char == "f" else "double", library.word), arrays=3, guard=library.guard)


def _order(x: Array) -> tuple[int, int] | None:
    """How BLAS should read the last two dimensions: plain or transposed, and the elements from line to line; None where
    neighbours are apart in both."""
    item = x.itemsize
    down, right = x.strides[-2:]
    rows, columns = x.shape[-2:]
    if right == item and down % item == 0 and (down >= columns * item or rows == 1):
        return _PLAIN, max(down // item, columns)
    if down == item and right % item == 0 and (right >= rows * item or columns == 1):
        return _TRANSPOSED, max(right // item, rows)
    return None


class _Plan:
    """How to multiply two arrays of given shapes and strides: all but where they stand."""

    def __init__(self, library: OpenBlas, char: str, x: Array, y: Array) -> None:
        rank, lead, size = x.ndim, x.shape[:-2], x.itemsize
        rows, depth, columns = x.shape[-2], x.shape[-1], y.shape[-1]
        orders = _order(x), _order(y)
        self.shape = (*lead, rows, columns)
        out = np.empty(self.shape, x.dtype)
        self.possible = orders[0] is not None and orders[1] is not None and out.size * depth > 0
        if orders[0] is None or orders[1] is None or not self.possible:
            return
        if rank == 2:
            inner, cut = cut_of(rows, depth, columns)
            self.parts = inner
            strides = [0, cut[0] * x.strides[0], 0, cut[1] * y.strides[1], 0, (cut[0] * columns + cut[1]) * size]
        else:
            inner, cut = lead[-1], (0, 0)
            self.parts = lead[0] * inner if rank == 4 else inner
            strides = [stride for a in (x, y, out) for stride in (a.strides[0] if rank == 4 else 0, a.strides[-3])]
        self.kernel = _kernel(char, library)
        self.worth = out.size * depth / 8
        self.numbers = threads.table(len(_SLOTS))
        lines, sizes = (orders[0][1], orders[1][1], columns), (rows, columns, depth)
        self.numbers[:] = (library.product(char), orders[0][0], orders[1][0], *lines, *sizes, inner, *cut, *strides)


_plans: dict[Any, Any] = {}
"""Plans by dtype, shapes and strides; None where numpy should multiply."""


def product(x: Array, y: Array) -> Array | None:
    """``x @ y`` for float32 or float64 of the same rank, 2 to 4, and the same leading sizes, as a fresh array; None
    where numpy should multiply: another layout, another dtype, another BLAS."""
    key = x.dtype.char, y.dtype.char, x.shape, y.shape, x.strides, y.strides
    try:
        plan = _plans[key]
    except KeyError:
        plan = _planned(key, x, y)
    if plan is None:
        return None
    out = np.empty(plan.shape, x.dtype)
    plan.kernel.run(plan.parts, plan.worth, plan.numbers, x, y, out)
    return out


def _planned(key: tuple[Any, ...], x: Array, y: Array) -> Any:
    """The plan for these arrays; kept for others of their shapes and strides."""
    char = x.dtype.char
    plan: Any = None
    library = openblas() if generated_code_is_possible() else None
    if (library is not None and 2 <= x.ndim == y.ndim <= 4 and x.shape[:-2] == y.shape[:-2]
            and x.shape[-1] == y.shape[-2]
            and char in "fd" and y.dtype.char == char):
        if x.ndim == 3 and x.shape[-1] == 1:
            from .outer import OuterPlan

            plan = OuterPlan(x, y)
        if plan is None or not plan.possible:
            plan = _Plan(library, char, x, y)
    if len(_plans) >= 1024:
        _plans.clear()
    _plans[key] = found = plan if plan is not None and plan.possible else None
    return found


def cut_of(rows: int, depth: int, columns: int) -> tuple[int, tuple[int, int]]:
    """How one product is cut along its longer side: the number of parts, and the rows or columns of one.

    OpenBLAS may add up in another order for another number of rows, so this is a matter of sizes alone: results are
    the same bits for any number of threads. Parts are 2, or a larger power of 2, which few threads share evenly too.
    """
    longer = max(rows, columns)
    most = min(longer // LEAST_LINES, rows * depth * columns // LEAST_WORK, MOST_PARTS)
    parts = max(2, 1 << most.bit_length() >> 1)
    step = -(-longer // (parts * PART)) * PART
    return -(-longer // step), (step, 0) if rows >= columns else (0, step)
