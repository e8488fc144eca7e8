"""``torch.utils._python_dispatch``: modes that are asked for every operation.

PyTorch asks them in its dispatcher of operators. Here the one place through which operations go is evaluation, before
which a watcher may stand: a mode is one. The one idea to know: what a mode is handed is a primitive of wengert's under
PyTorch's name for it, with the operands and parameters that the primitive has; an in-place operation comes as the
operation, which is written afterwards, and what makes tensors of no other (``zeros``, ``randn``) does not come.
"""

from __future__ import annotations

from typing import Any

from ....autograd.modes import no_grad
from ....core.primitive import Primitive
from ....core.state import state
from ....ops.aten import Called
from ....tensors.evaluation import Watcher
from ....tensors.tensor import TENSORS, Tensor


class TorchDispatchMode(Watcher):
    """Derive from it and define ``__torch_dispatch__(self, func, types, args=(), kwargs=None)``, which is called for
    each operation between entering and leaving, forward and backward, and gives its result: ``func(*args, **kwargs)``,
    which runs the operation past this mode, or anything else of that shape and dtype. ``func`` equals the operator of
    PyTorch's that it is (``torch.ops.aten.mm.default``) and prints so.

    >>> from wengert.compat.torch.utils._python_dispatch import TorchDispatchMode
    >>> class Log(TorchDispatchMode):
    ...     def __torch_dispatch__(self, func, types, args=(), kwargs=None):
    ...         print(func)
    ...         return func(*args, **kwargs or {})
    >>> x = torch.ones(2, 2, requires_grad=True)
    >>> with Log():
    ...     y = (x @ x).exp()
    aten.mm.default
    aten.exp.default
    """

    rules = True

    def __init__(self, _dispatch_key: Any = None) -> None:
        if _dispatch_key is not None:
            raise NotImplementedError("[TorchDispatchMode] no key of PyTorch's dispatcher was expected, as wengert has "
                                      f"no dispatcher; got {_dispatch_key!r}; leave it out")

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        raise NotImplementedError(f"[{type(self).__name__}] a mode that defines __torch_dispatch__ was expected")

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """What the mode gives for an operation, as data."""
        func = Called(primitive, operands)
        types = tuple(dict.fromkeys(type(x) for x in operands if type(x) in TENSORS and type(x) is not Tensor))
        inner, state.watcher = state.watcher, self.outer
        try:
            with no_grad():
                found = self.__torch_dispatch__(func, types, operands, dict(params))
        finally:
            state.watcher = inner
        parts = found if primitive.multiple else (found,)
        if not isinstance(parts, (tuple, list)) or not all(isinstance(part, Tensor) for part in parts):
            what = "a tuple of tensors" if primitive.multiple else "a tensor"
            raise TypeError(f"[{type(self).__name__}] {what} was expected as the result of {func}; got "
                            f"{type(found).__name__}; return what func(*args, **kwargs) gives")
        return tuple([part._data for part in parts]) if primitive.multiple else found._data


def _get_current_dispatch_mode() -> TorchDispatchMode | None:
    """The innermost mode in force, or None."""
    watcher = state.watcher
    while watcher is not None and not isinstance(watcher, TorchDispatchMode):
        watcher = watcher.outer
    return watcher


def is_traceable_wrapper_subclass(t: object) -> bool:
    """False: there are no tensors that wrap others behind a dispatcher."""
    return False
