"""Forward mode on tensors, as in ``torch.autograd.forward_ad``: between entering and leaving a level, dual tensors
carry a tangent through whatever is computed with them.

What is outside keeps its history: a dual tensor made of one that requires grad does so too, and a gradient taken inside
is dual itself, its tangent a Hessian-vector product.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..core.primitive import P, Primitive
from ..core.state import state
from ..tensors.alias import edge_of, version_cell
from ..tensors.apply import bare
from ..tensors.tape import Leaf
from ..tensors.tensor import TENSORS, Tensor
from .forward import DualLevel

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A tensor's primal, and its tangent or None.

    >>> import wengert.autograd.forward_ad as fwd
    >>> with fwd.dual_level():
    ...     fwd.unpack_dual(torch.tensor(3.0)).tangent is None
    True
    """

    primal: Tensor
    tangent: Tensor | None


class _OpenLevel(DualLevel):
    """A forward derivative that the program enters and leaves: what holds its data afterwards is made plain again."""

    name = "forward_ad"
    shows = True
    told = True

    still = False
    """Whether tangents rest: what is computed does not move."""

    def __init__(self) -> None:
        self.still = not _is_fwd_grad_enabled()
        self.living: weakref.WeakSet[Tensor] = weakref.WeakSet()
        self.given: weakref.WeakKeyDictionary[Any, tuple[Tensor, Tensor]] = weakref.WeakKeyDictionary()
        """Of a dual tensor's data what its tangent is at the level below, and the tangent that the program gave."""

    def shortcut(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return None if self.still else super().shortcut(primitive, operands, params)

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if self.still:
            operands = tuple([self.dual(self.current(x).value, None) if type(x) in TENSORS else x for x in operands])
        return super().evaluate(primitive, operands, params)

    def write(self, tensor: Tensor, new: Tensor) -> bool:
        """Lets a tensor from outside move, once what moves is written to it, where nothing else is on its memory."""
        if not self.owns(tensor) and tensor._alias is None and self.unpacked(new)[1] is not None:
            below = bare(tensor._data)
            below._cell, below._edge = version_cell(tensor), tensor._edge
            tensor._data = self.constant(below, False)
            self.living.add(tensor)
        return super().write(tensor, new)

    def takes_out(self, op: str, target: Tensor, result: Tensor) -> None:
        if any(self.unpacked(x)[1] is not None for x in (target, result)):
            raise RuntimeError(f"[{op}] Trying to use forward AD with {op} that does not support it because it is an "
                               "out= function; compute out of place")

    def changes(self, tensor: Tensor, op: str) -> None:
        if op == "detach_" and self.owns(tensor):
            tensor._data = self.detached(self.current(tensor), self.below(Tensor.detach, tensor._data.value))
            return
        super().changes(tensor, op)

    def lift(self, tensor: Tensor) -> Tensor:
        out = super().lift(tensor)
        out._edge = edge_of(tensor)
        return out

    def made(self, tensor: Tensor) -> None:
        super().made(tensor)
        self.living.add(tensor)

    def computed(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        self.living.update(out if primitive.multiple else (out,))
        super().computed(primitive, operands, params, out)

    def accumulate(self, leaf: Leaf, ct: Tensor) -> None:
        leaf.grad = P.clone(ct) if leaf.grad is None else leaf.grad + ct

    def __exit__(self, *exception: object) -> None:
        self.leave()
        for tensor in self.living:
            if self.owns(tensor):
                inner = tensor._data.value
                leaf = type(tensor._edge) is Leaf and type(inner._edge) is not Leaf
                tensor._data, tensor._alias, tensor._cell = inner._data, inner._alias, inner._cell
                if not leaf:
                    tensor._edge = inner._edge


def __getattr__(name: str) -> Any:
    """``_current_level``: 0 inside of a level, -1 outside."""
    if name == "_current_level":
        return -1 if _current() is None else 0
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "_current_level"])


def _current() -> _OpenLevel | None:
    watcher = state.watcher
    while watcher is not None and not isinstance(watcher, _OpenLevel):
        watcher = watcher.outer
    return watcher


def _checked(level: object) -> _OpenLevel | None:
    current = _current()
    if level is not None and level is not current and level != 0:
        raise RuntimeError(f"[forward_ad] the level in force was expected; got {level!r}; leave out level")
    return current


class _set_fwd_grad_enabled:
    """Whether what is computed at a level moves, from the call on, or inside the block it opens."""

    def __init__(self, mode: bool) -> None:
        self._before = _is_fwd_grad_enabled()
        _switch(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _switch(self._before)


_here = threading.local()


def _is_fwd_grad_enabled() -> bool:
    """Whether what is computed at a level of this thread moves: what `_set_fwd_grad_enabled` said last; at first
    True."""
    return getattr(_here, "moves", True)


def _switch(mode: bool) -> None:
    """Says so, for the level in force and those to come."""
    _here.moves, level = bool(mode), _current()
    if level is not None:
        level.still = not mode


def enter_dual_level() -> int:
    """Enters a level of forward mode; returns its number, 0, as there is one at most. Raises RuntimeError inside
    another one. See `dual_level`.

    >>> import wengert.autograd.forward_ad as fwd
    >>> level = fwd.enter_dual_level()
    >>> x = fwd.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    >>> fwd.unpack_dual(x * x).tangent
    tensor(6.)
    >>> fwd.exit_dual_level()
    """
    if _current() is not None:
        raise RuntimeError("[forward_ad] Nested forward mode AD is not supported at the moment; nest "
                           "torch.func.jvp instead")
    _OpenLevel().__enter__()
    return 0


def exit_dual_level(*, level: Any = None) -> None:
    """Leaves the level: tangents are gone, and the tensors that had one are plain.

    >>> import wengert.autograd.forward_ad as fwd
    >>> level = fwd.enter_dual_level()
    >>> x = fwd.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    >>> fwd.exit_dual_level()
    >>> fwd.unpack_dual(x).tangent is None
    True
    """
    current = _checked(level)
    if current is None:
        raise RuntimeError("[forward_ad] Trying to exit a forward AD level that was not the last one that was created. "
                           "This is not supported; enter one first, with dual_level()")
    current.__exit__()


@contextmanager
def dual_level() -> Iterator[Any]:
    """A context in which dual tensors can be made.

    >>> import wengert as torch
    >>> import wengert.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    ...     print(fwAD.unpack_dual(x * x).tangent)
    tensor(6.)
    """
    outer, level = state.watcher, enter_dual_level()
    try:
        yield level
    finally:
        try:
            exit_dual_level(level=level)
        finally:
            state.watcher = outer  # where Ctrl-C came before it left


def _check_tensor(op: str, x: object, error: type[Exception] = TypeError) -> None:
    if not isinstance(x, Tensor):
        raise error(f"[{op}] a tensor was expected; got {type(x).__name__}; make it one with torch.tensor")


def make_dual(tensor: Tensor, tangent: Tensor, *, level: Any = None) -> Tensor:
    """A tensor with the value of ``tensor``, that moves along ``tangent``, of the same shape and dtype.

    Raises RuntimeError outside of a level and for another shape, ValueError for integers.

    >>> import wengert.autograd.forward_ad as fwd
    >>> with fwd.dual_level():
    ...     x = fwd.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    ...     fwd.unpack_dual(x**2).tangent
    tensor(6.)
    """
    for x in (tensor, tangent):
        _check_tensor("make_dual", x, AttributeError)  # PyTorch's, by accident, and so what programs catch
    current = _checked(level)
    if current is None:
        raise RuntimeError("[make_dual] Trying to create a dual Tensor for forward AD but no level exists, make sure "
                           "to enter_dual_level() first.")
    for what, x in (("primal", tensor), ("tangent", tangent)):
        if not (x.is_floating_point() or x.is_complex()):
            raise ValueError(f"[make_dual] Expected {what} to be floating point or complex, but got: {x.dtype}")
    if tensor._data.shape != tangent._data.shape:
        raise RuntimeError("[make_dual] Trying to set a forward gradient that has a different size than that of the "
                           f"original Tensor, this is not supported. Tensor is of size {list(tensor._data.shape)} "
                           f"while the given forward gradient is of size {list(tangent._data.shape)}.")
    for what, x in (("based on a tensor", tensor), ("with a tangent", tangent)):
        if current.unpacked(x)[1] is not None:
            raise RuntimeError(f"[make_dual] Making a dual Tensor {what} that already has a forward gradient at the "
                               "same level is not supported; unpack_dual it first")
    primal, direction = current.inner(tensor), current.inner(tangent)
    if primal._data.dtype != direction._data.dtype:
        raise RuntimeError(f"[make_dual] a tangent of the primal's dtype, {primal.dtype}, was expected; got "
                           f"{direction.dtype}; convert it")
    out = current.dual(current.below(lambda: P.reshape(primal, shape=primal._data.shape)), direction)
    out._edge, out._cell = edge_of(tensor), version_cell(tensor)
    if direction is not tangent:
        current.given[out._data] = direction, tangent
    return out


def unpack_dual(tensor: Tensor, *, level: Any = None) -> UnpackedDualTensor:
    """The primal and the tangent of a tensor; None for that of one that does not move, and outside of a level.

    >>> import wengert.autograd.forward_ad as fwd
    >>> with fwd.dual_level():
    ...     x = fwd.make_dual(torch.tensor(2.0), torch.tensor(1.0))
    ...     fwd.unpack_dual(x * x)
    UnpackedDualTensor(primal=tensor(4.), tangent=tensor(4.))
    """
    _check_tensor("unpack_dual", tensor)
    current = _checked(level)
    if current is None:
        return UnpackedDualTensor(tensor, None)
    primal, tangent = current.unpacked(tensor)
    if primal is not tensor:  # a view of it at each call, as in PyTorch
        whole = primal
        primal = current.below(lambda: P.reshape(whole, shape=whole._data.shape))
    given = current.given.get(tensor._data) if current.owns(tensor) else None
    return UnpackedDualTensor(primal, given[1] if given is not None and given[0] is tangent else tangent)
