"""How each primitive is written as ONNX: one statement a primitive, by kind.

The one idea to know: `RULES` has a function ``rule(writer, outs, *operands, **params)`` a primitive, which writes nodes
for operands that are symbols, numbers or None, and gives the symbol of the result, or of each result; ``outs`` are the
specs of these. `ABSENT` has the primitives that ONNX has no form for, with the reason. A test holds the two against the
registry of primitives.
"""

from .table import ABSENT as ABSENT, RULES as RULES
from . import (  # noqa: F401
    complexes, draws, elementwise, indexing, losses, products, recurrent, reductions, shapes, windows,
)
