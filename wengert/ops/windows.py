"""Windows for spectra, and spectra of short pieces of a signal: `stft` and `istft`.

The windows are sums of cosines (Harris, *On the use of windows for harmonic analysis with the discrete Fourier
transform*, 1978); Kaiser's is a quotient of Bessel functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ShapeError
from ..core.frames import warn
from ..core.operands import Array
from ..core.primitive import INTEGERS, TRUTHS, P
from ..tensors.apply import check_takes
from ..tensors.evaluation import known
from ..tensors.tensor import Tensor
from . import fourier
from .arguments import check_options, dtype_of, finish, integer, real
from .registry import function

_BETA = 12.0


def _window(op: str, length: Any, periodic: bool, shape: Any, options: dict[str, Any]) -> Tensor:
    """A window of ``length`` values ``shape(t)``, t from 0 to 1; if periodic, of one more without its last."""
    check_options(options.pop("device", None), options.pop("layout", None))
    wanted = dtype_of(options.pop("dtype", None)) or dtypes.get_default_dtype()
    requires_grad = options.pop("requires_grad", False)
    options.pop("pin_memory", None)
    if options:
        raise TypeError(f"{op}() got an unexpected keyword argument {sorted(options)[0]!r}")
    if not wanted.is_floating_point:
        raise RuntimeError(f"[{op}] {op} expects floating point dtypes, got: {wanted}")
    count = integer(length, op)
    if count < 0:
        raise RuntimeError(f"[{op}] {op} requires non-negative window_length, got window_length={count}")
    if count < 2:
        return finish(np.ones(count, wanted.numpy), requires_grad)
    last = count if periodic else count - 1
    return finish(shape(np.arange(count) / last).astype(wanted.numpy), requires_grad)


@function(method=False, out=False, takes_tensor=False)
def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """Hann's window: (1 - cos 2πt) / 2.

    >>> import wengert as torch
    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", window_length, periodic, lambda t: 0.5 - 0.5 * np.cos(2 * np.pi * t), options)


@function(method=False, out=False, takes_tensor=False, checked=True)
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, **options: Any
) -> Tensor:
    """Hamming's window: alpha - beta cos 2πt.

    >>> torch.hamming_window(5, periodic=False)
    tensor([0.0800, 0.5400, 1.0000, 0.5400, 0.0800])
    """
    alpha, beta = real(alpha, "hamming_window"), real(beta, "hamming_window")
    return _window("hamming_window", window_length, periodic, lambda t: alpha - beta * np.cos(2 * np.pi * t), options)


@function(method=False, out=False, takes_tensor=False)
def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """Blackman's window: 0.42 - 0.5 cos 2πt + 0.08 cos 4πt.

    >>> torch.blackman_window(5, periodic=False)[1:-1]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return _window("blackman_window", window_length, periodic,
                   lambda t: 0.42 - 0.5 * np.cos(2 * np.pi * t) + 0.08 * np.cos(4 * np.pi * t), options)


@function(method=False, out=False, takes_tensor=False)
def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """Bartlett's window: a triangle.

    >>> torch.bartlett_window(5, periodic=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett_window", window_length, periodic, lambda t: 1 - np.abs(2 * t - 1), options)


@function(method=False, out=False, takes_tensor=False, checked=True)
def kaiser_window(window_length: int, periodic: bool = True, beta: float = _BETA, **options: Any) -> Tensor:
    """Kaiser's window: I0(beta √(1 - (2t - 1)²)) / I0(beta).

    >>> torch.kaiser_window(5, periodic=False)
    tensor([5.2773e-05, 2.1567e-01, 1.0000e+00, 2.1567e-01, 5.2773e-05])
    """
    beta = real(beta, "kaiser_window")

    def shape(t: Array) -> Array:
        here = np.abs(beta) * np.sqrt(np.maximum(0, 1 - (2 * t - 1) ** 2))
        return P.i0e(here) / P.i0e(np.float64(beta)) * np.exp(here - np.abs(beta))

    return _window("kaiser_window", window_length, periodic, shape, options)


def _lengths(op: str, n_fft: Any, hop: Any, length: Any, window: Any, like: Tensor) -> tuple[int, int, Tensor]:
    """The size of a piece, the step between pieces, and the window, widened to the piece by zeros on both sides."""
    size = integer(n_fft, op)
    step = size // 4 if hop is None else integer(hop, op)
    width = size if length is None else integer(length, op)
    if step <= 0:
        raise RuntimeError(f"[{op}] expected hop_length > 0, but got hop_length={step}")
    if size <= 0:
        raise RuntimeError(f"[{op}] expected n_fft > 0, but got n_fft={size}")
    if not 0 < width <= size:
        raise RuntimeError(f"[{op}] expected 0 < win_length <= n_fft, but got win_length={width} and n_fft={size}")
    if window is None:
        dtype = dtypes.to_real(like.dtype) if like.is_complex() else like.dtype
        window = finish(np.ones(width, dtype.numpy), False)
    if tuple(window.shape) != (width,):
        raise RuntimeError(f"[{op}] expected a 1D window tensor of size equal to win_length={width}, but got window "
                           f"with size {list(window.shape)}")
    left = (size - width) // 2
    return size, step, P.pad(window, widths=((left, size - width - left),)) if width < size else window


@function(out=False, checked=True)
def stft(input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
         window: Tensor | None = None, center: bool = True, pad_mode: str = "reflect", normalized: bool = False,
         onesided: bool | None = None, return_complex: bool | None = None,
         align_to_window: bool | None = None) -> Tensor:
    """The spectra of pieces of a signal ``(..., time)``, ``n_fft`` long and ``hop_length`` apart: ``(..., frequency,
    piece)``, complex. ``center`` pads so that piece t is around sample t · hop_length.

    Raises RuntimeError for impossible lengths, and, as PyTorch does, where a real signal's ``return_complex`` is not
    said.

    >>> signal = torch.sin(2 * torch.pi * 4 * torch.arange(64.0) / 64)
    >>> spectra = torch.stft(signal, 64, center=False, window=torch.ones(64), return_complex=True)
    >>> spectra.shape, spectra.abs()[:, 0].argmax()
    (torch.Size([33, 1]), tensor(4))
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"[stft] expected a 1D or 2D tensor; got shape {tuple(input.shape)}")
    check_takes("stft", TRUTHS + INTEGERS, input)
    if return_complex is None and not input.is_complex() and (window is None or not window.is_complex()):
        raise RuntimeError("[stft] stft requires the return_complex parameter be given for real inputs, and will "
                           "further require that return_complex=True in a future PyTorch release.")
    size, step, shape = _lengths("stft", n_fft, hop_length, win_length, window, input)
    if center:
        if pad_mode not in (*_BEYOND, "constant"):
            raise NotImplementedError(f"[stft] pad_mode: one of {', '.join(_BEYOND)} and constant was expected; got "
                               f"{pad_mode!r}")
        half = size // 2
        widths = ((0, 0),) * (input.dim() - 1) + ((half, half),)
        input = _extended(input, half, pad_mode) if pad_mode in _BEYOND else P.pad(input, widths=widths)
    if input.shape[-1] < size:
        raise RuntimeError(f"[stft] expected 0 < n_fft < {input.shape[-1]}, but got n_fft={size}")
    pieces = input.unfold(-1, size, step) * shape
    norm = "ortho" if normalized else "backward"
    if onesided and pieces.is_complex():
        raise RuntimeError("[stft] Cannot have onesided output if window or input is complex; a whole spectrum was "
                           "expected: leave onesided out")
    whole = onesided is False or pieces.is_complex()
    spectra = (fourier.fft if whole else fourier.rfft)(pieces, norm=norm)
    if return_complex or return_complex is None:
        return spectra.transpose(-1, -2)
    warn("stft with return_complex=False is deprecated: use return_complex=True, and view_as_real for numbers in "
         "pairs.")
    return P.view_as_real(spectra).transpose(-2, -3)


_BEYOND: dict[str, Callable[[Array, int], Array]] = {
    "reflect": lambda at, count: np.where(np.abs(at) >= count, 2 * (count - 1) - np.abs(at), np.abs(at)),
    "replicate": lambda at, count: np.clip(at, 0, count - 1),
    "circular": lambda at, count: at % count,
}
"""Which sample stands for one beyond the ends of a signal: the ends mirrored without the end sample itself, the end
sample, the signal from its other end."""


def _extended(input: Tensor, width: int, mode: str) -> Tensor:
    """The signal with so many samples more at either end."""
    count = input.shape[-1]
    if width >= count + (mode == "circular") and mode != "replicate":
        raise ShapeError(f"[stft] Argument #4: Padding size should be less than the corresponding input dimension, but "
                         f"got: padding ({width}, {width}) at dimension {input.dim() - 1} of input {list(input.shape)}")
    return input.index_select(-1, finish(_BEYOND[mode](np.arange(-width, count + width), count), False))


@function(out=False, checked=True)
def istft(input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
          window: Tensor | None = None, center: bool = True, normalized: bool = False, onesided: bool | None = None,
          length: int | None = None, return_complex: bool = False) -> Tensor:
    """The signal of which `stft` gave ``input``, by least squares: overlapping pieces are added and divided by the sum
    of the squared windows (Griffin & Lim, *Signal estimation from modified short-time Fourier transform*, 1984).

    Raises RuntimeError where the windows leave a sample uncovered.

    >>> signal = torch.sin(torch.arange(64.0))
    >>> spectra = torch.stft(signal, 16, window=torch.hann_window(16), return_complex=True)
    >>> back = torch.istft(spectra, 16, window=torch.hann_window(16))
    >>> torch.allclose(back, signal, atol=1e-5)
    True
    """
    if not input.is_complex():
        raise RuntimeError("[istft] istft requires a complex-valued input tensor matching the output from stft with "
                           "return_complex=True.")
    size, step, shape = _lengths("istft", n_fft, hop_length, win_length, window, input)
    if return_complex and onesided:
        raise RuntimeError("[istft] Cannot have onesided input for complex output; expected onesided=False")
    norm = "ortho" if normalized else "backward"
    spectra = input.transpose(-1, -2)
    if return_complex:
        pieces = fourier.ifft(spectra, norm=norm) * shape
    else:  # of a real signal the second half of the spectrum says nothing new
        pieces = fourier.irfft(spectra[..., :size // 2 + 1], n=size, norm=norm) * shape
    count = pieces.shape[-2]
    total = size + step * (count - 1)
    places = finish(np.arange(size) + step * np.arange(count)[:, None], False).reshape(-1)
    lead = tuple(pieces.shape[:-2])
    signal = pieces.new_zeros((*lead, total)).index_add(-1, places, pieces.reshape(*lead, count * size))
    weight = shape.new_zeros(total).index_add(0, places, (shape * shape).repeat(count))
    start = size // 2 if center else 0
    end = total - start if length is None and center else total if length is None else min(start + length, total)
    signal, weight = signal[..., start:end], weight[start:end]
    least = known(weight.abs().min())
    if least is not None and float(least) <= 1e-11:
        raise RuntimeError("[istft] window overlap add min: a sample is covered by no window; give a window without "
                           "zeros where pieces do not overlap")
    signal = signal / weight
    short = 0 if length is None else length - signal.shape[-1]
    if short <= 0:
        return signal
    warn(f"The length of signal is shorter than the length parameter: {short} samples were expected at its end and are "
         "zeros; center and hop_length say how long it is")
    return P.pad(signal, widths=((0, 0),) * len(lead) + ((0, short),))
