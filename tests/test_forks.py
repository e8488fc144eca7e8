"""A child that is forked off while another thread holds one of our locks goes on all the same."""

from __future__ import annotations

import ast
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wengert as torch
from wengert import futures
from wengert.amp import casting
from wengert.autograd import engine, graph
from wengert.compiler import jit, threads
from wengert.fx import _symbolic_trace
from wengert.native.program import NativeProgram
from wengert.tracing import compiled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="os.fork, with threads that do not run in the child")
PACKAGE = Path(torch.__file__).parent


def in_child(check: Callable[[], bool]) -> bool:
    """What ``check`` answers in a child that is forked off now; it has twenty seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            os._exit(0 if check() else 3)
        finally:
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Holder(threading.Thread):
    """A thread that holds a lock until it is told to let go."""

    def __init__(self, lock: Any) -> None:
        super().__init__(daemon=True)
        self.lock, self.held, self.over = lock, threading.Event(), threading.Event()

    def run(self) -> None:
        with self.lock:
            self.held.set()
            self.over.wait()

    def __enter__(self) -> None:
        self.start()
        assert self.held.wait(10)

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()


def backward() -> bool:
    x = torch.ones(3, requires_grad=True)
    (x * 2).sum().backward()
    return bool((x.grad == 2).all())


STEP = torch.compile(lambda x: (x * 2).exp().sum(0))


def native() -> NativeProgram:
    STEP(torch.ones(70, 80))
    runner: Any = STEP.programs[0]._run
    assert runner.program is not None
    return runner.program


def compiled_call() -> bool:
    return bool(torch.allclose(STEP(torch.zeros(70, 80)), torch.full((80,), 70.0)))


def hooked() -> bool:
    x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    came: list[Any] = []
    graph.register_multi_grad_hook((x, y), came.append)
    (x * y).sum().backward()
    return len(came) == 1


def future() -> bool:
    made = futures.Future()
    made.set_result(3)
    return bool(futures.collect_all([made]).wait()[0].value() == 3)


def traced() -> bool:
    return len(_symbolic_trace.symbolic_trace(torch.nn.ReLU()).graph.nodes) == 3


def new_kernel() -> bool:
    return bool(jit.engine().load("define void @made_in_a_child() {\n ret void\n}", "made_in_a_child").addresses)


def lowered() -> bool:
    with torch.autocast("cpu"):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16


HELD: dict[str, tuple[Callable[[], Any], Callable[[], bool]]] = {
    "amp/casting.py": (lambda: casting._arming, lowered),
    "autograd/engine.py": (lambda: engine._accumulating, backward),
    "autograd/graph.py": (lambda: graph._LOCK, hooked),
    "tracing/compiled.py": (lambda: compiled._LOCK, compiled_call),
    "native/program.py": (lambda: native()._lock, compiled_call),
    "futures.py": (lambda: futures._LOCK, future),
    "fx/_symbolic_trace.py": (lambda: _symbolic_trace._lock, traced),
    "compiler/threads.py": (lambda: threads._state.lock, lambda: threads.pool() is not None),
}
WAITS = {"compiler/jit.py"}
"""Where a fork waits until the lock is free, as LLVM cannot be left in the middle."""
OF_RANKS = {f"distributed/{name}.py"
            for name in ("channel", "groups", "keys", "messages", "output", "server", "store", "work")}
"""Whose locks belong to what a rank says to others: what it forks off does not speak for it."""


@pytest.mark.parametrize("file", HELD)
def test_a_child_goes_on_though_another_thread_holds_the_lock(file: str) -> None:
    lock, check = HELD[file]
    assert check()
    with Holder(lock()):
        assert in_child(check)
    assert check()


def test_a_fork_waits_for_a_compilation() -> None:
    engine = jit.engine()
    holder = Holder(engine._lock)
    with holder:
        threading.Timer(0.2, holder.over.set).start()
        assert in_child(new_kernel)
    assert new_kernel()


def test_every_lock_of_ours_is_held_above() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("Lock", "RLock"):
                found.add(path.relative_to(PACKAGE).as_posix())
    assert found == {*HELD, *WAITS, *OF_RANKS}


def test_tensors_that_another_thread_was_recording_are_whole_in_the_child() -> None:
    weight, began, over = torch.ones(3), threading.Event(), threading.Event()

    @torch.compile
    def step(x: Any) -> Any:
        out = x * weight
        weight.mul_(2)
        began.set()
        over.wait()
        return out

    thread = threading.Thread(target=step, args=(torch.ones(3),), daemon=True)
    thread.start()
    assert began.wait(10)
    try:
        assert in_child(lambda: weight.tolist() == [1.0] * 3 and compiled_call() and backward())
    finally:
        over.set()
        thread.join()
    assert weight.tolist() == [2.0] * 3


def test_a_program_that_was_starting_writes_to_its_own_arrays_in_the_child() -> None:
    """Half of the addresses may be those of the other thread's call: none of them is taken to be there."""
    program = native()
    x = torch.zeros(70, 80)
    STEP(x)
    program._words[program.array_slots + 7] = id(torch.full((70, 80), 5.0)._data)
    assert in_child(lambda: bool(torch.allclose(STEP(x), torch.full((80,), 70.0))))
    program.renew()
    assert bool(torch.allclose(STEP(x), torch.full((80,), 70.0)))
