"""What the families share: parameters broadcast, attributes computed when first read, probabilities and logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import wengert
from wengert import Tensor

euler_constant = 0.57721566490153286060
"""Euler and Mascheroni's γ, the mean of the standard Gumbel distribution."""

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a plain number, not a tensor."""
    return isinstance(value, (int, float))


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """The values as tensors of one shape.

    Numbers take the dtype of the first tensor among the values, or the default dtype where there is none. Raises
    ValueError for what is neither number nor tensor.

    >>> [each.tolist() for each in broadcast_all(1.0, wengert.zeros(2))]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    dtype = wengert.get_default_dtype()
    for value in values:
        if isinstance(value, Tensor):
            dtype = value.dtype
            break
    tensors = []
    for value in values:
        if not isinstance(value, Tensor):
            if not is_number(value):
                raise ValueError(
                    "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
                    "__torch_function__."
                )
            value = wengert.tensor(value, dtype=dtype)
        tensors.append(value)
    if len(tensors) == 1 or all(tensor.shape == tensors[0].shape for tensor in tensors):
        return tuple(tensors)
    return tuple(wengert.broadcast_tensors(*tensors))


def batch_shape_of(tensor: Tensor, *given: Any) -> wengert.Size:
    """The shape of the broadcast parameters; no dimensions where all that the user gave are numbers."""
    return wengert.Size() if all(is_number(value) for value in given) else tensor.shape


# The names of the next two, and their order of arguments, are those by which programs import them from PyTorch.


def _standard_normal(shape: Sequence[int], dtype: Any, device: Any = None) -> Tensor:
    """Standard normal numbers."""
    return wengert.normal(wengert.zeros(shape, dtype=dtype, device=device),
                          wengert.ones(shape, dtype=dtype, device=device))


def _sum_rightmost(value: Any, dim: int) -> Any:
    """``value`` summed over its last ``dim`` dimensions."""
    return value.sum(tuple(range(-dim, 0))) if dim else value


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of logits: their sigmoid if binary, else their softmax over the last dimension."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """The probabilities, moved off 0 and 1 by the dtype's precision, so that their logits are finite."""
    eps = wengert.finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logits of probabilities: log p − log(1 − p) if binary, else log p."""
    inside = clamp_probs(probs)
    return inside.log() - (-inside).log1p() if is_binary else inside.log()


class lazy_property:
    """An attribute that is computed when first read, and then kept in the instance.

    It is computed with gradients recorded, whatever the mode of the first reader.
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__name__ = wrapped.__name__
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return _LazyProperty(self.wrapped)
        with wengert.enable_grad():
            value = self.wrapped(instance)
        instance.__dict__[self.__name__] = value
        return value


class _LazyProperty(lazy_property, property):
    """What a class itself has under the name: a property for who looks, and a lazy one for subclasses that take it."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        property.__init__(self, wrapped)
        lazy_property.__init__(self, wrapped)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The entries on and below the diagonal ``diag`` of square matrices (..., D, D), row by row, as vectors.

    Raises ValueError for a diagonal outside the matrix.
    """
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    places = wengert.arange(n)
    below = places < places.view(-1, 1) + (diag + 1)
    return mat[..., below]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The square matrices whose entries on and below the diagonal ``diag`` are the vectors; zero elsewhere.

    Raises ValueError where the length of the vectors fits no such matrix.
    """
    length = vec.shape[-1]
    n = (-(1 + 2 * diag) + math.sqrt((1 + 2 * diag) ** 2 + 8 * length + 4 * abs(diag) * (diag + 1))) / 2
    if not round(n) - n == 0:
        raise ValueError(
            f"The size of last dimension is {length} which cannot be expressed as the lower triangular part of a "
            f"square D x D matrix."
        )
    size = round(n)
    places = wengert.arange(size)
    below = places < places.view(-1, 1) + (diag + 1)
    matrix = vec.new_zeros((*vec.shape[:-1], size, size))
    matrix[..., below] = vec
    return matrix
