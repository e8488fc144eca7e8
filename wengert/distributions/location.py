"""What the families with a parameter ``loc``, and those with ``loc`` and ``scale``, share."""

from __future__ import annotations

from typing import Any

from wengert import Tensor

from . import constraints
from .distribution import Distribution
from .utils import batch_shape_of, broadcast_all


class Centred(Distribution):
    """A family whose mean and mode are ``loc``."""

    loc: Tensor

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc


class LocationScale(Centred):
    """A family of the real numbers that is moved by ``loc`` and stretched by ``scale``."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(batch_shape_of(self.loc, loc, scale), validate_args=validate_args)
