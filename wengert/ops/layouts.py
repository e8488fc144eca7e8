"""From strided tensors to sparse ones: what loads `ops.sparse`, which imports nothing before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import LayoutError
from ..tensors.tensor import Tensor
from . import creation
from .registry import METHODS, method


def _late(name: str, doc: str) -> None:
    def late(self: Tensor, *args: Any, **options: Any) -> Any:
        from . import sparse

        return sparse.operation.METHODS[name](self, *args, **options)

    late.__doc__ = doc
    method(name)(late)


for _name, _doc in {
    "to_sparse": "This tensor by coordinates, or in the sparse ``layout`` that is given; see docs/sparse.md.",
    "to_sparse_coo": "This tensor by coordinates.",
    "to_sparse_csr": "This matrix by compressed rows.",
    "to_sparse_csc": "This matrix by compressed columns.",
    "to_dense": "This tensor, in layout `strided`; ``dtype`` may be another.",
    "sparse_mask": "What this tensor has where ``mask``, a sparse tensor, keeps values.",
    "smm": "The product of a sparse matrix and this one, as a sparse one.",
    "sspaddmm": "``beta * input + alpha * (mat1 @ mat2)`` of sparse matrices.",
}.items():
    _late(_name, _doc)


def _asked(name: str, what: str) -> Callable[..., Any]:
    def refuse(self: Tensor, *args: Any, **options: Any) -> Any:
        raise LayoutError(f"[{name}] {name} expected {what} tensor layout but got Strided; convert it with to_sparse()")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises RuntimeError: it asks for a sparse tensor."
    return refuse


for _name in ("coalesce is_coalesced indices _indices _values _nnz sparse_resize_ sparse_resize_and_clear_ "
              "resize_as_sparse_ _coalesced_").split():
    METHODS[_name] = _asked(_name, "sparse coordinate")
METHODS["values"] = _asked("values", "sparse")
for _name in ("crow_indices", "col_indices"):
    METHODS[_name] = _asked(_name, "sparse row compressed")
for _name in ("ccol_indices", "row_indices"):
    METHODS[_name] = _asked(_name, "sparse column compressed")


@method("sparse_dim")
def sparse_dim(self: Tensor) -> int:
    """0: a strided tensor has no dimensions with coordinates."""
    return 0


@method("dense_dim")
def dense_dim(self: Tensor) -> int:
    """The number of dimensions."""
    return self.ndim


def zeros_in(layout: Any, shape: tuple[int, ...], dtype: Any, requires_grad: bool) -> Any:
    """A sparse tensor without entries, for ``zeros(..., layout=)``."""
    from . import sparse

    sparse.making.check_layout("zeros", layout)
    out = sparse.making.empty_of(shape, dtype, layout)
    return out.requires_grad_() if requires_grad else out


creation.zeros_in = zeros_in
