"""``torch._subclasses.fake_tensor``: PyTorch's tensors that have a shape and no elements. Here they are tensors of the
meta device, and say so when they are asked for their device."""

from __future__ import annotations

from typing import Any

from ....core.device import META
from ....tensors import Tensor


class _IsMeta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.is_meta


class FakeTensor(metaclass=_IsMeta):
    """What every tensor of the meta device is an instance of."""


class FakeTensorMode:
    """A context in which new tensors have no elements, so that a model is run for its shapes. The options are
    PyTorch's, and change nothing.

    >>> import wengert as torch
    >>> with FakeTensorMode():
    ...     tuple(torch.nn.Linear(3, 10**9)(torch.ones(2, 3)).shape)
    (2, 1000000000)
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __enter__(self) -> FakeTensorMode:
        META.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        META.__exit__(*exception)

    def from_tensor(self, tensor: Tensor, **options: Any) -> Any:
        """A tensor without elements, of the shape, dtype and strides of this one."""
        return tensor.detach().to("meta").requires_grad_(tensor.requires_grad)


def is_fake(x: Any) -> bool:
    """Whether ``x`` is a tensor of a `FakeTensorMode`."""
    return isinstance(x, FakeTensor)
