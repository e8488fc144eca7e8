"""Parts, printed forms and gradients of compressed blocks, batches and dense dimensions, against PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

import wengert

NAMES = ("csr", "csc", "bsr", "bsc")
warnings.filterwarnings("ignore", module=__name__)


def parts(s: Any) -> list[Any]:
    rows = str(s.layout) in ("torch.sparse_csr", "torch.sparse_bsr")
    places = [s.crow_indices(), s.col_indices()] if rows else [s.ccol_indices(), s.row_indices()]
    return [part.tolist() for part in (*places, s.values())]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", [(1, 1), (2, 3), (4, 1)])
@pytest.mark.parametrize("shape", [(4, 6), (2, 4, 6), (2, 3, 4, 6), (4, 6, 2)])
@pytest.mark.parametrize("name", NAMES)
def test_conversion(name: str, shape: tuple[int, ...], block: tuple[int, int]) -> None:
    dense = len(shape) == 3 and shape[-1] == 2
    kept = torch.arange(24).reshape(4, 6) * 7 % 5 < 2
    x = torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(shape) * (kept[..., None] if dense else kept)
    found = []
    for library in (torch, wengert):
        leaf = library.tensor(x.tolist(), requires_grad=len(shape) == 2)
        options = {"blocksize": block} if name[0] == "b" else {}
        s = leaf.to_sparse(layout=getattr(library, f"sparse_{name}"), dense_dim=int(dense), **options)
        found.append([parts(s.detach()), s._nnz(), s.sparse_dim(), s.dense_dim(), repr(s.detach())])
        if not dense:  # PyTorch does not transpose these
            turned = s.detach().transpose(len(shape) - 2, len(shape) - 1)
            found[-1] += [parts(turned), str(turned.layout)]
        if len(shape) == 2:  # nor differentiate batches
            (s.to_dense() * library.tensor(x.tolist())).sum().backward()
            found[-1].append((leaf.grad if str(leaf.grad.layout) == "torch.strided" else leaf.grad.to_dense()).tolist())
    assert found[0] == found[1]
