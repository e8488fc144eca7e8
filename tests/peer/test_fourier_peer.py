"""`wengert.fft` against PyTorch: values, dtypes, gradients and errors over transforms, sizes, dimensions and scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")

SINGLE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
SEVERAL = [name + end for name in SINGLE for end in ("2", "n")]
REAL = {"rfft", "ihfft"}
SIGNAL = np.random.RandomState(0).randn(3, 6, 5)
OTHER = np.random.RandomState(1).randn(3, 6, 5)


def both(name: str, complex_input: bool, width: str, **options: Any) -> None:
    """Values and the gradient of a weighted sum of the parts of the result, with either library."""
    found = []
    for library in (torch, wengert):
        data = SIGNAL + 1j * OTHER if complex_input else SIGNAL
        x = library.from_numpy(data.astype(({"f4": "c8", "f8": "c16"}[width]) if complex_input else width))
        x.requires_grad_()
        out = getattr(library.fft, name)(x, **options)
        parts = library.view_as_real(out.resolve_conj()) if out.is_complex() else out
        weights = library.arange(parts.numel()).reshape(parts.shape).to(parts.dtype).cos()
        loss = (parts * weights).sum() + (parts**2).sum()
        (grad,) = library.autograd.grad(loss, x, create_graph=True)
        second = library.view_as_real(grad.resolve_conj()) if grad.is_complex() else grad
        (curvature,) = library.autograd.grad((second**2).sum(), x)
        found.append((str(out.dtype), *(t.detach().resolve_conj().numpy() for t in (out, grad, curvature))))
    assert found[0][0] == found[1][0]
    for theirs, ours in zip(found[0][1:], found[1][1:], strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=scale * (1e-5 if width == "f4" else 1e-11))


@pytest.mark.parametrize("norm", [None, "ortho", "forward", "backward"])
@pytest.mark.parametrize("complex_input", [False, True])
@pytest.mark.parametrize("name", SINGLE)
def test_one_dimension(name: str, complex_input: bool, norm: str | None) -> None:
    if complex_input and name in REAL:
        pytest.skip("takes real values only")
    for dim, n, width in ((-1, None, "f8"), (1, 4, "f4"), (0, 7, "f8"), (1, 8, "f8"), (2, 1, "f8")):
        both(name, complex_input, width, n=n, dim=dim, norm=norm)


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("complex_input", [False, True])
@pytest.mark.parametrize("name", SEVERAL)
def test_several_dimensions(name: str, complex_input: bool, norm: str | None) -> None:
    if complex_input and name[:-1] in REAL:
        pytest.skip("takes real values only")
    both(name, complex_input, "f8", norm=norm)
    both(name, complex_input, "f4", s=(4, 7), dim=(0, 2), norm=norm)
    both(name, complex_input, "f8", s=(5, 4), dim=(2, 1), norm=norm)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_and_shifts(n: int) -> None:
    for name in ("fftfreq", "rfftfreq"):
        theirs, ours = (getattr(library.fft, name)(n, d=0.5) for library in (torch, wengert))
        assert str(theirs.dtype) == str(ours.dtype)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)
    for name in ("fftshift", "ifftshift"):
        for dim in (None, 0, (1,), (0, 1)):
            theirs, ours = (getattr(library.fft, name)(library.arange(n * 3).view(n, 3), dim=dim)
                            for library in (torch, wengert))
            assert ours.tolist() == theirs.tolist()


def test_integers_become_floats_and_zero_dimensions_pass() -> None:
    for library in (torch, wengert):
        out = library.fft.rfft(library.arange(6))
        assert str(out.dtype) == "torch.complex64" and out[1].imag.item() == pytest.approx(5.19615, abs=1e-4)
        assert library.fft.fftn(library.ones(2, 3), dim=()).shape == (2, 3)


@pytest.mark.parametrize("call", [
    lambda t: t.fft.rfft(t.ones(3, dtype=t.complex64)),
    lambda t: t.fft.fft(t.ones(3), n=0),
    lambda t: t.fft.fft(t.ones(3), norm="both"),
    lambda t: t.fft.fft(t.ones(3), dim=2),
    lambda t: t.fft.fft2(t.ones(3)),
    lambda t: t.fft.fftn(t.ones(3, 3), s=(1, 1, 1)),
    lambda t: t.fft.fftn(t.ones(3, 3), dim=(0, 0)),
    lambda t: t.fft.fftn(t.ones(3, 3), s=(2,), dim=(0, 1)),
    lambda t: t.fft.irfft(t.ones(1)),
    lambda t: t.fft.fft(t.ones(3, dtype=t.float16)),
    lambda t: t.fft.fft(t.ones(0)),
])
def test_errors_of_the_same_class(call: Any) -> None:
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(type(theirs.value)):
        call(wengert)


WINDOWS = ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str) -> None:
    for length in (0, 1, 2, 5, 8):
        for periodic in (True, False):
            theirs, ours = (getattr(t, name)(length, periodic=periodic, dtype=t.float64) for t in (torch, wengert))
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0, atol=1e-7)
            assert str(getattr(wengert, name)(length, periodic).dtype) == "torch.float32"
    for call in (lambda t: getattr(t, name)(-1), lambda t: getattr(t, name)(3, dtype=t.int64)):
        with pytest.raises(RuntimeError):
            call(torch)
        with pytest.raises(RuntimeError):
            call(wengert)


@pytest.mark.parametrize("options", [
    {}, {"hop_length": 3}, {"win_length": 5}, {"center": False}, {"pad_mode": "constant"}, {"normalized": True},
    {"onesided": False}, {"hop_length": 2, "win_length": 6, "normalized": True},
])
def test_short_time_spectra_and_back(options: dict[str, Any]) -> None:
    found = []
    for library in (torch, wengert):
        x = library.from_numpy(np.random.RandomState(3).randn(2, 32)).requires_grad_()
        width = options.get("win_length", 8)
        window = library.hann_window(width, periodic=False, dtype=library.float64) + 0.1
        spectra = library.stft(x, 8, window=window, return_complex=True, **options)
        parts = library.view_as_real(spectra)
        (grad,) = library.autograd.grad((parts * parts.detach().cos()).sum(), x, retain_graph=True)
        back_options = {k: v for k, v in options.items() if k != "pad_mode"}
        back = library.istft(spectra, 8, window=window, length=30, **back_options)
        (through,) = library.autograd.grad((back * back.detach().cos()).sum(), x)
        found.append([t.detach().numpy() for t in (parts, grad, back, through)])
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
@pytest.mark.parametrize("n", [-3, -2, -1, 0, 1, 4, 5])
@pytest.mark.parametrize("d", [0, 0.0, 1e-45, 0.3, 2])
def test_frequencies_of_any_length(name: str, n: int, d: float) -> None:
    """Steps are multiplied by the reciprocal of the length in time, be that 0, and written in the dtype of out=."""
    for options in ({}, {"dtype": "float64"}, {"out": "float16"}, {"out": "float64"}):
        def made(lib: Any, options: dict[str, str] = options) -> Any:
            given = {key: lib.empty(0, dtype=getattr(lib, value)) if key == "out" else getattr(lib, value)
                     for key, value in options.items()}
            return getattr(lib.fft, name)(n, d, **given)

        try:
            want = made(torch)
        except RuntimeError:
            with pytest.raises(RuntimeError):
                made(wengert)
            continue
        got = made(wengert)
        assert str(got.dtype) == str(want.dtype)
        assert np.array_equal(got.numpy(), want.numpy(), equal_nan=True)


@pytest.mark.parametrize("name", ["irfft", "irfft2", "irfftn", "hfft", "hfft2", "hfftn"])
def test_real_results_go_into_no_complex_target(name: str) -> None:
    for lib in (torch, wengert):
        with pytest.raises(RuntimeError, match="expects a floating point output tensor"):
            getattr(lib.fft, name)(lib.ones(2, 3), out=lib.zeros(2, dtype=lib.complex64))
