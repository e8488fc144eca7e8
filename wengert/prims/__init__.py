"""The primitives, one file a family; the only place where a primitive is defined.

A file here may import from ``core`` only. Rules name other primitives at run time, as ``P.mul``.
"""

from . import activations, arithmetic, comparison, contraction, conversion, indexing, mathematics, reductions, shapes

__all__ = ["activations", "arithmetic", "comparison", "contraction", "conversion", "indexing", "mathematics", "reductions", "shapes"]
