"""`Parameter` and `Buffer`: tensors that a module adopts when they are assigned to it."""

from __future__ import annotations

from typing import Any

from wengert.tensors.creation import empty
from wengert.tensors.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a `Module` counts among its parameters as soon as it is assigned as an attribute.

    ``data`` is any tensor; the parameter shares its memory but not its history. None stands for an empty tensor. With
    ``requires_grad=False`` the parameter is frozen.

    >>> Parameter(wengert.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        return Tensor._make_subclass(cls, empty(0) if data is None else data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.data, self.requires_grad, dict(self.__dict__))


class Buffer(Tensor):
    """A tensor that a `Module` counts among its buffers as soon as it is assigned as an attribute.

    ``persistent`` says whether the module's `state_dict` includes it.
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        source = empty(0) if data is None else data
        buffer = Tensor._make_subclass(cls, source, source.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), persistent=self.persistent)
        return memo[id(self)]

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return "Buffer containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.data, self.requires_grad, dict(self.__dict__))


def _rebuild(cls: type[Any], data: Tensor, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    """What unpickling calls."""
    rebuilt = Tensor._make_subclass(cls, data, requires_grad)
    rebuilt.__dict__.update(attributes)
    return rebuilt
