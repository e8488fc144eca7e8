"""Fourier transforms and windows. A complex number is a last dimension of two, its real and its imaginary part."""

from __future__ import annotations

import math
from typing import Any

import wengert as torch

from ..writer import dtype_of
from .table import operator, wrapped


def _complex(x: Any) -> Any:
    """A signal whose last dimension says whether it is real (1) or complex (2), as complex numbers."""
    return torch.view_as_complex(x.contiguous()) if x.shape[-1] == 2 else torch.complex(x[..., 0],
                                                                                       torch.zeros_like(x[..., 0]))


@operator("DFT")
def _dft(call: Any, x: Any, length: Any = None, axis: Any = None) -> Any:
    if call.version >= 20:
        given = call.ints(2)
        dim = -2 if given is None else given[0]
    else:
        dim = call.get("axis", 1)
    dim = wrapped(dim, x.dim())
    count = call.ints(1)
    size = x.shape[dim] if count is None else count[0]
    inverse, onesided = bool(call.get("inverse", 0)), bool(call.get("onesided", 0))
    if inverse and onesided:
        return torch.fft.irfft(_complex(x), 2 * (size - 1) if count is None else size, dim).unsqueeze(-1)
    found = (torch.fft.ifft if inverse else torch.fft.fft)(_complex(x), size, dim)
    if onesided:
        found = found.narrow(dim, 0, size // 2 + 1)
    return torch.view_as_real(found)


@operator("STFT")
def _stft(call: Any, signal: Any, step: Any, window: Any = None, length: Any = None) -> Any:
    size = window.shape[0] if call.ints(3) is None else call.ints(3)[0]
    frames = _complex(signal if signal.dim() == 3 else signal.unsqueeze(-1)).unfold(1, size, call.ints(1)[0])
    weighted = frames if window is None else frames * window
    found = torch.fft.fft(weighted, size, -1)
    if call.get("onesided", 1) and signal.shape[-1] != 2:
        found = found[..., : size // 2 + 1]
    return torch.view_as_real(found)


def _cosines(call: Any, size: Any, *coefficients: float) -> Any:
    """A sum of cosines over a period, or over one less where the window is symmetric."""
    count = call.ints(0)[0]
    period = count if call.get("periodic", 1) else count - 1
    angle = torch.arange(count, dtype=torch.float64) * (2 * math.pi / max(period, 1))
    found = torch.zeros(count, dtype=torch.float64)
    for k, a in enumerate(coefficients):
        found = found + a * torch.cos(k * angle)
    return found.to(dtype_of(call.get("output_datatype", 1)))


@operator("HannWindow")
def _hann_window(call: Any, size: Any) -> Any:
    return _cosines(call, size, 0.5, -0.5)


@operator("HammingWindow")
def _hamming_window(call: Any, size: Any) -> Any:
    return _cosines(call, size, 25 / 46, -21 / 46)


@operator("BlackmanWindow")
def _blackman_window(call: Any, size: Any) -> Any:
    return _cosines(call, size, 0.42, -0.5, 0.08)


@operator("MelWeightMatrix")
def _mel_weight_matrix(call: Any, bins: Any, length: Any, rate: Any, low: Any, high: Any) -> Any:
    """Triangles on the scale of mels, 2595 log10(1 + f / 700), as a matrix from the spectrum's bins."""
    count, size, sampled = (call.ints(place)[0] for place in range(3))
    mels = [2595 * math.log10(1 + f.item() / 700) for f in (low, high)]
    step = (mels[1] - mels[0]) / (count + 2)
    edges = [math.floor((size + 1) * (700 * (10 ** ((mels[0] + i * step) / 2595) - 1)) / sampled)
             for i in range(count + 2)]
    rows = [[0.0] * count for _ in range(size // 2 + 1)]
    for i in range(count):
        first, middle, last = edges[i: i + 3]
        if first == middle:
            rows[middle][i] = 1.0
        for j in range(first, middle + 1 if first != middle else first):
            rows[j][i] = (j - first) / (middle - first)
        for j in range(middle, last):
            rows[j][i] = (last - j) / (last - middle) if last != middle else rows[j][i]
    return torch.tensor(rows, dtype=dtype_of(call.get("output_datatype", 1)))
