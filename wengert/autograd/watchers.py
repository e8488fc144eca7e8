"""Watching the tape: anomaly detection, source lines, hooks on saved tensors. Each is a `Watcher`, free when off."""

from __future__ import annotations

import linecache
import os
import sys
import weakref
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from operator import methodcaller
from pathlib import Path
from traceback import format_stack
from typing import Any

import numpy as np

from ..core.blocks import Block
from ..core.eighths import in_numpy
from ..core.errors import GradError
from ..core.frames import user_line, warn
from ..core.operands import Cotangent
from ..core.primitive import Primitive
from ..core.state import state
from ..tensors.alias import version_cell
from ..tensors.evaluation import Watcher
from ..tensors.tape import Leaf, Node, at_line, named
from ..tensors.tensor import Tensor, make, numbers_in
from .engine import current_node, innermost
from .modes import no_grad

_PACKAGE = f'File "{Path(__file__).parents[1]}{os.sep}'
"""How the lines of a stack begin that are of this package."""


class record_lines(Watcher):
    """Records the source line of every node made inside, and of every in-place write.

    A node then tells its line (``y.grad_fn.line``), and the error about an overwritten value names the line that saved
    it and the line that wrote it. A context manager; in force for the thread that enters it.

    >>> import wengert as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.record_lines():
    ...     y = x * x
    >>> y.grad_fn.line is not None
    True
    """

    def recorded(self, node: Node) -> None:
        node.rarely().setdefault("line", user_line())
        super().recorded(node)

    def line(self) -> str | None:
        return user_line()


def _finite(value: object) -> bool:
    """Whether a value, as far as it is a float array or number, has neither NaN nor infinity."""
    array = numbers_in(value)
    if isinstance(array, np.ndarray):
        array = in_numpy(array)
        return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())
    return not isinstance(array, (float, complex, np.inexact)) or bool(np.isfinite(array))


def _has_nan(value: object) -> bool:
    array = numbers_in(value)
    if isinstance(array, np.ndarray):
        array = in_numpy(array)
        return array.dtype.kind in "fc" and bool(np.isnan(array).any())
    return isinstance(array, (float, complex, np.inexact)) and bool(np.isnan(array))


def _made(results: Collection[Any], operands: Iterable[Any]) -> tuple[str, int] | None:
    """What went wrong in an operation: ("nan", position of the result) where a NaN was made from none, ("inf", ...)
    where an infinity was made from finite values; else None."""
    for i, result in enumerate(results):
        if result is None or _finite(result):
            continue
        if _has_nan(result):
            if not any(map(_has_nan, operands)):
                return "nan", i
        elif all(map(_finite, operands)):
            return "inf", i
    return None


class detect_anomaly(record_lines):
    """Finds the operation that made the first NaN or infinity, in the forward pass and in the backward pass.

    Inside, an operation that makes a NaN from operands without one, or an infinity from finite operands, raises
    `GradError` at its own line; and a node whose backward does so raises with the line of its forward operation in the
    message. ``check_nan=False`` only records the lines. Slow: every value is looked at.

    >>> import warnings
    >>> import wengert as torch
    >>> warnings.simplefilter("ignore")  # entering it warns that it is slow
    >>> with torch.autograd.detect_anomaly():
    ...     torch.zeros(1) / torch.zeros(1)
    Traceback (most recent call last):
    ...
    wengert.core.errors.GradError: [div] made nan ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        result = super().evaluate(primitive, operands, params)
        if self.check_nan and self.tracer is None and innermost() is None:  # else `pulled` says which node it was
            found = _made(result if primitive.multiple else (result,), (*operands, *params.values()))
            if found is not None:
                kind, i = found
                shapes = ", ".join(str(list(x.shape)) if isinstance(x, Tensor) else repr(x) for x in operands)
                raise GradError(
                    f"[{primitive.name}] made {kind} in its output {i} from operands without: {shapes}; the operation "
                    f"is at {user_line()}; keep its operands in its domain (clamp them, add a small number)"
                )
        return result

    def __enter__(self) -> Any:
        warn("Anomaly Detection has been enabled. This mode will increase the runtime and should only be "
             "enabled for debugging.")
        return super().__enter__()

    def recorded(self, node: Node) -> None:
        super().recorded(node)
        node.metadata["traceback_"] = [line for line in format_stack() if _PACKAGE not in line]
        if innermost() is not None and (parent := current_node()) is not None:
            node.metadata["parent_"] = named(parent)

    def failed(self, node: Node | Leaf) -> None:
        """Warns where the node's forward operation is, and those whose backward recorded it."""
        at: Any = node
        if type(node) is Leaf:
            return
        _tell(f"Error detected in {node.name()}. {_origin(at, 'caused the error')}")
        while (at := at.metadata.get("parent_")) is not None:
            _tell(f"Previous calculation was induced by {at.name()}. "
                  f"{_origin(at, 'induced the previous calculation')}")
        super().failed(node)

    def pulled(self, node: Node, ct: Cotangent, grads: Sequence[Any]) -> None:
        if self.check_nan and self.tracer is None:
            found = _made(grads, ct.values() if type(ct) is dict else (ct,))
            if found is not None:
                kind, i = found
                where = at_line(node).replace(" at", "; its forward operation is at")
                raise GradError(
                    f"[detect_anomaly] Function '{node.name()}' returned {kind} values in its {i}th output, from a "
                    f"gradient without{where or '; its forward operation ran outside detect_anomaly()'}; look at "
                    "the operands there: its derivative is not finite"
                )
        super().pulled(node, ct, grads)


def _tell(words: str) -> None:
    """Warns beside an error that is on its way: where warnings are errors it is written instead."""
    try:
        warn(words)
    except UserWarning as shown:
        print(f"UserWarning: {shown}", file=sys.stderr)


def _origin(node: Node, what: str) -> str:
    """The line of a node's forward operation, with its source, for a warning."""
    line = None if node.rare is None else node.rare.get("line")
    if line is None:
        return ("No forward pass information available. Enable detect anomaly during forward pass for more "
                "information.")
    file, _, number = line.rpartition(":")
    return f"Traceback of forward call that {what}:\n  {line}\n    {linecache.getline(file, int(number)).strip()}"


class set_detect_anomaly:
    """Turns `detect_anomaly` on or off for this thread, from the call on; or, as a context manager, for the block.
    Raises nothing: whatever is given counts as true or false.

    >>> x = torch.tensor(0.0, requires_grad=True)
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     y = x * 2
    ...     y.backward()
    >>> x.grad
    tensor(2.)
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = [watcher for watcher in in_force() if type(watcher) is detect_anomaly]
        for watcher in self.before:
            watcher.leave()
        if mode:
            detect_anomaly(check_nan).__enter__()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        for watcher in [w for w in in_force() if type(w) is detect_anomaly]:
            watcher.leave()
        for watcher in reversed(self.before):
            watcher.__enter__()


def in_force() -> list[Any]:
    """The watchers in force, innermost first."""
    found, watcher = [], state.watcher
    while watcher is not None:
        found.append(watcher)
        watcher = watcher.outer
    return found


def saves_are_hooked() -> bool:
    """Whether `saved_tensors_hooks` are in force."""
    return any(type(watcher) is _Hooked for watcher in in_force())


def is_anomaly_enabled() -> bool:
    """Whether `detect_anomaly` is in force in this thread.

    >>> with torch.autograd.set_detect_anomaly(True):
    ...     torch.is_anomaly_enabled()
    True
    >>> torch.is_anomaly_enabled()
    False
    """
    return any(isinstance(watcher, detect_anomaly) for watcher in in_force())


def is_anomaly_check_nan_enabled() -> bool:
    """Whether `detect_anomaly` is in force in this thread and looks for NaN.

    >>> with torch.autograd.detect_anomaly(check_nan=False):
    ...     torch.is_anomaly_check_nan_enabled()
    False
    """
    return any(isinstance(watcher, detect_anomaly) and watcher.check_nan for watcher in in_force())


class saved_tensors_hooks(Block):
    """Keeps what ``pack_hook(tensor)`` returns in place of each tensor that an operation inside saves for backward, and
    gives it to ``unpack_hook`` when backward wants the tensor back. The innermost pair counts. A pair may be entered
    again before it is left: each entering puts a watcher of its own in force.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> pack = lambda tensor: (print("kept:", tensor.item()), tensor)[1]
    >>> with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
    ...     y = x.exp()
    kept: 20.08553695678711
    >>> y.backward()
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> saved_tensors_hooks:
        for watcher in in_force():
            if isinstance(watcher, disable_saved_tensors_hooks):
                raise RuntimeError(watcher.message)
        hooked, own = _Hooked(self.pack_hook, self.unpack_hook), self.__dict__
        before = partial(own.update, close=own["close"]) if "close" in own else partial(own.__delitem__, "close")
        hooked.before = before
        self.ends_with(partial(methodcaller("close"), hooked), before)
        hooked.__enter__()
        return self


class _Hooked(Watcher):
    """A pair of hooks in force."""

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self.before: Callable[[], object] | None = None

    def leave(self) -> None:
        """Takes the pair out of force; its block can be left as it could before."""
        super().leave()
        before, self.before = self.before, None
        if before is not None:
            before()

    def recorded(self, node: Node) -> None:
        if node.rare is None or "packed" not in node.rare:
            node.pack(self._pack, self.unpack_hook, make)
        super().recorded(node)

    def _pack(self, tensor: Tensor) -> Any:
        """Runs the hook with recording off and these hooks out of force: what it computes is no part of the graph."""
        inner, state.watcher = state.watcher, self.outer
        try:
            with no_grad():
                return self.pack_hook(tensor)
        finally:
            state.watcher = inner


class save_on_cpu(saved_tensors_hooks):
    """Keeps saved tensors in the memory of the CPU, where in wengert they are anyway.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor(6.)
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cpu") -> None:
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)


class allow_mutation_on_saved_tensors(Watcher):
    """A context in which tensors may be written to though backward reads them: before a write, what nodes made inside
    have saved of that memory is copied, so that their derivatives are those of the values as they were.

    >>> import wengert as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x * 3
    ...     z = (y * y).sum()
    ...     _ = y.zero_()
    ...     z.backward()
    >>> x.grad
    tensor([18., 18.])
    """

    def __init__(self) -> None:
        self._nodes: list[weakref.ref[Node]] = []
        self._copies: list[weakref.ref[Any]] = []

    def __enter__(self) -> Any:
        if any([type(watcher) is allow_mutation_on_saved_tensors for watcher in in_force()]):
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        self.finally_does = (self._seal,)
        return super().__enter__()

    def _seal(self) -> None:
        """What its nodes have saved may be written from now on, unnoticed: no backward may read it."""
        for reference in self._nodes:
            node = reference()
            if node is not None and node.saved is not None:
                node.pack(_as_it_is, _outside, make)

    @property
    def cloned(self) -> dict[int, Any]:
        """The copies that live nodes have of what was written since they saved it, by number."""
        if self.ended:
            return {}
        copies = [copy for reference in self._copies if (copy := reference()) is not None]
        self._copies = list(map(weakref.ref, copies))
        return dict(enumerate(copies))

    @property
    def tid_to_weakhandle(self) -> dict[tuple[int, int], Any]:
        """The values that live nodes have saved and that were not copied: the first of these nodes, by the memory and
        its version."""
        found: dict[tuple[int, int], Any] = {}
        for reference in self._nodes:
            node = reference()
            for cell, count in () if node is None or node.saved is None else node.guards:
                found.setdefault((id(cell), count), reference)
        return found

    def recorded(self, node: Node) -> None:
        self._nodes.append(weakref.ref(node))
        super().recorded(node)

    def writes(self, tensor: Tensor, new: Tensor) -> None:
        super().writes(tensor, new)
        cell, alive, copies = version_cell(tensor), [], dict[int, Any]()
        for reference in self._nodes:
            node = reference()
            if node is not None:
                node.keep(cell, copies)
                alive.append(reference)
        self._nodes = alive
        self._copies += [weakref.ref(copy) for copy in copies.values()]

    def clear(self) -> None:
        """Forgets the nodes made so far: what they have saved is not copied any more."""
        self._nodes.clear()


def _as_it_is(value: Any) -> Any:
    return value


def _outside(value: object) -> Any:
    raise AssertionError("Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the "
                         "graph was originally recorded.")


class disable_saved_tensors_hooks(Watcher):
    """Inside, entering `saved_tensors_hooks` raises RuntimeError with this message; so does entering it inside those.

    >>> with torch.autograd.graph.disable_saved_tensors_hooks("no hooks here"):
    ...     with torch.autograd.graph.save_on_cpu():
    ...         pass
    Traceback (most recent call last):
        ...
    RuntimeError: no hooks here
    """

    def __init__(self, error_message: str) -> None:
        self.message = error_message

    def __enter__(self) -> Any:
        if any(isinstance(watcher, _Hooked) for watcher in in_force()):
            raise RuntimeError(self.message)
        return super().__enter__()
