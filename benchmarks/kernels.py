"""Generated kernels beside numpy and PyTorch, one function and size at a time: ``python -m benchmarks.kernels``.

Everything runs in one process, in blocks: some dozen calls of one side, a rest in which the other side's threads fall
asleep, some dozen calls of the other. Alternating single calls would measure how three spinning threads share two
processors. For each side the least median of all blocks is shown, because other programs only ever add to a time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np

from wengert.compiler import kernels, threads
from wengert.core.primitive import P

from .report import duration

FUNCTIONS = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sigmoid", "erf", "erfc", "sin", "cos",
             "sqrt", "rsqrt", "gelu", "silu", "relu", "neg", "abs", "add", "mul", "div")
SIZES = (16_384, 131_072, 1_048_576)
BLOCKS, CALLS, REST = 7, 30, 0.03

Call = Callable[[], Any]


def block(call: Call) -> float:
    """The median seconds of a call, in one block of calls."""
    times = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return median(times)


def compare(calls: Sequence[Call | None]) -> list[float | None]:
    """The seconds of each call: the least median of `BLOCKS` blocks, taken in turn."""
    best: list[float | None] = [None] * len(calls)
    for _ in range(BLOCKS):
        for k, call in enumerate(calls):
            if call is not None:
                time.sleep(REST)
                seconds, so_far = block(call), best[k]
                best[k] = seconds if so_far is None else min(seconds, so_far)
    return best


def sides(name: str, size: int) -> list[Call | None]:
    """The function by a generated kernel, by the primitive's own numpy code, and by PyTorch where there is one."""
    primitive = getattr(P, name)
    x = np.random.default_rng(0).uniform(0.1, 3, size).astype(np.float32)
    operands = [x] * primitive.arity
    kernel = kernels.kernel_for(primitive, "float32")
    assert kernel is not None
    ours = partial(fresh, kernel, operands)
    theirs: Call | None = None
    if find_spec("torch") is not None:
        torch = import_module("torch")
        torch.set_num_threads(threads.get_num_threads())
        function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
        theirs = partial(function, *[torch.from_numpy(x)] * primitive.arity)
    return [ours, partial(primitive.run, *operands), theirs]


def fresh(kernel: kernels.Kernel, operands: list[np.ndarray]) -> np.ndarray:
    """The kernel's result in fresh memory, whatever the size."""
    return kernel.run(np.empty(operands[0].shape, kernel.result), *operands)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("functions", nargs="*", default=FUNCTIONS, metavar="FUNCTION")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    options = parser.parse_args()
    print(f"float32, {threads.get_num_threads()} threads\n")
    print("| function | elements | kernel | numpy | PyTorch | to numpy | to PyTorch |")
    print("| -------- | -------: | -----: | ----: | ------: | -------: | ---------: |")
    for name in options.functions:
        for size in options.sizes:
            times = compare(sides(name, size))
            ours = times[0]
            assert ours is not None
            shown = [duration(t) if t is not None else "–" for t in times]
            ratios = [f"{ours / t:.2f}" if t is not None else "–" for t in times[1:]]
            print(f"| {name} | {size:,} | {' | '.join(shown)} | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    main()
