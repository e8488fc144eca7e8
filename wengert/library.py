"""``torch.library``: operators of one's own, with a derivative that is stated beside them.

The one idea to know: an operator's body is outside differentiation; what `register_autograd` states is its derivative.
Registered ones are found as ``torch.ops.namespace.name``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from . import ops as _ops
from ._public import publish as _publish
from .autograd.function import Function
from .autograd.modes import no_grad
from .tensors.tensor import Tensor

__all__ = ["CustomOpDef", "custom_op", "register_autograd", "register_fake", "register_kernel"]

_registered: dict[str, CustomOpDef] = {}


class CustomOpDef:
    """An operator of one's own. Calling it calls its body; `register_autograd` gives it a derivative, without which
    asking for one raises RuntimeError.

    >>> @torch.library.custom_op("reference::half", mutates_args=())
    ... def half(x: torch.Tensor) -> torch.Tensor:
    ...     return x / 2
    >>> isinstance(half, torch.library.CustomOpDef), torch.ops.reference.half(torch.tensor(3.0))
    (True, tensor(1.5000))
    """

    def __init__(self, name: str, body: Callable[..., Any], mutates_args: str | Iterable[str], schema: str | None
                 ) -> None:
        self._qualname, self._body, self._schema = name, body, schema
        self._signature = inspect.signature(body)
        self._mutates = frozenset(() if isinstance(mutates_args, str) else mutates_args)
        self._kernels: dict[str, Callable[..., Any]] = {}
        self._fake: Callable[..., Any] | None = None
        self._backward: Callable[..., Any] | None = None
        self._setup: Callable[..., Any] | None = None
        self.__name__ = name.partition("::")[2]
        self.__doc__ = body.__doc__
        self._function = _function(self)

    default = property(lambda self: self)

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """``fn`` gives empty results of the right shapes and dtypes for arguments on the meta device."""
        self._fake = fn
        return fn

    def register_kernel(self, device_types: str | Sequence[str] | None, fn: Any = None, /) -> Any:
        """``fn`` is the body for arguments of these devices."""
        def register(body: Callable[..., Any]) -> Callable[..., Any]:
            for kind in [device_types] if isinstance(device_types, str) else device_types or ["cpu"]:
                self._kernels[kind] = body
            return body

        return register if fn is None else register(fn)

    def register_autograd(self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
                          ) -> None:
        """``backward(ctx, *grads)`` gives a gradient for each argument; ``setup_context(ctx, inputs, output)`` keeps
        what it needs. Raises RuntimeError for an operator that writes to its arguments."""
        if self._mutates:
            raise RuntimeError(f"Cannot register autograd formula for non-functional operator {self!r}")
        self._backward, self._setup = backward, setup_context

    def _evaluate(self, arguments: Sequence[Any]) -> Any:
        kinds = {value.device.type for value in arguments if isinstance(value, Tensor)}
        with no_grad():
            if "meta" in kinds and self._fake is not None:
                return self._fake(*arguments)
            kind = next(iter(kinds), "cpu")
            return self._kernels.get(kind, self._body)(*arguments)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = [value for name, parameter in self._signature.parameters.items()
                     for value in (bound.arguments[name] if parameter.kind is parameter.VAR_POSITIONAL
                                   else [bound.arguments[name]])]
        if self._mutates:
            return self._evaluate(arguments)
        return self._function.apply(*arguments)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"


def _function(operator: CustomOpDef) -> type[Function]:
    """The operation that an operator without side effects is."""

    class Operator(Function):
        @staticmethod
        def forward(ctx: Any, *arguments: Any) -> Any:
            output = operator._evaluate(arguments)
            if operator._setup is not None:
                operator._setup(ctx, arguments, output)
            return output

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            if operator._backward is None:
                raise RuntimeError(f"Trying to backward through {operator._qualname} but no autograd formula was "
                                   f"registered. Please use register_autograd to add one.")
            return operator._backward(ctx, *grads)

    Operator.__name__ = Operator.__qualname__ = operator.__name__
    return Operator


def custom_op(name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: str | Iterable[str],
              device_types: str | Sequence[str] | None = None, schema: str | None = None, tags: Any = None) -> Any:
    """The operator ``name`` (``"namespace::name"``) with the body ``fn``, or a decorator that makes one.

    >>> import wengert
    >>> from wengert.library import custom_op
    >>> @custom_op("examples::twice", mutates_args=())
    ... def twice(x: wengert.Tensor) -> wengert.Tensor:
    ...     return x * 2
    >>> twice.register_autograd(lambda ctx, grad: grad * 2)
    >>> x = wengert.ones(2, requires_grad=True)
    >>> wengert.ops.examples.twice(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    def make(body: Callable[..., Any]) -> CustomOpDef:
        namespace, _, short = name.partition("::")
        if not namespace.isidentifier() or not short.isidentifier():
            raise ValueError(f"[custom_op] a name 'namespace::name' was expected; got {name!r}")
        made = _registered[name] = CustomOpDef(name, body, mutates_args, schema)
        place = getattr(_ops, namespace, None)
        if place is None:
            place = SimpleNamespace()
            setattr(_ops, namespace, place)
        setattr(place, short, made)
        return made

    return make if fn is None else make(fn)


def _found(op: Any) -> CustomOpDef:
    found = op if isinstance(op, CustomOpDef) else _registered.get(op)
    if found is None:
        raise RuntimeError(f"[library] an operator made by custom_op was expected; got {op!r}")
    return found


def register_fake(op: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None, allow_override: bool = False
                  ) -> Any:
    """`CustomOpDef.register_fake` of the operator ``op``, or its name; without ``func`` a decorator.

    >>> @torch.library.custom_op("reference::rows", mutates_args=())
    ... def rows(x: torch.Tensor) -> torch.Tensor:
    ...     return x.sum(dim=1)
    >>> _ = torch.library.register_fake(rows, lambda x: x.new_empty(x.shape[0]))
    >>> rows(torch.ones(2, 3, device="meta")).shape
    torch.Size([2])
    """
    found = _found(op)
    return found.register_fake if func is None else found.register_fake(func)


def register_kernel(op: Any, device_types: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """`CustomOpDef.register_kernel` of the operator ``op``, or its name.

    >>> @torch.library.custom_op("reference::twice", mutates_args=())
    ... def twice(x: torch.Tensor) -> torch.Tensor:
    ...     return 2 * x
    >>> _ = torch.library.register_kernel(twice, "cpu", lambda x: x + x)
    >>> twice(torch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    return _found(op).register_kernel(device_types, func)


def register_autograd(op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None) -> None:
    """`CustomOpDef.register_autograd` of the operator ``op``, or its name.

    >>> @torch.library.custom_op("reference::cube", mutates_args=())
    ... def cube(x: torch.Tensor) -> torch.Tensor:
    ...     return x * x * x
    >>> def keep(ctx, inputs, output):
    ...     ctx.save_for_backward(*inputs)
    >>> def backward(ctx, grad):
    ...     return 3 * ctx.saved_tensors[0] ** 2 * grad
    >>> torch.library.register_autograd(cube, backward, setup_context=keep)
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    tensor(12.)
    """
    _found(op).register_autograd(backward, setup_context=setup_context)


_publish(__name__)
