"""The chi-squared distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert import Tensor

from . import constraints
from .gamma import Gamma


class Chi2(Gamma):
    """The sum of the squares of ``df`` standard normal numbers: the gamma distribution of shape df / 2 and rate 1/2.

    >>> p = torch.distributions.Chi2(torch.tensor(3.0))
    >>> p.mean, p.variance
    (tensor(3.), tensor(6.))
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(Chi2, _instance))

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2
