"""How parameters start. Every function here fills its tensor in place, without recording it, and returns it.

They draw from the default generator, or from ``generator``, exactly as PyTorch's do: same seed, same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..autograd.modes import no_grad
from ..core.errors import in_words
from ..core.frames import warn
from ..ops import diagonal, empty_like, randperm, where
from ..ops.linalg import qr
from ..tensors.generator import Generator
from ..tensors.overrides import asking
from ..tensors.tensor import Tensor

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal", "kaiming_normal_",
    "kaiming_uniform", "kaiming_uniform_", "normal", "normal_", "ones_", "orthogonal", "orthogonal_", "sparse",
    "sparse_", "trunc_normal_", "uniform", "uniform_", "xavier_normal", "xavier_normal_", "xavier_uniform",
    "xavier_uniform_", "zeros_",
]

_LINEAR = frozenset(
    {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"}
)


@in_words
def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity shrinks the standard deviation, so that weights can make up for it.

    ``nonlinearity`` is the name of a function, ``param`` the slope of ``"leaky_relu"``. Raises ValueError.

    >>> nn.init.calculate_gain("tanh"), nn.init.calculate_gain("leaky_relu", 0.0)
    (1.6666666666666667, 1.4142135623730951)
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ValueError(f"negative_slope {param} not a valid number")
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope * slope))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


@asking
@in_words
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform between ``a`` and ``b``.

    >>> _ = torch.manual_seed(0)
    >>> nn.init.uniform_(torch.empty(3))
    tensor([0.4963, 0.7682, 0.0885])
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


@asking
@in_words
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal.

    >>> _ = torch.manual_seed(0)
    >>> nn.init.normal_(torch.empty(3), std=0.1)
    tensor([ 0.1541, -0.0293, -0.2179])
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


@asking
@in_words
def trunc_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
                  generator: Generator | None = None) -> Tensor:
    """Normal, what falls outside ``[a, b]`` drawn again.

    Where that would often happen, uniform numbers are accepted with the probability of the normal density instead.

    >>> _ = torch.manual_seed(0)
    >>> nn.init.trunc_normal_(torch.empty(1000), a=-1.0, b=1.0).abs().max() <= 1
    tensor(True)
    """
    if not std > 0:
        raise ValueError(f"[trunc_normal_] a std above 0 was expected; got {std}")
    if mean < a - 2 * std or mean > b + 2 * std:
        warn("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
             "The distribution of values may be incorrect.")
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with no_grad():
        if inside > 0.3:
            return _redraw_normal(tensor, mean, std, a, b, generator)
        return _accept_uniform(tensor, mean, std, a, b, generator)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _redraw_normal(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None) -> Tensor:
    # The bounds as the tensor's dtype has them.
    low, high = (tensor.new_tensor(bound, device="cpu").item() for bound in (a, b))
    result = tensor.normal_(mean, std, generator=generator)
    if tensor.is_meta:
        return result
    while True:
        outside = (result < low) | (result > high)
        if not outside.any():
            return tensor if result is tensor else tensor.copy_(result)
        result = where(outside, empty_like(result).normal_(mean, std, generator=generator), result)


def _accept_uniform(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None) -> Tensor:
    mode = max(a, min(mean, b))
    distance = (mode - mean) / std
    if not (abs(distance) <= 1e3 and abs(distance) * (b - a) / std <= 1e5):
        raise ValueError(f"[trunc_normal_] bounds that normal numbers reach were expected; got [{a}, {b}] with a mean "
                         f"of {mean} and std of {std}: nearly all draws would be rejected")
    peak = -0.5 * distance * distance

    def rejected(candidates: Tensor) -> Tensor:
        """Where a uniform number exceeds the density, relative to its peak within the bounds."""
        density = candidates.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        return empty_like(tensor).uniform_(generator=generator).log_().gt(density)

    result = tensor.uniform_(a, b, generator=generator)
    pending = rejected(result)
    while pending.any():
        candidates = empty_like(tensor).uniform_(a, b, generator=generator)
        result = where(pending, candidates, result)
        pending = pending & rejected(candidates)
    return tensor if result is tensor else tensor.copy_(result)


@asking
@in_words
def constant_(tensor: Tensor, val: float) -> Tensor:
    """``val`` everywhere.

    >>> nn.init.constant_(torch.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    with no_grad():
        return tensor.fill_(val)


@asking
@in_words
def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere.

    >>> nn.init.ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


@asking
@in_words
def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere.

    >>> nn.init.zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    with no_grad():
        return tensor.zero_()


@asking
@in_words
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, cut to the shape of the 2-D ``tensor``. Raises ValueError for another rank.

    >>> nn.init.eye_(torch.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with no_grad():
        tensor.zero_()
        diagonal(tensor).fill_(1)
    return tensor


@asking
@in_words
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The convolution kernel ``(out, in, ...)`` that passes on as many channels as it can, in each of ``groups``.

    Raises ValueError unless there are 1 to 3 spatial dimensions and ``out`` is a multiple of ``groups``.

    >>> w = nn.init.dirac_(torch.empty(2, 2, 3))
    >>> x = torch.rand(1, 2, 5)
    >>> torch.equal(F.conv1d(x, w, padding=1), x)
    True
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    size = tensor.shape[0] // groups
    centre = tuple(length // 2 for length in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        for start in range(0, tensor.shape[0], size or 1):
            for channel in range(min(size, tensor.shape[1])):
                tensor[(start + channel, channel, *centre)] = 1
    return tensor


@asking
@in_words
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform with standard deviation gain · √(2 / (fan_in + fan_out)) (Glorot & Bengio, 2010).

    >>> _ = torch.manual_seed(0)
    >>> w = nn.init.xavier_uniform_(torch.empty(200, 50))
    >>> w.abs().max() <= (6 / 250) ** 0.5
    tensor(True)
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / max(1, fan_in + fan_out)))
    return uniform_(tensor, -bound, bound, generator)


@asking
@in_words
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain · √(2 / (fan_in + fan_out)) (Glorot & Bengio, 2010).

    >>> _ = torch.manual_seed(0)
    >>> w = nn.init.xavier_normal_(torch.empty(200, 50))
    >>> round(w.std().item(), 2), round((2 / 250) ** 0.5, 2)
    (0.09, 0.09)
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(1, fan_in + fan_out)), generator)


@asking
@in_words
def kaiming_uniform_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                     generator: Generator | None = None) -> Tensor:
    """Uniform with standard deviation gain / √fan (He et al., *Delving Deep into Rectifiers*, 2015).

    ``mode`` says which fan; ``a`` is the slope of ``"leaky_relu"``. Raises ValueError.

    >>> import wengert as torch
    >>> _ = torch.manual_seed(0)
    >>> nn.init.kaiming_uniform_(torch.empty(2, 2), nonlinearity="relu")
    tensor([[-0.0130,  0.9291],
            [-1.4256, -1.2747]])
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


@asking
@in_words
def kaiming_normal_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                    generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain / √fan (He et al., *Delving Deep into Rectifiers*, 2015).

    ``mode`` says which fan; ``a`` is the slope of ``"leaky_relu"``. Raises ValueError.

    >>> _ = torch.manual_seed(0)
    >>> w = nn.init.kaiming_normal_(torch.empty(200, 50), nonlinearity="relu")
    >>> round(w.std().item(), 2), round((2 / 50) ** 0.5, 2)
    (0.2, 0.2)
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0, std, generator)


@asking
@in_words
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A matrix with orthonormal rows or columns, times ``gain`` (Saxe et al., 2013).

    Dimensions after the first count as one. Raises ValueError for fewer than two dimensions.

    >>> _ = torch.manual_seed(0)
    >>> w = nn.init.orthogonal_(torch.empty(2, 3))
    >>> torch.allclose(w @ w.T, torch.eye(2), atol=1e-6)
    True
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
        q, r = qr(flat.t() if rows < columns else flat)
        # Signs that make the distribution uniform: Mezzadri, arXiv:math-ph/0609050.
        q = q * diagonal(r).sign()
        tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape))
        return tensor.mul_(gain)


@asking
@in_words
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal, with the share ``sparsity`` of each column of the 2-D ``tensor`` set to 0 (Martens, 2010).

    >>> _ = torch.manual_seed(0)
    >>> (nn.init.sparse_(torch.empty(10, 4), sparsity=0.7) == 0).sum(0)
    tensor([7, 7, 7, 7])
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    if not 0 <= sparsity <= 1:
        raise ValueError(f"[sparse_] a share from 0 to 1 was expected as sparsity; got {sparsity}")
    count = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[randperm(rows)[:count], column] = 0
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output has, and how many outputs an input, for a weight ``(out, in, ...)``."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """One of the two of a weight; ``mode`` says which."""
    mode = str(mode).lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    if tensor.numel() == 0:
        warn("Initializing zero-element tensors is a no-op")
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``function`` under its name of old, without the underscore."""
    new = function.__name__
    old = new.removesuffix("_")

    @wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning)
        return function(*args, **kwargs)

    renamed.__name__, renamed.__doc__ = old, f"The deprecated name of `{new}`."
    return renamed


_no_grad_uniform_, _no_grad_normal_ = uniform_, normal_
uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
