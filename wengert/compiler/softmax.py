"""Generated code for softmax and its logarithm along the last dimension, forward and backward.

A row stays in the first-level cache while it is read for its largest element, for the sum of the exponentials, and for
the result. The formulas are those of `wengert.prims.softmaxes`.
"""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np

from . import memory, threads
from .code import Operand
from .kernels import generated_code_is_possible
from .sweeps import ONE, Array, Sweeps, parts_of, table

__all__ = ["softmax", "softmax_gradient"]


class _Rows(Sweeps):
    """``x`` to ``out``; of backward, ``x`` is the cotangent and ``y`` the result of forward."""

    arrays = ("x", "y", "out")

    def __init__(self, dtype: str, logarithm: bool) -> None:
        super().__init__(dtype)
        self.logarithm = logarithm


class _Forward(_Rows):
    def group(self, group: Operand) -> None:
        math, slots = self.math, self.slots
        x, out = self.places(["x", "out"], group, 0)
        (peaks,) = self.fold([x], 0, slots["length"], math.const(float("-inf")), 1, list, math.max)
        peak = math.splat(self.across(peaks, self._larger))
        if self.logarithm:
            (total,) = self.sums(["x"], group, 1, lambda values: [math.exp(math.sub(values[0], peak))])
            shift = math.log(self.splat(total))

            def logarithm(values: list[Operand], index: Operand, mask: Operand | None) -> None:
                math.store(math.sub(math.sub(values[0], peak), shift), math.at(out, index), mask)

            self.over([x], logarithm)
            return

        def power(values: list[Operand], index: Operand, mask: Operand | None) -> None:
            math.store(math.exp(math.sub(values[0], peak)), math.at(out, index), mask)

        def share(values: list[Operand], index: Operand, mask: Operand | None) -> None:
            math.store(math.mul(values[0], factor), math.at(out, index), mask)

        self.over([x], power)
        (total,) = self.sums(["out"], group, 1, list)
        factor = self.splat(self.code.binary("fdiv", ONE, total))
        self.over([out], share)

    def _larger(self, x: Operand, y: Operand) -> Operand:
        """The larger of two numbers, lane by lane; NaN where either is."""
        code, mask = self.code, f"<{x.type.split()[0][1:]} x i1>"
        best = code.select(code.emit(f"fcmp ogt {x.type} {x}, {y}", mask), x, y)
        return code.select(code.emit(f"fcmp uno {x.type} {x}, {x}", mask), x, best)


class _Backward(_Rows):
    def group(self, group: Operand) -> None:
        math = self.math
        ct, y, out = self.places(["x", "y", "out"], group, 0)
        if self.logarithm:
            (total,) = self.sums(["x"], group, 1, list)
        else:
            (total,) = self.sums(["x", "y"], group, 1, lambda values: [math.mul(*values)])
        whole = self.splat(total)

        def body(values: list[Operand], index: Operand, mask: Operand | None) -> None:
            if self.logarithm:
                result = math.sub(values[0], math.mul(math.exp(values[1]), whole))
            else:
                result = math.mul(values[1], math.sub(values[0], whole))
            math.store(result, math.at(out, index), mask)

        self.over([ct, y], body)


@cache
def _kernel(backward: bool, dtype: str, logarithm: bool) -> threads.Parts:
    return threads.Parts((_Backward if backward else _Forward)(dtype, logarithm).text())


def _run(backward: bool, logarithm: bool, arrays: dict[str, Array]) -> Array | None:
    x = arrays["x"]
    if x.dtype.char not in "fd" or not generated_code_is_possible():
        return None
    shape = (1, prod(x.shape[:-1]), x.shape[-1])
    out = np.empty(x.shape, x.dtype)
    parts = parts_of(x.size, shape[1])
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()} | {"out": out}
    numbers = table(_Rows, shape, parts, {name: memory.address(array) for name, array in plain.items()})
    _kernel(backward, x.dtype.name, logarithm).run(parts, x.size * x.itemsize / 2, numbers)
    return out


def softmax(x: Array, logarithm: bool) -> Array | None:
    """The softmax along the last dimension, or its logarithm; None where numpy should compute it: another dtype than
    float32 or float64."""
    return _run(False, logarithm, {"x": x})


def softmax_gradient(ct: Array, out: Array, logarithm: bool) -> Array | None:
    """The cotangent of x, from that of the result ``out``; None as in `softmax`."""
    if ct.dtype != out.dtype:
        return None
    memory.check_alike("softmax", out.shape, out.dtype, ct)
    return _run(True, logarithm, {"x": ct, "y": out})
