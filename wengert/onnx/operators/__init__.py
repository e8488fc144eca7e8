"""What the operators of ONNX's default domain do, written with wengert's functions: one function an operator.

The one idea to know: a function is given a `Call`, which knows its node's attributes and version, and the inputs as
tensors, None for one that is left out. Versions are told apart where they differ. Operators that ONNX itself defines by
others need no function.
"""

from .table import OPERATORS as OPERATORS
from . import (  # noqa: F401
    control, elementwise, quantized, random, recurrent, reductions, shapes, signal, vision, windows,
)

SETTINGS: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (3, 4), "Clip": (1, 2), "Dropout": (1, 2), "Pad": (2,), "Resize": (1, 2), "Upsample": (1,),
    "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "QLinearConv": (1, 2, 4, 5, 6, 7), "Range": (0, 1, 2),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7), "NonMaxSuppression": (2, 3, 4), "OneHot": (1, 2),
}
"""The inputs of operators that are settings: floating initializers there are no parameters."""
