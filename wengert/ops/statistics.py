"""Order statistics, counts and covariances."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.levels import level
from ..core import dtypes
from ..core.dtypes import category, from_numpy
from ..core.errors import DTypeError, ShapeError
from ..core.primitive import HALVES, P
from ..core.spec import wrap_dim
from ..prims.statistics import even_edges
from ..tensors.absent import is_readable
from ..tensors.alias import edge_of, own, type_name
from ..tensors.apply import check_takes
from ..tensors.evaluation import known, one_by_one, tracing
from ..tensors.given import check_operand
from ..tensors.tensor import TENSORS, Tensor, make
from .arguments import check_not_empty
from .halves import in_float32
from .named import named
from .out import Out
from .registry import function


def _median(op: str, whole: Any, primitive: Any, doc: str) -> None:
    result = named(op, "values", "indices")

    def plain(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
        if input._data.dtype.kind in "bc":
            raise NotImplementedError(f'"{op}_out_impl" not implemented for \'{type_name(input._data.dtype)}\'')
        if dim is None:
            if not input._data.size:
                none = make(np.array(np.nan, input._data.dtype), None)
                return none if edge_of(input) is None else none + P.sum(input, dim=tuple(np.arange(input.ndim)))
            return whole(input)
        where = wrap_dim(dim, input._data.ndim, op)
        check_not_empty(op, input, where)
        return result(primitive(input, dim=where, keepdim=keepdim))

    plain.__name__, plain.__doc__ = op, doc
    function()(plain)


_median("median", P.median, P.median_dim, """The median of all elements, or along ``dim`` as (values, indices): the
    lower of the two in the middle; NaN where there is one.

    >>> torch.median(torch.tensor([1.0, 4.0, 2.0, 100.0]))
    tensor(2.)""")
_median("nanmedian", P.nanmedian, P.nanmedian_dim, """The median of the elements that are not NaN.

    >>> torch.nanmedian(torch.tensor([1.0, torch.nan, 3.0]))
    tensor(1.)""")
_mode = named("mode", "values", "indices")


@function()
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent value along ``dim`` (the smallest of those that tie) and the position of its last
    occurrence.

    >>> torch.mode(torch.tensor([2, 7, 2, 7, 1]))
    torch.return_types.mode(
    values=tensor(2),
    indices=tensor(2))
    """
    if input._data.dtype.kind in "cW":
        raise NotImplementedError(f'"mode_cpu" not implemented for \'{type_name(input._data.dtype)}\'')
    place = wrap_dim(dim, input._data.ndim, "mode")
    check_not_empty("mode", input, place)
    return _mode(P.mode(input, dim=place, keepdim=keepdim))


_ROUNDED = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}


def _quantile(op: str, x: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, ignores_nan: bool) -> Any:
    if x._data.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"{op}() input tensor must be either float or double dtype")
    if not x._data.size:
        raise RuntimeError(f"{op}() input tensor must be non-empty")
    if type(q) in TENSORS and q._data.dtype != x._data.dtype:
        raise RuntimeError(f"{op}() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "midpoint", *_ROUNDED):
        raise RuntimeError(f"{op}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
                           f"{interpolation}")
    if type(q) in TENSORS and known(q) is None:  # what differs between examples is computed with as it is
        ranks: Any = one_by_one(lambda q: _checked_ranks(op, q._concrete(op)) is not None and q, q.detach())
    else:
        ranks = _checked_ranks(op, np.asarray(q._concrete(op) if type(q) in TENSORS else q, x._data.dtype))
    rank = x._data.ndim
    where = None if dim is None else wrap_dim(dim, rank, op)
    if where is None:
        rows = P.reshape(x.contiguous(), shape=(1, -1))
    else:
        rows = P.permute(x, dims=(*(d for d in range(rank) if d != where), where)) if rank else P.reshape(x, shape=(1,))
    several, count = bool(ranks.ndim), ranks.size if isinstance(ranks, np.ndarray) else ranks.numel()
    found = _interpolated(rows, ranks.reshape(-1), q, interpolation, ignores_nan)
    if where is None:
        lead: tuple[int, ...] = (1,) * rank if keepdim else ()
    else:
        lead = tuple(n for d, n in enumerate(x._data.shape) if d != where)
        if keepdim and rank:
            lead = (*lead[:where], 1, *lead[where:])
    # The shares lie innermost, as PyTorch's do.
    found = P.reshape(found, shape=(*lead, count) if several else lead)
    return own(P.permute(found, dims=(len(lead), *range(len(lead)))) if several else found)


def _checked_ranks(op: str, ranks: np.ndarray) -> np.ndarray:
    if ranks.ndim > 1:
        raise RuntimeError(f"{op}() q must be a scalar or 1D tensor")
    if not ((ranks >= 0) & (ranks <= 1)).all():
        raise RuntimeError(f"{op}() q values must be in the range [0, 1]" if ranks.ndim else
                           f"{op}() q must be in the range [0, 1] but got {float(ranks)}")
    return ranks


def _interpolated(rows: Any, ranks: Any, q: Any, interpolation: str, ignores_nan: bool) -> Any:
    """The quantiles of the last dimension, as a last dimension: neighbours in sorted order, weighted. The weights of
    ``linear`` ones vary with a ``q`` that is a tensor."""
    last = rows._data.ndim - 1
    values, _ = P.sort(rows, dim=last)
    nan = P.isnan(values)
    if tracing():
        return _traced_interpolation(values, nan, ranks, q, interpolation, ignores_nan)
    numbers = P.sum(P.logical_not(nan), dim=(last,), keepdim=True)._data
    top = numbers - 1 if ignores_nan else np.full_like(numbers, rows._data.shape[-1] - 1)
    place = np.maximum(top, 0).astype(ranks.dtype) * ranks  # in the dtype of the elements, as PyTorch rounds it
    place = _ROUNDED[interpolation](place) if interpolation in _ROUNDED else place
    below, above = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
    low, high = (P.gather(values, make(index, None), dim=last) for index in (below, above))
    if interpolation == "linear" and type(q) in TENSORS and edge_of(q) is not None:
        steps = make(np.maximum(top, 0).astype(rows._data.dtype), None)
        weight = P.reshape(q, shape=(-1,)) * steps - make(below.astype(rows._data.dtype), None)
    else:
        share = np.full_like(place, 0.5) if interpolation == "midpoint" else place - below
        weight = make(share.astype(rows._data.dtype), None)
    result = P.lerp(low, high, weight)
    spoilt = numbers == 0 if ignores_nan else numbers < rows._data.shape[-1]
    if not spoilt.any():
        return result
    return P.where(make(np.broadcast_to(spoilt, result._data.shape).copy(), None), float("nan"), result)


def _traced_interpolation(values: Any, nan: Any, ranks: Any, q: Any, interpolation: str, ignores_nan: bool) -> Any:
    """The same of sorted values where it is not known how many are NaN."""
    last, wide, whole = values._data.ndim - 1, ranks.dtype, np.dtype(np.int64)
    count = values._data.shape[-1]
    numbers = P.sum(P.logical_not(nan), dim=(last,), keepdim=True)
    top = P.clamp(numbers - 1, low=0) if ignores_nan else P.zeros_of(numbers, shape=numbers._data.shape) + (count - 1)
    shares = make(ranks, None) if isinstance(ranks, np.ndarray) else ranks
    place = P.cast(top, dtype=wide) * shares
    if interpolation in _ROUNDED:
        place = {"lower": P.floor, "higher": P.ceil, "nearest": P.round}[interpolation](place)
    below, above = P.floor(place), P.ceil(place)
    low, high = (P.gather(values, P.cast(index, dtype=whole), dim=last) for index in (below, above))
    if interpolation == "linear" and type(q) in TENSORS and level() is not None:
        place = P.reshape(q, shape=(-1,)) * P.cast(top, dtype=q._data.dtype)  # which a transformation may vary
    weight = P.zeros_of(place, shape=place._data.shape) + 0.5 if interpolation == "midpoint" else place - below
    result = P.lerp(low, high, P.cast(weight, dtype=values._data.dtype))
    spoilt = P.eq(numbers, 0) if ignores_nan else P.lt(numbers, count)
    return P.where(spoilt, float("nan"), result)


@function(out=Out(copied=True, exact=True))
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The value below which the share ``q`` of the elements lies, of everything or along ``dim``. Several ``q``, a 1-D
    tensor, become the first dimension of the result. NaN where there is one.

    >>> torch.quantile(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.25, 0.5]))
    tensor([1.7500, 2.5000])
    """
    check_operand("quantile", q, "q", 2)
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@function(out=Out(copied=True, exact=True))
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """`quantile` of the elements that are not NaN.

    >>> torch.nanquantile(torch.tensor([1.0, torch.nan, 3.0]), 0.5)
    tensor(2.)
    """
    check_operand("nanquantile", q, "q", 2)
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


# --- counts -----------------------------------------------------------------------------------------------------------


@function(out=False)
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each integer from 0 on occurs in the 1-D ``input``; the sums of their ``weights``, where given.

    >>> torch.bincount(torch.tensor([0, 1, 1, 3]))
    tensor([1, 2, 0, 1])
    >>> torch.bincount(torch.tensor([0, 1, 1, 3]), weights=torch.tensor([0.5, 1.0, 1.0, 2.0]))
    tensor([0.5000, 2.0000, 0.0000, 2.0000])
    """
    if input._data.dtype.kind not in "iu":
        raise DTypeError(f"\"bincount_cpu\" not implemented for '{type_name(input._data.dtype)}': bincount only "
                         "supports 1-d non-negative integral inputs.; convert them with .long()")
    if input._data.ndim != 1:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is not None and input._data.size and weights._data.shape != input._data.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")

    if not input._data.size:
        return input.new_zeros(minlength, dtype=dtypes.int64)
    def counted(input: Tensor, *loads: Tensor) -> Tensor:
        if input._data.size and input._data.min() < 0:
            raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
        return P.bincount(input, *loads, minlength=minlength)

    return one_by_one(counted, input, *(() if weights is None else (weights,)))


def _edges(op: str, tensor: Tensor, bins: int, low: float, high: float) -> np.ndarray:
    return even_edges(op, tensor._concrete(op) if low == high else tensor._data, bins, low, high)


@function(out=Out(differentiable=False), checked=True)
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """The counts of elements in ``bins`` equal bins from ``min`` to ``max`` (the extremes, where both are 0).

    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0, 3.5]), bins=4, min=0, max=4)
    tensor([0., 2., 1., 1.])
    """
    x = input.detach()
    if category(from_numpy(x._data.dtype)) != 2:
        raise NotImplementedError(f'"histogramdd" not implemented for \'{type_name(x._data.dtype)}\'')
    return P.histc(x, bins=bins, low=min, high=max)


def _check_bins(x: Tensor, bins: Any, weight: Any, shape: tuple[int, ...], dim: int = 0) -> None:
    """Raises for bins or weights of a histogram that do not fit its points, of which there are ``shape``."""
    kind = type_name(x._data.dtype).lower()
    if type(bins) in TENSORS:
        if bins.ndim != 1:
            raise RuntimeError(f"torch.histogramdd: bins tensor should have one dimension, but got {bins.ndim} "
                               f"dimensions in the bins tensor for dimension {dim}")
        if not bins._data.size:
            raise RuntimeError("torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in "
                               f"the bins tensor for dimension {dim}")
        if bins._data.dtype != x._data.dtype:
            raise RuntimeError("torch.histogramdd: input tensor and bins tensors should have the same dtype, but got "
                               f"input with dtype {kind} and bins for dimension {dim} with dtype "
                               f"{type_name(bins._data.dtype).lower()}")
    if weight is not None and weight._data.shape != shape:
        raise RuntimeError("torch.histogramdd: if weight tensor is provided it should have the same shape as the input "
                           f"tensor excluding its innermost dimension, but got input with shape {list(x.shape)} and "
                           f"weight with shape {list(weight.shape)}")
    if weight is not None and weight._data.dtype != x._data.dtype:
        raise RuntimeError("torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should "
                           f"have the same dtype, but got input({kind}), and "
                           f"weight({type_name(weight._data.dtype).lower()})")


def _range_of(range: Any, dim: int) -> tuple[float, float]:
    """The bounds of a dimension's bins; 0 and 0 where the elements say them."""
    if range is None:
        return 0.0, 0.0
    low, high = range[2 * dim: 2 * dim + 2]
    if low > high:
        raise RuntimeError(f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for "
                           f"dimension {dim}")
    return low, high


_histogram = named("histogram", "hist", "bin_edges")


@function()
def histogram(input: Any, bins: Any = 100, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """Counts (or sums of ``weight``) of elements in bins, and the bins' edges, as (hist, bin_edges). ``bins`` is their
    number, over ``range``, or a 1-D tensor of edges. ``density`` makes the whole area 1.

    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 4.0))
    torch.return_types.histogram(
    hist=tensor([0., 2., 1., 0.]),
    bin_edges=tensor([0., 1., 2., 3., 4.]))
    """
    x = input.detach()
    if category(from_numpy(x._data.dtype)) != 2:
        raise NotImplementedError(f'"histogramdd" not implemented for \'{type_name(x._data.dtype)}\'')
    check_takes("histogram", HALVES, x)
    _check_bins(x, bins, weight, x._data.shape)
    low, high = _range_of(range, 0)

    def counted(x: Tensor, bins: Any, *loads: Tensor) -> tuple[Tensor, Tensor]:
        edges = bins._concrete("histogram") if type(bins) in TENSORS else _edges("histogram", x, bins, low, high)
        edges = edges.astype(x._data.dtype)
        counts = P.histogram(x, *loads, edges=tuple(edges.tolist()))
        if density:
            counts = counts / P.sum(counts, dim=(0,)) / make(np.diff(edges), None)
        return counts, make(edges.copy(), None)

    found = one_by_one(counted, x, bins, *(() if weight is None else (weight.detach(),)))
    return _histogram(tuple([P.underivable(part, input, of="histogram") for part in found]))


_histogramdd = named("histogramdd", "hist", "bin_edges")


@function(out=False, method=False)
def histogramdd(input: Any, bins: Any, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """Counts (or sums of ``weight``) of points ``(..., N)`` in the cells of a grid of N dimensions, and the edges along
    each, as (hist, bin_edges).

    ``bins`` is a number of bins for all dimensions or one a dimension, over ``range`` (two numbers a dimension, or the
    extremes), or a 1-D tensor of edges a dimension. ``density`` makes the whole volume 1. Raises RuntimeError.

    >>> import wengert as torch
    >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 1.]])
    """
    x = input.detach()
    check_takes("histogramdd", HALVES, x)
    if x._data.ndim < 2:
        raise RuntimeError(f"[histogramdd] input of at least 2 dimensions was expected; got shape {tuple(x.shape)}")
    if category(from_numpy(x._data.dtype)) != 2:
        raise NotImplementedError(f'"histogramdd" not implemented for \'{type_name(x._data.dtype)}\'')
    points = P.reshape(x.contiguous(), shape=(-1, x.shape[-1])) if x._data.size else x.new_empty(0, x.shape[-1])
    count = points.shape[1]
    listed = list(bins) if isinstance(bins, (list, tuple)) else [bins] * count
    if len(listed) != count:
        raise RuntimeError(f"[histogramdd] one entry of bins per dimension, {count}, was expected; got {len(listed)}")
    if range is not None and len(range) != 2 * count:
        raise RuntimeError(f"[histogramdd] range of {2 * count} numbers, two a dimension, was expected; got "
                           f"{len(range)}")
    bounds, given = [], []
    for i, each in enumerate(listed):
        column = points[:, i]
        given.append(each.detach() if type(each) in TENSORS else None)
        _check_bins(x, each, weight, x._data.shape[:-1], i)
        if type(each) in TENSORS:
            edges = each._concrete("histogramdd")
        else:
            edges = _edges("histogramdd", column, each, *_range_of(range, i))
        bounds.append(edges.astype(x._data.dtype))
    loads = None if weight is None else weight.detach()
    if loads is not None and loads._data.size != points.shape[0]:
        raise ShapeError("[histogramdd] weight of one number a point was expected, of shape "
                         f"{list(x.shape[:-1])}; got {list(loads.shape)}")
    hist = P.histogram_grid(points, *(() if loads is None else (P.reshape(loads.contiguous(), shape=(-1,)),)),
                            edges=tuple([tuple(edges.tolist()) for edges in bounds]))
    if density:
        volume = np.ones((), x._data.dtype)
        for edges in bounds:
            volume = volume[..., None] * np.diff(edges)
        hist = hist / P.sum(hist, dim=tuple(np.arange(count).tolist())) / make(volume, None)
    shown = [make(edges.copy(), None) if each is None else each for edges, each in zip(bounds, given, strict=True)]
    return _histogramdd((P.underivable(hist, input, of="histogramdd"), tuple(shown)))


# --- covariances ------------------------------------------------------------------------------------------------------


def _check_observations(name: str, weights: Any, count: int) -> None:
    """Raises unless there is a weight that is not negative for each of so many observations."""
    if weights._data.ndim > 1:
        raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                           f"{weights._data.ndim} dimensions")
    if weights._data.size != count:
        raise RuntimeError(f"cov(): expected {name} to have the same numel as there are observations in the input but "
                           f"got {weights._data.size} != {count}")
    if is_readable(weights) and not (weights._data >= 0).all():
        raise RuntimeError(f"cov(): {name} cannot be negative")


@function(out=False)
@in_float32
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
    """The covariance matrix of variables (rows) over observations (columns), the latter counted ``fweights`` times and
    weighted by ``aweights``.

    >>> torch.cov(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input._data.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with "
                           f"{input._data.ndim} dimensions")
    if input._data.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    if fweights is not None and fweights._data.dtype.kind not in "iu":
        raise RuntimeError(f"cov(): expected fweights to have integral dtype but got fweights with "
                           f"{type_name(fweights._data.dtype)} dtype")
    if aweights is not None and not aweights.dtype.is_floating_point:
        raise RuntimeError(f"cov(): expected aweights to have floating point dtype but got aweights with "
                           f"{aweights.dtype} dtype")
    x = P.reshape(input, shape=(1, -1)) if input._data.ndim < 2 else input
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            _check_observations(name, given, x._data.shape[1])
    if x._data.dtype.kind in "iu":
        x = P.cast(x, dtype=dtypes.get_default_dtype(), back=x.dtype)
    weights = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    count = x._data.shape[1]
    if weights is None:
        total: Any = count
        centred = x - P.mean(x, dim=(1,), keepdim=True)
        weighted = centred
    else:
        if weights.dtype.kind in "iu":
            weights = P.cast(weights, dtype=x.dtype, back=weights.dtype)
        total = P.sum(weights, dim=(0,))
        if is_readable(total) and weights._data.size and not total._data.any():
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        centred = x - P.sum(x * weights, dim=(1,), keepdim=True) / total
        weighted = centred * weights
    if weights is None:
        freedom: Any = max(total - correction, 0)
    elif correction == 0 or aweights is None:
        freedom = total - correction
    else:
        freedom = total - correction * P.sum(weights * aweights, dim=(0,)) / total
    if weights is not None:
        freedom = freedom.clamp(min=0)
    other = P.permute(centred, dims=(1, 0))
    products = P.matmul(weighted, P.conj(other) if other._data.dtype.kind in "cW" else other)
    result = products * (1.0 / freedom if freedom else float("nan")) if weights is None else products / freedom
    return P.reshape(result, shape=()) if result._data.size == 1 else result


@function(out=False)
@in_float32
def corrcoef(input: Any) -> Tensor:
    """The matrix of Pearson's correlations of variables (rows) over observations (columns).

    >>> torch.corrcoef(torch.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1.,  1., -1.],
            [ 1.,  1., -1.],
            [-1., -1.,  1.]])
    """
    if input._data.ndim > 2:
        raise RuntimeError(f"corrcoef(): expected input to have two or fewer dimensions but got an input with "
                           f"{input._data.ndim} dimensions")
    covariance = cov(input)
    if not covariance._data.ndim:
        return covariance / covariance
    deviations = P.sqrt(P.diagonal(covariance, offset=0, dim1=0, dim2=1))
    if deviations._data.dtype.kind in "cW":
        deviations = P.copy_real(deviations)
    ratio = covariance / deviations[:, None] / deviations[None, :]
    return ratio if ratio._data.dtype.kind in "cW" else P.clamp(ratio, low=-1.0, high=1.0)
