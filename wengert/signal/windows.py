"""Windows of M points, each called with M and settings by name.

``sym`` makes a symmetric window, as filters want it; without it, one for spectra: the symmetric window of M + 1 points
without its last. Raises ValueError for a negative M, for settings out of range, and for dtypes other than float32 and
float64. The sums of cosines are in Harris, *On the use of windows for harmonic analysis with the discrete Fourier
transform* (1978), and Nuttall, *Some windows with very good sidelobe behavior* (1981).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import pi, sqrt
from typing import Any

from ..core.dtypes import DType, float32, float64, get_default_dtype
from ..core.layout import strided
from ..ops import abs, cos, exp, linspace, minimum, ones, sin, tensor
from ..ops import sqrt as root
from ..ops.special_functions import i0e
from ..tensors.tensor import Tensor

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming",
           "hann", "kaiser", "nuttall"]


class _Form:
    """What every window is made with: how many points, which dtype, where, and with gradients or without."""

    def __init__(self, name: str, count: int, sym: bool, dtype: DType | None, layout: Any, device: Any,
                 requires_grad: bool) -> None:
        dtype = get_default_dtype() if dtype is None else dtype
        if count < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={count}")
        if layout is not strided:
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        if dtype not in (float32, float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
        self.count, self.dtype = count, dtype
        self.options = {"dtype": dtype, "layout": layout, "device": device, "requires_grad": requires_grad}
        self.spread = count if not sym and count > 1 else count - 1
        """From the first point of the whole window to its last."""

    def ones(self) -> Tensor:
        return ones(self.count, **self.options)

    def points(self, first: float, step: float) -> Tensor:
        """first, first + step, first + 2 step, ..."""
        return linspace(first, first + (self.count - 1) * step, self.count, **self.options)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: DType | None = None,
                layout: Any = strided, device: Any = None, requires_grad: bool = False) -> Tensor:
    """exp(−|k − ``center``| / ``tau``), around the middle unless ``center`` is given, which symmetric ones forbid.

    >>> torch.signal.windows.exponential(5, tau=2.0)
    tensor([0.3679, 0.6065, 1.0000, 0.6065, 0.3679])
    """
    form = _Form("exponential", M, sym, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return form.ones()
    middle = form.spread / 2.0 if center is None else center
    return exp(-abs(form.points(-middle / tau, 1 / tau)))


def cosine(M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = strided, device: Any = None,
           requires_grad: bool = False) -> Tensor:
    """sin(π (k + ½) / M): half a period.

    >>> import wengert as torch
    >>> torch.signal.windows.cosine(4)
    tensor([0.3827, 0.9239, 0.9239, 0.3827])
    """
    form = _Form("cosine", M, sym, dtype, layout, device, requires_grad)
    if M == 0:
        return form.ones()
    step = pi / (form.spread + 1)
    return sin(form.points(0.5 * step, step))


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype: DType | None = None, layout: Any = strided,
             device: Any = None, requires_grad: bool = False) -> Tensor:
    """exp(−k² / 2 ``std``²), k counted from the middle.

    >>> torch.signal.windows.gaussian(5, std=1.0)
    tensor([0.1353, 0.6065, 1.0000, 0.6065, 0.1353])
    """
    form = _Form("gaussian", M, sym, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return form.ones()
    step = 1 / (std * sqrt(2))
    return exp(-(form.points(-form.spread / 2.0 * step, step) ** 2))


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype: DType | None = None, layout: Any = strided,
           device: Any = None, requires_grad: bool = False) -> Tensor:
    """I₀(β √(1 − t²)) / I₀(β), t from −1 to 1.

    >>> torch.signal.windows.kaiser(5, beta=4.0)
    tensor([0.0885, 0.6334, 1.0000, 0.6334, 0.0885])
    """
    form = _Form("kaiser", M, sym, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return form.ones()
    height = tensor(beta, dtype=form.dtype)
    # The end is the number that the dtype has, or the root could be of a negative one.
    end = minimum(height, -height + (M - 1) * (2.0 * height / form.spread))
    points = linspace(-height.item(), end.item(), M, **form.options)
    # By scaled functions: those of a large beta are themselves beyond all numbers.
    here = root(height * height - points**2)
    return i0e(here) / i0e(height) * exp(here - height)


def bartlett(M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = strided, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    """1 − |t|, t from −1 to 1: a triangle.

    >>> torch.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    form = _Form("bartlett", M, sym, dtype, layout, device, requires_grad)
    return form.ones() if M < 2 else 1 - abs(form.points(-1, 2 / form.spread))


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, dtype: DType | None = None, layout: Any = strided,
                   device: Any = None, requires_grad: bool = False) -> Tensor:
    """Σ (−1)ⁱ ``a``ᵢ cos 2πit, t from 0 to 1.

    >>> torch.signal.windows.general_cosine(5, a=[0.5, 0.5])
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    form = _Form("general_cosine", M, sym, dtype, layout, device, requires_grad)
    if M < 2:
        return form.ones()
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty")
    signed = tensor([weight if i % 2 == 0 else -weight for i, weight in enumerate(weights)], dtype=form.dtype)
    orders = tensor(list(range(len(weights))), dtype=form.dtype)
    points = form.points(0, 2 * pi / form.spread)
    return (signed.unsqueeze(-1) * cos(orders.unsqueeze(-1) * points)).sum(0)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: DType | None = None, layout: Any = strided,
                    device: Any = None, requires_grad: bool = False) -> Tensor:
    """α − (1 − α) cos 2πt, t from 0 to 1.

    >>> torch.signal.windows.general_hamming(5, alpha=0.7)
    tensor([0.4000, 0.7000, 1.0000, 0.7000, 0.4000])
    """
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)


def hamming(M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = strided, device: Any = None,
            requires_grad: bool = False) -> Tensor:
    """`general_hamming` with α = 0.54.

    >>> torch.signal.windows.hamming(5)
    tensor([0.0800, 0.5400, 1.0000, 0.5400, 0.0800])
    """
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = strided, device: Any = None,
         requires_grad: bool = False) -> Tensor:
    """`general_hamming` with α = ½.

    >>> torch.signal.windows.hann(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    >>> torch.signal.windows.hann(4, sym=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device,
                           requires_grad=requires_grad)


def blackman(M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = strided, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    """0.42 − 0.5 cos 2πt + 0.08 cos 4πt.

    >>> torch.signal.windows.blackman(5)[1:-1]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)


def nuttall(M: int, *, sym: bool = True, dtype: DType | None = None, layout: Any = strided, device: Any = None,
            requires_grad: bool = False) -> Tensor:
    """Nuttall's sum of four cosines, whose sidelobes are lowest.

    >>> torch.signal.windows.nuttall(5)[1:-1]
    tensor([0.2270, 1.0000, 0.2270])
    """
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, dtype=dtype, layout=layout,
                          device=device, requires_grad=requires_grad)
