"""What a nest has the processor fetch before it is needed.

The one idea to know: the processor looks ahead along what it reads, but not far enough while much is computed, not over
the end of a page of memory, and not to the next row while one is gone through again; and a row that is stored at once,
after much has been computed, would wait for its lines one after the other. So the code says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ..compiler.extents import hint
from .dims import Dim
from .loops import Place
from .phases import Phase

LINE = 64
"""Bytes that a cache fetches at once."""

FAR = 2**18
"""Bytes from which on what a place runs through is not in a cache that is near."""

AHEAD, LONG = 1024, 30
"""How many bytes further on is fetched where a row is gone through once, and the cycles a vector from which on it is:
the processor itself does for less."""


def ahead_of(dims: Sequence[Dim], phases: Sequence[Phase], vector: Dim | None, places: Sequence[Place], rows: int
             ) -> tuple[Phase | None, dict[Place, int]]:
    """The dearest phase, in which there is time to fetch, and how far away that is at the places that lie along the
    vectors: what follows; or the next row, of so many that are gone through at once; of what a later phase stores this
    row itself."""
    if vector is None:
        return None, {}
    costs = [sum(node.cost for node in {*phase.nodes} - {*phase.shelved}) for phase in phases]
    dearest = phases[costs.index(max(costs))]
    far = [place for place in places if vector.strides[place] == 1 and prod(
        [hint(dim.size) for dim in dims if dim.strides[place]]) * np.dtype(place.buffer.dtype).itemsize >= FAR]
    if len(phases) == 1:
        return (dearest, dict.fromkeys(far, AHEAD)) if max(costs) >= LONG else (None, {})
    outer = [dim for dim in dims if not dim.inner]
    if not vector.row or not outer:
        return None, {}
    later = {store.place for phase in phases[dearest.number + 1:] for store in phase.stores}
    return dearest, {place: 0 if place in later else
                     rows * outer[-1].strides[place] * np.dtype(place.buffer.dtype).itemsize
                     for place in far if outer[-1].strides[place]}
