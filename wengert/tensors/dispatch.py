"""What ``P.name(...)`` does with tensors: it takes the primitive's hot path, or the general way.

The registry reaches `dispatch` by a slot of its own, as it knows no tensors.
"""

from __future__ import annotations

from typing import Any

from ..core import primitive as registry
from ..core.primitive import Primitive
from . import nowhere as nowhere
from .apply import apply
from .hot import unary


def dispatch(primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Runs a primitive on operands: one operand takes the hot path of the primitive, several the general way."""
    if len(operands) != 1 or primitive.multiple:
        return apply(primitive, operands, params)
    function = primitive.hot_path
    if function is None:
        function = primitive.hot_path = unary(primitive)
    return function(operands[0], params=params)


registry.dispatcher = dispatch
