"""Watching or replacing evaluation: the one hook behind which every rare feature hides.

The plain path reads ``state.special`` and goes on if it is None. Anomaly detection, recording source lines, saved
tensor hooks and the recorder of whole functions are subclasses of `Special`; they nest, each calling the one outside.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..core.primitive import Primitive, evaluate
from ..core.state import state


class Special:
    """A watcher of evaluation. Entering puts it in force for this thread; what it does not override passes outward."""

    outer: Special | None = None
    intercepts = False
    """Whether this watcher, or one outside it, evaluates operations itself. Then the hot paths stand aside; any other
    watcher costs an operation only what its `recorded` and `computed` do."""
    traces = False
    """Whether values are being recorded and not computed, by this watcher or one outside it."""

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls.intercepts = cls.evaluate is not Special.evaluate

    def __enter__(self) -> Any:
        self.outer, state.special = state.special, self
        self._settle()
        return self

    def _settle(self) -> None:
        """Works out what this watcher and those outside it do together."""
        kind, outer = type(self), self.outer
        self.intercepts = kind.intercepts or (outer is not None and outer.intercepts)
        self.traces = kind.traces or (outer is not None and outer.traces)

    def __exit__(self, *exception: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Takes this watcher out of force, also where it is not the innermost."""
        if state.special is self:
            state.special, self.outer = self.outer, None
            return
        inside = [state.special]
        while inside[-1] is not None and inside[-1].outer is not self:
            inside.append(inside[-1].outer)
        if inside[-1] is not None:
            inside[-1].outer, self.outer = self.outer, None
            for watcher in reversed(inside):
                watcher._settle()

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The value of a primitive of operands, tensors or numbers: an array, or whatever stands for one."""
        if self.outer is not None:
            return self.outer.evaluate(primitive, operands, params)
        return evaluate(primitive, [getattr(x, "_data", x) for x in operands], params)

    def recorded(self, node: Any) -> None:
        """Called with each new node of the tape."""
        if self.outer is not None:
            self.outer.recorded(node)

    def computed(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        """Called with each finished operation, after `recorded`: ``out`` is its result, a tensor or a tuple of them."""
        if self.outer is not None:
            self.outer.computed(primitive, operands, params, out)

    def write(self, tensor: Any, new: Any) -> bool:
        """Puts a value into a tensor; False where the plain write into its memory is to be done."""
        return self.outer is not None and self.outer.write(tensor, new)

    def made(self, tensor: Any) -> None:
        """Called with each new tensor that is not the result of a primitive."""
        if self.outer is not None:
            self.outer.made(tensor)

    def shares(self, part: Any, whole: Any) -> bool:
        """Whether ``part``, the result of a view primitive, is a view of the tensor ``whole`` or had to be a copy."""
        return self.outer.shares(part, whole) if self.outer is not None else shares(part._data, whole._data)

    def shared(self, tensor: Any) -> Any:
        """The data for another tensor on the memory of this one."""
        return self.outer.shared(tensor) if self.outer is not None else tensor._data

    def taken(self, tensor: Any, what: str) -> None:
        """Called where the elements of a tensor are taken out, by ``what``: item, numpy, tolist, ..."""
        if self.outer is not None:
            self.outer.taken(tensor, what)

    def frozen(self, tensor: Any, copy: bool) -> Any:
        """The data of a tensor as it is now, before a write; ``copy`` where the write must not change it."""
        if self.outer is not None:
            return self.outer.frozen(tensor, copy)
        return tensor._data.copy() if copy else tensor._data

    def changes(self, tensor: Any, op: str) -> None:
        """Called before ``op`` changes what a tensor is: its history, hooks or memory, other than by a write."""
        if self.outer is not None:
            self.outer.changes(tensor, op)

    def draws(self) -> None:
        """Called before random numbers are drawn."""
        if self.outer is not None:
            self.outer.draws()

    def grad_of(self, tensor: Any) -> Any:
        """The ``.grad`` of a leaf, asked of the watcher that `traces`; so are the two below."""
        assert self.outer is not None
        return self.outer.grad_of(tensor)

    def set_grad(self, tensor: Any, value: Any) -> None:
        """Assigns the ``.grad`` of a leaf."""
        assert self.outer is not None
        self.outer.set_grad(tensor, value)

    def accumulate(self, leaf: Any, ct: Any) -> None:
        """Adds a cotangent to the gradient of a leaf."""
        assert self.outer is not None
        self.outer.accumulate(leaf, ct)

    def passes(self, node: Any, ct: Any, grads: Any) -> Any:
        """What a node sends to its operands, for a watcher to change: by default what its rule gave."""
        return grads if self.outer is None else self.outer.passes(node, ct, grads)

    def pulled(self, node: Any, ct: Any, grads: Any) -> None:
        """Called by the engine after each node has run back."""
        if self.outer is not None:
            self.outer.pulled(node, ct, grads)

    def update(self, run: Any, group: Any) -> None:
        """Runs an optimizer's update of one group of parameters; a watcher that need not see it may stand aside."""
        if self.outer is None:
            run(group)
        else:
            self.outer.update(run, group)

    def aside(self, run: Any, group: Any) -> bool:
        """Runs an optimizer's update with nobody watching, for a watcher with nothing to see in it; False, and nothing
        done, where the update is recorded or another watcher is in force."""
        if self.outer is not None or state.special is not self or state.grad:
            return False
        state.special = None
        try:
            run(group)
        finally:
            state.special = self
        return True

    def line(self) -> str | None:
        """The user's line that is running, where lines are wanted."""
        return None if self.outer is None else self.outer.line()


def tell(special: Special, primitive: Primitive, operands: Any, params: dict[str, Any], out: Any, node: Any) -> None:
    """Tells the watcher in force of a finished operation: its node, if it was recorded, and its result."""
    if node is not None:
        special.recorded(node)
    special.computed(primitive, operands, params, out)


def tracing() -> bool:
    """Whether values are being recorded, so that there is no memory to look at."""
    return state.special is not None and state.special.traces


def shares(part: Any, whole: Any) -> bool:
    """Whether an array made from ``whole`` is a view of it (one without elements is, as there is nothing to copy)."""
    if part.base is whole or not part.size or (part.base is not None and part.base is whole.base):
        return True
    return bool(np.may_share_memory(part, whole))


_INSIDE = __name__.split(".", 1)[0] + "."


def user_line() -> str:
    """``"file:line"`` of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_INSIDE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
