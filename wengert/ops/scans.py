"""Running sums, products and extremes along a dimension; differences and integrals."""

from __future__ import annotations

import functools
from typing import Any

from ..core import dtypes
from ..core.errors import RankError
from ..core.primitive import P
from ..core.spec import wrap_dim
from ..tensors.alias import type_name
from ..tensors.given import check_tensor, number
from ..tensors.tensor import Tensor
from .arguments import dtype_of
from .conversion import cast
from .halves import in_float32
from .named import named
from .out import TYPED, Out
from .registry import FUNCTIONS, METHODS, function


def _running_dtype(op: str, input: Any, dtype: Any) -> Any:
    """The input as it is accumulated: integers and truth values in int64, unless ``dtype`` says otherwise."""
    if dtype is not None:
        wanted = dtype_of(dtype)
        if wanted is dtypes.bool_:
            raise NotImplementedError(f'"{op}_out_cpu" not implemented for \'Bool\'')
        return cast(input, wanted)  # type: ignore[arg-type]
    return cast(input, dtypes.int64) if input._data.dtype.kind in "biu" else input


@function(inplace=True, out=TYPED)
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """The sum of the elements up to each, along ``dim``.

    >>> torch.cumsum(torch.tensor([[1, 2, 3], [4, 5, 6]]), dim=1)
    tensor([[ 1,  3,  6],
            [ 4,  9, 15]])
    """
    x = _running_dtype("cumsum", input, dtype)
    return P.cumsum(x, dim=wrap_dim(dim, x._data.ndim, "cumsum"))


@function(inplace=True, out=TYPED)
def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """The product of the elements up to each, along ``dim``.

    >>> torch.cumprod(torch.tensor([1, 2, 3, 4]), dim=0)
    tensor([ 1,  2,  6, 24])
    """
    x = _running_dtype("cumprod", input, dtype)
    return P.cumprod(x, dim=wrap_dim(dim, x._data.ndim, "cumprod"))


def _in_its_dtype(general: Any) -> Any:
    """The in-place form of a running sum or product, which keeps the dtype of its target."""

    @functools.wraps(general)
    def method(self: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        wanted = None if dtype is None else dtype_of(dtype)
        if wanted is not None and wanted is not self.dtype:
            raise RuntimeError("Bad in-place call: input tensor dtype and output tensor dtype should match; got "
                               f"{self.dtype} and {wanted}")
        made: Tensor = general(self, *args, **kwargs)
        return made

    return method


for _name in ("cumsum_", "cumprod_"):
    METHODS[_name] = _in_its_dtype(METHODS[_name])


@function()
def logcumsumexp(input: Any, dim: int) -> Tensor:
    """log Σ exp of the elements up to each, along ``dim``, without overflow.

    >>> torch.logcumsumexp(torch.zeros(3), dim=0).exp()
    tensor([1., 2., 3.])
    """
    if input._data.dtype.kind not in "fVc":
        raise NotImplementedError(f'"logcumsumexp_out_cpu" not implemented for \'{type_name(input._data.dtype)}\'')
    return P.logcumsumexp(input, dim=wrap_dim(dim, input._data.ndim, "logcumsumexp"))


def _ordered(op: str, x: Any) -> None:
    if x._data.dtype.kind in "cW":
        raise NotImplementedError(f'"{op}_cpu" not implemented for \'{type_name(x._data.dtype)}\'')


_cummax, _cummin = named("cummax", "values", "indices"), named("cummin", "values", "indices")


@function()
def cummax(input: Any, dim: int) -> Any:
    """The largest element up to each along ``dim``, and the position of its last occurrence, as (values, indices).

    >>> torch.cummax(torch.tensor([1, 3, 2, 3]), dim=0)
    torch.return_types.cummax(
    values=tensor([1, 3, 3, 3]),
    indices=tensor([0, 1, 1, 3]))
    """
    _ordered("cummax", input)
    return _cummax(P.cummax(input, dim=wrap_dim(dim, input._data.ndim, "cummax")))


@function()
def cummin(input: Any, dim: int) -> Any:
    """The smallest element up to each along ``dim``, and the position of its last occurrence, as (values, indices).

    >>> torch.cummin(torch.tensor([3, 1, 2, 1]), dim=0)
    torch.return_types.cummin(
    values=tensor([3, 1, 1, 1]),
    indices=tensor([0, 1, 1, 3]))
    """
    _ordered("cummin", input)
    return _cummin(P.cummin(input, dim=wrap_dim(dim, input._data.ndim, "cummin")))


def _along(x: Any, dim: int, start: int | None, stop: int | None) -> Any:
    return P.slice(x, index=(*(slice(None),) * dim, slice(start, stop)))


@function(out=Out(casts=lambda input, n=1, dim=-1, prepend=None, append=None: n > 0), checked=True)
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """The differences of neighbours along ``dim``, taken ``n`` times; ``prepend`` and ``append`` are joined on
    first.

    >>> torch.diff(torch.tensor([1, 4, 9, 16]))
    tensor([3, 5, 7])
    >>> torch.diff(torch.tensor([1, 4, 9, 16]), n=2)
    tensor([2, 2])
    """
    if not input._data.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    where = wrap_dim(dim, input._data.ndim, "diff")
    if not n:
        return P.clone(input)
    for name, part, place in (("prepend", prepend, 4), ("append", append, 5)):
        if part is not None:
            check_tensor("diff", part, name, place)
    parts = [part for part in (prepend, input, append) if part is not None]
    x = parts[0] if len(parts) == 1 else FUNCTIONS["cat"](parts, dim=where)
    for _ in range(min(n, x._data.shape[where])):  # nothing is left to take differences of
        later, earlier = _along(x, where, 1, None), _along(x, where, None, -1)
        x = P.ne(later, earlier) if x._data.dtype.kind == "b" else later - earlier
    return P.clone(x) if x is input else x


def _panels(op: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """The areas of the trapezoids between neighbours along ``dim``."""
    if not y._data.ndim:
        raise RankError(f"[{op}] Dimension specified as {dim} but tensor has no dimensions: the input must have at "
                        "least one dimension")
    if y._data.dtype.kind == "b":
        raise RuntimeError(f"{op}: received a bool input for `y`, but bool is not supported")
    if x is not None and x._data.dtype.kind == "b":
        raise RuntimeError(f"{op}: received a bool input for `x`, but bool is not supported")
    if isinstance(dx, (bool, complex)):
        raise RuntimeError(f"{op}: Currently, we only support dx as a real number.")
    if dx is not None and type(dx) not in (int, float):
        dx = number(op, dx, "dx", 3)
    where = wrap_dim(dim, y._data.ndim, op)
    heights = _along(y, where, 1, None) + _along(y, where, None, -1)
    if x is None:
        return heights * ((1 if dx is None else dx) / 2.0), where
    if x._data.ndim == 1:
        if x._data.shape[0] != y._data.shape[where]:
            raise RuntimeError(f"{op}: There must be one `x` value for each sample point; got {x._data.shape[0]} for "
                               f"{y._data.shape[where]}")
        widths = diff(x)
        return heights * P.reshape(widths,
                                   shape=tuple(-1 if d == where else 1 for d in range(y._data.ndim))) / 2.0, where
    # Sizes of 1 are put before those of fewer dimensions; of more ones the dimension counts from the front too.
    return heights * diff(x, dim=where - max(0, y._data.ndim - x._data.ndim)) / 2.0, where


@function(aliases=("trapz",), method=False)
@in_float32
def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of ``y`` along ``dim`` by the trapezoidal rule, at the places ``x`` or at distance ``dx`` (1).

    >>> torch.trapezoid(torch.tensor([1.0, 3.0, 5.0]))
    tensor(6.)
    >>> torch.trapezoid(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 10.0]))
    tensor(20.)
    """
    if y._data.ndim and not y._data.shape[wrap_dim(dim, y._data.ndim, "trapezoid")] and y._data.dtype.kind != "b":
        return y.new_zeros([size for d, size in enumerate(y._data.shape) if d != dim % y._data.ndim])  # as numpy has it
    panels, where = _panels("trapezoid", y, x, dx, dim)
    return P.sum(panels, dim=(where,))


@function(method=False)
@in_float32
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The running integral of ``y`` along ``dim`` by the trapezoidal rule; one element less than ``y``.

    >>> torch.cumulative_trapezoid(torch.tensor([1.0, 3.0, 5.0]))
    tensor([2., 6.])
    """
    panels, where = _panels("cumulative_trapezoid", y, x, dx, dim)
    return P.cumsum(panels, dim=where)
