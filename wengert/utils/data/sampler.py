"""Samplers: iterables of indices, or of lists of indices, that say in which order a dataset is visited.

The random ones use their generator exactly as PyTorch's do: same seed, same order.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from ...core.dtypes import float64, int64
from ...core.errors import in_words
from ...core.geometry import check_count
from ...ops import as_tensor, empty, multinomial, randint, randperm
from ...tensors.generator import Generator
from ...tensors.tensor import Tensor

T = TypeVar("T", covariant=True)


@in_words
class Sampler(Generic[T]):
    """The base. Subclasses define ``__iter__`` and, mostly, ``__len__``.

    >>> class Backwards(torch.utils.data.Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(len(self.data) - 1, -1, -1))
    >>> list(Backwards("abc"))
    [2, 1, 0]
    """

    def __init__(self, data_source: Any = None) -> None:
        super().__init__()

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")


@in_words
class SequentialSampler(Sampler[int]):
    """The indices in their order. Raises TypeError where it is run through, if the data has no length.

    >>> list(torch.utils.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


@in_words
class RandomSampler(Sampler[int]):
    """The indices in random order.

    With ``replacement`` each is drawn from all of them; without, the dataset is shuffled as often as ``num_samples``
    (its length by default) asks for. Raises TypeError or ValueError.

    >>> _ = torch.manual_seed(0)
    >>> sorted(torch.utils.data.RandomSampler(range(5)))
    [0, 1, 2, 3, 4]
    """

    def __init__(self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
                 generator: Generator | None = None) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")
        check_count("RandomSampler", "num_samples", self.num_samples, sys.maxsize)

    @property
    def num_samples(self) -> int:
        """How many indices an iteration gives; follows the length of the dataset where it was not given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size, count = len(self.data_source), self.num_samples
        if not size and count:
            raise ValueError(f"[RandomSampler] a data source to draw {count} samples from was expected; it is empty")
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(draw_seed(None))
        if self.replacement:
            for begin in range(0, count - count % 32 + 1, 32):
                length = min(32, count - begin)
                yield from randint(size, (length,), dtype=int64, generator=generator).tolist()
        else:
            for _ in range(count // size):
                yield from randperm(size, generator=generator).tolist()
            # PyTorch shuffles once more even where nothing is left over, which moves the generator on.
            yield from randperm(size, generator=generator).tolist()[: count % size]

    def __len__(self) -> int:
        return self.num_samples


@in_words
class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order. Raises TypeError where it is run through, if the indices have no length.

    >>> sorted(torch.utils.data.SubsetRandomSampler([2, 5, 7]))
    [2, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for position in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[position]

    def __len__(self) -> int:
        return len(self.indices)


@in_words
class WeightedRandomSampler(Sampler[int]):
    """``num_samples`` indices, each drawn with a probability in proportion to its weight. Raises ValueError.

    >>> list(torch.utils.data.WeightedRandomSampler([0.0, 1.0, 0.0], num_samples=3))
    [1, 1, 1]
    """

    weights: Tensor

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True,
                 generator: Generator | None = None) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        check_count("WeightedRandomSampler", "num_samples", num_samples, sys.maxsize)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


@in_words
class BatchSampler(Sampler[list[int]]):
    """Lists of ``batch_size`` indices of another sampler; with ``drop_last`` without a shorter last one. Raises
    ValueError for a size that is not positive, and for a ``drop_last`` that is no bool.

    >>> from wengert.utils.data import BatchSampler, SequentialSampler
    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        most = min(self.batch_size, sys.maxsize)
        while batch := list(itertools.islice(indices, most)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (1 if rest and not self.drop_last else 0)


def draw_seed(generator: Generator | None) -> int:
    """A seed drawn from ``generator`` or the default one, in the way PyTorch draws its seeds."""
    return int(empty((), dtype=int64).random_(generator=generator).item())
