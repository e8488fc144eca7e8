"""A nest as machine code, for the tests that hold it against its meaning."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from wengert.compiler import memory
from wengert.compiler.code import POINTER, WORD, Code, module
from wengert.compiler.jit import engine
from wengert.compiler.vectors import Machine
from wengert.native.emission import function_of
from wengert.native.loops import Buffer, Nest, places_of, verify


def run_nest(nest: Nest, arrays: dict[Buffer, np.ndarray[Any, Any]], machine: Machine | None = None) -> None:
    """Runs a nest as machine code, in two halves of its items, the second first; written for another ``machine`` than
    this one, if it is given, which must have no more."""
    function = function_of(verify(nest), "nest", machine or engine().machine)
    entry = Code("entry", {"operands": POINTER, "start": WORD, "stop": WORD})
    entry.call("void", "nest", *entry.parameters)
    entry.done()
    library = engine().load(module(function.code, entry), "entry")
    places = places_of(nest)
    table = np.array([memory.address(arrays[p.buffer]) + p.offset * arrays[p.buffer].itemsize for p in places])
    operands = np.array([memory.address(table)])
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(library.addresses["entry"])
    half = function.items // 2
    run(memory.address(operands), half, function.items)
    run(memory.address(operands), 0, half)
