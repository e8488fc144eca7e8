"""The half-normal distribution."""

from __future__ import annotations

import math

from wengert import Tensor

from .half import Half
from .normal import Normal


class HalfNormal(Half):
    """The absolute values of normal numbers of mean 0 and standard deviation ``scale``.

    >>> torch.distributions.HalfNormal(1.0).mean, torch.tensor(2 / torch.pi).sqrt()
    (tensor(0.7979), tensor(0.7979))
    """

    whole = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale.square() * (1 - 2 / math.pi)
