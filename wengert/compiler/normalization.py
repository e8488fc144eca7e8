"""Generated code for normalisation to mean 0 and variance 1, forward and backward.

Batch normalisation reduces a channel (a run a sample) and has a weight for each; layer normalisation reduces a row and
has a weight for each of its places. A group stays in the cache while it is read once for the mean, once for the
variance, and once for the result; backward reads it twice. The formulas are those of `wengert.prims.normalization`.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from . import memory, threads
from .code import Operand
from .kernels import generated_code_is_possible
from .sweeps import ONE, WORDS, Array, Sweeps, parts_of, table

__all__ = ["normalize", "normalize_gradient"]

LEAST_LENGTH = 8
"""Elements that a run has at least: shorter ones are better left to numpy, which goes across them."""


class Form(NamedTuple):
    """What the text of a kernel depends on. ``along``: weight and bias go along a run, instead of one per group."""

    dtype: str
    weight: bool
    bias: bool
    along: bool


class _Forward(Sweeps):
    arrays = ("x", "weight", "bias", "out", "mean", "variance")
    numbers = ("count", "eps")

    def __init__(self, form: Form) -> None:
        super().__init__(form.dtype)
        self.form = form

    def group(self, group: Operand) -> None:
        slots, math, form = self.slots, self.math, self.form
        (total,) = self.sums(["x"], group, 1, list)
        mean = self.code.binary("fdiv", total, slots["count"])
        self.keep(mean, "mean", group)
        middle = self.splat(mean)

        def square(values: list[Operand]) -> list[Operand]:
            centred = math.sub(values[0], middle)
            return [math.mul(centred, centred)]

        (total,) = self.sums(["x"], group, 1, square)
        variance = self.code.binary("fdiv", total, slots["count"])
        self.keep(variance, "variance", group)
        scale = _scale(self, variance)
        along = [name for name in ("weight", "bias") if form.along and getattr(form, name)]
        if form.weight and not form.along:
            scale = self.code.binary("fmul", scale, self.element("weight", group))
        factor = self.splat(scale)
        offset = self.splat(self.element("bias", group)) if form.bias and not form.along else None
        with self.code.loop(slots["runs"]) as run:
            places = self.places(["x", "out"], group, run.index)

            def body(values: list[Operand], index: Operand, mask: Operand | None) -> None:
                centred = math.sub(values[0], middle)
                if not along:
                    result = math.mul(centred, factor) if offset is None else math.fma(centred, factor, offset)
                else:
                    given = dict(zip(along, values[1:], strict=True))
                    result = math.mul(centred, factor)
                    if "weight" in given and "bias" in given:
                        result = math.fma(result, given["weight"], given["bias"])
                    elif "weight" in given:
                        result = math.mul(result, given["weight"])
                    else:
                        result = math.add(result, given["bias"])
                math.store(result, math.at(places[1], index), mask)

            self.over([places[0], *[slots[name] for name in along]], body)


class _Backward(Sweeps):
    arrays = ("g", "x", "weight", "mean", "variance", "out", "by_weight", "by_bias")
    numbers = ("count", "eps")

    def __init__(self, form: Form) -> None:
        super().__init__(form.dtype)
        self.form = form

    def group(self, group: Operand) -> None:
        slots, math, form = self.slots, self.math, self.form
        middle = self.splat(self.element("mean", group))
        scale = _scale(self, self.element("variance", group))
        weights = ["weight"] if form.along and form.weight else []

        def pair(values: list[Operand]) -> list[Operand]:
            g = math.mul(values[0], values[2]) if weights else values[0]
            return [g, math.mul(g, math.sub(values[1], middle))]

        total, product = self.sums(["g", "x"], group, 2, pair, weights)
        along = self.code.binary("fmul", product, scale)
        factor = scale
        if not form.along:
            self.keep(along, "by_weight", group)
            self.keep(total, "by_bias", group)
            if form.weight:
                factor = self.code.binary("fmul", scale, self.element("weight", group))
        shift = self.splat(self.code.binary("fdiv", total, slots["count"]))
        slope = self.splat(self.code.binary("fdiv", self.code.binary("fmul", along, scale), slots["count"]))
        times, scales = self.splat(factor), self.splat(scale)
        with self.code.loop(slots["runs"]) as run:
            places = self.places(["g", "x", "out"], group, run.index)
            read = [*places[:2], *[slots[name] for name in weights]]
            if form.along:  # each part has sums of its own
                first = self.code.mul(self.part, slots["length"])
                read += [math.at(slots[name], first) for name in ("by_weight", "by_bias")]

            def body(values: list[Operand], index: Operand, mask: Operand | None) -> None:
                g, centred = values[0], math.sub(values[1], middle)
                if form.along:
                    more = (math.fma(g, math.mul(centred, scales), values[-2]), math.add(g, values[-1]))
                    for value, place in zip(more, read[-2:], strict=True):
                        math.store(value, math.at(place, index), mask)
                if weights:
                    g = math.mul(g, values[2])
                result = math.mul(math.sub(math.sub(g, shift), math.mul(centred, slope)), times)
                math.store(result, math.at(places[2], index), mask)

            self.over(read, body)


def _scale(writer: Sweeps, variance: Operand) -> Operand:
    """1 / sqrt(variance + eps), a float64 number."""
    code = writer.code
    raised = code.binary("fadd", variance, writer.slots["eps"])
    return code.binary("fdiv", ONE, code.call("double", "llvm.sqrt.f64", raised))


@cache
def _kernel(backward: bool, form: Form) -> threads.Parts:
    return threads.Parts((_Backward if backward else _Forward)(form).text())


class _Plan:
    """The kernel and the numbers of arrays of one shape, all but the addresses of a call."""

    def __init__(self, backward: bool, form: Form, shape: tuple[int, int, int], kept: tuple[int, ...], eps: float
                 ) -> None:
        kind = _Backward if backward else _Forward
        size = prod(shape)
        self.kept, self.along = kept, form.along
        self.parts = parts_of(size, shape[1])
        self.sums = (self.parts, shape[2]) if form.along else (1, shape[1])
        self._kernel = _kernel(backward, form)
        self._worth = size * (4 if form.dtype == "float32" else 8) / 4
        self._tables = threads.Tables(table(kind, shape, self.parts, {}, (shape[0] * shape[2], eps)).tolist())

    def run(self, *arrays: Array | None) -> None:
        """Runs the kernel on its arrays, None for what there is not."""
        numbers = self._tables.take()
        numbers[len(WORDS) : len(WORDS) + len(arrays)] = [0 if a is None else memory.address(a) for a in arrays]
        self._kernel.run(self.parts, self._worth, numbers)
        self._tables.give(numbers)


@lru_cache(maxsize=512)
def _plan(backward: bool, letter: str, shape: tuple[int, ...], dim: tuple[int, ...],
          weight: tuple[int, ...] | None, bias: tuple[int, ...] | None, eps: float, weighed: bool) -> _Plan | None:
    """The plan for an array of this shape, ``weight`` and ``bias`` of these shapes; None where there is no generated
    code for it. ``weighed``: the kernel is given the weight."""
    if letter not in memory.NAMES:
        return None
    rank, along = len(shape), set()
    if dim == tuple(range(rank - len(dim), rank)):
        runs = (1, prod(shape[: -len(dim)]), prod(shape[-len(dim) :]))
    elif dim == (0, *range(2, rank)):
        runs = (shape[0], shape[1], prod(shape[2:]))
    else:
        return None
    kept = tuple([1 if d in dim else size for d, size in enumerate(shape)])
    for given in (weight, bias):
        if given is None:
            continue
        if runs[0] == 1 and given == shape[rank - len(dim) :]:
            along.add(True)
        elif given == kept:
            along.add(False)
        else:
            return None
    if runs[2] < LEAST_LENGTH or len(along) > 1:
        return None
    form = Form(memory.NAMES[letter], weighed, bias is not None and not backward, along == {True})
    return _Plan(backward, form, runs, kept, eps)


def normalize(x: Array, weight: Array | None, bias: Array | None, dim: tuple[int, ...], eps: float
              ) -> tuple[Array, Array, Array] | None:
    """The result, and mean and variance with the reduced dimensions kept as size 1. None where numpy should compute
    it: another dtype than float32 or float64, weights that lie otherwise than in batch and layer normalisation."""
    if not generated_code_is_possible():
        return None
    plan = _plan(False, x.dtype.char, x.shape, dim, None if weight is None else weight.shape,
                 None if bias is None else bias.shape, eps, weight is not None)
    if plan is None or any([given is not None and given.dtype != x.dtype for given in (weight, bias)]):
        return None
    out = np.empty(x.shape, x.dtype)
    mean, variance = np.empty(plan.kept, x.dtype), np.empty(plan.kept, x.dtype)
    given = [None if array is None else np.ascontiguousarray(array) for array in (x, weight, bias)]
    plan.run(*given, out, mean, variance)
    return out, mean, variance


def normalize_gradient(g: Array, x: Array, weight: Array | None, mean: Array, variance: Array, dim: tuple[int, ...],
                       eps: float, shapes: list[tuple[int, ...]]) -> tuple[Array, Array, Array] | None:
    """The cotangents of x, of the weight and of the bias, whether there are these two or not; ``shapes`` are those of
    weight and bias, as far as there are some. None as in `normalize`."""
    if not generated_code_is_possible():
        return None
    first, second = (*map(tuple, shapes), None, None)[:2]
    plan = _plan(True, x.dtype.char, x.shape, dim, first, second, eps, weight is not None)
    if plan is None or g.dtype != x.dtype or (weight is not None and weight.dtype != x.dtype):
        return None
    memory.check_alike("normalize", x.shape, x.dtype, g)
    memory.check_alike("normalize", plan.kept, x.dtype, mean, variance)
    if weight is not None:
        memory.check_alike("normalize", shapes[0], x.dtype, weight)
    out = np.empty(x.shape, x.dtype)
    sums = [(np.zeros if plan.along else np.empty)(plan.sums, x.dtype) for _ in range(2)]
    given = [None if array is None else np.ascontiguousarray(array) for array in (g, x, weight, mean, variance)]
    plan.run(*given, out, *sums)
    by_weight, by_bias = [np.add.reduce(part, axis=0) if plan.along else part[0] for part in sums]
    return out, by_weight, by_bias
