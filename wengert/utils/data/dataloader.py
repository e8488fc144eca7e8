"""`DataLoader`: a dataset, an order and a batch size make an iterable of batches."""

from __future__ import annotations

import multiprocessing
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeAlias

from ...core.errors import in_words
from ...core.frames import warn
from ...core.geometry import check_count
from ...core.processors import processors
from ...tensors.generator import Generator
from .collate import default_collate, default_convert
from .dataset import Dataset, IterableDataset, T
from .iterators import LoaderIterator, SerialIterator, WorkerIterator
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from .worker import get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

WORKERS = 4096
"""The most worker processes of one loader."""

_FIXED = frozenset({"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"})
_collate_fn_t: TypeAlias = Callable[[list[Any]], Any]  # the name that packages import
_BaseDataLoaderIter, _MultiProcessingDataLoaderIter = LoaderIterator, WorkerIterator  # what packages ask isinstance of


class _DatasetKind:
    """Whether samples are asked for by index, or come as they come."""

    Map, Iterable = 0, 1


@in_words
class DataLoader(Generic[T]):
    """Batches of a dataset, loaded in this process or, with ``num_workers > 0``, by that many others.

    ``batch_size`` samples make a batch, by ``collate_fn``; None switches batching off. ``shuffle`` visits the samples
    in random order, anew in every iteration, drawn from ``generator`` or the default one as PyTorch draws; ``sampler``
    gives indices, and ``batch_sampler`` lists of indices, in an order of your own. ``drop_last`` leaves out a last
    batch that is not full.

    For workers: ``prefetch_factor`` (2) batches a worker are loaded in advance; ``timeout`` is the number of seconds
    (0: no limit) after which a batch that has not come is a RuntimeError; ``worker_init_fn(id)`` is called in each
    worker; ``multiprocessing_context`` is a start method's name or a context; ``persistent_workers`` keeps the workers
    from one iteration to the next; ``in_order=False`` takes batches as they come. What a worker raises is raised here,
    with its traceback. See ``docs/data.md``. ``pin_memory`` warns that there is no accelerator.

    Raises ValueError for options that exclude each other.

    >>> import wengert as torch
    >>> data = torch.utils.data.TensorDataset(torch.arange(5.0), torch.arange(5) * 10)
    >>> for x, y in torch.utils.data.DataLoader(data, batch_size=2):
    ...     print(x, y)
    tensor([0., 1.]) tensor([ 0, 10])
    tensor([2., 3.]) tensor([20, 30])
    tensor([4.]) tensor([40])
    """

    __initialized = False  # whether its order is settled; timm's loaders unsettle it

    def __init__(self, dataset: Dataset[T] | Sequence[T], batch_size: int | None = 1, shuffle: bool | None = None,
                 sampler: Iterable[Any] | None = None, batch_sampler: Iterable[list[Any]] | None = None,
                 num_workers: int = 0, collate_fn: Callable[[Any], Any] | None = None, pin_memory: bool = False,
                 drop_last: bool = False, timeout: float = 0, worker_init_fn: Callable[[int], None] | None = None,
                 multiprocessing_context: Any = None, generator: Generator | None = None, *,
                 prefetch_factor: int | None = None, persistent_workers: bool = False, pin_memory_device: str = "",
                 in_order: bool = True) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self._iterable = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if self._iterable else _DatasetKind.Map
        self.num_workers = num_workers
        self.multiprocessing_context = multiprocessing_context
        _check_order(self._iterable, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = _default_sampler(dataset, shuffle, generator)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset: Any = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.drop_last = drop_last
        self.generator = generator
        default = default_convert if batch_sampler is None else default_collate
        self.collate_fn = default if collate_fn is None else collate_fn
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._announced: int | None = None  # what len() of an iterable dataset has answered
        self._iterator: WorkerIterator | None = None  # the one that is kept with its workers
        self.__initialized = True
        self.check_worker_number_rationality()

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        object.__setattr__(self, name, value)

    def __iter__(self) -> Iterator[Any]:
        kept = self._iterator
        if kept is not None and kept.usable:
            kept.restart(self)
            return kept
        iterator = self._get_iterator()
        if self.persistent_workers and isinstance(iterator, WorkerIterator):
            self._iterator = iterator
        return iterator

    def _get_iterator(self) -> Iterator[Any]:
        """A new iterator; loaders of torch-geometric give one of their own."""
        return WorkerIterator(self) if self.num_workers else SerialIterator(self)

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        length = self._announced = len(self.dataset)
        if self.batch_size is not None:
            whole, rest = divmod(length, self.batch_size)
            length = whole + (1 if rest and not self.drop_last else 0)
        return length

    @property
    def _auto_collation(self) -> bool:
        """Whether samples are put together to batches."""
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        """What gives the indices of the batches, or of the samples where there are no batches."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    @property
    def multiprocessing_context(self) -> Any:
        """The context that starts the workers; None for the default one. Raises ValueError, TypeError on being set."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            methods = multiprocessing.get_all_start_methods()
            if isinstance(context, str) and context not in methods:
                raise ValueError(
                    f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                    f"multiprocessing_context={context!r}"
                )
            context = multiprocessing.get_context(context) if isinstance(context, str) else context
            if not isinstance(context, BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    f"method, but got multiprocessing_context={context}"
                )
        self._context = context

    def check_worker_number_rationality(self) -> None:
        """Warns where there are to be more workers than processors that this process may use."""
        available = processors()
        if self.num_workers > available:
            warn(
                f"This DataLoader will create {self.num_workers} worker processes in total, more than the {available} "
                "processors that this process may use; they will take turns, and fewer may be faster.",
            )


def _default_sampler(dataset: Any, shuffle: Any, generator: Generator | None) -> Iterable[Any]:
    if isinstance(dataset, IterableDataset):
        return _Forever()
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)


class _Forever(Sampler[None]):
    """The order of an iterable dataset: it goes on as long as the dataset does."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    num_workers = operator.index(num_workers)
    check_count("DataLoader", "num_workers", num_workers, WORKERS)
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if prefetch_factor is not None and num_workers == 0:
        raise ValueError("prefetch_factor option could only be specified in multiprocessing."
                         "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None.")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_order(
    iterable: bool, batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if iterable:
        given = [("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)]
        for name, value in given:
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
    if batch_sampler is None and batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
