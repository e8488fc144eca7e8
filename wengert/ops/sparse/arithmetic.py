"""Sums, products and functions of each element: what of arithmetic keeps zeros zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.dtypes import category
from ...core.errors import DTypeError, LayoutError, ShapeError
from ...core.sparse import Compressed, Coordinates, SparseArray, added, places_of
from ...tensors.apply import NUMBERS, result_type
from ...tensors.sparse import SparseTensor, check_untraced
from ...tensors.tensor import Tensor
from .. import registry
from ..arguments import dtype_of as dtype_of_argument
from ..pointwise import abs_of_reals
from .operation import (
    METHODS,
    Operation,
    function,
    is_sparse,
    method,
    named,
    plain,
    settled,
    values_of,
    with_values,
)


class _Linear(Operation):
    """What does to each element what it does to each cotangent: ``each(values)``, whose adjoint is ``back(ct)``."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, each: Callable[..., Any], back: Callable[..., Any]) -> Tensor:
        ctx.back = back
        return plain(x._data.with_values(each(plain(x._data.values))._data))

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        return ctx.back(ct), None, None


def linear(x: SparseTensor, name: str, each: Callable[..., Any], back: Callable[..., Any]) -> Any:
    """A linear function of each element of a sparse tensor, coalesced or not."""
    return named(_Linear.apply(x, each, back), name)


# --- dtypes and copies ------------------------------------------------------------------------------------------------


@method("clone")
def clone(self: SparseTensor, *, memory_format: Any = None) -> Any:
    """A copy, through which gradients flow."""
    return linear(self, "Clone", lambda v: v.clone(), lambda ct: ct)


function("clone", method=False)(clone)


def cast(x: SparseTensor, dtype: Any) -> Any:
    """``x`` in another dtype: itself where it has that already."""
    if x.dtype is dtype:
        return x
    before = x.dtype
    return linear(x, "ToCopy", lambda v: v.to(dtype), lambda ct: ct.to(before))


@method("to")
def to(self: SparseTensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, **rest: Any) -> Any:
    """This tensor with another dtype: ``x.to(dtype)``, ``x.to(device, dtype)``, ``x.to(other)``."""
    probe = plain(self._data.values[:0])
    wanted = probe.to(*args, dtype=dtype, device=device, **rest).dtype
    out = cast(self, wanted)
    return clone(self) if out is self and (copy or args[1:] and args[-1] is True) else out


@method("type")
def type_(self: SparseTensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Without an argument the name of this tensor's type (``'torch.sparse.FloatTensor'``); else it in that dtype."""
    if dtype is None:
        if not self.is_sparse:
            raise LayoutError(f"[type] torch.sparse_coo was expected; got {self.layout}; ask for dtype and layout")
        return plain(self._data.values[:0]).type().replace("torch.", "torch.sparse.")
    return cast(self, plain(self._data.values[:0]).type(str(dtype).replace("sparse.", "")
                                                        if isinstance(dtype, str) else dtype).dtype)


def _conversions() -> None:
    for name in ("float", "double", "half", "bfloat16", "int", "long", "short", "char", "byte", "bool", "cfloat",
                 "cdouble"):

        def convert(self: SparseTensor, memory_format: Any = None, name: str = name) -> Any:
            return cast(self, getattr(plain(self._data.values[:0]), name)().dtype)

        convert.__name__ = convert.__qualname__ = name
        convert.__doc__ = f"This tensor as {name}; itself where it is that already."
        method(name)(convert)


_conversions()


@method("type_as")
def type_as(self: SparseTensor, other: Tensor) -> Any:
    """This tensor in the dtype of another."""
    return cast(self, other.dtype)


@method("cpu", "resolve_conj", "resolve_neg")
def cpu(self: SparseTensor, memory_format: Any = None) -> SparseTensor:
    """This tensor."""
    return self


# --- functions of one element -----------------------------------------------------------------------------------------

_KEEP_ZERO = ("asin asinh atan atanh tan tanh sin sinh sqrt erf erfinv expm1 log1p deg2rad rad2deg ceil floor frac "
              "round trunc sign sgn relu abs nan_to_num isnan isinf isposinf isneginf signbit angle square")
_ALIASES = {"asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atanh": "arctanh", "trunc": "fix",
            "abs": "absolute"}
_LABELS = {"log1p": "Log1P", "deg2rad": "Deg2Rad", "rad2deg": "Rad2Deg", "nan_to_num": "NanToNum", "square": "Pow"}


def _dense(name: str) -> Callable[..., Any]:
    """The function of dense tensors by that name."""
    return registry.FUNCTIONS[name]


def _unary(name: str) -> Callable[..., Any]:
    label = _LABELS.get(name, "".join(part.capitalize() for part in name.split("_")))

    def unary(input: SparseTensor, *args: Any, **options: Any) -> Any:
        check_untraced(name)
        x = settled(input)
        return named(with_values(x._data, _dense(name)(values_of(x), *args, **options)), label)

    unary.__name__ = unary.__qualname__ = name
    unary.__doc__ = f"`{name}` of each element that is kept; 0 stays 0."
    return unary


def _inplace(name: str, plain_: Callable[..., Any], needs_coalesced: bool = True) -> Callable[..., Any]:
    def inplace(self: SparseTensor, *args: Any, **options: Any) -> Any:
        if needs_coalesced and self.is_sparse and not self.is_coalesced():
            raise RuntimeError(f"[{name}_] {name}_ requires coalesced input; call coalesce() first")
        return self.replace(plain_(self, *args, **options), f"{name}_")

    inplace.__name__ = inplace.__qualname__ = f"{name}_"
    inplace.__doc__ = f"In-place version of `{name}`."
    return inplace


for _name in _KEEP_ZERO.split():
    _made = _unary(_name)
    for _each in (_name, *_ALIASES.get(_name, "").split()):
        function(_each)(_made)
        if _name not in ("isnan", "isinf", "isposinf", "isneginf", "signbit", "angle", "square"):
            method(f"{_each}_")(_inplace(_name, abs_of_reals(_made) if _name == "abs" else _made))


@function("neg", "negative")
def neg(input: SparseTensor) -> Any:
    """Minus each element."""
    return linear(input, "Neg", lambda v: -v, lambda ct: -ct)


@function("positive")
def positive(input: SparseTensor) -> SparseTensor:
    """The tensor itself."""
    if input._data.dtype == bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@function("conj", "conj_physical")
def conj(input: SparseTensor) -> Any:
    """The complex conjugate of each element; a real tensor itself."""
    if not input.is_complex():
        return input
    return linear(input, "Conj", lambda v: v.conj().resolve_conj(), lambda ct: ct.conj())


@function("real")
def real(input: SparseTensor) -> Any:
    """The real part of each element; a real tensor itself."""
    if not input.is_complex():
        return input
    dtype = input.dtype
    return linear(input, "Real", lambda v: v.real.clone(), lambda ct: ct.to(dtype))


@function("imag")
def imag(input: SparseTensor) -> Any:
    """The imaginary part of each element of a complex tensor."""
    if not input.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return linear(input, "Imag", lambda v: v.imag.clone(), lambda ct: ct * 1j)


METHODS.update(neg_=_inplace("neg", neg, False), negative_=_inplace("neg", neg, False),
               conj_physical_=_inplace("conj_physical", conj, False))
_POWERS_OF_ZERO = "[pow] cannot raise to zeroth power on sparse tensor; it would make the result tensor dense"


@function("pow")
def pow(input: Any, exponent: Any) -> Any:
    """Each element to a power, a number above 0."""
    if not is_sparse(input) or is_sparse(exponent) or not _is_scalar(exponent):
        raise LayoutError("[pow] a sparse tensor and a number as exponent were expected; got "
                          f"{_came(input)} and {_came(exponent)}; use to_dense()")
    power = exponent.item() if isinstance(exponent, Tensor) else exponent
    if power == 0:
        raise RuntimeError(_POWERS_OF_ZERO)
    x = settled(input)
    return named(with_values(x._data, values_of(x) ** power), "Pow")


def _is_scalar(x: Any) -> bool:
    """Whether an operand is a number, or a dense tensor of no dimensions."""
    return isinstance(x, NUMBERS) or (isinstance(x, Tensor) and not is_sparse(x) and x.ndim == 0)


def _came(x: Any) -> str:
    if not isinstance(x, Tensor):
        return type(x).__name__
    return f"a tensor of layout {x.layout} and shape {list(x.shape)}"


# --- sums -------------------------------------------------------------------------------------------------------------


class Add(Operation):
    """The sum of two tensors of one dtype, of which one at least is sparse."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return plain(added(x._data, y._data))

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        return ct, ct


def _together(op: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Two tensors in the dtype in which they meet."""
    dtype = result_type(op, [plain(t._data.values) if is_sparse(t) else t for t in (x, y)])
    return tuple([t.to(dtype) for t in (x, y)])


@function("add")
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input + alpha * other``: sparse of two sparse tensors, dense of a dense one and a sparse one. Shapes must be
    the same. Raises RuntimeError for a sparse tensor plus a dense one, in that order, as PyTorch does."""
    return _sum("add", input, other, alpha)


@function("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input - alpha * other``, as `add`."""
    return named(_sum("sub", input, other, -alpha), "Sub")


@function("rsub")
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``other - alpha * input``."""
    return sub(other, input, alpha=alpha)


def _sum(op: str, x: Any, y: Any, alpha: Any) -> Any:
    check_untraced(op)
    if is_sparse(x) and not is_sparse(y):
        if x.layout is not y.layout if isinstance(y, Tensor) and y.ndim and not x.is_sparse else False:
            return _sum(op, y, x, 1) if alpha == 1 else _sum(op, y * alpha, x, 1)  # compressed + dense
        raise RuntimeError(f"[{op}] add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if not isinstance(x, Tensor) or tuple(x.shape) != tuple(y.shape):
        raise ShapeError(f"[{op}] expected 'self' and 'other' to have same size, but self has size "
                         f"{list(getattr(x, 'shape', []))} while other has size {list(y.shape)} (dense-sparse addition "
                         "does not currently support broadcasting)")
    x, y = _together(op, x, y)
    if op == "sub" and x._data.dtype == bool:
        raise DTypeError("[sub] Subtraction, the `-` operator, with two bool tensors is not supported; use the `^` or "
                         "`logical_xor()` operator of strided ones instead")
    if is_sparse(x) and x.is_sparse != y.is_sparse:
        raise LayoutError(f"[{op}] two sparse tensors of one layout were expected; got {x.layout} and {y.layout}; "
                          "convert one of them with to_sparse()")
    if alpha != 1:
        if isinstance(alpha, float) and category(x.dtype) < 2:
            raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
        y = mul(y, alpha).to(x.dtype)
    return Add.apply(x, y)


# --- products ---------------------------------------------------------------------------------------------------------


class Mul(Operation):
    """A sparse tensor times another of its shape: what it keeps, or, if both are sparse, what both keep."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return plain(_product(x._data, y._data) if is_sparse(y) else x._data * y._data)

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        x, y = ctx.saved_tensors
        first, second = ctx.needs_input_grad
        return (mul(ct, y.conj().resolve_conj()) if first else None), (mul(ct, conj(x)) if second else None)


def _product(x: SparseArray, y: SparseArray) -> SparseArray:
    a, b = x.coordinates(), y.coordinates()
    if a.sparse_dim != b.sparse_dim:
        raise ShapeError(f"[mul] tensors with {a.sparse_dim} sparse dimensions were expected; got {b.sparse_dim}; "
                         "convert them by to_sparse(sparse_dim)")
    if a.coalesced or not b.coalesced:  # the one that is looked up has each coordinate once
        a = a.coalesced_form()
        table, read = a, b
    else:
        table, read = b, a
    if a.coalesced and b.coalesced:
        table, read = b, a
    at, found = places_of(read.keys(), table.keys())
    kept = read.indices[:, found]
    out = Coordinates(kept, read.values[found] * table.values[at[found]], x.shape, read.coalesced)
    if isinstance(x, Compressed):
        return x.like(out)
    return out


@function("mul", "multiply")
def mul(input: Any, other: Any) -> Any:
    """The product with a number, with a dense tensor of no dimensions or of the same shape, or with a sparse tensor:
    sparse, where the sparse one keeps values."""
    check_untraced("mul")
    if not is_sparse(input):
        input, other = other, input
    if not is_sparse(input):
        return input * other
    if _is_scalar(other):
        return _by_scalar("mul", input, other)
    if not isinstance(other, Tensor) or (tuple(other.shape) != tuple(input.shape) and is_sparse(other)):
        raise ShapeError(f"[mul] a tensor of shape {list(input.shape)} was expected; got {_came(other)}; sparse "
                         "tensors do not broadcast")
    if not is_sparse(other) and tuple(other.shape) != tuple(input.shape):
        other = other.expand(input.shape)
    x, y = _together("mul", input, other)
    if is_sparse(y) and x.is_sparse != y.is_sparse:
        y = y.to_sparse(layout=x.layout)
    return Mul.apply(x, y)


def _by_scalar(op: str, x: SparseTensor, y: Any) -> Any:
    """Each element times, or divided by, a number or a dense tensor of no dimensions."""
    run: Callable[..., Any] = (lambda v, s: v * s) if op == "mul" else (lambda v, s: v / s)
    label = "Mul" if op == "mul" else "Div"
    if isinstance(y, Tensor) and y.requires_grad:
        x = settled(x)
        return named(with_values(x._data, run(values_of(x), y)), label)
    there = run(plain(x._data.values[:0]), y).dtype
    number = y.item() if isinstance(y, Tensor) else y
    if there is not x.dtype:
        x = cast(x, there)
    back = number.conjugate() if isinstance(number, complex) else number
    return linear(x, label, lambda v: run(v, number), lambda ct: run(ct, back))


@function("div", "divide", "true_divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """The quotient by a number, or by a dense tensor of no dimensions. Raises RuntimeError for others."""
    check_untraced("div")
    if not is_sparse(input) or not _is_scalar(other):
        shape = list(other.shape) if isinstance(other, Tensor) else None
        raise LayoutError(f"[div] Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
                          f"{shape} for divisor); use to_dense()")
    if rounding_mode is None:
        return _by_scalar("div", input, other)
    x = settled(input)
    return named(with_values(x._data, _dense("div")(values_of(x), other, rounding_mode=rounding_mode)), "Div")


@function("floor_divide")
def floor_divide(input: Any, other: Any) -> Any:
    """The quotient by a number, rounded down."""
    return div(input, other, rounding_mode="floor")


# --- in place ---------------------------------------------------------------------------------------------------------

for _name, _run in (("add", add), ("sub", sub), ("subtract", sub), ("mul", mul), ("multiply", mul), ("div", div),
                    ("divide", div), ("true_divide", div), ("floor_divide", floor_divide), ("pow", pow)):
    method(f"{_name}_")(_inplace(_name, _run, False))


@method("zero_")
def zero_(self: SparseTensor) -> SparseTensor:
    """Drops all entries."""
    data = self._data
    empty = plain(data.with_values(np.zeros_like(data.values))) if isinstance(data, Compressed) else plain(
        Coordinates(data.indices[:, :0], data.values[:0], data.shape, True))
    out: SparseTensor = self.replace(empty, "zero_")  # type: ignore[arg-type]
    return out


@method("copy_")
def copy_(self: SparseTensor, src: Any, non_blocking: bool = False) -> SparseTensor:
    """Makes this tensor what another sparse one is. Raises RuntimeError for a dense one."""
    if not is_sparse(src):
        raise RuntimeError("[copy_] copy_() between dense and sparse Tensors is not implemented! A sparse tensor was "
                           f"expected; got {_came(src)}; convert it with to_sparse()")
    out: SparseTensor = self.replace(clone(cast(src, self.dtype)), "copy_")
    return out


@function("tensor", method=False)
def tensor(data: SparseTensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
           pin_memory: bool = False) -> Any:
    """A copy without history, of ``dtype`` if it is given."""
    wanted = dtype_of_argument(dtype) or data.dtype
    out = clone(cast(data.detach(), wanted))  # type: ignore[arg-type]
    return out.requires_grad_() if requires_grad else out


@function("is_nonzero")
def is_nonzero(input: SparseTensor) -> bool:
    """Whether a tensor of one element is not zero."""
    return bool(input)


@method("is_same_size")
def is_same_size(self: SparseTensor, other: Tensor) -> bool:
    """Whether another tensor has this one's shape."""
    return tuple(self.shape) == tuple(other.shape)


function("is_same_size", method=False)(is_same_size)


@function("copysign", method=False)
def copysign(input: Any, other: Any) -> Any:
    """Raises: zeros would get a sign."""
    raise DTypeError("[copysign] strided tensors were expected; got a sparse one; use to_dense()")

