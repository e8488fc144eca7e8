"""Transforms of whole vectors and matrices: to the simplex, to Cholesky factors, to another shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from ..nn.functional import logsigmoid, pad, softplus
from . import constraints
from .elementwise_transforms import inside_unit_interval
from .transform import Fixed, Transform
from .utils import _sum_rightmost, tril_matrix_to_vec, vec_to_tril_matrix


class ReshapeTransform(Transform):
    """Events of shape ``in_shape`` in the shape ``out_shape``. Raises ValueError where the two differ in size.

    >>> torch.distributions.ReshapeTransform((4,), (2, 2))(torch.arange(4.0))
    tensor([[0., 1.],
            [2., 3.]])
    """

    _made_of = ("in_shape", "out_shape")
    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError("in_shape, out_shape have different numbers of elements")

    @constraints.dependent_property
    def domain(self) -> Any:
        """Real numbers in events of the old shape."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Real numbers in events of the new shape."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Zero."""
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """The batch shape and the new shape. Raises ValueError where ``shape`` does not end in the old one."""
        return _replace_end(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """The batch shape and the old shape. Raises ValueError where ``shape`` does not end in the new one."""
        return _replace_end(shape, self.out_shape, self.in_shape)


def _replace_end(shape: Sequence[int], old: Size, new: Size) -> Size:
    kept = len(shape) - len(old)
    if kept < 0:
        raise ValueError("Too few dimensions on input")
    if tuple(shape[kept:]) != tuple(old):
        raise ValueError(f"Shape mismatch: expected {shape[kept:]} but got {old}")
    return Size(shape[:kept]) + new


def _one_longer(shape: Sequence[int], step: int) -> Size:
    """The shape with its last dimension changed by ``step``."""
    if len(shape) < 1:
        raise ValueError("Too few dimensions on input")
    return Size((*shape[:-1], shape[-1] + step))


class SoftmaxTransform(Fixed):
    """y = softmax(x), of which log y counts as the inverse: one of many.

    >>> torch.distributions.SoftmaxTransform()(torch.tensor([1.0, 2.0, 3.0]))
    tensor([0.0900, 0.2447, 0.6652])
    """

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        weights = (x - x.max(-1, True)[0]).exp()  # which takes integers too
        return weights / weights.sum(-1, True)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """The same; a vector at least."""
        return _one_longer(shape, 0) and shape

    inverse_shape = forward_shape


class StickBreakingTransform(Fixed):
    """Vectors of K − 1 numbers to points of the simplex of K: a stick is broken K − 1 times.

    The share broken off what is left is σ(x_k − log(K − k)), so that x = 0 gives equal parts (the *Stan Reference
    Manual*, "Unit simplex").

    >>> t = torch.distributions.StickBreakingTransform()
    >>> t(torch.zeros(2)), t(torch.zeros(2)).sum()
    (tensor([0.3333, 0.3333, 0.3333]), tensor(1.0000))
    """

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = True

    @staticmethod
    def _log_parts_left(x: Tensor) -> Tensor:
        """log(K − k) for k = 1 … K − 1."""
        return wengert.arange(x.shape[-1], 0, -1, dtype=x.dtype).log()

    def _call(self, x: Tensor) -> Tensor:
        share = inside_unit_interval((x - self._log_parts_left(x)).sigmoid())
        left = (1 - share).cumprod(-1)
        return pad(share, [0, 1], value=1) * pad(left, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        parts = y[..., :-1]
        left = (1 - parts.cumsum(-1)).clamp(min=wengert.finfo(y.dtype).tiny)
        return parts.log() - left.log() + self._log_parts_left(parts)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Σ log(share_k · (1 − share_k) · left_{k−1}), of which the first and the last make y_k."""
        x = x - self._log_parts_left(x)
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """One number more."""
        return _one_longer(shape, 1)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """One number less."""
        return _one_longer(shape, -1)


class CorrCholeskyTransform(Transform):
    """Vectors of D (D − 1) / 2 numbers to Cholesky factors of correlation matrices (D, D).

    The hyperbolic tangents of the numbers are the canonical partial correlations; each row is then a broken stick of
    squared length 1 (Lewandowski, Kurowicka & Joe, *Generating random correlation matrices based on vines and extended
    onion method*, 2009; the *Stan Reference Manual*, "Cholesky factors of correlation matrices").

    >>> L = torch.distributions.CorrCholeskyTransform()(torch.tensor([0.5]))
    >>> L @ L.T
    tensor([[1.0000, 0.4621],
            [0.4621, 1.0000]])
    """

    domain, codomain = constraints.real_vector, constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        partial = x.tanh()
        eps = wengert.finfo(partial.dtype).eps
        partial = vec_to_tril_matrix(partial.clamp(-1 + eps, 1 - eps), diag=-1)
        left = (1 - partial * partial).sqrt().cumprod(-1)
        whole = partial + wengert.eye(partial.shape[-1], dtype=partial.dtype)
        return whole * pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1)
        partial = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return (partial.log1p() - partial.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Half the logarithms of what is left of each row's stick, and those of 1 − tanh² x."""
        left = 1 - (y * y).cumsum(-1)
        by_rows = 0.5 * tril_matrix_to_vec(left, diag=-2).log().sum(-1)
        by_tanh = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return by_rows + by_tanh

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """(..., D (D − 1) / 2) to (..., D, D). Raises ValueError for another length."""
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        size = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != shape[-1]:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], size, size))

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """(..., D, D) to (..., D (D − 1) / 2). Raises ValueError where the matrix is not square."""
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class LowerCholeskyTransform(Fixed):
    """Square matrices to lower triangular ones with a positive diagonal: the exponential of the given one.

    >>> torch.distributions.LowerCholeskyTransform()(torch.tensor([[0.0, 7.0], [2.0, 1.0]]))
    tensor([[1.0000, 0.0000],
            [2.0000, 2.7183]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Fixed):
    """Square matrices to positive definite ones: L Lᵀ, with the L of `LowerCholeskyTransform`.

    >>> torch.distributions.PositiveDefiniteTransform()(torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    tensor([[1., 2.],
            [2., 5.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(wengert.linalg.cholesky(y))


def _checked(tseq: Sequence[Transform], cache_size: int) -> list[Transform]:
    if not all(isinstance(each, Transform) for each in tseq):
        raise AssertionError(f"transforms were expected; got {tseq!r}")
    return [each.with_cache(cache_size) for each in tseq] if cache_size else list(tseq)


class CatTransform(Transform):
    """Transforms of consecutive parts along ``dim``, of the given ``lengths`` (1 each if not given).

    >>> D = torch.distributions
    >>> t = D.CatTransform([D.ExpTransform(), D.AffineTransform(0.0, 10.0)], lengths=[1, 2])
    >>> t(torch.tensor([0.0, 1.0, 2.0]))
    tensor([ 1., 10., 20.])
    """

    _made_of = ("transforms", "dim", "lengths")

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        transforms = _checked(tseq, cache_size)
        super().__init__(cache_size=cache_size)
        self.transforms, self.dim = transforms, dim
        self.lengths = [1] * len(transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(transforms):
            raise AssertionError(f"[CatTransform] a length for each of {len(transforms)} transforms was expected")

    @property
    def event_dim(self) -> int:
        """The largest among the transforms."""
        return max(each.event_dim for each in self.transforms)

    @property
    def length(self) -> int:
        """The length along ``dim`` of all parts together."""
        return sum(self.lengths)

    def _parts(self, value: Tensor) -> list[Tensor]:
        if not -value.dim() <= self.dim < value.dim() or value.shape[self.dim] != self.length:
            raise AssertionError(
                f"[CatTransform] {self.length} places along dimension {self.dim} were expected; got shape "
                f"{tuple(value.shape)}"
            )
        return list(value.split(self.lengths, self.dim))

    def _call(self, x: Tensor) -> Tensor:
        parts = [each(part) for each, part in zip(self.transforms, self._parts(x), strict=True)]
        return wengert.cat(parts, self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        parts = [each.inv(part) for each, part in zip(self.transforms, self._parts(y), strict=True)]
        return wengert.cat(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The parts' joined along ``dim``, or added where ``dim`` is inside the event."""
        terms = []
        for each, before, after in zip(self.transforms, self._parts(x), self._parts(y), strict=True):
            term = each.log_abs_det_jacobian(before, after)
            terms.append(_sum_rightmost(term, self.event_dim - each.event_dim))
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim += self.event_dim
        return wengert.cat(terms, dim) if dim < 0 else sum(terms[1:], terms[0])

    @property
    def bijective(self) -> bool:
        """Whether all are."""
        return all(each.bijective for each in self.transforms)

    @constraints.dependent_property
    def domain(self) -> Any:
        """The domains, side by side."""
        return constraints.cat([each.domain for each in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """The codomains, side by side."""
        return constraints.cat([each.codomain for each in self.transforms], self.dim, self.lengths)


class StackTransform(Transform):
    """A transform for each slice along ``dim``.

    >>> D = torch.distributions
    >>> D.StackTransform([D.ExpTransform(), D.AffineTransform(0.0, 10.0)])(torch.tensor([1.0, 1.0]))
    tensor([ 2.7183, 10.0000])
    """

    _made_of = ("transforms", "dim")

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        transforms = _checked(tseq, cache_size)
        super().__init__(cache_size=cache_size)
        self.transforms, self.dim = transforms, dim

    def _slices(self, value: Tensor) -> list[Tensor]:
        if not -value.dim() <= self.dim < value.dim() or value.shape[self.dim] != len(self.transforms):
            raise AssertionError(
                f"[StackTransform] {len(self.transforms)} places along dimension {self.dim} were expected; got shape "
                f"{tuple(value.shape)}"
            )
        return [value.select(self.dim, index) for index in range(value.shape[self.dim])]

    def _call(self, x: Tensor) -> Tensor:
        slices = [each(part) for each, part in zip(self.transforms, self._slices(x), strict=True)]
        return wengert.stack(slices, self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        slices = [each.inv(part) for each, part in zip(self.transforms, self._slices(y), strict=True)]
        return wengert.stack(slices, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The slices', stacked along ``dim``."""
        triples = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        return wengert.stack([each.log_abs_det_jacobian(before, after) for each, before, after in triples], self.dim)

    @property
    def bijective(self) -> bool:
        """Whether all are."""
        return all(each.bijective for each in self.transforms)

    @constraints.dependent_property
    def domain(self) -> Any:
        """The domains, one a slice."""
        return constraints.stack([each.domain for each in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """The codomains, one a slice."""
        return constraints.stack([each.codomain for each in self.transforms], self.dim)
