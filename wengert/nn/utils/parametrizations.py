"""Ready-made parametrisations: weight normalisation, spectral normalisation, orthogonal matrices."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ...autograd.modes import no_grad
from ...core.errors import in_words
from ...core.geometry import check_count
from ...ops import allclose, cat, dot, eye, matrix_exp, mv, randn, tensor, zeros_like
from ...ops.arguments import integer
from ...ops.linalg import qr, solve
from ...tensors.tensor import Tensor
from ..functional.affine import norm_except_dim, normalize, normed
from ..module import Module
from .parametrize import register_parametrization
from .spectral_norm import as_matrix, output_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

ModuleT = TypeVar("ModuleT", bound=Module)


def _tensor_of(module: Module, name: str) -> Tensor:
    found = getattr(module, name, None)
    if not isinstance(found, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return found


class _WeightNorm(Module):
    """w = g v / ‖v‖, of ``original0`` g and ``original1`` v."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return normed(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The length and the direction of a weight."""
        return norm_except_dim(weight, 2, self.dim), weight


@in_words
def weight_norm(module: ModuleT, name: str = "weight", dim: int | None = 0) -> ModuleT:
    """Makes the parameter ``name`` g v / ‖v‖, of a length g for each place along ``dim`` (None: one for all) and a
    direction v (Salimans & Kingma, 2016); returns ``module``.

    The state of a module under the old `nn.utils.weight_norm` loads into it.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> [tuple(w.shape) for w in layer.parametrizations["weight"].parameters()]
    [(2, 1), (2, 3)]
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_old(module: Module, state_dict: Any, prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for number, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{number}"] = state_dict.pop(key)

    module.register_load_state_dict_pre_hook(rename_old)
    return module


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which power iteration in ``_u`` and ``_v`` follows."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        rank = weight.dim()
        if not -rank <= dim < rank:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{rank}, {rank - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        check_count("spectral_norm", "n_power_iterations", n_power_iterations)
        self.dim = dim % rank
        self.eps = eps
        if rank > 1:
            self.n_power_iterations = integer(n_power_iterations, "spectral_norm")
            matrix = as_matrix(weight.detach(), self.dim)
            u = matrix.new_empty(matrix.shape[0]).normal_(0, 1)
            v = matrix.new_empty(matrix.shape[1]).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)  # so that it starts near the singular vectors

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with no_grad():
            for _ in range(times):
                self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        return weight / dot(self._u.clone(), mv(matrix, self._v.clone()))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The weight itself: assigning takes it to be normalised already."""
        return value


@in_words
def spectral_norm(
    module: ModuleT, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> ModuleT:
    """Makes the parameter ``name`` its original divided by that one's largest singular value (Miyato et al., 2018);
    returns ``module``.

    ``dim`` is the dimension that counts as the rows: that of the outputs if None.

    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3), n_power_iterations=30)
    >>> torch.allclose(torch.linalg.matrix_norm(layer.weight, 2), torch.tensor(1.0), atol=1e-2)
    True
    """
    weight = _tensor_of(module, name)
    normed_weight = _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    register_parametrization(module, name, normed_weight)
    return module


# --- orthogonal matrices ----------------------------------------------------------------------------------------------


def _reflections(vectors: Tensor, scales: Tensor) -> Tensor:
    """The first columns of ∏ (I − τᵢ vᵢ vᵢᵀ), vᵢ being 1 at i and the column i of ``vectors`` below that."""
    rows, columns = vectors.shape[-2:]
    below = vectors.tril(-1) + eye(rows, columns, dtype=vectors.dtype)
    result = eye(rows, columns, dtype=vectors.dtype)
    for number in reversed(range(columns)):
        v = below[..., number : number + 1]
        result = result - scales[..., number : number + 1, None] * (v @ (v.mT @ result))
    return result


def _nearest_basis(matrix: Tensor) -> Tensor:
    """The Q of the QR decomposition whose R has a positive diagonal."""
    q, r = qr(matrix)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(matrix: Tensor) -> bool:
    rows, columns = matrix.shape[-2:]
    tolerance = 10.0 * rows * float(np.finfo(matrix.dtype.numpy).eps)
    return allclose(matrix.mH @ matrix, eye(columns, dtype=matrix.dtype), atol=tolerance)


class _Orthogonal(Module):
    """A matrix with orthonormal columns, or rows if it has more columns, from one without that constraint.

    ``base``, where there is one, is what the result is multiplied by: the optimiser then starts from the identity,
    where the maps behave well (Lezcano-Casado, *Trivializations for Gradient-Based Optimization on Manifolds*, 2019).
    """

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.trivialized = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        x = X.mT if wide else X
        result = self._reflected(x) if self.orthogonal_map == "householder" else self._rotated(x)
        if self.trivialized and self.base is not None:
            result = self.base @ result
        return result.mT if wide else result

    def _rotated(self, x: Tensor) -> Tensor:
        """The exponential of a skew-symmetric matrix, or its Cayley transform."""
        rows, columns = x.shape[-2:]
        x = x.tril()
        if rows != columns:
            x = cat([x, x.new_zeros(rows, rows - columns).expand(*x.shape[:-2], -1, -1)], -1)
        skew = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            result = matrix_exp(skew)
        else:
            one = eye(rows, dtype=skew.dtype)
            result = solve(one - 0.5 * skew, one + 0.5 * skew)
        return result[..., :columns] if rows != columns else result

    def _reflected(self, x: Tensor) -> Tensor:
        below = x.tril(-1)
        scales = 2.0 / (1.0 + (below * below).sum(-2))
        signs = x.detach().diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        return _reflections(below, scales) * signs

    def right_inverse(self, Q: Tensor) -> Tensor:
        """What the map sends to ``Q``, or to the orthogonal matrix nearest to it in the sense of QR. Raises ValueError
        for another shape, NotImplementedError where there is no base and the map cannot be inverted."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.shape[-2] < Q.shape[-1]
        with no_grad():
            tall = Q.detach().mT if wide else Q.detach()
            if not self.trivialized:
                packed = self._packed(tall)
                return packed.mT if wide else packed
            rows, columns = tall.shape[-2:]
            if rows != columns:
                rest = randn(*tall.shape[:-2], rows, rows - columns, dtype=tall.dtype)
                tall = _nearest_basis(cat([tall, rest], -1))
            else:
                tall = tall.clone() if _is_orthogonal(tall) else _nearest_basis(tall)
            self.base = tall
            start = zeros_like(Q)
            start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return start

    def _packed(self, tall: Tensor) -> Tensor:
        """The reflections of the QR decomposition, and on the diagonal the signs."""
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        transposed, scales = np.linalg.qr(tall.numpy(), mode="raw")
        packed = tensor(np.ascontiguousarray(np.swapaxes(transposed, -2, -1)))
        diagonal = packed.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[tensor(scales == 0.0)] *= -1
        return packed


@in_words
def orthogonal(
    module: ModuleT, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> ModuleT:
    """Makes the parameter ``name``, a matrix or a batch of them, orthogonal, or its columns or rows orthonormal;
    returns ``module``.

    ``orthogonal_map`` is ``"matrix_exp"`` or ``"cayley"``, of a skew-symmetric matrix, or ``"householder"``, a product
    of reflections; None takes the first for square matrices and the last for others. Raises ValueError for another
    word, or fewer than two dimensions.

    >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(3, 3))
    >>> torch.allclose(layer.weight @ layer.weight.T, torch.eye(3), atol=1e-5)
    True
    """
    weight = _tensor_of(module, name)
    if weight.dim() < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    register_parametrization(module, name, made, unsafe=True)
    return module
