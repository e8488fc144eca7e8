"""The primitives, one file a family; the only place where a primitive is defined.

A file here may import from ``core`` only. Rules name other primitives at run time, as ``P.mul``.
"""

from . import (
    activations,
    arithmetic,
    comparison,
    contraction,
    conversion,
    convolution,
    fourier,
    incomplete,
    indexing,
    linalg,
    losses,
    mathematics,
    normalization,
    piecewise,
    pooling,
    recurrent,
    reductions,
    scans,
    shapes,
    softmaxes,
    special,
    statistics,
)

__all__ = [
    "activations",
    "arithmetic",
    "comparison",
    "contraction",
    "conversion",
    "convolution",
    "fourier",
    "incomplete",
    "indexing",
    "linalg",
    "losses",
    "mathematics",
    "normalization",
    "piecewise",
    "pooling",
    "recurrent",
    "reductions",
    "scans",
    "shapes",
    "softmaxes",
    "special",
    "statistics",
]
