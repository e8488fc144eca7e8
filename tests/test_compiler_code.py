"""The writer of LLVM IR: control flow and expressions in each other, held against what the machine computes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from wengert.compiler.code import TRUTH, WORD, Code, Operand, module, word
from wengert.compiler.jit import engine
from wengert.compiler.kernels import generated_code_is_possible
from wengert.compiler.math import MathBuilder
from wengert.compiler.vectors import Vectors

pytestmark = pytest.mark.skipif(not generated_code_is_possible(), reason="there is no generated code here")


def run(code: Code, *arrays: np.ndarray, start: int = 0, stop: int = 1) -> None:
    """Compiles a kernel and runs it on the addresses of these arrays."""
    library = engine().load(module(code), "kernel")
    table = np.array([array.ctypes.data for array in arrays], np.int64)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    kind(library.addresses["kernel"])(table.ctypes.data, start, stop)


def number(write: Callable[[Code, Operand], Operand], given: int) -> int:
    """What the code that ``write`` writes makes of a word."""
    code = Code()
    place = code.address(code.parameters[0], 0)
    code.store(write(code, code.parameters[1]), place, align=8)
    code.done()
    out = np.zeros(1, np.int64)
    run(code, out, start=given)
    return int(out[0])


def test_an_expression_may_open_blocks_inside_a_loop() -> None:
    """sin of float32 has a block of its own for large arguments; the loop's phi must come from where that ended."""
    code = Code()
    operands, _, stop = code.parameters
    math = MathBuilder(code, "float32", engine().machine)
    source, out = code.address(operands, 0), code.address(operands, 1)
    with code.loop(stop, step=math.lanes, carried=[math.zero]) as loop:
        value = math.sin(math.load(math.at(source, loop.index)))
        math.store(value, math.at(out, loop.index))
        loop.next = [math.add(loop.carried[0], value)]
    math.store(loop.carried[0], code.address(operands, 2))
    code.done()
    x = np.random.default_rng(0).normal(0, 1e6, 4 * math.lanes).astype(np.float32)
    y, total = np.zeros_like(x), np.zeros(math.lanes, np.float32)
    run(code, x, y, total, stop=x.size)
    np.testing.assert_allclose(y, np.sin(x.astype(np.float64)), rtol=3e-7, atol=1e-7)
    np.testing.assert_allclose(total, y.reshape(4, -1).sum(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("given", [0, 3, 5, 8])
def test_control_flow_inside_control_flow(given: int) -> None:
    def write(code: Code, n: Operand) -> Operand:
        with code.loop(n, carried=[word(0)]) as outer:
            with code.choice(code.compare("eq", code.rest(outer.index, 2), 0)) as (even, odd):
                with even, code.loop(outer.index, start=1, step=2, carried=outer.carried) as inner:
                    inner.next = [code.add(inner.carried[0], inner.index)]
                even.results = inner.carried
                with odd:
                    odd.results = [code.mul(outer.carried[0], 3)]
            with code.when(code.less(5, outer.index), even.results) as late:
                late.results = [code.sub(even.results[0], 1000)]
            outer.next = late.results
        return outer.carried[0]

    total = 0
    for index in range(given):
        total = total + sum(range(1, index, 2)) if index % 2 == 0 else total * 3
        total -= 1000 * (index > 5)
    assert number(write, given) == total


def test_memory_of_its_own_and_of_all_threads() -> None:
    def write(code: Code, n: Operand) -> Operand:
        place = code.stack(WORD)
        code.atomic_store(n, place, "release")
        old = code.atomic_update("add", place, 5, "seq_cst")
        swapped = code.atomic_update("xchg", place, code.mul(old, 2), "acquire")
        return code.add(code.mul(swapped, 100), code.atomic_load(place, "acquire"))

    assert number(write, 7) == 12 * 100 + 14


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 64, 77])
def test_a_sweep_reads_and_writes_every_element_and_no_other(dtype: str, length: int) -> None:
    code = Code()
    operands, _, stop = code.parameters
    vectors = Vectors(code, dtype, engine().machine)
    source, out = code.address(operands, 0), code.address(operands, 1)
    vectors.sweep(0, stop, lambda index, mask: vectors.store(
        vectors.add(vectors.load(vectors.at(source, index), mask), 1.0), vectors.at(out, index), mask))
    code.done()
    x, y = np.arange(length + 1, dtype=dtype), np.full(length + 1, -1, dtype)
    run(code, x, y, stop=length)
    assert np.array_equal(y, [*(x[:-1] + 1), -1])


def test_functions_of_a_module_call_each_other_and_declare_what_is_foreign_once() -> None:
    inner = Code("inner", {"x": WORD}, WORD, visible=False)
    inner.done(inner.least(inner.parameters[0], 9))
    code = Code()
    value = code.call(WORD, "inner", code.least(code.parameters[1], 100))
    code.store(value, code.address(code.parameters[0], 0), align=8)
    code.done()
    text = module(inner, code)
    assert text.count("declare") == 1 and "declare i64 @llvm.smin.i64(i64, i64)" in text
    assert "define internal i64 @inner(i64 %x)" in text and str(code) in text
    out = np.zeros(1, np.int64)
    library = engine().load(text, "kernel")
    table = np.array([out.ctypes.data], np.int64)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    kind(library.addresses["kernel"])(table.ctypes.data, 50, 0)
    assert out[0] == 9


def test_the_cost_counts_instructions_on_vectors() -> None:
    code = Code()
    vectors = Vectors(code, "float32", engine().machine)
    code.add(code.parameters[1], 1)
    assert code.cost == 0
    x = vectors.splat(Operand("1.0", "float"))
    vectors.mul(x, x)
    assert code.cost == 3
    code.select(Operand("true", TRUTH), 1, 2)
    assert code.cost == 3
