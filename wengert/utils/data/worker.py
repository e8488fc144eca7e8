"""What a worker process does: it is told indices and answers with batches, until nobody tells it any more."""

from __future__ import annotations

import ctypes
import pickle
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...compiler.threads import set_num_threads
from ...tensors.generator import default_generator
from . import collate
from .channel import Channel
from .dataset import IterableDataset
from .failures import Failure
from .fetch import Recipe
from .transport import Lender


@dataclass(frozen=True)
class WorkerInfo:
    """What `get_worker_info` tells a worker about itself.

    ``id`` counts from 0 to ``num_workers - 1``; ``seed`` is what its random generators started from; ``dataset`` is
    this process's copy of the dataset.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class Duty(NamedTuple):
    """What a worker has to know from the start. ``keep``: the batches that may be under way, or in use, at once."""

    id: int
    num_workers: int
    base_seed: int
    recipe: Recipe
    init_fn: Callable[[int], Any] | None
    keep: int


class Ended(NamedTuple):
    """The answer of a worker whose iterable dataset has no more samples."""

    worker: int


RESTART = "restart"
_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a `DataLoader` its `WorkerInfo`; None elsewhere.

    >>> torch.utils.data.get_worker_info() is None
    True
    """
    return _info


def run(end: socket.socket, duty: Duty) -> None:
    """The worker's life: tasks ``(number, indices, segments given back)`` come, answers ``(number, batch)`` go.

    It ends with the line. After Ctrl-C, which the terminal sends to every process, it ends silently: the loading
    process will say what there is to say.
    """
    channel = Channel(end)
    try:
        _prepare(duty)
        _serve(channel, duty)
    except (KeyboardInterrupt, EOFError):
        pass
    finally:
        channel.close()


def _prepare(duty: Duty) -> None:
    """One thread, and generators that start from the worker's own seed as PyTorch's do."""
    global _info
    set_num_threads(1)
    _one_thread_for_blas()
    seed = duty.base_seed + duty.id
    random.seed(seed)
    default_generator.manual_seed(seed)
    # The legacy generator of numpy is MT19937, as Python's is: from the same seed it would give the same numbers.
    np.random.seed(_generate_state(duty.base_seed, duty.id))
    _info = WorkerInfo(duty.id, duty.num_workers, seed, duty.recipe.dataset)


def _generate_state(base_seed: int, worker_id: int) -> Any:
    """Four words that a worker's numpy starts from."""
    return np.random.SeedSequence([worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]).generate_state(4)


def _serve(channel: Channel, duty: Duty) -> None:
    lender = Lender(duty.keep)
    collate.set_memory(lender.empty)
    where = f"in DataLoader worker process {duty.id}"
    failure, fetch = _started(duty, where, duty.init_fn)
    ended = False
    while True:
        message = channel.receive()
        assert message is not None
        task = pickle.loads(message.payload)
        if task == RESTART:
            ended = False
            failure, fetch = _started(duty, where, None)
            continue
        number, indices, returned = task
        lender.take_back(returned)
        if ended:
            continue  # nobody waits for an answer
        answer: Any = failure
        if answer is None:
            try:
                answer = fetch(indices)
            except Exception as error:
                ended = isinstance(error, StopIteration) and isinstance(duty.recipe.dataset, IterableDataset)
                answer = Ended(duty.id) if ended else Failure(where)
        try:
            lender.send(channel, (number, answer))
        except EOFError:
            raise
        except Exception:
            lender.send(channel, (number, Failure(where)))  # what cannot be pickled
        del task, indices, answer  # or the batch would live until the next one is made


def _started(duty: Duty, where: str, init_fn: Callable[[int], Any] | None) -> tuple[Failure | None, Any]:
    """A fetcher for a run through the dataset, or what went wrong when it was made."""
    try:
        if init_fn is not None:
            init_fn(duty.id)
        return None, duty.recipe.fetcher()
    except Exception:
        return Failure(where), None


def _one_thread_for_blas() -> None:
    """Tells numpy's OpenBLAS, where it is one, to use this thread alone: every worker has a processor to itself."""
    module = getattr(np, "_core", None) or np.core
    library = ctypes.CDLL(module._multiarray_umath.__file__)
    for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_", "openblas_set_num_threads"):
        found = getattr(library, name, None)
        if found is not None:
            found(1)
            return
