"""Worker threads where something comes between: interrupts, exits, forks, other numbers of them."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler import blas, runtime, threads
from wengert.compiler.code import WORD, Code, module

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _same_threads_after() -> Iterator[None]:
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


def run(program: str) -> tuple[int, str, str]:
    """Exit status, output and errors of a program that must end by itself."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.strip(), done.stderr


def large() -> Any:
    return torch.linspace(-1, 1, 1_000_000)


def asleep(pool: threads.Pool, count: int) -> None:
    """Waits until so many workers sleep, none of them rung."""
    deadline, quiet = time.monotonic() + 20, 0
    while quiet < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        quiet = quiet + 1 if sum(sleeper.bell.locked() for sleeper in pool._asleep) == count else 0


def ends(function: Any) -> None:
    """The function returns."""
    worker = threading.Thread(target=function, daemon=True)
    worker.start()
    worker.join(20)
    assert not worker.is_alive()


def test_of_two_jobs_one_goes_through_a_segment_the_other_way() -> None:
    """What one has left in a thread's cache, the next begins with."""
    code = Code()
    operands, start, stop = code.parameters
    table = code.address(operands, 0)
    with code.loop(stop, start=start) as part:
        number = code.atomic_update("add", table, 1, "monotonic")
        code.store(part.index, code.at(WORD, table, code.add(number, 1)), align=8)
    code.done()
    threads.set_num_threads(2)
    kernel, words, found = threads.Parts(module(code)), threads.table(9), []
    for _ in range(4):  # too small to start a worker for
        words[0] = 0
        kernel.run(8, 0, words)
        found.append(words[1:].tolist())
    forth, back = [0, 1, 2, 3, 4, 5, 6, 7], [3, 2, 1, 0, 7, 6, 5, 4]
    assert found in ([forth, back] * 2, [back, forth] * 2)


def test_a_worker_that_naps_joins_a_job_without_being_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a busy machine has kept the caller from its processor for longer than workers spin."""
    monkeypatch.setattr(threads, "NAPS", 10**9)
    monkeypatch.setattr(threads, "PATIENCE", 1e-5)
    threads.set_num_threads(2)
    pool = threads.pool()
    pool.await_work(threads.WAKE_WORTH)
    time.sleep(0.05)
    spent = time.process_time()
    time.sleep(0.2)
    assert not pool._asleep
    assert time.process_time() - spent < 0.1  # spinning would take all of it
    seen: set[int] = set()

    def part(operands: int, start: int, stop: int) -> None:
        seen.add(threading.get_native_id())
        time.sleep(0.01)

    word = ctypes.c_int64
    kernel = ctypes.CFUNCTYPE(None, word, word, word)(part)
    descriptor = (word * 6)(ctypes.cast(kernel, ctypes.c_void_p).value or 0, 0, 0, 1, 1, 0)
    pool.launch(pool.control, ctypes.addressof(descriptor), 200, 0, 0, *threads.NO_MORE)
    assert len(seen) == 2


@pytest.mark.parametrize("place", ["_allow", "_current_processor"])
def test_an_interrupt_while_workers_are_woken_loses_none(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads.set_num_threads(3)
    expected = torch.exp(large())
    pool = threads.pool()
    pool._wake()
    asleep(pool, 2)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threads, place, interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool._wake()
    asleep(pool, 2)
    assert torch.equal(torch.exp(large()), expected)
    ends(pool.stop)
    assert not any(worker.is_alive() for worker in pool._workers)


def test_an_interrupt_while_workers_start_leaves_a_pool_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    threads.set_num_threads(4)
    pool = threads.pool()
    start, started = threading.Thread.start, []

    def interrupted(self: threading.Thread) -> None:
        if started:
            raise KeyboardInterrupt
        started.append(self)
        start(self)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool._wake()
    pool._wake()  # and the next job starts those that are missing
    assert len(pool._workers) == 3 and all(worker.is_alive() for worker in pool._workers)
    ends(pool.stop)
    assert not any(worker.is_alive() for worker in pool._workers)


def test_an_interrupt_while_workers_end_leaves_them_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    threads.set_num_threads(3)
    old = threads.pool()
    old._wake()
    asleep(old, 2)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            threads.set_num_threads(2)
    assert threads.get_num_threads() == 2 and threads.pool() is not old
    threads.set_num_threads(2)
    assert not any(worker.is_alive() for worker in old._workers)


@pytest.mark.skipif(blas.openblas() is None or not hasattr(signal, "setitimer"), reason="needs OpenBLAS and timers")
# An interrupt within Thread.start leaves Python's own list of threads without one that then starts.
@pytest.mark.filterwarnings("ignore:Exception ignored in thread started by:pytest.PytestUnraisableExceptionWarning")
def test_interrupts_leave_openblas_its_threads() -> None:
    library = blas.openblas()
    assert library is not None
    x = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    expected, before = blas.product(x, x), library.get_threads()
    assert expected is not None and before > 1
    random, interrupts = np.random.default_rng(1), 0
    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for _ in range(500):
            try:
                signal.setitimer(signal.ITIMER_REAL, float(random.uniform(2e-5, 3e-4)))
                for _ in range(1000):
                    blas.product(x, x)
            except KeyboardInterrupt:
                interrupts += 1
            assert library.get_threads() == before
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert interrupts > 400
    assert np.array_equal(blas.product(x, x), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_forked_within_a_product_has_openblas_whole() -> None:
    library = blas.openblas()
    if library is None:
        pytest.skip("numpy has no OpenBLAS of its own here")
    before, x = library.get_threads(), np.ones((700, 700), np.float32)
    end = threading.Event()

    def multiply() -> None:
        while not end.is_set():
            blas.product(x, x)

    other = threading.Thread(target=multiply)
    other.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                first = library.get_threads()
                good = blas.product(x, x)
                os._exit(0 if first == library.get_threads() == before and good is not None and (good == 700).all()
                         else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        end.set()
        other.join()


def test_who_forks_waits_for_products_and_they_for_it() -> None:
    """OpenBLAS locks while its number of threads is changed, and a child could never unlock what another held."""
    library = blas.openblas()
    if library is None:
        pytest.skip("numpy has no OpenBLAS of its own here")
    x = np.ones((700, 700), np.float32)
    blas.product(x, x)
    library._slots[runtime.USERS] = 1  # as while a kernel runs
    forking, multiplying = threading.Thread(target=library.hush), threading.Thread(target=blas.product, args=(x, x))
    forking.start()
    multiplying.start()
    forking.join(0.2)
    multiplying.join(0.2)
    assert forking.is_alive() and multiplying.is_alive()
    library._slots[runtime.USERS] = 0
    forking.join()
    multiplying.join(0.2)
    assert multiplying.is_alive()
    library.resume()
    multiplying.join()
    assert library._slots[: runtime.USUAL].tolist() == [0, 0, 0]


def test_set_num_threads_leaves_no_cycles() -> None:
    x = large()
    threads.set_num_threads(3)
    torch.exp(x)
    gc.collect()
    gc.disable()
    try:
        for count in (2, 4, 5, 3):
            threads.set_num_threads(count)
            torch.exp(x)
            threads.pool()._wake()
        threads.set_num_threads(2)
        assert gc.collect() == 0
    finally:
        gc.enable()


KERNEL_AT_EXIT = """
import numpy as np, wengert as torch
{before}
class Late:
    x = torch.linspace(-1, 1, 5_000_000)
    def __del__(self):
        for _ in range(3):
            y = {call}
        print(float(y.abs().max()) < 9, flush=True)
late = Late()
"""


@pytest.mark.parametrize("before", ["", "torch.exp(torch.ones(20_000))", "torch.exp(torch.ones(5_000_000))"])
@pytest.mark.parametrize("call", ["torch.exp(self.x)", "self.x.view(5000, 1000) @ self.x.view(1000, 5000)[:, :50]"])
def test_a_kernel_at_exit_is_no_hang(before: str, call: str) -> None:
    program = "from wengert.compiler import threads; threads.set_num_threads(3)\n" + KERNEL_AT_EXIT
    status, out, errors = run(program.format(before=before, call=call))
    assert (status, out) == (0, "True"), errors


@pytest.mark.skipif(sys.platform != "linux", reason="os.fork with libc.so.6")
def test_an_interrupt_during_a_fork_arrives() -> None:
    # The signal comes while the process forks; whoever is called after that, in Python, is interrupted in its place.
    program = """
import ctypes, os, signal, sys
from functools import partial
libc = ctypes.CDLL(None)
os.register_at_fork(before=partial(libc.kill, os.getpid(), signal.SIGINT))
import {module}
sys.unraisablehook = lambda unraisable: print("swallowed:", unraisable.object)
try:
    if os.fork() == 0:
        os._exit(0)
    for _ in range(1000):
        pass
    print("lost")
except KeyboardInterrupt:
    print("arrived")
"""
    plain = run(program.format(module="numpy"))
    assert plain[1] == "arrived"
    assert run(program.format(module="wengert, wengert.utils.data, wengert.compiler.jit"))[1] == plain[1]
