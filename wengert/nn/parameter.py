"""`Parameter` and `Buffer`: tensors that a module adopts when they are assigned to it; and those without a shape yet,
which the lazy layers make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from ..core.errors import LayoutError
from ..ops import empty
from ..tensors.overrides import disabled
from ..tensors.tensor import TENSORS, Tensor


def _around(cls: Any, data: Tensor | None, requires_grad: bool) -> Any:
    """A tensor of class ``cls`` that shares the memory of ``data``, but not its history."""
    shared = (empty(0) if data is None else data).detach()
    if type(shared) not in TENSORS:
        raise LayoutError(f"[{cls.__name__}] a strided tensor was expected; got one of layout {shared.layout}; make "
                          "its values the parameter, and the sparse tensor of them by sparse_coo_tensor() in "
                          "forward(); or keep it by register_buffer()")
    tensor = object.__new__(cls)
    for slot in ("_data", "_edge", "_alias", "_cell", "_rare"):
        setattr(tensor, slot, getattr(shared, slot))
    return tensor.requires_grad_() if requires_grad else tensor


class Parameter(Tensor):
    """A tensor that a `Module` counts among its parameters as soon as it is assigned as an attribute.

    ``data`` is any tensor; the parameter shares its memory but not its history. None stands for an empty tensor. With
    ``requires_grad=False`` the parameter is frozen.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> nn.Parameter(torch.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __torch_function__ = disabled

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        return _around(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self) -> str:
        return self._text("Parameter containing:")


class Buffer(Tensor):
    """A tensor that a `Module` counts among its buffers as soon as it is assigned as an attribute.

    ``persistent`` says whether the module's `state_dict` includes it.

    >>> class Counter(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.count = nn.Buffer(torch.zeros(1))
    >>> list(Counter().state_dict()), list(Counter().parameters())
    (['count'], [])
    """

    persistent: bool
    __torch_function__ = disabled

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Self:
        buffer = _around(cls, data, data is not None and data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), persistent=self.persistent)
        return memo[id(self)]


class UninitializedTensorMixin:
    """What parameters and buffers without a shape have in common."""

    def share_memory_(self) -> Any:
        """Raises RuntimeError: there is no memory yet."""
        raise RuntimeError("Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize "
                           "the parameters before calling `module.share_memory()`.")


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet. `materialize` makes it an ordinary one.

    >>> weight = nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> weight.shape
    torch.Size([2, 3])
    """

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return super().__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)

    @property
    def shape(self) -> Any:
        """Raises RuntimeError: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to initialize the parameters before accessing their attributes."
        )

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Gives the parameter its shape. What it holds is yet to be written."""
        self.data = empty(tuple(shape), device=device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = Parameter  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, dtype=self.dtype)
        return memo[id(self)]

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is not known yet.

    >>> nn.UninitializedBuffer()
    <UninitializedBuffer>
    """

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        return super().__new__(cls, empty(0, device=device, dtype=dtype), persistent=persistent)

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Gives the buffer its shape. What it holds is yet to be written."""
        self.data = empty(tuple(shape), device=device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = Buffer  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<UninitializedBuffer>"


def is_lazy(value: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(value, UninitializedTensorMixin)
