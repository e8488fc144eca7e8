"""Nonlinearities as modules. Each maps a tensor of any shape to one of that shape, unless said otherwise.

The formulas are with the functions of the same name in `wengert.nn.functional`; ``inplace=True`` overwrites the input.
"""

from __future__ import annotations

from typing import Any

from ...core.frames import warn
from ...ops import empty
from ...tensors.tensor import Tensor
from ..functional import activations as functional
from ..module import Module
from ..parameter import Parameter


def _listed(*parts: str, inplace: bool = False) -> str:
    return ", ".join([*parts, "inplace=True"] if inplace else parts)


# The public classes are no subclasses of each other where PyTorch's are not: programs ask `isinstance(m, nn.ReLU)`.


class _Inplace(Module):
    """A nonlinearity with no setting but ``inplace``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return _listed(inplace=self.inplace)


class ReLU(_Inplace):
    """max(x, 0).

    >>> nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu(input, self.inplace)


class LeakyReLU(Module):
    """x where x > 0, else ``negative_slope`` · x.

    >>> nn.LeakyReLU(0.1)(torch.tensor([-2.0, 2.0]))
    tensor([-0.2000,  2.0000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return _listed(f"negative_slope={self.negative_slope}", inplace=self.inplace)


class PReLU(Module):
    """x where x > 0, else weight · x; the weights, one for all or one per channel, are learnt.

    The input is ``(N, C, ...)`` with ``C = num_parameters``, or anything if that is 1.

    >>> layer = nn.PReLU()
    >>> layer(torch.tensor([-4.0, 2.0])), layer.weight.requires_grad
    (tensor([-1.,  2.], grad_fn=<PreluKernelBackward0>), True)
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype).fill_(init))

    def reset_parameters(self) -> None:
        """Sets every weight to ``init``."""
        self.weight.detach().fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """x where x > 0, else slope · x, the slope random in training and the mean of its bounds in evaluation.

    >>> nn.RReLU(0.25, 0.25)(torch.tensor([-8.0, 2.0]))
    tensor([-2.,  2.])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return _listed(f"lower={self.lower}", f"upper={self.upper}", inplace=self.inplace)


class _Exponential(Module):
    """A nonlinearity with the setting ``alpha``."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def extra_repr(self) -> str:
        return _listed(f"alpha={self.alpha}", inplace=self.inplace)


class ELU(_Exponential):
    """x where x > 0, else α (eˣ − 1).

    >>> nn.ELU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.8647,  0.0000,  2.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.elu(input, self.alpha, self.inplace)


class CELU(_Exponential):
    """x where x > 0, else α (e^(x/α) − 1).

    >>> nn.CELU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.8647,  0.0000,  2.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.celu(input, self.alpha, self.inplace)


class SELU(_Inplace):
    """The scaled ELU that keeps mean 0 and variance 1: s x where x > 0, else s α (eˣ − 1), with s = 1.0507 and
    α = 1.6733 (Klambauer et al., 2017).

    >>> nn.SELU()(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-1.1113,  0.0000,  1.0507])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.selu(input, self.inplace)


class GELU(Module):
    """x Φ(x); with ``approximate="tanh"`` by the formula with tanh.

    >>> nn.GELU()(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return functional.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(_Inplace):
    """x σ(x).

    >>> nn.SiLU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.silu(input, self.inplace)


class Mish(_Inplace):
    """x tanh(softplus(x)).

    >>> nn.Mish()(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.3034,  0.0000,  0.8651])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.mish(input, self.inplace)


class Softplus(Module):
    """log(1 + e^(βx)) / β; x itself where βx > ``threshold``.

    >>> nn.Softplus()(torch.tensor([-5.0, 0.0, 30.0]))
    tensor([6.7153e-03, 6.9315e-01, 3.0000e+01])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softsign(Module):
    """x / (1 + |x|).

    >>> nn.Softsign()(torch.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.5000,  0.0000,  0.7500])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softsign(input)


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ).

    >>> nn.Sigmoid()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([0.1192, 0.5000, 0.8808])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.sigmoid(input)


class LogSigmoid(Module):
    """log σ(x).

    >>> nn.LogSigmoid()(torch.tensor([-1000.0, 0.0]))
    tensor([-1.0000e+03, -6.9315e-01])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.logsigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> nn.Tanh()(torch.tensor([-1.0, 0.0, 20.0]))
    tensor([-0.7616,  0.0000,  1.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.tanh(input)


class Tanhshrink(Module):
    """x − tanh x.

    >>> nn.Tanhshrink()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.0360])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.tanhshrink(input)


class Hardtanh(Module):
    """x cut off at ``min_val`` and ``max_val``. Raises AssertionError unless the second is the larger.

    >>> nn.Hardtanh(-2.0, 2.0)(torch.tensor([-3.0, 0.5, 3.0]))
    tensor([-2.0000,  0.5000,  2.0000])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False,
                 min_value: float | None = None, max_value: float | None = None) -> None:
        super().__init__()
        for old, new, value in (("min_value", "min_val", min_value), ("max_value", "max_val", max_value)):
            if value is not None:
                warn(f"keyword argument `{old}` is deprecated and renamed to `{new}`", FutureWarning)
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return _listed(f"min_val={self.min_val}", f"max_val={self.max_val}", inplace=self.inplace)


class ReLU6(Hardtanh):
    """min(max(x, 0), 6).

    >>> nn.ReLU6()(torch.tensor([-1.0, 3.0, 9.0]))
    tensor([0., 3., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return _listed(inplace=self.inplace)


class Hardsigmoid(_Inplace):
    """min(max(x + 3, 0), 6) / 6.

    >>> nn.Hardsigmoid()(torch.tensor([-4.0, 0.0, 1.5, 4.0]))
    tensor([0.0000, 0.5000, 0.7500, 1.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardswish(_Inplace):
    """x · hardsigmoid(x).

    >>> nn.Hardswish()(torch.tensor([-4.0, -1.5, 1.5, 4.0]))
    tensor([-0.0000, -0.3750,  1.1250,  4.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class _Shrink(Module):
    """A nonlinearity with the setting ``lambd``."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """x where |x| > ``lambd``, else 0.

    >>> nn.Hardshrink()(torch.tensor([-1.0, -0.3, 0.3, 1.0]))
    tensor([-1.,  0.,  0.,  1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x moved towards 0 by ``lambd``, and no further than 0.

    >>> nn.Softshrink()(torch.tensor([-1.0, 0.3, 1.0]))
    tensor([-0.5000,  0.0000,  0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softshrink(input, self.lambd)


class Threshold(Module):
    """x where x > ``threshold``, else ``value``.

    >>> nn.Threshold(1.0, 0.0)(torch.tensor([-1.0, 0.5, 2.0]))
    tensor([0., 0., 2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return _listed(f"threshold={self.threshold}", f"value={self.value}", inplace=self.inplace)


class GLU(Module):
    """a σ(b), with a and b the halves of the input along ``dim``.

    >>> nn.GLU()(torch.tensor([1.0, 2.0, 0.0, 100.0]))
    tensor([0.5000, 2.0000])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return functional.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
