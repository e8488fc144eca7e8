"""Datasets: collections of samples, by index (`Dataset`) or one after the other (`IterableDataset`)."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ...core.errors import in_words
from ...core.frames import warn
from ...ops import randperm
from ...tensors.generator import Generator
from ...tensors.tensor import Tensor

T = TypeVar("T")


class Dataset(Generic[T]):
    """A collection whose samples have indices. Subclasses define ``__getitem__`` and, mostly, ``__len__``.

    A subclass may define ``__getitems__``, which takes a list of indices and returns the list of their samples.

    >>> class Squares(torch.utils.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, i):
    ...         return torch.tensor(i * i)
    >>> [batch for batch in torch.utils.data.DataLoader(Squares(), batch_size=2)]
    [tensor([0, 1]), tensor([4, 9])]
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[T]) -> ConcatDataset[T]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T], Iterable[T]):
    """A collection whose samples come one after the other. Subclasses define ``__iter__``.

    >>> class Numbers(torch.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter([1, 2, 3])
    >>> [batch for batch in torch.utils.data.DataLoader(Numbers(), batch_size=2)]
    [tensor([1, 2]), tensor([3])]
    """

    def __add__(self, other: Dataset[T]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


@in_words
class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples that are the rows of tensors: sample i is ``(tensors[0][i], tensors[1][i], ...)``.

    Raises AssertionError if the tensors differ in their first size.

    >>> data = torch.utils.data.TensorDataset(torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1]))
    >>> data[1], len(data)
    ((tensor([2.]), tensor(1)), 2)
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if any(tensor.shape[0] != tensors[0].shape[0] for tensor in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


@in_words
class StackDataset(Dataset[Any]):
    """Datasets side by side: sample i is the tuple, or with keywords the dict, of their samples i. Raises ValueError
    for datasets of different lengths, for none at all, and for some with and some without a name.

    >>> from wengert.utils.data import StackDataset, TensorDataset
    >>> StackDataset(image=torch.zeros(3, 2), label=torch.tensor([5, 6, 7]))[1]
    {'image': tensor([0., 0.]), 'label': tensor(6)}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both "
                "types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        lengths = {len(dataset) for dataset in (args or kwargs.values())}
        if len(lengths) > 1:
            raise ValueError("Size mismatch between datasets")
        self._length = lengths.pop()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """The samples at ``indices``: all of the first dataset's, then all of the second's, and so on, put together.
        Raises ValueError where a dataset that fetches many at once gives another number of them.
        """
        named = isinstance(self.datasets, dict)
        columns = []
        for dataset in self.datasets.values() if isinstance(self.datasets, dict) else self.datasets:
            many = callable(getattr(dataset, "__getitems__", None))
            column = dataset.__getitems__(indices) if many else [dataset[index] for index in indices]
            if len(column) != len(indices):
                raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(column)}")
            columns.append(column)
        rows = zip(*columns, strict=True)
        return [dict(zip(self.datasets, row, strict=True)) for row in rows] if named else list(rows)

    def __len__(self) -> int:
        return self._length


@in_words
class ConcatDataset(Dataset[T]):
    """Datasets one after the other, as one. Raises AssertionError for none, or for an `IterableDataset`.

    >>> from wengert.utils.data import ConcatDataset, TensorDataset
    >>> data = ConcatDataset([TensorDataset(torch.zeros(2)), TensorDataset(torch.ones(3))])
    >>> len(data), data[4]
    (5, (tensor(1.),))
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Where each dataset ends among all elements.

        >>> torch.utils.data.ConcatDataset.cumsum([range(2), range(3)])
        [2, 5]
        """
        return list(itertools.accumulate(len(dataset) for dataset in sequence))

    @property
    def cummulative_sizes(self) -> list[int]:
        """``cumulative_sizes`` under the name that it had once."""
        warn("cummulative_sizes attribute is renamed to cumulative_sizes", DeprecationWarning)
        return self.cumulative_sizes

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T:
        if not -len(self) <= index:
            raise ValueError("absolute value of index should not exceed dataset length")
        index += len(self) if index < 0 else 0
        which = bisect.bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - start]


@in_words
class ChainDataset(IterableDataset[Any]):
    """Iterable datasets one after the other, as one. Raises AssertionError, when it comes to one that is no
    `IterableDataset`.

    >>> from wengert.utils.data import ChainDataset, IterableDataset
    >>> class Numbers(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([1, 2, 3])
    >>> list(ChainDataset([Numbers(), Numbers()]))
    [1, 2, 3, 1, 2, 3]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        super().__init__()
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset


@in_words
class Subset(Dataset[T]):
    """The samples of ``dataset`` at ``indices``. Raises, when a sample is asked for, what the dataset raises for an
    index that it has not.

    >>> data = torch.utils.data.TensorDataset(torch.tensor([10, 11, 12, 13]))
    >>> [sample for sample in torch.utils.data.Subset(data, [3, 0])]
    [(tensor(13),), (tensor(10),)]
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T]:
        chosen = [self.indices[index] for index in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[index] for index in chosen]

    def __len__(self) -> int:
        return len(self.indices)


@in_words
def random_split(dataset: Any, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset[Any]]:
    """Splits ``dataset`` at random into parts of the given lengths, or of the given fractions, which add up to 1.

    Samples left over by fractions go to the parts in turn. Draws from ``generator`` or the default one, as PyTorch
    does. Raises ValueError if the lengths do not add up to the dataset's.

    >>> [len(part) for part in torch.utils.data.random_split(range(10), [0.5, 0.25, 0.25])]
    [6, 2, 2]
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _lengths_of_fractions(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = randperm(len(dataset), generator=generator).tolist()
    ends = itertools.accumulate(int(length) for length in lengths)
    return [Subset(dataset, order[end - int(length) : end]) for end, length in zip(ends, lengths, strict=True)]


def _lengths_of_fractions(total: int, fractions: Sequence[float]) -> list[int]:
    for position, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {position} is not between 0 and 1")
    lengths = [math.floor(total * fraction) for fraction in fractions]
    for extra in range(total - sum(lengths)):
        lengths[extra % len(lengths)] += 1
    for position, length in enumerate(lengths):
        if length == 0:
            warn(f"Length of split at index {position} is 0. This might result in an empty dataset.")
    return lengths
