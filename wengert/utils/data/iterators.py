"""What ``iter(loader)`` gives: a run through the data, in this process or with workers.

With workers the one idea to know is that every worker answers its tasks in their order over a line of its own. So the
next batch is the next message of the worker that has the next task: nothing is sorted, nothing waits in a queue of this
process, and no thread is needed. Nothing here depends on how fast a worker is, so the order never does, unless
``in_order=False`` asks for whatever is there first.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import multiprocessing.connection  # here: joining a process may not begin with an import, see `_Crew`
import os
import pickle
import signal
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol

from ...core.frames import warn
from ...tensors.generator import Generator
from .channel import Channel, pair
from .dataset import IterableDataset
from .failures import Failure
from .fetch import Recipe
from .sampler import draw_seed
from .transport import Borrower
from .worker import RESTART, Duty, Ended, run

PATIENCE = 5.0
"""Seconds between two looks whether a worker that does not answer still lives, and for workers to end by themselves."""


class Loader(Protocol):
    """What an iterator reads of its `DataLoader`, where the options are explained."""

    dataset: Any
    batch_sampler: Any
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    generator: Generator | None
    num_workers: int
    timeout: float
    in_order: bool
    persistent_workers: bool
    prefetch_factor: int | None
    worker_init_fn: Callable[[int], None] | None
    multiprocessing_context: Any
    pin_memory: bool
    pin_memory_device: str
    _announced: int | None

    @property
    def _index_sampler(self) -> Any: ...


class LoaderIterator:
    """A run through the batches of a loader; its length is the loader's."""

    def __init__(self, loader: Loader) -> None:
        if loader.pin_memory:
            _warn_of_pinning(loader.pin_memory_device)
        self._order = loader._index_sampler
        self._dataset = loader.dataset
        self._recipe = Recipe(loader.dataset, loader.batch_sampler is not None, loader.collate_fn, loader.drop_last)
        self._indices = iter(self._order)
        # PyTorch draws a seed for its workers even where it has none. So do we, to leave the generator as it does.
        self._base_seed = draw_seed(loader.generator)
        self._announced = loader._announced
        self._yielded = 0

    def __iter__(self) -> LoaderIterator:
        return self

    def __len__(self) -> int:
        return len(self._order)

    def __next__(self) -> Any:
        batch = self._next_batch()
        self._yielded += 1
        if self._announced is not None and self._yielded > self._announced:
            self._warn_of_length()
        return batch

    def _next_batch(self) -> Any:
        raise NotImplementedError

    def _warn_of_length(self, hint: str = "") -> None:
        if isinstance(self._dataset, IterableDataset):
            warn(
                f"Length of IterableDataset {self._dataset} was reported to be {self._announced}(when accessing "
                f"len(dataloader)), but {self._yielded} samples have been fetched. {hint}",
            )

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class SerialIterator(LoaderIterator):
    """A run in this process. Raises AssertionError for a loader with a ``timeout``, which only workers can miss."""

    def __init__(self, loader: Loader) -> None:
        super().__init__(loader)
        if loader.timeout != 0:
            raise AssertionError("[DataLoader] a timeout needs num_workers > 0")
        self._fetch = self._recipe.fetcher()

    def _next_batch(self) -> Any:
        return self._fetch(next(self._indices))


class _Crew:
    """The worker processes of an iterator, with their lines and their memory; apart from it, to outlive it a moment.

    ``close`` ends them: their lines are closed, upon which each ends as soon as it has its batch; those that do not are
    killed. In a forked child it only closes the lines. It may be called by the garbage collector, at any place.
    """

    def __init__(self) -> None:
        self.processes: list[Any] = []
        self.channels: list[Channel] = []
        self.borrowers: list[Borrower] = []
        self.owner = os.getpid()

    def start(self, context: Any, duty: Duty) -> None:
        """Starts one more. Raises what starting a process raises: under spawn, what cannot be pickled."""
        channel, end = pair()
        process = context.Process(target=run, args=(end, duty), daemon=True)
        try:
            process.start()
        except BaseException:
            channel.close()
            raise
        finally:
            end.close()
        self.processes.append(process)
        self.channels.append(channel)
        self.borrowers.append(Borrower())

    def close(self, patience: float | None = None) -> None:
        for channel in self.channels:
            channel.close()
        if os.getpid() != self.owner:
            return
        deadline = time.monotonic() + (PATIENCE if patience is None else patience)
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        for step in ("terminate", "kill"):
            for process in self.processes:
                if process.is_alive():
                    getattr(process, step)()
                    process.join(1.0)
        for each in (self.processes, self.channels, self.borrowers):
            each.clear()


class WorkerIterator(LoaderIterator):
    """A run with worker processes, which end with it, or with the iterator if it is kept for further runs.

    ``prefetch_factor`` batches a worker are asked for in advance.
    """

    def __init__(self, loader: Loader) -> None:
        super().__init__(loader)
        self._count = loader.num_workers
        self._timeout = loader.timeout
        self._in_order = loader.in_order
        self._persistent = loader.persistent_workers
        self._ahead = (2 if loader.prefetch_factor is None else loader.prefetch_factor) * self._count
        self._crew = _Crew()
        self._end = weakref.finalize(self, self._crew.close)
        self._trouble: str | None = None
        context = multiprocessing if loader.multiprocessing_context is None else loader.multiprocessing_context
        keep = self._ahead // self._count + 2
        for number in range(self._count):
            duty = Duty(number, self._count, self._base_seed, self._recipe, loader.worker_init_fn, keep)
            self._start(context, duty)
        self._sent = 0
        self._begin()

    def _start(self, context: Any, duty: Duty) -> None:
        try:
            self._crew.start(context, duty)
        except (TypeError, AttributeError, pickle.PicklingError):
            self._end()
            warn(
                "A worker process could not be started because what it needs (the dataset, collate_fn or "
                "worker_init_fn) cannot be pickled, as every start method other than fork requires. Define it at the "
                "top level of a module, or use multiprocessing.set_start_method('fork') where the system has it.",
            )
            raise

    @property
    def _workers(self) -> list[Any]:
        """The worker processes."""
        return self._crew.processes

    @property
    def usable(self) -> bool:
        """Whether another run can begin: the workers were not ended."""
        return bool(self._crew.channels)

    def restart(self, loader: Loader) -> None:
        """Begins another run with the same workers. What they still had to do for the last one is not waited for."""
        self._announced, self._yielded = loader._announced, 0
        for worker in range(self._count):
            self._send(worker, RESTART)
        self._begin()

    def _begin(self) -> None:
        # PyTorch begins with a second iterator over the sampler; a sampler that draws in `__iter__` notices that.
        self._indices = iter(self._order)
        self._wanted = self._sent  # answers to tasks before this one are of an earlier run
        self._tasks: dict[int, int] = {}  # number: its worker
        self._active = [True] * self._count
        self._load = [0] * self._count
        self._turn = itertools.cycle(range(self._count))
        for _ in range(self._ahead):
            if not self._send_task():
                break

    # --- tasks ------------------------------------------------------------------------------------------------------

    def _send_task(self) -> bool:
        """Gives the next task to the worker whose turn it is; whether there was one."""
        try:
            indices = next(self._indices)
        except StopIteration:
            return False
        worker = self._whose_turn()
        if worker is None:
            return False
        returned = self._crew.borrowers[worker].returned()
        self._send(worker, (self._sent, indices, returned))
        self._tasks[self._sent] = worker
        self._load[worker] += 1
        self._sent += 1
        return True

    def _whose_turn(self) -> int | None:
        most = self._ahead // max(1, sum(self._active))
        for _ in range(self._count):
            worker = next(self._turn)
            if self._active[worker] and (self._in_order or self._load[worker] < most):
                return worker
        return None

    def _send(self, worker: int, content: Any) -> None:
        payload = pickle.dumps(content, 5)
        with self._line_to(worker) as channel:
            channel.send(payload)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _next_batch(self) -> Any:
        if self._trouble is not None:
            raise RuntimeError(f"[DataLoader] this iteration was ended: {self._trouble}; begin another one")
        while True:
            while self._wanted < self._sent and not self._active[self._tasks.get(self._wanted, 0)]:
                self._tasks.pop(self._wanted, None)
                self._wanted += 1
            waiting = self._tasks.get(self._wanted) if self._in_order else self._any_task()
            if waiting is None:
                if not self._persistent:
                    self._end()
                raise StopIteration
            number, answer = self._answer(waiting)
            worker = self._tasks.pop(number, None)
            if worker is None:
                continue  # of an earlier run
            if self._in_order:
                self._wanted += 1
            if isinstance(answer, Ended):
                self._active[worker] = False
                self._send_task()
                continue
            self._load[worker] -= 1
            self._send_task()
            if isinstance(answer, Failure):
                answer.reraise()
            return answer

    def _any_task(self) -> int | None:
        """A worker that has answered, waited for if need be; None where no task is left."""
        busy = {worker for worker in self._tasks.values() if self._active[worker]}
        if not busy:
            return None
        channels = self._crew.channels
        ready = [worker for worker in busy if channels[worker].pending]
        if not ready:
            seconds = self._timeout if self._timeout > 0 else None
            found = multiprocessing.connection.wait([channels[worker].socket for worker in busy], seconds)
            if not found:
                raise self._too_late()
            ready = [worker for worker in busy if channels[worker].socket in found]
        return ready[0]

    def _answer(self, worker: int) -> tuple[int, Any]:
        """The worker's next message: the number of a task and its batch."""
        crew = self._crew
        limit = time.monotonic() + self._timeout if self._timeout > 0 else None
        while True:
            left = PATIENCE if limit is None else min(PATIENCE, max(0.0, limit - time.monotonic()))
            with self._line_to(worker) as channel:
                message = channel.receive(left)
            if message is not None:
                return crew.borrowers[worker].open(message)
            if not crew.processes[worker].is_alive():
                self._worker_is_gone(worker)
            if limit is not None and time.monotonic() >= limit:
                raise self._too_late()

    def _too_late(self) -> RuntimeError:
        return RuntimeError(f"DataLoader timed out after {self._timeout} seconds")

    @contextlib.contextmanager
    def _line_to(self, worker: int) -> Iterator[Channel]:
        """The line to a worker. What Ctrl-C, or another signal's handler, raises while a message is on it ends the
        iteration: bytes may have been lost on their way here, and the rest would make no sense."""
        try:
            yield self._crew.channels[worker]
        except EOFError:
            self._worker_is_gone(worker)
        except BaseException as error:
            self._trouble = f"{type(error).__name__} came while it waited"
            self._crew.close(0.5)
            raise

    def _worker_is_gone(self, worker: int) -> NoReturn:
        process = self._crew.processes[worker]
        process.join(1.0)
        number, code = process.pid, process.exitcode
        if code is not None and code < 0:
            reason = f"is killed by signal: {signal.strsignal(-code)}"
        else:
            reason = f"exited with code {code}, by itself or in code that it called; num_workers=0 may show where"
        self._trouble = f"worker (pid {number}) exited unexpectedly"
        self._end()
        cause = RuntimeError(f"DataLoader worker (pid {number}) {reason}")
        raise RuntimeError(f"DataLoader worker (pid(s) {number}) exited unexpectedly") from cause


def _warn_of_pinning(device: str) -> None:
    if device:
        warn(f"pin_memory_device is deprecated; the current accelerator is used instead of {device!r}")
    warn(
        "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
    )
