"""``wengert.fft``: discrete Fourier transforms, their frequencies, and shifts of them.

Every transform takes ``norm``: ``"backward"`` (the default) divides by n on the way back, ``"forward"`` on the way
there, ``"ortho"`` by the root of n on both. Sizes asked for by ``n`` or ``s`` are reached by cutting or by zeros at the
end. Integers become the default float first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import DTypeError, KindError, OutOfRangeError, ShapeError
from ..core.operands import Array
from ..core.primitive import P
from ..core.spec import wrap_dim, wrap_dims
from ..tensors.alias import type_name
from ..tensors.tensor import Tensor
from .arguments import check_options, dtype_of, finish, integer, integers
from .conversion import cast
from .out import COPIED, TYPED
from .registry import function

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]

# Given a target, PyTorch copies what it transformed into it, but of the two that it computes there.
_here = function(method=False, public=False, out=COPIED, checked=True)
_here_real = function(method=False, public=False, out=replace(COPIED, real=True), checked=True)
_in_place = function(method=False, public=False, checked=True)
_SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
Dims = tuple[int, ...]


def _prepared(op: str, input: Tensor, s: Any, dim: Any, norm: Any, want: str) -> tuple[Tensor, Dims, Any, str]:
    """The operand in the dtype that the transform ``want``s ("real", "complex" or "any"), its dimensions counted from
    the front, the sizes asked for (-1: as it is), and the scale."""
    norm = norm.decode() if isinstance(norm, bytes) else norm  # a text to PyTorch as well
    if norm is not None and not isinstance(norm, str):
        raise TypeError(f"[fft.{op}] argument 'norm' must be str, not {type(norm).__name__}")
    if norm not in (None, *_SWAPPED):
        raise RuntimeError(f"[fft.{op}] Invalid normalization mode: \"{norm}\"; expected backward, forward or ortho")
    if input._data.dtype.itemsize == 2 and input._data.dtype.kind in "fV":
        raise DTypeError(f"[fft.{op}] Unsupported dtype {type_name(input._data.dtype)}; convert the tensor to float32 "
                         "first")
    if want == "real" and input.is_complex():
        raise DTypeError(f"[fft.{op}] {op} expects a real input tensor, but got {type_name(input._data.dtype)}; take "
                         ".real, or use the transform of complex values")
    rank = input.dim()
    if not rank and dim not in (None, ()):
        raise OutOfRangeError(f"[fft.{op}] Dimension specified as {dim[0] if isinstance(dim, tuple) else dim} but "
                              "tensor has no dimensions; add one first")
    sizes = None if s is None else integers(s, f"fft.{op}")
    if dim is None:
        dims: Dims = tuple(range(rank)) if sizes is None else tuple(range(rank - len(sizes), rank))
        if sizes is not None and len(sizes) > rank:
            raise ShapeError(f"[fft.{op}] Got shape with {len(sizes)} values but input tensor only has {rank} "
                             "dimensions; give at most one size a dimension")
    else:
        listed = integers(dim, f"fft.{op}")
        dims = wrap_dims(listed, rank, f"fft.{op}") if listed else ()
    if sizes is None:
        sizes = (-1,) * len(dims)
    if len(sizes) != len(dims):
        raise ShapeError(f"[fft.{op}] When given, dim and shape arguments must have the same length; got dims {dims} "
                         f"and sizes {sizes}")
    if not input.dtype.is_floating_point and not input.is_complex():
        input = cast(input, dtypes.get_default_dtype())
    if want == "complex" and not input.is_complex():
        input = cast(input, dtypes.to_complex(input.dtype))
    return input, dims, sizes, norm or "backward"


def _sized(op: str, input: Tensor, dims: Dims, sizes: Any) -> Tensor:
    """``input`` cut or filled up with zeros to the sizes asked for."""
    shape = list(input.shape)
    for d, size in zip(dims, sizes, strict=True):
        if size == -1:
            size = shape[d]
        if size < 1:
            raise ShapeError(f"[fft.{op}] Invalid number of data points ({size}) specified; a transform needs one or "
                             f"more, and the shape is {tuple(input.shape)}")
        shape[d] = size
    if tuple(shape) == tuple(input.shape):
        return input
    return P.pad(input, widths=tuple((0, new - old) for new, old in zip(shape, input.shape, strict=True)))


def _fftn(op: str, input: Tensor, s: Any, dim: Any, norm: Any, inverse: bool) -> Tensor:
    input, dims, sizes, scale = _prepared(op, input, s, dim, norm, "any")
    input = _sized(op, input, dims, sizes)
    if input.is_complex():
        return P.fft_complex(input, dim=dims, norm=scale, inverse=inverse) if dims else input.clone()
    if not dims:
        return cast(input, dtypes.to_complex(input.dtype))
    # Backwards in time is the complex conjugate, for real values.
    out = P.fft_real(input, dim=dims, norm=_SWAPPED[scale] if inverse else scale, whole=True)
    return P.conj(out) if inverse else out


def _rfftn(op: str, input: Tensor, s: Any, dim: Any, norm: Any) -> Tensor:
    input, dims, sizes, scale = _prepared(op, input, s, dim, norm, "real")
    if not dims:
        raise ShapeError(f"[fft.{op}] {op} must transform at least one axis; got dim {dim}")
    return P.fft_real(_sized(op, input, dims, sizes), dim=dims, norm=scale)


def _irfftn(op: str, input: Tensor, s: Any, dim: Any, norm: Any) -> Tensor:
    input, dims, sizes, scale = _prepared(op, input, s, dim, norm, "complex")
    if not dims:
        raise ShapeError(f"[fft.{op}] {op} must transform at least one axis; got dim {dim}")
    last = sizes[-1] if sizes[-1] != -1 else 2 * (input.shape[dims[-1]] - 1)
    if last < 1:
        raise ShapeError(f"[fft.{op}] Invalid number of data points ({last}) specified; the shape is "
                         f"{tuple(input.shape)}; give the size of the result")
    input = _sized(op, input, dims, (*sizes[:-1], last // 2 + 1))
    return P.fft_to_real(input, dim=dims, norm=scale, size=last)


def _ihfftn(op: str, input: Tensor, s: Any, dim: Any, norm: Any) -> Tensor:
    """The last dimension as by `ihfft`, then the others as by `ifftn`."""
    input, dims, sizes, scale = _prepared(op, input, s, dim, norm, "real")
    if not dims:
        raise ShapeError(f"[fft.{op}] {op} must transform at least one axis; got dim {dim}")
    half = P.conj(P.fft_real(_sized(op, input, dims, sizes), dim=dims[-1:], norm=_SWAPPED[scale]))
    return P.fft_complex(half, dim=dims[:-1], norm=scale, inverse=True) if len(dims) > 1 else half


def _two(op: str, dim: Any) -> Any:
    """The dimensions of a transform of two, which have to be said."""
    if dim is None:
        raise KindError(f"fft_{op}(): argument 'dim' must be tuple of ints, not NoneType")
    return dim


def _flipped(norm: Any) -> Any:
    return _SWAPPED.get("backward" if norm is None else norm, norm)


def _single(n: Any) -> Any:
    """The size asked for along one dimension: there -1 does not stand for the size that it has."""
    if n is not None and n < 1:
        raise ShapeError(f"[fft] Invalid number of data points ({n}) specified; one or more were expected")
    return None if n is None else (n,)


@_here
def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The discrete Fourier transform along a dimension: complex, with the sum over j of x[j] exp(-2πi jk/n) at k.

    >>> import wengert as torch
    >>> torch.fft.fft(torch.arange(4.0))
    tensor([ 6.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return _fftn("fft", input, _single(n), (dim,), norm, False)


@_in_place
def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `fft`.

    >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> torch.fft.ifft(torch.fft.fft(x)).real
    tensor([1., 2., 3., 4.])
    """
    return _fftn("ifft", input, _single(n), (dim,), norm, True)


@_here
def fft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """`fft` along two dimensions.

    >>> x = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    >>> torch.fft.fft2(x)
    tensor([[2.+0.j, 0.+0.j],
            [2.+0.j, 0.+0.j]])
    """
    return _fftn("fft2", input, s, _two("fft2", dim), norm, False)


@_here
def ifft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of `fft2`.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> torch.fft.ifft2(torch.fft.fft2(x)).real
    tensor([[1., 2.],
            [3., 4.]])
    """
    return _fftn("ifft2", input, s, _two("ifft2", dim), norm, True)


@_here
def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`fft` along several dimensions, all by default.

    >>> torch.fft.fftn(torch.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _fftn("fftn", input, s, dim, norm, False)


@_here
def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `fftn`.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> torch.fft.ifftn(torch.fft.fftn(x)).real
    tensor([[1., 2.],
            [3., 4.]])
    """
    return _fftn("ifftn", input, s, dim, norm, True)


@_here
def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """`fft` of real values: the first n // 2 + 1 frequencies, of which the others are mirror images.

    >>> torch.fft.rfft(torch.tensor([1.0, 0.0, -1.0, 0.0]))
    tensor([0.+0.j, 2.+0.j, 0.+0.j])
    """
    return _rfftn("rfft", input, _single(n), (dim,), norm)


@_here_real
def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `rfft`: ``n`` real values, 2 (size - 1) by default.

    >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> torch.fft.irfft(torch.fft.rfft(x))
    tensor([1., 2., 3., 4.])
    """
    return _irfftn("irfft", input, _single(n), (dim,), norm)


@_here
def rfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """`rfft` along the last of two dimensions and `fft` along the other.

    >>> torch.fft.rfft2(torch.ones(4, 4)).shape
    torch.Size([4, 3])
    """
    return _rfftn("rfft2", input, s, _two("rfft2", dim), norm)


@_here_real
def irfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of `rfft2`.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> torch.fft.irfft2(torch.fft.rfft2(x))
    tensor([[1., 2.],
            [3., 4.]])
    """
    return _irfftn("irfft2", input, s, _two("irfft2", dim), norm)


@_here
def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`rfft` along the last dimension and `fft` along the others.

    >>> torch.fft.rfftn(torch.ones(4, 4, 4)).shape
    torch.Size([4, 4, 3])
    """
    return _rfftn("rfftn", input, s, dim, norm)


@_here_real
def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `rfftn`.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> torch.fft.irfftn(torch.fft.rfftn(x))
    tensor([[1., 2.],
            [3., 4.]])
    """
    return _irfftn("irfftn", input, s, dim, norm)


@_here_real
def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """`fft` of a signal of which the second half mirrors the first, which is given: ``n`` real values.

    >>> half = torch.tensor([1.0, 2.0, 1.0])
    >>> torch.fft.hfft(half, n=4), torch.fft.fft(torch.tensor([1.0, 2.0, 1.0, 2.0])).real
    (tensor([ 6.,  0., -2.,  0.]), tensor([ 6.,  0., -2.,  0.]))
    """
    return _irfftn("hfft", input.conj(), _single(n), (dim,), _flipped(norm))


@_in_place
def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `hfft`: the first half of the signal.

    >>> torch.fft.ihfft(torch.tensor([6.0, 0.0, -2.0, 0.0])).real
    tensor([1., 2., 1.])
    """
    return _rfftn("ihfft", input, _single(n), (dim,), _flipped(norm)).conj()


@_here_real
def hfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """`hfft` along the last of two dimensions and `fft` along the other.

    >>> torch.fft.hfft2(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return _irfftn("hfft2", input.conj(), s, _two("hfft2", dim), _flipped(norm))


@_here
def ihfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of `hfft2`.

    >>> torch.fft.ihfft2(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return _ihfftn("ihfft2", input, s, _two("ihfft2", dim), norm)


@_here_real
def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`hfft` along the last dimension and `fft` along the others.

    >>> torch.fft.hfftn(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return _irfftn("hfftn", input.conj(), s, dim, _flipped(norm))


@_here
def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `hfftn`.

    >>> torch.fft.ihfftn(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return _ihfftn("ihfftn", input, s, dim, norm)


def _frequencies(steps: Array, whole: float, dtype: Any, device: Any, layout: Any, requires_grad: bool) -> Tensor:
    """Whole steps over the length of the ``whole`` record, which may be 0: multiplied by its reciprocal."""
    check_options(device, layout)
    wanted = dtype_of(dtype) or dtypes.get_default_dtype()
    if wanted.kind in "biu":
        raise RuntimeError(f"fftfreq requires a floating point or complex dtype; got {wanted}")
    if wanted.kind == "c":
        raise DTypeError(f"[fft.fftfreq] real numbers were expected, which is not implemented for dtype {wanted}")
    kind = np.promote_types(wanted.numpy, np.float32)
    with np.errstate(all="ignore"):
        scaled = steps.astype(kind) * (1 / np.float64(whole)).astype(kind)
        return finish(scaled.astype(wanted.numpy), requires_grad)


@function(method=False, public=False, takes_tensor=False, checked=True, out=TYPED)
def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False) -> Tensor:
    """The frequencies of `fft` of ``n`` samples ``d`` apart, in cycles: 0, 1, ..., -2, -1 times 1/(n d).

    >>> torch.fft.fftfreq(4, d=0.5)
    tensor([ 0.0000,  0.5000, -1.0000, -0.5000])
    """
    n = integer(n, "fft.fftfreq")
    if n < 0:
        raise ShapeError(f"[fft.fftfreq] a number of samples was expected; got {n}")
    steps = np.arange(n)
    return _frequencies(steps - n * (steps >= (n + 1) // 2), n * d, dtype, device, layout, requires_grad)


@function(method=False, public=False, takes_tensor=False, checked=True, out=TYPED)
def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    """The frequencies of `rfft` of ``n`` samples ``d`` apart, in cycles.

    >>> torch.fft.rfftfreq(4, d=0.5)
    tensor([0.0000, 0.5000, 1.0000])
    """
    n = integer(n, "fft.rfftfreq")
    if n < -3:
        raise ShapeError(f"[fft.rfftfreq] a number of samples was expected; got {n}")
    return _frequencies(np.arange(int(n / 2) + 1), n * d, dtype, device, layout, requires_grad)


def _rolled(input: Tensor, dim: Any, sign: int) -> Tensor:
    op, rank = "fft.fftshift", input.dim()
    dims = range(rank) if dim is None else [wrap_dim(d, rank, op) for d in integers(dim, op)]  # the same one twice, too
    halves = [input.shape[d] // 2 if sign > 0 else (input.shape[d] + 1) // 2 for d in dims]
    return input.roll(halves, tuple(dims))


@_here
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequency 0 moved to the middle of the dimensions, all by default.

    >>> torch.fft.fftshift(torch.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _rolled(input, dim, 1)


@_here
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """What undoes `fftshift`.

    >>> frequencies = torch.fft.fftfreq(5)
    >>> torch.equal(torch.fft.ifftshift(torch.fft.fftshift(frequencies)), frequencies)
    True
    """
    return _rolled(input, dim, -1)
