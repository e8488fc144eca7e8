"""The von Mises distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .location import Centred
from .utils import broadcast_all, lazy_property


class VonMises(Centred):
    """Angles with a density proportional to exp(concentration · cos(x − loc)). Draws lie in [−π, π).

    Draws by the method of Best & Fisher (*Efficient simulation of the von Mises distribution*, 1979).

    >>> p = torch.distributions.VonMises(torch.tensor(0.0), torch.tensor(4.0))
    >>> p.mean, p.variance
    (tensor(0.), tensor(0.1365))
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _batched = {"loc": 0, "concentration": 0}

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def _log_bessel(self) -> Tensor:
        """log I₀(concentration)."""
        return wengert.special.i0e(self.concentration).log() + self.concentration

    @lazy_property
    def variance(self) -> Tensor:
        """The circular variance, 1 − I₁ / I₀."""
        return 1 - wengert.special.i1e(self.concentration) / wengert.special.i0e(self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return self.concentration * wengert.cos(value - self.loc) - math.log(2 * math.pi) - self._log_bessel()

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with wengert.no_grad():
            shape = self._extended_shape(sample_shape)
            kappa = self.concentration.double()
            r = self._proposal(kappa)
            done = (~r.isfinite()).expand(shape)  # where the concentration is such that no draw would ever be accepted
            angle = wengert.where(done, math.nan, wengert.zeros(shape, dtype=wengert.float64))
            while not done.all():
                u1, u2, u3 = wengert.rand((3, *shape), dtype=wengert.float64).unbind()
                z = wengert.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accept = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                # What has been accepted before may be drawn again, as in PyTorch; either is a fair draw.
                angle = wengert.where(accept, (u3 - 0.5).sign() * f.acos(), angle)
                done = done | accept
            turned = (angle + math.pi + self.loc.double()) % (2 * math.pi) - math.pi
            return turned.to(self.loc.dtype)

    @staticmethod
    def _proposal(kappa: Tensor) -> Tensor:
        """The parameter of the wrapped Cauchy distribution from which is drawn; by its series for small κ."""
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        return wengert.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))
