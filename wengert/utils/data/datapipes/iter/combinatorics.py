"""A pipe in another order: `ShufflerIterDataPipe`."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from ...sampler import draw_seed
from .. import IterDataPipe, functional_datapipe


@functional_datapipe("shuffle")
class ShufflerIterDataPipe(IterDataPipe):
    """The samples in random order, as far as a buffer of ``buffer_size`` of them allows. The order is drawn anew in
    every loop, from `set_seed` or from torch's generator."""

    def __init__(self, datapipe: Iterable[Any], *, buffer_size: int = 10000, unbatch_level: int = 0) -> None:
        if buffer_size <= 0:
            raise ValueError("buffer_size should be larger than 0")
        self.datapipe = datapipe if unbatch_level == 0 else IterDataPipe.functions["unbatch"](datapipe, unbatch_level)
        self.buffer_size, self._enabled = buffer_size, True
        self._seed: int | None = None

    def set_shuffle(self, shuffle: bool = True) -> ShufflerIterDataPipe:
        """Whether the order is changed."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed: int) -> ShufflerIterDataPipe:
        """What the next loop draws from."""
        self._seed = seed
        return self

    def __iter__(self) -> Iterator[Any]:
        if not self._enabled:
            yield from self.datapipe
            return
        seed, self._seed = self._seed, None
        dice = random.Random(draw_seed(None) if seed is None else seed)
        buffer: list[Any] = []
        for sample in self.datapipe:
            if len(buffer) == self.buffer_size:
                place = dice.randint(0, len(buffer) - 1)
                buffer[place], sample = sample, buffer[place]
                yield sample
            else:
                buffer.append(sample)
        dice.shuffle(buffer)
        while buffer:
            yield buffer.pop()

    def __len__(self) -> int:
        return len(self.datapipe)  # type: ignore[arg-type]
