"""Fourier transforms and complex numbers within a model: pairs of real numbers in ONNX, and wengert's numbers."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from tests.exchange.running import assert_same, expected, ran, session
from tests.exchange.test_export_options import Of, agree
from wengert import nn
from wengert.onnx.errors import UnsupportedOperatorError

fft = torch.fft
PARTS = torch.view_as_real

TRANSFORMS: dict[str, Any] = {
    "fft": lambda x: PARTS(fft.fft(x)),
    "fft of a size": lambda x: PARTS(fft.fft(x, 12, dim=1, norm="ortho")),
    "fft2": lambda x: fft.fft2(x).real,
    "fftn": lambda x: fft.fftn(x, norm="forward").imag,
    "rfft": lambda x: PARTS(fft.rfft(x)),
    "rfft2": lambda x: fft.rfft2(x, norm="ortho").abs(),
    "ifft": lambda x: PARTS(fft.ifft(torch.complex(x, x * 2), dim=1)),
    "hfft": lambda x: fft.hfft(torch.complex(x, x.flip(0))),
    "irfft even": lambda x: fft.irfft(torch.complex(x, x.flip(0)), 8),
    "irfft odd": lambda x: fft.irfft(torch.complex(x, x.flip(0)), 9, norm="forward"),
    "irfft2": lambda x: fft.irfft2(torch.complex(x, x.flip(0)), norm="ortho"),
    "fftshift": lambda x: fft.fftshift(fft.fft(x + x.exp())).abs(),
    "a filter": lambda x: fft.irfft(fft.rfft(x) * torch.linspace(1, 0, 3), 5),
    "a convolution": lambda x: fft.irfft(fft.rfft(x, 16) * fft.rfft(x.flip(2), 16), 16)[..., :9],
    "stft": lambda x: PARTS(torch.stft(x.reshape(2, -1), 8, 4, window=torch.hann_window(8), return_complex=True)),
    "a spectrogram": lambda x: torch.stft(x.reshape(2, -1), 8, 2, return_complex=True).abs().square().sum(1).log1p(),
}
NUMBERS: dict[str, Any] = {
    "conj and product": lambda z: z.conj() * z[0] + z * 2.0,
    "quotients": lambda z: z / (z.roll(1, 0) + 4) + z / 3.0,
    "a quotient of a real number": lambda z: z.real / (z + 4),
    "matmul": lambda z: z @ z.mT,
    "powers": lambda z: z**3 + z**2 + z.square(),
    "einsum": lambda z: torch.einsum("bij,bkj->bik", z, z.conj()),
    "exp and square": lambda z: (z * 0.1).exp().square(),
    "sums": lambda z: torch.cat([z.sum(1), z.mean(1), z.cumsum(1)[:, 0]]),
    "views": lambda z: z.permute(1, 0, 2).reshape(4, -1)[1:, ::2].unsqueeze(0) - z[0, 0, 0],
    "polar": lambda z: torch.polar(z.abs(), z.angle() * 0.5),
    "constants": lambda z: z * torch.tensor(1j).exp() + torch.tensor([1 + 2j, 3j, -1.0, 0, 1]),
}


@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform(name: str, opset: int) -> None:
    torch.manual_seed(0)
    agree(Of(TRANSFORMS[name]), (torch.randn(2, 4, 5),), opset_version=opset)


@pytest.mark.parametrize("name", NUMBERS)
def test_complex_numbers(name: str) -> None:
    torch.manual_seed(0)

    def model(x: Any) -> Any:
        return PARTS(NUMBERS[name](torch.view_as_complex(x)))

    agree(Of(model), (torch.randn(2, 4, 5, 2),))


class SpectralLayer(nn.Module):
    """A layer of a Fourier neural operator (Li et al., 2021), with complex weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4, 5, dtype=torch.cfloat))

    def forward(self, x: Any) -> Any:
        spectrum = fft.rfft(x)
        out = torch.zeros(x.shape[0], 4, spectrum.shape[2], dtype=torch.cfloat)
        out[:, :, :5] = torch.einsum("bix,iox->box", spectrum[:, :, :5], self.weight)
        return fft.irfft(out, n=x.shape[2])


def test_complex_weights() -> None:
    torch.manual_seed(0)
    model, x = SpectralLayer(), torch.randn(2, 3, 16)
    program = agree(model, (x,), [(torch.randn(5, 3, 16),)], dynamic_axes={"x": {0: "batch"}})
    held = {each.name: list(each.dims) for each in program.model_proto.graph.initializer}
    assert held["weight"] == [3, 4, 5, 2]
    other = SpectralLayer()
    program.apply_weights(other.state_dict())
    assert_same(ran(session(program.model_proto), (x,)), expected(other, (x,)), 1e-4)


def test_a_transform_of_a_varying_batch_and_length() -> None:
    agree(Of(lambda x: fft.rfft(x).abs()), (torch.randn(2, 6),), [(torch.randn(3, 11),)],
          dynamic_shapes={"args_0": {0: "batch", 1: torch.export.Dim.DYNAMIC}})


@pytest.mark.parametrize("function, said", [
    (lambda x: fft.fft(x), "inputs and outputs of real numbers were expected.*view_as_real"),
    (lambda x: fft.fft(x).sin().real, "it is not written for pairs of real ones"),
])
def test_what_is_not_written(function: Any, said: str) -> None:
    with pytest.raises(UnsupportedOperatorError, match=said):
        torch.onnx.export(Of(function), (torch.randn(3),))
