"""``wengert.sparse``: functions of sparse tensors, whose gradients come where these keep values.

What sparse tensors can do besides, and how they are made, is in docs/sparse.md.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Self

from ._public import publish as _publish
from .autograd.gradcheck import gradcheck as _gradcheck
from .core.device import require_cpu as _require_cpu
from .core.layout import sparse_coo as _sparse_coo
from .core.spec import Size as _Size
from .ops.legacy import TYPES as _DENSE_TYPES
from .ops.legacy import TensorType as _TensorType
from .ops.sparse import making as _making
from .ops.sparse import products as _products
from .ops.sparse import reductions as _reductions
from .ops.sparse.making import spdiags as spdiags
from .ops.sparse.products import sampled_addmm as sampled_addmm
from .ops.sparse.reductions import log_softmax as log_softmax
from .ops.sparse.reductions import softmax as softmax
from .tensors.tensor import Tensor as _Tensor

mm, addmm, sum = _products.sparse_mm, _products.sparse_addmm, _reductions.sparse_sum


class SparseTensorType(_TensorType):
    """The metaclass of PyTorch's old sparse types: ``FloatTensor(indices, values, size)``, ``FloatTensor(2, 3)``.

    >>> isinstance(torch.eye(2).to_sparse(), torch.sparse.FloatTensor)
    True
    """

    layout = _sparse_coo

    def __call__(cls, *parts: Any, device: Any = None) -> Any:  # noqa: N805
        _require_cpu(device)
        if not parts or isinstance(parts[0], (int, _Size)):
            sizes = parts if not parts or isinstance(parts[0], int) else parts[0]
            return _making.empty_of(tuple([int(n) for n in sizes]) or (0,), cls.dtype)
        return _making.sparse_coo_tensor(*parts)

    def __instancecheck__(cls, instance: Any) -> bool:  # noqa: N805
        return isinstance(instance, _Tensor) and instance.dtype is cls.dtype and instance.layout is _sparse_coo

    def __repr__(cls) -> str:  # noqa: N805
        return f"<class 'torch.sparse.{cls.__name__}'>"


_TYPES: dict[str, Any] = {
    name: SparseTensorType(name, (), {"dtype": kind.dtype, "__module__": __name__, "__doc__": (
        f"Sparse tensors of dtype {kind.dtype.name}.\n\n>>> x = torch.sparse.{name}(2, 3)\n>>> x.dtype, x.layout\n"
        f"(torch.{kind.dtype.name}, torch.sparse_coo)")})
    for name, kind in _DENSE_TYPES.items() if name != "BoolTensor"
}
globals().update(_TYPES)


class check_sparse_tensor_invariants(AbstractContextManager["check_sparse_tensor_invariants"]):
    """PyTorch's switch for checks of indices. Here these are always checked, as an entry outside of a tensor has no
    meaning; the switch can be set and read, and changes nothing.

    >>> with torch.sparse.check_sparse_tensor_invariants():
    ...     torch.sparse.check_sparse_tensor_invariants.is_enabled()
    True
    """

    _enabled = False

    @staticmethod
    def is_enabled() -> bool:
        """Whether it was switched on."""
        return check_sparse_tensor_invariants._enabled

    @staticmethod
    def enable() -> None:
        """Switches it on."""
        check_sparse_tensor_invariants._enabled = True

    @staticmethod
    def disable() -> None:
        """Switches it off."""
        check_sparse_tensor_invariants._enabled = False

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self.saved: bool | None = None

    def __enter__(self) -> Self:
        if self.saved is not None:
            raise RuntimeError("This context manager instance is already activated. Use a different context manager "
                               "instance to enable or disable the checks.")
        self.saved = self.is_enabled()
        check_sparse_tensor_invariants._enabled = self.state
        return self

    def __exit__(self, *exception: object) -> None:
        check_sparse_tensor_invariants._enabled = bool(self.saved)
        self.saved = None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, run with the switch set."""

        def switched(*args: Any, **options: Any) -> Any:
            with type(self)(self.state):
                return function(*args, **options)

        return switched


def as_sparse_gradcheck(gradcheck: Callable[..., bool] = _gradcheck) -> Callable[..., bool]:
    """A `gradcheck` that takes functions of sparse tensors. That of `autograd` does so itself, and is returned.

    >>> torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck) is torch.autograd.gradcheck
    True
    """
    return gradcheck


_publish(__name__)
