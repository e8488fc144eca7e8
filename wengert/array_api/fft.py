"""The standard's Fourier transforms: PyTorch's, with the standard's names of arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import wengert as torch
from wengert import Tensor


def _along(name: str, words: str) -> Callable[..., Tensor]:
    compute: Any = getattr(torch.fft, name)

    def function(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return compute(x, n, axis, norm)

    return _named(function, name, words)


def _over(name: str, words: str) -> Callable[..., Tensor]:
    compute: Any = getattr(torch.fft, name)

    def function(x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
                 norm: str = "backward") -> Tensor:
        return compute(x, s, axes, norm)

    return _named(function, name, words)


def _named(function: Any, name: str, words: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{words} ``norm`` is ``\"backward\"``, ``\"ortho\"`` or ``\"forward\"``."
    return function


fft = _along("fft", "The transform along ``axis``, cut or padded to ``n``.")
ifft = _along("ifft", "The inverse of `fft`.")
rfft = _along("rfft", "The transform of real numbers, without the half that follows from the other.")
irfft = _along("irfft", "The inverse of `rfft`, of length ``n``.")
hfft = _along("hfft", "The transform of numbers with Hermitian symmetry, which is real.")
ihfft = _along("ihfft", "The inverse of `hfft`.")
fftn = _over("fftn", "The transform along ``axes``, each cut or padded to its size in ``s``.")
ifftn = _over("ifftn", "The inverse of `fftn`.")
rfftn = _over("rfftn", "`fftn` of real numbers, `rfft` along the last of ``axes``.")
irfftn = _over("irfftn", "The inverse of `rfftn`.")


def fftfreq(n: int, /, *, d: float = 1.0, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """The frequencies of `fft` of ``n`` numbers that are ``d`` apart."""
    return torch.fft.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """The frequencies of `rfft` of ``n`` numbers that are ``d`` apart."""
    return torch.fft.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """``x`` with frequency zero in the middle of ``axes``, by default of all."""
    return torch.fft.fftshift(x, axes)


def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`."""
    return torch.fft.ifftshift(x, axes)


__all__ = ["fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn",
           "rfft", "rfftfreq", "rfftn"]
