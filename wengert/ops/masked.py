"""``wengert.masked``: reductions and normalisations of the elements that a mask marks.

The one idea to know: an element that the mask leaves out is replaced by the number that changes nothing (0 in a sum, 1
in a product, −∞ in a maximum), and then the ordinary function runs. So the elements left out get gradients of 0.
"""

from __future__ import annotations

from typing import Any

from ..core.dtypes import DType, bool_, float32, iinfo, int64
from ..core.errors import OutOfRangeError
from ..core.spec import wrap_dim, wrap_dims
from ..tensors.tensor import Tensor
from .linalg import vector_norm
from .registry import FUNCTIONS

__all__ = ["amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean",
           "median", "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var"]

Dim = int | tuple[int, ...] | list[int] | None


def _dims(dim: Dim, input: Tensor, op: str) -> tuple[int, ...]:
    """The dimensions counted from the front, in order; None and () are all of them."""
    if dim is None or dim == () or dim == []:
        return tuple(range(input.ndim))
    if not input.ndim and isinstance(dim, int):
        return (wrap_dim(dim, 0, op),)
    return tuple(sorted(wrap_dims(dim, input.ndim, op)))


def _fitting(mask: Tensor, input: Tensor) -> Tensor:
    """The mask as truth values in the shape of the input."""
    if mask.ndim > input.ndim:
        raise OutOfRangeError(f"[masked] _input_mask expected broadcastable mask (got mask dimensionality higher than "
                              f"of the input): at most {input.ndim} dimensions were expected; got {mask.ndim}; "
                              "take some of the mask's away")
    return FUNCTIONS["broadcast_to"](mask, input.shape).bool()


def _input_mask(input: Tensor, *args: Any, mask: Tensor | None = None, **kwargs: Any) -> Tensor:
    """The mask that an operation on ``input`` goes by, in its shape: all true without one."""
    return FUNCTIONS["ones_like"](input, dtype=bool_) if mask is None else _fitting(mask, input)


def _filled(input: Tensor, mask: Tensor | None, neutral: float) -> Any:
    return input if mask is None else FUNCTIONS["where"](_fitting(mask, input), input, input.new_full((), neutral))


def _lowest(op: str, dtype: DType, sign: int = 1) -> float:
    """What no element is below (with ``sign`` −1: above)."""
    if dtype.is_floating_point:
        return -sign * float("inf")
    if dtype.is_complex:
        raise TypeError(f"[{op}] a mask over elements that have an order was expected; got {dtype}")
    if dtype.kind == "b":
        raise NotImplementedError(f"identity of {op} on {dtype} input")
    return iinfo(dtype).min if sign > 0 else iinfo(dtype).max


def _summed_dtype(input: Tensor, dtype: DType | None) -> DType:
    return dtype or (input.dtype if input.dtype.kind in "fc" else int64)


# --- reductions -------------------------------------------------------------------------------------------------------


def sum(input: Tensor, dim: Dim = None, *, keepdim: bool | None = False, dtype: DType | None = None,
        mask: Tensor | None = None) -> Tensor:
    """The sum of the elements that ``mask`` marks; 0 where there is none. Integers add up to int64.

    >>> import wengert as torch
    >>> torch.masked.sum(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, mask=torch.tensor([[True, False], [True, True]]))
    tensor([1., 7.])
    """
    return FUNCTIONS["sum"](_filled(input, mask, 0), _dims(dim, input, "sum"), bool(keepdim),
                            dtype=_summed_dtype(input, dtype))


def prod(input: Tensor, dim: Dim = None, *, keepdim: bool | None = False, dtype: DType | None = None,
         mask: Tensor | None = None) -> Tensor:
    """The product of the elements that ``mask`` marks; 1 where there is none.

    >>> x, mask = torch.tensor([2.0, 5.0, 3.0]), torch.tensor([True, False, True])
    >>> torch.masked.prod(x, dim=0, mask=mask)
    tensor(6.)
    """
    result: Any = _filled(input, mask, 1).to(_summed_dtype(input, dtype))
    for d in reversed(_dims(dim, input, "prod")):
        result = result.prod(dim=d, keepdim=bool(keepdim))
    return result


def _extreme(op: str, sign: int, input: Tensor, dim: Dim, keepdim: bool | None, dtype: DType | None,
             mask: Tensor | None) -> Tensor:
    filled = input if mask is None else _filled(input, mask, _lowest(op, input.dtype, sign))
    return FUNCTIONS[op](filled, _dims(dim, input, op), bool(keepdim)).to(dtype or input.dtype)


def amax(input: Tensor, dim: Dim = None, *, keepdim: bool | None = False, dtype: DType | None = None,
         mask: Tensor | None = None) -> Tensor:
    """The largest of the elements that ``mask`` marks; the lowest number of the dtype where there is none.

    >>> x, mask = torch.tensor([1.0, 5.0, 3.0]), torch.tensor([True, False, True])
    >>> torch.masked.amax(x, mask=mask)
    tensor(3.)
    """
    return _extreme("amax", 1, input, dim, keepdim, dtype, mask)


def amin(input: Tensor, dim: Dim = None, *, keepdim: bool | None = False, dtype: DType | None = None,
         mask: Tensor | None = None) -> Tensor:
    """The smallest of the elements that ``mask`` marks; the largest number of the dtype where there is none.

    >>> x, mask = torch.tensor([1.0, 5.0, 3.0]), torch.tensor([False, True, True])
    >>> torch.masked.amin(x, mask=mask)
    tensor(3.)
    """
    return _extreme("amin", -1, input, dim, keepdim, dtype, mask)


def _place(op: str, sign: int, input: Tensor, dim: int | None, keepdim: bool | None, dtype: DType | None,
           mask: Tensor | None) -> Tensor:
    filled = input if mask is None else _filled(input, mask, _lowest(op, input.dtype, sign))
    return FUNCTIONS[op](filled, dim, bool(keepdim)).to(dtype or input.dtype)


def argmax(input: Tensor, dim: int | None = None, *, keepdim: bool | None = False, dtype: DType | None = None,
           mask: Tensor | None = None) -> Tensor:
    """Where the largest of the elements that ``mask`` marks stands, in the input's dtype unless ``dtype`` is given.

    >>> x, mask = torch.tensor([1.0, 5.0, 3.0]), torch.tensor([True, False, True])
    >>> torch.masked.argmax(x, dim=0, mask=mask)
    tensor(2.)
    """
    return _place("argmax", 1, input, dim, keepdim, dtype, mask)


def argmin(input: Tensor, dim: int | None = None, *, keepdim: bool | None = False, dtype: DType | None = None,
           mask: Tensor | None = None) -> Tensor:
    """Where the smallest of the elements that ``mask`` marks stands, in the input's dtype unless ``dtype`` is given.

    >>> x, mask = torch.tensor([1.0, 5.0, 3.0]), torch.tensor([False, True, True])
    >>> torch.masked.argmin(x, dim=0, mask=mask)
    tensor(2.)
    """
    return _place("argmin", -1, input, dim, keepdim, dtype, mask)


def mean(input: Tensor, dim: Dim = None, *, keepdim: bool | None = False, dtype: DType | None = None,
         mask: Tensor | None = None) -> Tensor:
    """The mean of the elements that ``mask`` marks; NaN where there is none. Raises ValueError for integers, unless
    ``dtype`` is floating.

    >>> lengths = torch.tensor([2, 3])
    >>> x, mask = torch.tensor([[1.0, 3.0, 0.0], [1.0, 2.0, 6.0]]), torch.arange(3) < lengths[:, None]
    >>> torch.masked.mean(x, dim=1, mask=mask)
    tensor([2., 3.])
    """
    chosen = dtype or input.dtype
    if chosen.kind not in "fc":
        source = "Input" if dtype is None else "Optional"
        raise ValueError(f"mean(): Could not infer output dtype. {source} dtype must be either a floating point or "
                         f"complex dtype. Got: {chosen}")
    return sum(input, dim, keepdim=keepdim, dtype=chosen, mask=mask) / _number(input, dim, keepdim, mask)


def _number(input: Tensor, dim: Dim, keepdim: bool | None, mask: Tensor | None) -> Tensor:
    """How many elements ``mask`` marks along the dimensions."""
    marked = input.new_ones(input.shape, dtype=int64) if mask is None else _fitting(mask, input)
    return marked.sum(_dims(dim, input, "sum"), keepdim=bool(keepdim))


def median(input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: DType | None = None,
           mask: Tensor | None = None) -> Tensor:
    """The median (the lower of two) of the elements that ``mask`` marks along ``dim``; NaN where there is none, which
    raises ValueError for integers. NaN among the elements does not count.

    >>> x, mask = torch.tensor([1.0, 100.0, 3.0, 2.0]), torch.tensor([True, False, True, True])
    >>> torch.masked.median(x, dim=0, mask=mask)
    tensor(2.)
    """
    place = wrap_dim(dim, input.ndim, "median")
    floating = input.dtype.is_floating_point
    found = FUNCTIONS["nanmedian"](_filled(input if floating else input.float(), mask, float("nan")), place, keepdim)[0]
    if floating:
        return found
    if bool(FUNCTIONS["isnan"](found).any()):
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return found.to(dtype or input.dtype)


def logsumexp(input: Tensor, dim: Dim = None, *, keepdim: bool = False, dtype: DType | None = None,
              mask: Tensor | None = None) -> Tensor:
    """log Σ exp over the elements that ``mask`` marks; −∞ where there is none.

    >>> x, mask = torch.tensor([0.0, 5.0, 0.0]), torch.tensor([True, False, True])
    >>> torch.masked.logsumexp(x, dim=0, mask=mask)
    tensor(0.6931)
    """
    filled = input
    if mask is not None:
        neutral = -float("inf") if input.dtype.is_complex else _lowest("logsumexp", input.dtype)
        filled = _filled(input, mask, neutral)
    return FUNCTIONS["logsumexp"](filled, _dims(dim, input, "logsumexp"), keepdim=keepdim).to(dtype or input.dtype)


def logaddexp(input: Tensor, other: Tensor, *, dtype: DType | None = None, input_mask: Tensor | None = None,
              other_mask: Tensor | None = None) -> Tensor:
    """log(eˣ + eʸ), an operand that its mask does not mark being left out; −∞ where neither is there.

    >>> x, mask = torch.zeros(2), torch.tensor([True, False])
    >>> torch.masked.logaddexp(x, x, input_mask=mask, other_mask=torch.ones(2, dtype=torch.bool))
    tensor([0.6931, 0.0000])
    """
    pair = [x if mask is None else _filled(x, mask, _lowest("logaddexp", x.dtype))
            for x, mask in ((input, input_mask), (other, other_mask))]
    return FUNCTIONS["logaddexp"](*pair).to(dtype or input.dtype)


def norm(input: Tensor, ord: float | None = 2.0, dim: Dim = None, *, keepdim: bool | None = False,
         dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
    """The vector norm of the elements that ``mask`` marks; see `linalg.vector_norm`.

    >>> x, mask = torch.tensor([3.0, 100.0, 4.0]), torch.tensor([True, False, True])
    >>> torch.masked.norm(x, 2.0, dim=0, mask=mask)
    tensor(5.)
    """
    neutral = 0.0
    if ord == -float("inf"):
        if mask is not None and not input.dtype.is_floating_point:
            raise AssertionError(f"input must be floating point, got {input.dtype}")
        neutral = float("inf")
    return vector_norm(_filled(input, mask, neutral), ord, _dims(dim, input, "norm"), bool(keepdim),
                       dtype=dtype or input.dtype)


def var(input: Tensor, dim: Dim = None, unbiased: bool | None = None, *, correction: float | None = None,
        keepdim: bool | None = False, dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
    """The variance of the elements that ``mask`` marks, divided by their number less ``correction`` (by default 1).

    >>> x, mask = torch.tensor([1.0, 100.0, 3.0]), torch.tensor([True, False, True])
    >>> torch.masked.var(x, dim=0, unbiased=False, mask=mask)
    tensor(1.)
    """
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    freedom = correction if correction is not None else 1.0 if unbiased is None or unbiased else 0.0
    wanted = dtype or (input.dtype if input.dtype.kind in "fc" else float32)
    computing = wanted if wanted.kind in "fc" else float32
    count = _number(input, dim, True, mask)
    centred = input - sum(input, dim, keepdim=True, dtype=wanted, mask=mask) / count
    total = sum(centred * centred.conj(), dim, keepdim=keepdim, dtype=computing, mask=mask)
    count = count.reshape(total.shape)
    if freedom:
        count = (count.to(total.real.dtype) - freedom).clamp(min=0)
    return (total / count).to(wanted)


def std(input: Tensor, dim: Dim = None, unbiased: bool | None = None, *, correction: float | None = None,
        keepdim: bool | None = False, dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
    """The root of `var`.

    >>> x, mask = torch.tensor([1.0, 100.0, 3.0]), torch.tensor([True, False, True])
    >>> torch.masked.std(x, dim=0, unbiased=False, mask=mask)
    tensor(1.)
    """
    return FUNCTIONS["sqrt"](var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask))


# --- scans and normalisations -----------------------------------------------------------------------------------------


def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
    """Running sums along ``dim`` of the elements that ``mask`` marks, in the input's dtype.

    >>> x, mask = torch.tensor([2.0, 5.0, 3.0]), torch.tensor([True, False, True])
    >>> torch.masked.cumsum(x, dim=0, mask=mask)
    tensor([2., 2., 5.])
    """
    wanted = dtype or input.dtype
    return FUNCTIONS["cumsum"](_filled(input, mask, 0), wrap_dim(dim, input.ndim, "cumsum"), dtype=wanted).to(wanted)


def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
    """Running products along ``dim`` of the elements that ``mask`` marks, in the input's dtype.

    >>> x, mask = torch.tensor([2.0, 5.0, 3.0]), torch.tensor([True, False, True])
    >>> torch.masked.cumprod(x, dim=0, mask=mask)
    tensor([2., 2., 6.])
    """
    wanted = dtype or input.dtype
    return FUNCTIONS["cumprod"](_filled(input, mask, 1), wrap_dim(dim, input.ndim, "cumprod"), dtype=wanted).to(wanted)


def softmax(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
    """Softmax along ``dim`` over the elements that ``mask`` marks; 0 elsewhere, NaN where there is none.

    >>> x, mask = torch.tensor([0.0, 5.0, 0.0]), torch.tensor([True, False, True])
    >>> torch.masked.softmax(x, dim=0, mask=mask)
    tensor([0.5000, 0.0000, 0.5000])
    """
    filled = input if mask is None else _filled(input, mask, _lowest("amax", input.dtype))
    return FUNCTIONS["softmax"](filled, wrap_dim(dim, input.ndim, "softmax"), dtype=dtype or input.dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
    """The logarithm of `softmax`.

    >>> x, mask = torch.tensor([0.0, 5.0, 0.0]), torch.tensor([True, False, True])
    >>> torch.masked.log_softmax(x, dim=0, mask=mask)[mask]
    tensor([-0.6931, -0.6931])
    """
    filled = input if mask is None else _filled(input, mask, _lowest("amax", input.dtype))
    return FUNCTIONS["log_softmax"](filled, wrap_dim(dim, input.ndim, "log_softmax"), dtype=dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
    """Softmax of −x along ``dim`` over the elements that ``mask`` marks.

    >>> x, mask = torch.tensor([0.0, 5.0, 1.0]), torch.tensor([True, False, True])
    >>> torch.masked.softmin(x, dim=0, mask=mask)
    tensor([0.7311, 0.0000, 0.2689])
    """
    filled = input if mask is None else _filled(input, mask, _lowest("amin", input.dtype, -1))
    return FUNCTIONS["softmax"](-filled, wrap_dim(dim, input.ndim, "softmin"), dtype=dtype or input.dtype)


def normalize(input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: DType | None = None,
              mask: Tensor | None = None) -> Tensor:
    """x / max(‖x‖, eps) along ``dim``, the norm of order ``ord`` over the elements that ``mask`` marks; 0 elsewhere.

    >>> x, mask = torch.tensor([3.0, 100.0, 4.0]), torch.tensor([True, False, True])
    >>> torch.masked.normalize(x, 2.0, dim=0, mask=mask)[mask]
    tensor([0.6000, 0.8000])
    """
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input, mask, 0) / FUNCTIONS["maximum"](length, length.new_full((), eps))
