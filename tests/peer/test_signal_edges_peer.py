"""Edges of Fourier transforms and of distributions against PyTorch: no dimensions, padding, warnings, private names."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import wengert

LIBRARIES = (torch, wengert)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn"])
def test_no_dimensions(name: str) -> None:
    """Nothing is transformed, or an error says that something has to be."""
    found: list[Any] = []
    for library in LIBRARIES:
        try:
            found.append(getattr(library.fft, name)(library.arange(6.0).reshape(2, 3), dim=()).real.tolist())
        except RuntimeError:
            found.append("RuntimeError")
    assert found[0] == found[1]


@pytest.mark.parametrize("mode", ["reflect", "constant", "replicate", "circular"])
def test_stft_beyond_the_ends(mode: str) -> None:
    spectra = [library.stft(library.sin(library.arange(40.0)), 9, window=library.ones(9), pad_mode=mode,
                            return_complex=True) for library in LIBRARIES]
    assert torch.allclose(spectra[0], torch.tensor(spectra[1].tolist()), atol=1e-4)


@pytest.fixture
def each_warning_again() -> Iterator[None]:
    """PyTorch says some warnings once a process, which may have been in another test."""
    for library in LIBRARIES:
        library.set_warn_always(True)
    yield
    for library in LIBRARIES:
        library.set_warn_always(False)


@pytest.mark.usefixtures("each_warning_again")
def test_stft_says_what_is_wrong() -> None:
    for library in LIBRARIES:
        x, window = library.ones(40), library.ones(8)
        with pytest.raises(RuntimeError):
            library.stft(x.to(library.complex64), 8, window=window, onesided=True, return_complex=True)
        with pytest.raises(RuntimeError):
            library.stft(x, 8, window=window, pad_mode="nope", return_complex=True)
        with pytest.warns(UserWarning, match="return_complex=False is deprecated"):
            library.stft(x, 8, window=window, return_complex=False)
        spectra = library.stft(x, 8, window=window, return_complex=True)
        with pytest.warns(UserWarning, match="The length of signal is shorter"):
            assert library.istft(spectra, 8, window=window, length=100).shape == (100,)
        with pytest.raises(RuntimeError):
            library.istft(spectra, 8, window=window, onesided=True, return_complex=True)


def test_what_tests_of_distributions_name() -> None:
    results = []
    for library in LIBRARIES:
        module = library.distributions.dirichlet
        x, ones = library.tensor([[0.2, 0.8], [0.5, 0.5]]), library.ones(2, 2)
        gradient = module._Dirichlet_backward(x, ones * 2, library.tensor([[1.0, 0.0], [0.0, 2.0]]))
        results.append(gradient.tolist())
        family = library.distributions
        p, q = family.Normal(0.0, 1.0), family.Normal(1.0, 2.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results[-1].append(float(family.kl._kl_expfamily_expfamily(p, q)))
        assert isinstance(family.MultivariateNormal.scale_tril, property)
    assert results[0][-1] == pytest.approx(results[1][-1], abs=1e-6)
    assert torch.allclose(torch.tensor(results[0][:2]), torch.tensor(results[1][:2]), atol=1e-4)


def test_divergence_of_wisharts() -> None:
    results = []
    for library in LIBRARIES:
        wishart, first = library.distributions.Wishart, library.tensor([[2.0, 0.3], [0.3, 0.25]])
        second = library.tensor([[1.0, -0.2], [-0.2, 0.5]])
        p = wishart(library.tensor(5.0), first)  # PyTorch errs where only the degrees are of a batch
        q = wishart(library.tensor(4.0), second)
        results.append([library.distributions.kl_divergence(p, q).tolist(),
                        library.distributions.kl_divergence(p, p).tolist()])
    assert torch.allclose(torch.tensor(results[0]), torch.tensor(results[1]), atol=1e-4)
