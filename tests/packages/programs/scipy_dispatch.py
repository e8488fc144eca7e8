"""SciPy's functions given tensors (`SCIPY_ARRAY_API=1`): special functions, statistics, transforms,
filters, integrals, derivatives, roots, rotations, clusters."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import torch
from scipy import cluster, differentiate, fft, integrate, ndimage, signal, special, stats
from scipy.optimize.elementwise import find_root
from scipy.spatial.transform import Rotation

rng = np.random.default_rng(0)
X = torch.asarray(rng.normal(size=(30, 4)))
P = abs(X) + 0.1


def show(word, *found):
    numbers = []
    for array in found:
        assert isinstance(array, torch.Tensor), word
        array = array.detach().resolve_conj().to(torch.complex128 if array.is_complex() else torch.float64)
        numbers += [abs(array).sum().item(), array.reshape(-1)[-1].real.item()]
    print(word, *numbers)


for name in ("expit", "logit", "gammaln", "erf", "i0", "log_ndtr", "ndtri", "entr"):
    show(name, getattr(special, name)(P / (P.max() + 1)))
show("logsumexp", special.logsumexp(X, axis=1))
show("softmax", special.softmax(X, axis=1))
show("xlogy", special.xlogy(P, P))
show("betainc", special.betainc(P, P, P / 8))
for name in ("skew", "kurtosis", "variation", "zscore", "gmean", "hmean", "sem"):
    show(name, getattr(stats, name)(P))
show("t-test", *stats.ttest_1samp(X, 0.0))
show("pearson", *stats.pearsonr(X[:, 0], X[:, 1]))
show("bartlett", *stats.bartlett(X[:, 0], X[:, 1]))
for name in ("fft", "rfft", "dct"):
    show(name, getattr(fft, name)(X))
show("fftconvolve", signal.fftconvolve(X, X, mode="same"))
show("sosfilt", signal.sosfilt(torch.asarray(signal.butter(2, 0.3, output="sos")), X[:, 0]))
show("detrend", signal.detrend(X))
show("hilbert", signal.hilbert(X[:, 0]))
show("trapezoid", integrate.trapezoid(X, axis=0))
show("tanhsinh", integrate.tanhsinh(lambda x: x * x, torch.zeros(2).double(), torch.ones(2).double()).integral)
show("derivative", differentiate.derivative(lambda x: x**3, torch.ones(3).double()).df)
show("root", find_root(lambda x: x**2 - 2, (torch.zeros(2).double(), torch.full((2,), 2.0).double())).x)
show("gaussian", ndimage.gaussian_filter(X, 1.0))
show("rotation", Rotation.from_euler("xyz", X[:, :3]).as_matrix())
show("whiten", cluster.vq.whiten(X))
show("codes", cluster.vq.vq(X, X[:3])[1])
