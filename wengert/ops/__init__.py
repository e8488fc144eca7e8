"""User functions composed of primitives, grouped as the documentation is.

Importing this package installs the operators and methods of `Tensor`. `registry.FUNCTIONS` holds the public functions.
"""

from typing import TYPE_CHECKING, Any

from .._public import publish as _publish
from . import (
    accumulation as accumulation, activations as activations, arithmetic as arithmetic, assorted as assorted,
    aten as aten, comparison as comparison, conversion as conversion, copies as copies, creation as creation,
    decompositions as decompositions, fourier as fourier, indexing as indexing, interop as interop, joining as joining,
    layouts as layouts, legacy as legacy, linalg as linalg, lowrank as lowrank, matrix as matrix,
    operators as operators, pointwise as pointwise, randomness as randomness, reductions as reductions,
    registry as registry, scans as scans, segments as segments, shapes as shapes, sharing as sharing,
    sorting as sorting, special_functions as special_functions, statistics as statistics, storage as storage,
    windows as windows,
)

operators.install()
registry.install()

FUNCTIONS = registry.FUNCTIONS
globals().update(FUNCTIONS)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The public functions by name: ``from wengert.ops import zeros``."""


_publish(__name__, "profiler")
