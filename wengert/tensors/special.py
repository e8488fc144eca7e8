"""Watching or replacing evaluation: the one hook behind which every rare feature hides.

The plain path reads ``state.special`` and goes on if it is None. Anomaly detection, recording source lines, saved
tensor hooks and the recorder of whole functions are subclasses of `Special`; they nest, each calling the one outside.
"""

from __future__ import annotations

import sys
from typing import Any

from ..core.primitive import Primitive, run_large
from ..core.state import state


class Special:
    """A watcher of evaluation. Entering puts it in force for this thread; what it does not override passes outward."""

    outer: Special | None = None

    def __enter__(self) -> Any:
        self.outer, state.special = state.special, self
        return self

    def __exit__(self, *exception: object) -> None:
        state.special, self.outer = self.outer, None

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The value of a primitive of operands, tensors or numbers: an array, or whatever stands for one."""
        if self.outer is not None:
            return self.outer.evaluate(primitive, operands, params)
        return evaluate(primitive, [getattr(x, "_data", x) for x in operands], params)

    def recorded(self, node: Any) -> None:
        """Called with each new node of the tape."""
        if self.outer is not None:
            self.outer.recorded(node)

    def write(self, tensor: Any, new: Any) -> bool:
        """Puts a value into a tensor; False where the plain write into its memory is to be done."""
        return self.outer is not None and self.outer.write(tensor, new)

    def pulled(self, node: Any, ct: Any, grads: Any) -> None:
        """Called by the engine after each node has run back."""
        if self.outer is not None:
            self.outer.pulled(node, ct, grads)

    def line(self) -> str | None:
        """The user's line that is running, where lines are wanted."""
        return None if self.outer is None else self.outer.line()

    @property
    def traces(self) -> bool:
        """Whether values are being recorded and not computed."""
        return self.outer is not None and self.outer.traces


def evaluate(primitive: Primitive, values: Any, params: dict[str, Any]) -> Any:
    """The plain evaluation of a primitive on arrays: a generated kernel for large ones, else the array module."""
    if primitive.lower is not None and not params:
        result = run_large(primitive, values)
        if result is not None:
            return result
    return state.quiet(primitive.run, *values, **params)


_INSIDE = __name__.split(".", 1)[0] + "."


def user_line() -> str:
    """``"file:line"`` of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_INSIDE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
