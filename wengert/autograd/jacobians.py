"""Jacobians two ways, by differences of values and by runs of backward, as real matrices: what `gradcheck` compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.operands import Array
from ..tensors.alias import edge_of
from ..tensors.tensor import Tensor, make
from .engine import grad
from .modes import enable_grad


class GradcheckError(RuntimeError):
    """A derivative that is not what differences of values say.

    >>> class Wrong(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad
    >>> x = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False)
    False
    """


def outputs_of(func: Callable[..., Any], tensors: Sequence[Any]) -> tuple[Tensor, ...]:
    with enable_grad():
        found = func(*tensors)
    parts = found if isinstance(found, (tuple, list)) else (found,)
    return tuple([part for part in parts if isinstance(part, Tensor) and part._data.dtype.kind in "fcVW"])


def random_like(tensor: Tensor, strided: bool) -> Tensor:
    """A fixed random tensor of the same shape and dtype that requires grad."""
    generator = np.random.default_rng(0)
    array = tensor._data
    values = generator.standard_normal((*array.shape, 2) if strided else array.shape)
    if array.dtype.kind in "cW":
        values = values + 1j * generator.standard_normal(values.shape)
    values = np.asarray(values).astype(array.dtype)
    return make(values[..., 0] if strided else values, None).requires_grad_()


def reals(array: Array) -> np.ndarray:
    """The real numbers that an array holds, in a row: for complex elements the real part, then the imaginary."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind in "cW" else flat


def parts_of(array: Any) -> list[Any]:
    """The real steps that an element can take: 1, and i for complex ones."""
    return [1.0, 1j] if array.dtype.kind in "cW" else [1.0]


def values(func: Callable[..., Any], tensors: Sequence[Any]) -> list[np.ndarray]:
    return [reals(output._data.copy()) for output in outputs_of(func, tensors)]


def numerical(func: Callable[..., Any], tensors: Sequence[Any], i: int, eps: float, masked: bool = False
              ) -> list[np.ndarray]:
    """For each output, its real Jacobian by input ``i``, columns by central differences. The input is moved in place,
    as ``func`` may see it otherwise than by its argument, and put back; a sparse one is made anew, and if ``masked``
    moved where it keeps values alone."""
    array = tensors[i]._data
    if is_sparse(array):
        return _numerical_of_sparse(func, tensors, i, eps, masked)
    columns: list[list[np.ndarray]] = []
    for place in np.ndindex(array.shape):
        for step in parts_of(array):
            kept = array[place].copy()
            try:
                array[place] = kept + eps * step
                above = values(func, tensors)
                array[place] = kept - eps * step
                below = values(func, tensors)
            finally:
                array[place] = kept
            check_alike(above, below)
            columns.append([(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)])
    sizes = [value.size for value in values(func, tensors)]
    return [
        np.stack([column[k] for column in columns], 1) if columns else np.zeros((size, 0))
        for k, size in enumerate(sizes)
    ]


def _numerical_of_sparse(func: Callable[..., Any], tensors: Sequence[Any], i: int, eps: float, masked: bool
                         ) -> list[np.ndarray]:
    array, columns = tensors[i]._data, []
    counts = kept_in(tensors[i]).reshape(*array.shape, -1)[..., 0] if masked else np.ones(array.shape, bool)
    now = values(func, tensors)
    for place in np.ndindex(array.shape):
        for step in parts_of(array):
            if not counts[place]:
                columns.append([np.zeros(value.shape) for value in now])
                continue
            above, below = (values(func, [*tensors[:i], _stepped(array, place, size * step), *tensors[i + 1:]])
                            for size in (eps, -eps))
            columns.append([(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)])
    return [np.stack([column[k] for column in columns], 1) if columns else np.zeros((value.size, 0))
            for k, value in enumerate(now)]


def is_sparse(array: Any) -> bool:
    """Whether what a tensor holds is a sparse array."""
    return hasattr(type(array), "tensor_class")


def _stepped(array: Any, place: tuple[int, ...], step: complex) -> Tensor:
    """A sparse tensor that differs from a sparse array in one place, which need not be one that it keeps."""
    from ..core.sparse import Coordinates

    here = array.coordinates()
    value = np.zeros(here.values.shape[1:], array.dtype)
    value[place[here.sparse_dim:]] = step
    at = np.array(place[:here.sparse_dim], np.int64).reshape(-1, 1)
    moved = Coordinates(np.concatenate([here.indices, at], 1), np.concatenate([here.values, value[None]]), array.shape)
    return make(moved.coalesced_form() if array.layout is here.layout else array.like(moved),
                None).requires_grad_()


def kept_in(tensor: Tensor) -> np.ndarray:
    """For each real number that a tensor holds, whether it counts in a masked check: of a sparse tensor those kept."""
    array = tensor._data
    shown = np.ones(array.shape, bool)
    if is_sparse(array):
        shown = array.with_values(np.ones(array.values.shape, bool)).dense()
    return np.repeat(shown.reshape(-1), len(parts_of(array)))


def check_alike(above: Sequence[np.ndarray], below: Sequence[np.ndarray]) -> None:
    """Raises AssertionError for a function whose outputs have other sizes or dtypes where its inputs have moved."""
    for what in ("shape", "dtype"):
        if [getattr(value, what) for value in above] != [getattr(value, what) for value in below]:
            raise AssertionError(f"[gradcheck] Expected `func` to return outputs with the same {what} when inputs are "
                                 "perturbed; got another for other values")


def vjp(outputs: Sequence[Any], wanted: Sequence[Any], cts: Sequence[Any]) -> list[np.ndarray]:
    """The gradients of the inputs as arrays, zeros where none arrives."""
    pairs = [
        (output, make(ct, None))
        for output, ct in zip(outputs, cts, strict=True)
        if edge_of(output) is not None and ct is not None
    ]
    found = grad([o for o, _ in pairs], list(wanted), [c for _, c in pairs], retain_graph=True, allow_unused=True)
    arrays: list[Any] = [np.zeros(x._data.shape, x._data.dtype) if g is None else g._data
                         for x, g in zip(wanted, found, strict=True)]
    return [array.dense() if is_sparse(array) else array for array in arrays]


def analytical(outputs: Sequence[Any], k: int, wanted: Sequence[Any]) -> list[np.ndarray]:
    """The real Jacobians of output ``k`` by each input, a row a backward."""
    array = outputs[k]._data
    rows: list[list[np.ndarray]] = []
    if edge_of(outputs[k]) is not None:
        for place in np.ndindex(array.shape):
            for step in parts_of(array):
                ct = np.zeros(array.shape, array.dtype)
                ct[place] = step
                rows.append([reals(g) for g in vjp(outputs[k : k + 1], wanted, [ct])])
    size = reals(array).size
    return [
        np.stack([row[n] for row in rows]) if rows else np.zeros((size, x._data.size * len(parts_of(x._data))))
        for n, x in enumerate(wanted)
    ]
