"""Functions that combine elements along dimensions: sums, means, extremes, norms, truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import category, from_numpy
from ..core.errors import OutOfRangeError
from ..core.frames import warn
from ..core.primitive import INTEGERS, P
from ..core.spec import wrap_dim, wrap_dims
from ..tensors.alias import type_name
from ..tensors.apply import check_takes, in_one_node
from ..tensors.hot import reduction, unary
from ..tensors.tape import labelled
from ..tensors.tensor import TENSORS, Tensor
from .arguments import check_not_empty, dtype_of, sizes_of
from .conversion import cast
from .halves import in_float32
from .named import named
from .out import TYPED
from .registry import FUNCTIONS, check_flag, function, method

_add_reduce: Any = np.add.reduce


def _mean_of(x: Any, axis: Any, dtype: Any, out: Any, keepdim: bool = False) -> Any:
    total = _add_reduce(x, axis, dtype, out, keepdim)
    return np.true_divide(total, x.dtype.type(x.size if axis is None else x.shape[axis]), out)


def _all_dims(x: Any) -> tuple[int, ...]:
    return tuple(range(x._data.ndim))


def _floating(op: str, x: Any, message: str = "") -> None:
    """Raises unless the elements are floating or complex."""
    if category(from_numpy(x._data.dtype)) < 2:
        raise RuntimeError(message or f'[{op}] "{op}" not implemented for \'{type_name(x._data.dtype)}\'')


def _to(x: Any, dtype: Any) -> Any:
    return x if dtype is None else cast(x, dtype_of(dtype))  # type: ignore[arg-type]


# --- sums and products ------------------------------------------------------------------------------------------------


@function(direct=lambda full: reduction(P.sum, _add_reduce, full), out=TYPED)
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of all elements, or along ``dim`` (an int or several). Integers and truth values add up to int64;
    ``dtype`` converts first.

    >>> x = torch.tensor([[1, 2], [3, 4]])
    >>> torch.sum(x), torch.sum(x, dim=0), torch.sum(x, dim=1, keepdim=True)
    (tensor(10), tensor([4, 6]), tensor([[3],
            [7]]))
    """
    x = _to(input, dtype)
    marks = _whole(dim, keepdim) or {"keepdim": keepdim}
    total = P.sum(x, dim=wrap_dims(dim, x._data.ndim, "sum"), **marks)
    return total if dtype is None else _to(total, dtype)


def _whole(dim: Any, keepdim: bool) -> dict[str, bool]:
    """The mark of a reduction of everything, by which its node gets PyTorch's name for it."""
    return {"whole": True} if dim is None and not keepdim else {}


@function(direct=lambda full: reduction(P.mean, _mean_of, full))
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of all elements, or along ``dim``. Raises RuntimeError for integers, unless ``dtype`` converts them.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    >>> torch.mean(x), torch.mean(x, dim=0)
    (tensor(3.), tensor([2., 4.]))
    """
    x = _to(input, dtype)
    if x._data.dtype.kind in "biu":
        raise RuntimeError("mean(): could not infer output dtype. Input dtype must be either a floating point or "
                           f"complex dtype. Got: {type_name(x._data.dtype)}")
    marks = _whole(dim, keepdim) or {"keepdim": keepdim}
    return P.mean(x, dim=wrap_dims(dim, x._data.ndim, "mean"), **marks)


@function(out=TYPED)
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product of all elements, or along one ``dim``. Integers give int64; ``dtype`` converts first.

    >>> torch.prod(torch.tensor([[1, 2], [3, 4]])), torch.prod(torch.tensor([[1, 2], [3, 4]]), dim=0)
    (tensor(24), tensor([3, 8]))
    """
    x = _to(input, dtype)
    dims = _all_dims(x) if dim is None else wrap_dims(wrap_dim(dim, x._data.ndim, "prod"), x._data.ndim, "prod")
    product = P.prod(x, dim=dims, keepdim=keepdim, **_whole(dim, keepdim))
    return product if dtype is None else _to(product, dtype)


def _without_nan(x: Any) -> Any:
    return x if x._data.dtype.kind in "biu" else P.where(P.isnan(x), 0, x)


@function()
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum with NaN counted as 0.

    >>> torch.nansum(torch.tensor([1.0, torch.nan, 3.0]))
    tensor(4.)
    """
    if input._data.dtype.kind in "cW":
        raise RuntimeError("nansum does not support complex inputs")
    return labelled(sum(_without_nan(_to(input, dtype)), dim, keepdim, dtype=dtype), "Nansum",
                    dim=(dim,) if isinstance(dim, int) else dim, keepdim=keepdim)


@function()
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements that are not NaN.

    >>> torch.nanmean(torch.tensor([1.0, torch.nan, 3.0]))
    tensor(2.)
    """
    x = _to(input, dtype)
    if x._data.dtype.kind in "cW":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    _floating("nanmean", x, f"nanmean(): expected input to have floating point or complex dtype but got {x.dtype}")
    dims = wrap_dims(dim, x._data.ndim, "nanmean")
    numbers = P.sum(P.logical_not(P.isnan(x)), dim=dims, keepdim=keepdim)
    return P.sum(_without_nan(x), dim=dims, keepdim=keepdim) / numbers


# --- spread -----------------------------------------------------------------------------------------------------------


def _spread_arguments(op: str, x: Any, dim: Any, unbiased: Any, correction: Any) -> tuple[tuple[int, ...], float]:
    """The dimensions and the correction of ``op(x, unbiased)`` and of ``op(x, dim, unbiased, correction=...)``."""
    if isinstance(dim, bool):
        if unbiased is not None or correction is not None:
            raise TypeError(f"{op}() received an invalid combination of arguments - got (Tensor, bool, "
                            f"{type(unbiased).__name__}), but dimensions were expected beside a second one")
        dim, unbiased = None, dim
    elif unbiased is not None and type(unbiased) is not bool:
        check_flag(op, "unbiased", unbiased)
    _floating(op, x, "std and var only support floating point and complex dtypes")
    dims = wrap_dims(dim, x._data.ndim, op)
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    count = 1
    for d in dims:
        count *= x._data.shape[d]
    if count - correction <= 0:
        warn(f"{op}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
             "factor (input numel divided by output numel).", UserWarning)
    return dims, correction


def _spread(op: str, primitive: Any, doc: str) -> Callable[..., Any]:
    def plain(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
              correction: float | None = None) -> Tensor:
        dims, freedom = _spread_arguments(op, input, dim, unbiased, correction)
        mark = _whole(None if isinstance(dim, bool) else dim, keepdim) if correction is None else {}
        return primitive(input, dim=dims, keepdim=keepdim, correction=freedom, **mark)

    plain.__name__, plain.__doc__ = op, doc
    return function()(plain)


var = _spread("var", P.var, """The variance of all elements, or along ``dim``: squares of deviations, summed, over the
    count less ``correction`` (1; 0 with ``unbiased=False``).

    >>> torch.var(torch.tensor([1.0, 2.0, 3.0])), torch.var(torch.tensor([1.0, 2.0, 3.0]), correction=0)
    (tensor(1.), tensor(0.6667))""")
std = _spread("std", P.std, """The standard deviation: the root of `var`.

    >>> torch.std(torch.tensor([1.0, 2.0, 3.0])), torch.std(torch.tensor([1.0, 2.0, 3.0]), correction=0)
    (tensor(1.), tensor(0.8165))""")


def _with_mean(op: str, primitive: Any, spread: Any) -> Callable[..., Any]:
    def plain(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
              correction: float | None = None) -> tuple[Any, Any]:
        dims, freedom = _spread_arguments(op, input, dim, unbiased, correction)
        return in_one_node(primitive, input, {"dim": dims, "keepdim": keepdim, "correction": freedom}, lambda: (
            spread(input, dim=dims, keepdim=keepdim, correction=freedom), P.mean(input, dim=dims, keepdim=keepdim)))

    plain.__name__ = plain.__qualname__ = op
    plain.__doc__ = (f"`{op.removesuffix('_mean')}` and `mean`.\n\n"
                     f">>> torch.{op}(torch.tensor([1.0, 2.0, 3.0]))\n(tensor(1.), tensor(2.))")
    return function(method=False)(plain)


var_mean = _with_mean("var_mean", P.var_mean, P.var)
std_mean = _with_mean("std_mean", P.std_mean, P.std)


# --- extremes ---------------------------------------------------------------------------------------------------------


def _no_elements(op: str, x: Any, dim: int | None) -> None:
    """Raises where there is no element to choose."""
    if dim is None:
        if not x._data.size:
            raise RuntimeError(f"{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                               "reduction dim with the 'dim' argument.")
    else:
        check_not_empty(op, x, dim)


def _not_complex(op: str, x: Any) -> None:
    if x._data.dtype.kind in "cW":
        raise NotImplementedError(f'"{op}_all" not implemented for \'{type_name(x._data.dtype)}\'')


def _extreme(op: str, whole_primitive: Any, pair_primitive: Any, dim_primitive: Any, doc: str) -> Callable[..., Any]:
    result = named(op, "values", "indices")

    def plain(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if type(dim) in TENSORS:
            dim, other = None, dim
        _not_complex(op, input)
        if other is not None:
            return pair_primitive(input, other)
        if dim is None:
            _no_elements(op, input, None)
            return whole_primitive(input, dim=_all_dims(input), whole=True)
        where = wrap_dim(dim, input._data.ndim, op)
        _no_elements(op, input, where)
        return result(dim_primitive(input, dim=where, keepdim=keepdim))

    plain.__name__, plain.__doc__ = op, doc
    return function()(plain)


max = _extreme("max", P.amax, P.maximum, P.max_dim, """``max(x)``: the largest element (its gradient is shared by all
    that tie). ``max(x, dim)``: the largest along ``dim`` and the position of the first, as (values, indices).
    ``max(x, other)``: the elementwise `maximum`.

    >>> x = torch.tensor([[1.0, 3.0], [4.0, 2.0]])
    >>> torch.max(x)
    tensor(4.)
    >>> torch.max(x, dim=1)
    torch.return_types.max(
    values=tensor([3., 4.]),
    indices=tensor([1, 0]))
    >>> torch.max(x, torch.tensor(2.5))
    tensor([[2.5000, 3.0000],
            [4.0000, 2.5000]])""")
min = _extreme("min", P.amin, P.minimum, P.min_dim, """``min(x)``, ``min(x, dim)``, ``min(x, other)``: as `max`, of
    the smallest.

    >>> torch.min(torch.tensor([[1.0, 3.0], [4.0, 2.0]]), dim=1)
    torch.return_types.min(
    values=tensor([1., 2.]),
    indices=tensor([0, 1]))""")


def _pure_extreme(op: str, primitive: Any, doc: str) -> None:
    def plain(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
        _not_complex(op, input)
        dims = wrap_dims(dim, input._data.ndim, op)
        if not all_positive(input._data.shape[d] for d in dims):
            if dim == ():
                raise RuntimeError(f"{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                                   "the reduction dim with the 'dim' argument.")
            empty = next(d for d in dims if not input._data.shape[d])
            raise OutOfRangeError(f"{op}(): Expected reduction dim {empty} to have non-zero size.")
        return primitive(input, dim=dims, keepdim=keepdim)

    plain.__name__, plain.__doc__ = op, doc
    function()(plain)


def all_positive(sizes: Any) -> bool:
    """Whether every size is above zero."""
    return np.all(np.fromiter(sizes, np.int64) > 0).item()


_pure_extreme("amax", P.amax, """The largest element along ``dim`` (one, several, or all); ties share the gradient.

    >>> x = torch.tensor([[1.0, 3.0], [3.0, 2.0]], requires_grad=True)
    >>> torch.amax(x).backward()
    >>> x.grad
    tensor([[0.0000, 0.5000],
            [0.5000, 0.0000]])""")
_pure_extreme("amin", P.amin, """The smallest element along ``dim`` (one, several, or all); ties share the gradient.

    >>> torch.amin(torch.tensor([[1.0, 3.0], [3.0, 2.0]]), dim=0)
    tensor([1., 2.])""")
_aminmax = named("aminmax", "min", "max")


@function()
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """`amin` and `amax` of all elements or along one ``dim``, as (min, max).

    >>> torch.aminmax(torch.tensor([3, 1, 2]))
    torch.return_types.aminmax(
    min=tensor(1),
    max=tensor(3))
    """
    _not_complex("aminmax", input)
    _no_elements("aminmax", input, None if dim is None else wrap_dim(dim, input._data.ndim, "aminmax"))
    dims = wrap_dims(dim, input._data.ndim, "aminmax")
    return _aminmax((P.amin(input, dim=dims, keepdim=keepdim), P.amax(input, dim=dims, keepdim=keepdim)))


def _position(op: str, primitive: Any, doc: str) -> None:
    def plain(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
        if input._data.dtype.kind in "cb":
            raise NotImplementedError(f'"{op}_cpu" not implemented for \'{type_name(input._data.dtype)}\'')
        if dim is None:
            if not input._data.size:
                raise OutOfRangeError(f"{op}(): Expected reduction dim to be specified for input.numel() == 0.")
            return primitive(input, dim=None, keepdim=keepdim)
        where = wrap_dim(dim, input._data.ndim, op)
        _no_elements(op, input, where)
        return primitive(input, dim=where if input._data.ndim else None, keepdim=keepdim)

    plain.__name__, plain.__doc__ = op, doc
    function()(plain)


_position("argmax", P.argmax, """The position of the first of the largest elements, in the flattened tensor or along
    ``dim``.

    >>> scores = torch.tensor([[1.0, 7.0, 2.0], [5.0, 4.0, 3.0]])
    >>> torch.argmax(scores, dim=1)
    tensor([1, 0])
    >>> torch.argmax(scores)
    tensor(1)""")
_position("argmin", P.argmin, """The position of the first of the smallest elements, in the flattened tensor or along
    ``dim``.

    >>> torch.argmin(torch.tensor([[1.0, 7.0, 2.0], [5.0, 4.0, 3.0]]), dim=1)
    tensor([0, 2])""")


# --- truth and counts -------------------------------------------------------------------------------------------------


def _truth(op: str, primitive: Any, doc: str) -> None:
    def plain(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
        none = isinstance(dim, (tuple, list)) and not dim  # which is no dimension here, and all of them elsewhere
        truth = primitive(input, dim=() if none else wrap_dims(dim, input._data.ndim, op), keepdim=keepdim)
        return cast(truth, dtypes.uint8) if input._data.dtype == np.uint8 else truth

    plain.__name__, plain.__doc__ = op, doc
    function()(plain)


_truth("all", P.all, """Whether all elements are true (not zero), of everything or along ``dim``.

    >>> x = torch.tensor([[1, 2], [0, 4]])
    >>> torch.all(x)
    tensor(False)
    >>> torch.all(x, dim=1)
    tensor([ True, False])""")
_truth("any", P.any, """Whether an element is true (not zero), of everything or along ``dim``.

    >>> torch.any(torch.tensor([[0, 0], [0, 4]]), dim=1)
    tensor([False,  True])""")


@function()
def count_nonzero(input: Any, dim: Any = None) -> Tensor:
    """How many elements are not zero, of everything or along ``dim``.

    >>> torch.count_nonzero(torch.tensor([[0, 1, 2], [0, 0, 3]]), dim=1)
    tensor([2, 1])
    """
    return P.count_nonzero(input, dim=wrap_dims(dim, input._data.ndim, "count_nonzero"))


# --- norms ------------------------------------------------------------------------------------------------------------


def for_norm(x: Any, dtype: Any, op: str) -> Any:
    """What a norm is taken of, in the dtype that is asked for. Raises RuntimeError for integers, and for a dtype that
    is narrower or of another kind."""
    _floating(op, x, f"[{op}] Expected a floating point or complex tensor as input. Got "
              f"{type_name(x._data.dtype)}; convert with .float() first")
    wanted = dtype_of(dtype)
    if wanted is not None and (category(wanted) != category(x.dtype) or dtypes.promote_types(x.dtype, wanted)
                               is not wanted):
        raise RuntimeError(f"[{op}] the dtype of the input ({x.dtype}) should be convertible without narrowing to the "
                           f"specified dtype ({wanted})")
    return _to(x, dtype)


def vector_norm(x: Any, ord: Any, dim: Any, keepdim: bool, dtype: Any, op: str) -> Any:
    """The norm of vectors along ``dim``; shared by `norm` and those of ``linalg``."""
    value = for_norm(x, dtype, op)
    dims = wrap_dims(dim, value._data.ndim, op)
    if isinstance(ord, complex):
        raise RuntimeError(f"[{op}] linalg.vector_norm: Expected a non-complex scalar as the order of norm; got {ord}")
    ord = float(ord)
    if (ord < 0 or ord == np.inf) and not all_positive(value._data.shape[d] for d in dims):
        raise RuntimeError(f"[{op}] linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the "
                           "operation does not have an identity")
    if ord not in (0, 1, 2) and all([value._data.shape[d] == 1 for d in dims]):
        ord = 1.0  # of one element any norm is the absolute value, also where its power would not be a number
    return P.vector_norm(value, ord=ord, dim=dims, keepdim=keepdim)


@function(inplace=True)
@in_float32
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Tensor:
    """Each slice along ``dim`` scaled down to ``p``-norm ``maxnorm`` where it is longer. Raises RuntimeError for a
    ``p`` that is not positive, or a negative ``maxnorm``.

    >>> torch.renorm(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), p=2, dim=0, maxnorm=1)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if not p > 0:
        raise RuntimeError(f"[renorm] a positive norm was expected: renorm: non-positive-norm not supported; got {p}")
    if not maxnorm >= 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    _floating("renorm", input)
    if input._data.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input._data.ndim} dimensions")
    where = wrap_dim(dim, input._data.ndim, "renorm")
    others = tuple(d for d in range(input._data.ndim) if d != where)
    input = input.contiguous()  # and so is what comes, as PyTorch's
    too_long = P.vector_norm(input.detach(), ord=float(p), dim=others, keepdim=True) > maxnorm
    # Of slices that stay as they are the norm is not asked: it may be NaN, and 0 times its derivative too.
    length = P.vector_norm(P.where(too_long, input, 0.0), ord=float(p), dim=others, keepdim=True)
    return input * P.where(too_long, maxnorm / (length + 1e-7), 1.0)


@function(checked=True)
@in_float32
def dist(input: Any, other: Any, p: float = 2) -> Tensor:
    """The ``p``-norm of ``input − other``.

    >>> torch.dist(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    check_takes("dist", INTEGERS, input, other)
    difference = FUNCTIONS["sub"](input, other)
    return P.vector_norm(difference, ord=float(p), dim=_all_dims(difference))


# --- exponentials -----------------------------------------------------------------------------------------------------


@function()
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Tensor:
    """log Σ exp(x) along ``dim``, without overflow.

    >>> torch.logsumexp(torch.tensor([[1000.0, 1000.0], [0.0, 0.0]]), dim=1)
    tensor([1.0007e+03, 6.9315e-01])
    """
    x = input if category(from_numpy(input._data.dtype)) >= 2 else cast(input, dtypes.get_default_dtype())
    return P.logsumexp(x, dim=wrap_dims(dim, x._data.ndim, "logsumexp"), keepdim=keepdim)


def _normalised(op: str, primitive: Any, doc: str) -> None:
    run = unary(primitive)

    def plain(input: Any, dim: int, dtype: Any = None) -> Tensor:
        x = input if dtype is None else _to(input, dtype)
        if x._data.dtype.kind not in "fV":
            raise NotImplementedError(f'"{op}_lastdim_kernel_impl" not implemented for \'{type_name(x._data.dtype)}\'')
        return run(x, params={"dim": wrap_dim(dim, x._data.ndim, op)})

    plain.__name__, plain.__doc__ = op, doc
    function()(plain)


_normalised("softmax", P.softmax, """exp(x) / Σ exp(x) along ``dim``; ``dtype`` converts first.

    >>> x = torch.tensor([[1.0, 2.0, 3.0], [1000.0, 1000.0, 1000.0]])
    >>> torch.softmax(x, dim=1)
    tensor([[0.0900, 0.2447, 0.6652],
            [0.3333, 0.3333, 0.3333]])""")
_normalised("log_softmax", P.log_softmax, """log(softmax(x)) along ``dim``, computed at once; ``dtype`` converts first.

    >>> x = torch.tensor([1000.0, 0.0])
    >>> torch.log_softmax(x, dim=0)
    tensor([    0., -1000.])
    >>> torch.log(torch.softmax(x, dim=0))
    tensor([0., -inf])""")



@method("sum_to_size")
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sums over the dimensions along which a tensor of ``size`` would be broadcast to this one.

    >>> torch.ones(3, 2).sum_to_size(1, 2)
    tensor([[3., 3.]])
    """
    shape = sizes_of(size, "sum_to_size")
    return P.sum_to(self, shape=shape) if shape else self.sum()
