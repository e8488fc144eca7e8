"""The multivariate normal distribution with covariances of low rank plus a diagonal."""

from __future__ import annotations

from collections.abc import Sequence

import wengert
from wengert import Size, Tensor

from ..linalg import cholesky, solve_triangular
from . import constraints
from .location import Centred
from .multivariate_normal import log_diagonal, squared_lengths, times_vectors
from .utils import HALF_LOG_TWO_PI, _standard_normal, lazy_property


class LowRankMultivariateNormal(Centred):
    """Normal vectors of mean ``loc`` (..., N) and covariances W Wᵀ + D, for W = ``cov_factor`` (..., N, M) and the
    diagonal D = ``cov_diag`` (..., N).

    Densities take matrices of M × M only, by Woodbury's identity and the determinant lemma (the *Matrix Cookbook*,
    equations 156 and 24). Raises ValueError for shapes that do not fit.

    >>> p = torch.distributions.LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2))
    >>> p.covariance_matrix
    tensor([[2., 1.],
            [1., 2.]])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _batched = {
        "loc": 1, "cov_factor": 2, "cov_diag": 1, "scale_tril": 2, "covariance_matrix": 2, "precision_matrix": 2,
    }
    _kept = ("_narrow", "_capacitance_tril")

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        try:
            batch_shape = Size(wengert.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]))
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc.expand(batch_shape + event_shape)
        self.cov_diag = cov_diag.expand(batch_shape + event_shape)
        self.cov_factor = cov_factor.expand(batch_shape + cov_factor.shape[-2:])
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        self._narrow = (cov_factor, cov_diag)  # before expansion
        self._capacitance_tril = cholesky(self._capacitance(cov_factor, cov_diag))

    @staticmethod
    def _capacitance(factor: Tensor, diagonal: Tensor) -> Tensor:
        """I + Wᵀ D⁻¹ W, of M × M."""
        inner = factor.mT @ (factor / diagonal.unsqueeze(-1))
        return inner + wengert.eye(inner.shape[-1], dtype=inner.dtype)

    @lazy_property
    def variance(self) -> Tensor:
        """The diagonal of the covariances."""
        factor, diagonal = self._narrow
        return (factor.square().sum(-1) + diagonal).expand(self._batch_shape + self._event_shape)

    def _matrices(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariances: of D^½ (I + V Vᵀ) D^½ for V = D^−½ W."""
        factor, diagonal = self._narrow
        root = diagonal.sqrt().unsqueeze(-1)
        scaled = factor / root
        inner = scaled @ scaled.mT + wengert.eye(self._event_shape[0], dtype=scaled.dtype)
        return self._matrices(root * cholesky(inner))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariances."""
        factor, diagonal = self._narrow
        return self._matrices(factor @ factor.mT + diagonal.diag_embed())

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariances: D⁻¹ − Aᵀ A for A = L⁻¹ Wᵀ D⁻¹, L the factor of the capacitance."""
        factor, diagonal = self._narrow
        weighted = factor.mT / diagonal.unsqueeze(-2)
        inner = solve_triangular(self._capacitance_tril, weighted, upper=False)
        return self._matrices(diagonal.reciprocal().diag_embed() - inner.mT @ inner)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        factor, diagonal = self._narrow
        of_factor = _standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc.dtype)
        of_diagonal = _standard_normal(shape, self.loc.dtype)
        return self.loc + times_vectors(factor, of_factor) + diagonal.sqrt() * of_diagonal

    def distances(self, difference: Tensor) -> Tensor:
        """Mahalanobis' distances, squared, of vectors (..., N) from 0: vᵀ (W Wᵀ + D)⁻¹ v."""
        factor, diagonal = self._narrow
        weighted = difference / diagonal
        inner = times_vectors(factor.mT, weighted)
        return (difference * weighted).sum(-1) - squared_lengths(self._capacitance_tril, inner)

    @property
    def log_determinant(self) -> Tensor:
        """The logarithm of the determinant of the covariances."""
        return 2 * log_diagonal(self._capacitance_tril) + self._narrow[1].log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        distances = self.distances(value - self.loc)
        return -0.5 * (distances + self.log_determinant) - self._event_shape[0] * HALF_LOG_TWO_PI

    def entropy(self) -> Tensor:
        entropy = self._event_shape[0] * (0.5 + HALF_LOG_TWO_PI) + 0.5 * self.log_determinant
        return entropy.expand(self._batch_shape)
