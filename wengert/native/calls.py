"""A call of a native program as lines of Python, for a function that is written out for one program.

The one idea to know: `NativeProgram.launch` takes any arrays. A caller who knows that all of them but a few are those
of its last call need store no more than the addresses of these few and of the results, and enter the code: a dozen
lines without a loop, in half of the time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

from ..compiler import memory, threads
from . import entry

BRIEF = 20000
"""Cycles up to which a program that shares nothing among threads keeps Python's lock: to give it away and take it again
costs more than others could do meanwhile."""

_ENTRY = (None, *[ctypes.c_int64] * 3)


def lines_of_call(program: Any, ask: Callable[[object], str], mark: str, given: str, changing: Mapping[int, str]
                  ) -> list[str] | None:
    """Lines that run a `NativeProgram` and leave its fresh arrays in ``f0``, ``f1``, ..., and in ``wrong`` whether a
    guard has found something. ``given`` are all arrays of a call, as an expression; ``changing`` says which of them,
    by number, may be others than at the last call with the object called ``mark``. None for a program with calls of
    numpy. ``ask`` names objects."""
    steps = [step for step in program.steps if isinstance(step, entry.Step)]
    if len(program._parts) != 1 or len(steps) < len(program.steps):
        return None
    native, words = ask(program), ask(program._words)
    first = entry.FIRST + program.array_slots
    lines = [f"if {native}.given is not {mark}:", f" {native}.give({given}, {mark})"]
    if changing:
        lines += ["else:", *[f" {words}[{first + number}] = id({name})" for number, name in changing.items()]]
    for number, each in enumerate(program._fresh):
        made = each.expression.format(dtype=ask(each.dtype))
        lines.append(f"f{number} = {made}; {words}[{each.slot}] = id(f{number})")
    lines += [f"pool = {ask(threads._state)}.pool",
              f"if pool is None or pool is not {native}._pool: pool = {native}.attend()"]
    shares = any(step.largest for step in steps)
    if shares:
        lines.append(f"if pool._asleep or pool._unstarted: pool.await_work({program.cycles!r})")
    if program._descriptor[5]:  # OpenBLAS is to have one thread, which the runtime sees to
        job = program._entry, 1, program._frame, program._parts[0], *threads.NO_MORE
        lines.append(f"pool.launch(pool.control, {', '.join(map(str, job))})")
    else:
        table = threads.table(2)
        table[:] = program._frame, program._parts[0]
        brief = not shares and program.cycles <= BRIEF
        kind: Any = ctypes.PYFUNCTYPE if brief else ctypes.CFUNCTYPE
        call = kind(*_ENTRY)(entry.library().addresses["entry"])
        ask(table)  # which keeps it alive
        lines.append(f"{ask(call)}({memory.address(table)}, 0, 1)")
    guards = any(not step.function for step in steps)
    lines.append(f"wrong = {native}.has_gone_wrong()" if guards else "wrong = False")
    return [f"with {native}._lock:", *[f" {line}" for line in lines]]
