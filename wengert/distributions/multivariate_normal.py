"""The multivariate normal distribution."""

from __future__ import annotations

from collections.abc import Sequence

import wengert
from wengert import Size, Tensor

from ..linalg import cholesky, solve_triangular
from . import constraints
from .distribution import Distribution
from .location import Centred
from .utils import HALF_LOG_TWO_PI, _standard_normal, lazy_property


def times_vectors(matrices: Tensor, vectors: Tensor) -> Tensor:
    """The products of matrices (..., N, M) with vectors (..., M), broadcast."""
    return (matrices @ vectors.unsqueeze(-1)).squeeze(-1)


def squared_lengths(factor: Tensor, vectors: Tensor) -> Tensor:
    """|L⁻¹ v|² for triangular L (..., N, N) and vectors (..., N), broadcast: Mahalanobis' distances, squared."""
    if factor.dim() == 2:  # one matrix for all: one system with many right-hand sides
        columns = vectors.reshape(-1, vectors.shape[-1]).T
        return solve_triangular(factor, columns, upper=False).square().sum(0).reshape(vectors.shape[:-1])
    shape = wengert.broadcast_shapes(factor.shape[:-2], vectors.shape[:-1])
    size = vectors.shape[-1]
    columns = vectors.expand((*shape, size)).unsqueeze(-1)
    return solve_triangular(factor.expand((*shape, size, size)), columns, upper=False).square().sum((-2, -1))


def factor_of_inverse(precision: Tensor) -> Tensor:
    """The lower Cholesky factor of the inverse of positive definite matrices.

    The factor U of precision = U Uᵀ, upper triangular, is the lower one of the matrices turned by 180°; the inverse of
    Uᵀ is the factor wanted.
    """
    turned = cholesky(precision.flip(-2, -1))
    transposed = turned.flip(-2, -1).mT
    identity = wengert.eye(precision.shape[-1], dtype=precision.dtype)
    return solve_triangular(transposed, identity.expand(precision.shape), upper=False)


def log_diagonal(factor: Tensor) -> Tensor:
    """Σ log L_ii, half the logarithm of the determinant of L Lᵀ."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def factor_of(form: str, matrix: Tensor) -> Tensor:
    """The lower Cholesky factor of covariances that are given in one of their three forms."""
    if form == "scale_tril":
        return matrix
    return cholesky(matrix) if form == "covariance_matrix" else factor_of_inverse(matrix)


_precision_to_scale_tril = factor_of_inverse
"""Its name in PyTorch, which packages import."""


def one_form(covariance_matrix: Tensor | None, precision_matrix: Tensor | None, scale_tril: Tensor | None,
             refusal: type[Exception]) -> tuple[str, Tensor]:
    """The one of the three that is given, with its name. Raises ``refusal`` for none or several."""
    forms = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
    given = [(name, matrix) for name, matrix in forms.items() if matrix is not None]
    if len(given) != 1:
        raise refusal("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
    return given[0]


class Factored(Distribution):
    """A family with covariances, of which it holds the lower Cholesky factor, not expanded to the batch."""

    _unbroadcasted_scale_tril: Tensor
    _kept = ("_unbroadcasted_scale_tril",)

    def _matrices(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + matrix.shape[-2:])

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariances."""
        return self._matrices(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariances."""
        return self._matrices(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariances."""
        return self._matrices(wengert.cholesky_inverse(self._unbroadcasted_scale_tril))


class MultivariateNormal(Factored, Centred):
    """Normal vectors of mean ``loc`` (..., N), with one of: their ``covariance_matrix`` (..., N, N), its inverse, the
    ``precision_matrix``, or its lower Cholesky factor ``scale_tril``.

    Computed with is the Cholesky factor, so that giving it saves time. Raises ValueError for none or several of the
    three, or parameters of too few dimensions.

    >>> p = torch.distributions.MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    >>> p.log_prob(torch.zeros(2)).exp(), p.scale_tril
    (tensor(0.1838), tensor([[1.0000, 0.0000],
            [0.5000, 0.8660]]))
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _batched = {"loc": 1, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}

    def __init__(self, loc: Tensor, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None,
                 scale_tril: Tensor | None = None, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = one_form(covariance_matrix, precision_matrix, scale_tril, ValueError)
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(f"{what} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = Size(wengert.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1]))
        self.__dict__[name] = matrix.expand(batch_shape + (-1, -1))
        self.loc = loc.expand(batch_shape + (-1,))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)

    @property
    def variance(self) -> Tensor:
        """The diagonal of the covariances."""
        return self._unbroadcasted_scale_tril.square().sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        drawn = _standard_normal(self._extended_shape(sample_shape), self.loc.dtype)
        return self.loc + times_vectors(self._unbroadcasted_scale_tril, drawn)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        distances = squared_lengths(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * distances - self._event_shape[0] * HALF_LOG_TWO_PI - log_diagonal(self._unbroadcasted_scale_tril)

    def entropy(self) -> Tensor:
        entropy = self._event_shape[0] * (0.5 + HALF_LOG_TWO_PI) + log_diagonal(self._unbroadcasted_scale_tril)
        return entropy.expand(self._batch_shape)
