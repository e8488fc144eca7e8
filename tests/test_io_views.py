"""Views of every kind and dtype, saved and loaded: their numbers, and the memory that they share."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch

DTYPES = ["bfloat16", "bool", "complex64", "complex32", "float16", "float32", "float64", "int64", "uint8", "uint16"]
VIEWS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x, "expanded": lambda x: x[None].expand(3, *x.shape),
    "a part of what is expanded": lambda x: x[None].expand(3, *x.shape)[1:], "flat": lambda x: x.reshape(-1)[1:],
    "transposed": lambda x: x.mT if x.dim() > 1 else x, "cut": lambda x: x[..., 1:] if x.dim() else x,
    "with steps": lambda x: x[..., ::2] if x.dim() else x, "diagonal": lambda x: x.diagonal() if x.dim() > 1 else x,
    "windows": lambda x: x.unfold(0, 1, 1) if x.dim() and x.shape[0] else x, "strided": lambda x: x.as_strided((), ()),
}


def numbers(dtype: str, shape: tuple[int, ...]) -> Any:
    count = torch.Size(shape).numel()
    return torch.arange(count, dtype=torch.float32).remainder(2 if dtype == "bool" else 64).reshape(shape).to(
        getattr(torch, dtype))


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (1,), (3,), (), (3, 4), (2, 3, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_views_come_back_with_the_memory_that_they_share(dtype: str, shape: tuple[int, ...], archive: bool) -> None:
    made = numbers(dtype, shape)
    views = [view(made) for name, view in VIEWS.items() if made.numel() or name != "strided"]
    file = io.BytesIO()
    torch.save(views, file, _use_new_zipfile_serialization=archive)
    file.seek(0)
    found = torch.load(file)
    for one, other in zip(found, views, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape and one.tolist() == other.tolist()
        assert not other.numel() or one.stride() == other.stride()
    if made.numel():
        for tensors in (views, found):
            assert len({x.untyped_storage().data_ptr() for x in tensors if x.numel()}) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_view_by_itself(dtype: str) -> None:
    for view in VIEWS.values():
        tensor, file = view(numbers(dtype, (3, 4))), io.BytesIO()
        torch.save(tensor, file)
        file.seek(0)
        assert torch.load(file).tolist() == tensor.tolist()
