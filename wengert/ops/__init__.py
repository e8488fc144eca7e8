"""User functions composed of primitives, grouped as the documentation is.

Importing this package installs the operators and methods of `Tensor`. `registry.FUNCTIONS` holds the public functions.
"""

from typing import Any

from .._missing import MissingError
from . import (
    accumulation,
    activations,
    assorted,
    comparison,
    conversion,
    creation,
    decompositions,
    fourier,
    indexing,
    interop,
    joining,
    legacy,
    linalg,
    matrix,
    operators,
    pointwise,
    randomness,
    reductions,
    registry,
    scans,
    shapes,
    sharing,
    sorting,
    special,
    statistics,
    storage,
    windows,
)

operators.install()
registry.install()

FUNCTIONS = registry.FUNCTIONS

__all__ = [
    "FUNCTIONS",
    "activations",
    "accumulation",
    "assorted",
    "comparison",
    "conversion",
    "creation",
    "decompositions",
    "fourier",
    "indexing",
    "interop",
    "joining",
    "legacy",
    "linalg",
    "matrix",
    "operators",
    "pointwise",
    "randomness",
    "reductions",
    "registry",
    "scans",
    "shapes",
    "sharing",
    "sorting",
    "special",
    "statistics",
    "storage",
    "windows",
]


def __getattr__(name: str) -> Any:
    """The public functions by name: ``from wengert.ops import zeros``."""
    try:
        return FUNCTIONS[name]
    except KeyError:
        plain = f"module {__name__!r} has no attribute {name!r}"
        raise MissingError(__name__, name, lambda: FUNCTIONS, plain) from None
