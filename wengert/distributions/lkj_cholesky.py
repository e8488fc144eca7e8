"""The LKJ distribution of correlation matrices, by their Cholesky factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all


class LKJCholesky(Distribution):
    """Cholesky factors (dim, dim) of correlation matrices C with a density proportional to det(C)^(concentration − 1).

    For a concentration of 1 all correlation matrices are equally likely. Draws by the onion method (Lewandowski,
    Kurowicka & Joe, *Generating random correlation matrices based on vines and extended onion method*, 2009, section
    3). Raises ValueError for a ``dim`` below 2.

    >>> _ = torch.manual_seed(0)
    >>> L = torch.distributions.LKJCholesky(3, concentration=0.5).sample()
    >>> torch.allclose((L @ L.T).diagonal(), torch.ones(3))
    True
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _batched = {"concentration": 0}
    _inner = ("_beta",)
    _kept = ("dim",)

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, Size((dim, dim)), validate_args=validate_args)
        steps = wengert.arange(dim - 1, dtype=self.concentration.dtype)
        steps = wengert.cat([steps.new_zeros((1,)), steps])
        marginal = self.concentration + 0.5 * (dim - 2)
        # The squared length of the part of each row to the left of the diagonal. The first row has none.
        self._beta: Any = _RowsOfBeta(steps + 0.5, marginal.unsqueeze(-1) - 0.5 * steps)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with wengert.no_grad():
            squares = self._beta.sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            normal = wengert.randn(shape, dtype=self.concentration.dtype).tril(-1)
            directions = normal / normal.square().sum(-1, keepdim=True).sqrt()
            directions[..., 0, :].fill_(0.0)
            rows = squares.sqrt() * directions
            tiny = wengert.finfo(rows.dtype).tiny
            diagonal = (1 - rows.square().sum(-1)).clamp(min=tiny).sqrt()
            return rows + diagonal.diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = wengert.arange(2, self.dim + 1, dtype=self.concentration.dtype)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        # The normalising constant: equation 16 of the paper, as a product of gamma functions.
        less = self.dim - 1
        alpha = self.concentration + 0.5 * less
        log_constant = (
            0.5 * less * math.log(math.pi) + wengert.mvlgamma(alpha - 0.5, less) - wengert.lgamma(alpha) * less
        )
        return (order * diagonal.log()).sum(-1) - log_constant


class _RowsOfBeta(Beta):
    """A beta distribution whose last batch dimension, the rows of a matrix, stays when the others expand."""

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        return super().expand(Size(batch_shape) + self._batch_shape[-1:], _instance)
