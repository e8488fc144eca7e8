"""``torch.ops.aten``: PyTorch's names for operators, which policies of selective checkpoints are told.

>>> import wengert as torch
>>> torch.ops.aten.mm.default
aten.mm.default
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, final

from ..core.primitive import P, Primitive
from ..tensors.tensor import TENSORS
from .registry import FUNCTIONS, METHODS

_NAMES = {"overwrite": "copy_", "cast": "_to_copy", "slice": "slice", "reshape": "view", "softmax": "_softmax",
          "log_softmax": "_log_softmax", "normalize": "native_layer_norm", "index_put": "index_put",
          "max_pool": "max_pool2d_with_indices", "window_sum": "avg_pool2d", "nll_loss": "nll_loss_forward"}
"""What PyTorch calls primitives that have another name here."""


_OVERLOADS = {
    "Tensor": "add sub mul div bitwise_and bitwise_or bitwise_xor remainder fmod index split slice",
    "Tensor_Tensor": "pow", "int": "select transpose unbind", "self": "where", "dim": "max min",
    "Scalar": "eq ne lt le gt ge",
}
"""The forms that PyTorch's engine runs of operators that have several; of those that compare that for numbers."""


def _overload(name: str, operands: Sequence[Any]) -> str:
    """The form of an operator for these operands: ``Tensor``, ``Scalar``, ``default``."""
    form = next((form for form, names in _OVERLOADS.items() if name in names.split()), "default")
    if form in ("Scalar", "Tensor_Tensor") and len(operands) > 1:
        second = type(operands[1]) in TENSORS
        return ("Tensor" if second else form) if form == "Scalar" else form if second else "Tensor_Scalar"
    return form


@final
class Operator:
    """One operator by its name. Its overloads (``.default``, ``.Tensor``) equal it and each other, and say their name
    when they are printed; called, it is the function of that name."""

    __slots__ = ("name", "overload")

    def __init__(self, name: str, overload: str = "") -> None:
        self.name, self.overload = name, overload

    def __eq__(self, other: object) -> bool:
        return type(other) is Operator and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def overloadpacket(self) -> Operator:
        """The operator without the name of an overload."""
        return operator(self.name)

    _overloadpacket = overloadpacket

    def overloads(self) -> list[str]:
        """The names of its forms: one."""
        return ["default"]

    def __getattr__(self, overload: str) -> Operator:
        if overload.startswith("_"):
            raise AttributeError(overload)
        return operator(self.name, overload)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = FUNCTIONS.get(self.name) or METHODS.get(self.name)
        if function is None:
            raise NotImplementedError(f"[{self.name}] an operator that is a function too was expected; got "
                                      f"aten.{self.name}, which is a name alone")
        return function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"aten.{self.name}{self.overload and '.'}{self.overload}"

    def __reduce__(self) -> tuple[Any, ...]:
        return operator, (self.name, self.overload)


class Called:
    """A primitive as the operator that it is in PyTorch: it equals that operator, prints as it, and, called with the
    operands and parameters of the primitive, runs it."""

    namespace = "aten"

    def __init__(self, primitive: Primitive, operands: Sequence[Any]) -> None:
        self.primitive = primitive
        self.overloadpacket = self._overloadpacket = operator_of(primitive, operands)
        self._overload = _overload(self.overloadpacket.name, operands)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.primitive(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return self.overloadpacket == (other.overloadpacket if isinstance(other, Called) else other)

    def __hash__(self) -> int:
        return hash(self.overloadpacket)

    def name(self) -> str:
        """The name as PyTorch's operators say it: ``aten::mm``."""
        return f"aten::{self.overloadpacket.name}"

    @property
    def __name__(self) -> str:
        return f"{self.overloadpacket.name}.{self._overload}"

    def __repr__(self) -> str:
        return f"aten.{self.__name__}"


@cache
def operator(name: str, overload: str = "") -> Operator:
    """The operator of a name; the same object each time."""
    return Operator(name, overload)


def operator_of(primitive: Primitive, operands: Sequence[Any]) -> Operator:
    """The operator as which PyTorch runs what a primitive does with these operands."""
    if primitive.name == "matmul":
        ranks = [x._data.ndim for x in operands if type(x) in TENSORS]
        return operator({(2, 2): "mm", (1, 1): "dot", (2, 1): "mv"}.get(tuple(ranks), "bmm"), "default")
    if primitive.name == "linear":
        return operator("mm" if len(operands) < 3 or operands[2] is None else "addmm", "default")
    return operator(_NAMES.get(primitive.name, primitive.name), "default")


_OTHERS = tuple("""_assert_async _assert_scalar _assert_tensor_metadata _fft_c2c _foreach_add_ _foreach_div
    _foreach_maximum_ _grouped_mm _is_all_true _local_scalar_dense _pin_memory _sparse_addmm _sparse_mm_reduce_impl
    _to_copy _unsafe_view alias constant_pad_nd conv1d conv2d conv3d slice slice_copy
    sym_constrain_range sym_constrain_range_for_size sym_size""".split())
"""Operators of PyTorch's that packages name in tables of their own, and that no primitive is run as here."""


@cache
def _names() -> frozenset[str]:
    """What PyTorch's namespace has too: functions, methods, and what primitives are called there."""
    products = ("mm", "mv", "dot", "bmm", "addmm")
    primitives = [primitive.name for primitive in P]
    return frozenset({*products, *_OTHERS, *_NAMES.values(), *FUNCTIONS, *METHODS, *primitives})


def __getattr__(name: str) -> Operator:
    """The operator of a name that PyTorch's namespace has too."""
    if name in _names():
        return operator(name)
    raise AttributeError(f"module 'torch.ops.aten' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_names()})
