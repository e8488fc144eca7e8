"""The Wishart distribution."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .chi2 import Chi2
from .distribution import shape_of
from .exp_family import ExponentialFamily
from .multivariate_normal import Factored, factor_of, log_diagonal, one_form
from .utils import is_number

_TRIES = 10  # to replace draws that rounding made singular


class Wishart(Factored, ExponentialFamily):
    """Positive definite matrices (P, P): Σ xᵢ xᵢᵀ for ``df`` normal vectors of the given covariances.

    ``df`` (above P − 1; it need not be an integer), and one of ``covariance_matrix``, ``precision_matrix`` and
    ``scale_tril``, (..., P, P), as of `MultivariateNormal`. Draws by Bartlett's decomposition (Sawyer, *Wishart
    distributions and inverse-Wishart sampling*, 2007). Raises ValueError for a ``df`` too small, none or several of
    the three, or a matrix of too few dimensions.

    >>> torch.distributions.Wishart(torch.tensor(3.0), covariance_matrix=torch.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"df": 0, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}

    def __init__(self, df: Any, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None,
                 scale_tril: Tensor | None = None, validate_args: bool | None = None) -> None:
        name, matrix = one_form(covariance_matrix, precision_matrix, scale_tril, AssertionError)
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        size = matrix.shape[-1]
        df = wengert.tensor(df, dtype=matrix.dtype) if is_number(df) else df
        batch_shape = Size(wengert.broadcast_shapes(matrix.shape[:-2], df.shape))
        self.df = df.expand(batch_shape)
        if (self.df <= size - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {size - 1}.")
        self._event_shape = matrix.shape[-2:]
        self.__dict__[name] = matrix.expand(batch_shape + (-1, -1))
        super().__init__(batch_shape, matrix.shape[-2:], validate_args=validate_args)
        if (self.df < size).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        self._unbroadcasted_scale_tril = factor_of(name, matrix)
        self._chi2 = self._diagonal_squares()

    def _diagonal_squares(self) -> Chi2:
        """The distributions of the squares of the diagonal in Bartlett's decomposition."""
        return Chi2(self.df.unsqueeze(-1) - wengert.arange(self._event_shape[-1], dtype=self.df.dtype))

    @property
    def arg_constraints(self) -> dict[str, Any]:
        """That on ``df`` depends on the size of the matrices."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._chi2 = new._diagonal_squares()
        return new

    def _degrees(self) -> Tensor:
        """``df``, to multiply matrices with."""
        return self.df.reshape(self._batch_shape + (1, 1))

    @property
    def mean(self) -> Tensor:
        return self._degrees() * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """NaN for a ``df`` of at most P + 1."""
        factor = self._degrees() - self._event_shape[-1] - 1
        return wengert.where(factor <= 0, math.nan, factor) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        return self._degrees() * (covariance.square() + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape: Any = Size()) -> Tensor:
        """L A Aᵀ Lᵀ: A has chi numbers on, and normal numbers below the diagonal."""
        size = self._event_shape[-1]
        below = size * (size - 1) // 2
        diagonal = self._chi2.rsample(sample_shape).clamp(min=wengert.finfo(self.df.dtype).tiny).sqrt()
        rows, columns = wengert.tril_indices(size, size, offset=-1)
        inner = diagonal.diag_embed()
        drawn = wengert.randn(Size(sample_shape) + self._batch_shape + (below,), dtype=inner.dtype)
        lower = wengert.zeros_like(inner.detach())
        lower[..., rows, columns] = drawn
        product = self._unbroadcasted_scale_tril @ (inner + lower)
        return product @ product.mT

    def rsample(
        self, sample_shape: Sequence[int] = Size(), max_try_correction: int | None = None
    ) -> Tensor:
        """Draws; those that rounding made singular are replaced, up to ``max_try_correction`` (10) times."""
        sample_shape = shape_of(sample_shape)
        shape = self._extended_shape(sample_shape)
        with wengert.no_grad():
            self._bartlett_sampling(sample_shape)  # PyTorch drops its first draws; the same numbers follow for a seed
        sample = self._bartlett_sampling((sample_shape.numel(),))
        for _ in range((_TRIES if max_try_correction is None else max_try_correction) - 1):
            good = self.support.check(sample).reshape(sample.shape[0], self._batch_shape.numel()).all(-1)
            if good.all():
                break
            warnings.warn("Singular sample detected.", stacklevel=2)
            again = self._bartlett_sampling((int((~good).sum()),))
            sample = sample.index_put((~good,), again)
        return sample.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        df, size = self.df, self._event_shape[-1]
        shape = wengert.broadcast_shapes(value.shape, self._unbroadcasted_scale_tril.shape)
        trace = wengert.cholesky_solve(value.expand(shape), self._unbroadcasted_scale_tril.expand(shape))
        return (
            -df * (size * math.log(2.0) / 2 + log_diagonal(self._unbroadcasted_scale_tril))
            - wengert.mvlgamma(df / 2, size)
            + (df - size - 1) / 2 * wengert.linalg.slogdet(value).logabsdet
            - trace.diagonal(dim1=-2, dim2=-1).sum(-1) / 2
        )

    def entropy(self) -> Tensor:
        df, size = self.df, self._event_shape[-1]
        steps = wengert.arange(size, dtype=df.dtype) / 2
        digammas = (df.unsqueeze(-1) / 2 - steps).digamma().sum(-1)
        return (
            (size + 1) * (size * math.log(2.0) / 2 + log_diagonal(self._unbroadcasted_scale_tril))
            + wengert.mvlgamma(df / 2, size)
            - (df - size - 1) / 2 * digammas
            + df * size / 2
        )

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (0.5 * -self.precision_matrix, 0.5 * (self.df - self._event_shape[-1] - 1))

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        size = self._event_shape[-1]
        half = y + (size + 1) / 2
        log_det = wengert.linalg.slogdet(-2 * x).logabsdet
        return half * (-log_det + math.log(2.0) * size) + wengert.mvlgamma(half, size)
