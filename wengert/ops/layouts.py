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
    "to_sparse": """This tensor by coordinates, or in the sparse ``layout`` that is given; see docs/sparse.md.

        >>> x = torch.tensor([[0.0, 2.0], [0.0, 3.0]]).to_sparse()
        >>> x.indices(), x.values()
        (tensor([[0, 1],
                [1, 1]]), tensor([2., 3.]))""",
    "to_sparse_coo": """This tensor by coordinates.

        >>> torch.eye(2).to_sparse_coo().layout
        torch.sparse_coo""",
    "to_sparse_csr": """This matrix by compressed rows.

        >>> torch.tensor([[0.0, 2.0], [0.0, 3.0]]).to_sparse_csr().crow_indices()
        tensor([0, 1, 2])""",
    "to_sparse_csc": """This matrix by compressed columns.

        >>> torch.tensor([[0.0, 2.0], [0.0, 3.0]]).to_sparse_csc().ccol_indices()
        tensor([0, 0, 2])""",
    "to_sparse_bsr": """This matrix by compressed rows of blocks of a height and width.

        >>> torch.eye(4).to_sparse_bsr((2, 2)).col_indices()
        tensor([0, 1])""",
    "to_sparse_bsc": """This matrix by compressed columns of blocks of a height and width.

        >>> torch.eye(4).to_sparse_bsc((2, 2)).ccol_indices()
        tensor([0, 1, 2])""",
    "to_dense": """This tensor, in layout `strided`; ``dtype`` may be another.

        >>> torch.eye(2).to_sparse().to_dense()
        tensor([[1., 0.],
                [0., 1.]])""",
    "sparse_mask": """What this tensor has where ``mask``, a sparse tensor, keeps values.

        >>> x, mask = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.eye(2).to_sparse()
        >>> x.sparse_mask(mask).to_dense()
        tensor([[1., 0.],
                [0., 4.]])""",
    "smm": """The product of a sparse matrix and this one, as a sparse one.

        >>> S = torch.eye(2).to_sparse()
        >>> S.smm(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).to_dense()
        tensor([[1., 2.],
                [3., 4.]])""",
    "sspaddmm": """``beta * input + alpha * (mat1 @ mat2)`` of sparse matrices.

        >>> S = torch.eye(2).to_sparse()
        >>> S.sspaddmm(S, torch.ones(2, 2)).to_dense()
        tensor([[2., 1.],
                [1., 2.]])""",
}.items():
    _late(_name, _doc)


def _asked(name: str, what: str) -> Callable[..., Any]:
    def refuse(self: Tensor, *args: Any, **options: Any) -> Any:
        own = getattr(type(self), name, refuse)
        if own is not refuse:  # torch.Tensor.coalesce(x): sparse tensors have a method of their own
            return own(self, *args, **options)
        raise LayoutError(f"[{name}] {name} expected {what} tensor layout but got Strided; convert it with to_sparse()")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = ("Raises RuntimeError: it asks for a sparse tensor; see docs/sparse.md.\n\n"
                      f">>> torch.eye(2).{name}()\nTraceback (most recent call last):\n    ...\n"
                      f"wengert.core.errors.LayoutError: [{name}] ...")
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
    """0: a strided tensor has no dimensions with coordinates.

    >>> torch.zeros(2, 3).sparse_dim(), torch.zeros(2, 3).to_sparse().sparse_dim()
    (0, 2)
    """
    return 0


@method("dense_dim")
def dense_dim(self: Tensor) -> int:
    """The number of dimensions.

    >>> torch.zeros(2, 3).dense_dim()
    2
    """
    return self.ndim


def zeros_in(layout: Any, shape: tuple[int, ...], dtype: Any, requires_grad: bool) -> Any:
    """A sparse tensor without entries, for ``zeros(..., layout=)``."""
    from . import sparse

    sparse.making.check_layout("zeros", layout)
    out = sparse.making.empty_of(shape, dtype, layout)
    return out.requires_grad_() if requires_grad else out


creation.zeros_in = zeros_in
