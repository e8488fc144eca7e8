"""``torch.utils._foreach_utils``: lists of tensors by device and dtype, as clippers and optimisers of packages ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.device import device as Device
from ..core.dtypes import DType
from ..tensors.tensor import Tensor

Group = tuple[list[list[Any]], list[int]]


def _get_foreach_kernels_supported_devices() -> list[str]:
    """The devices that have kernels for lists: none here, where lists are walked."""
    return []


def _get_fused_kernels_supported_devices() -> list[str]:
    """The devices whose optimisers have one kernel for a step."""
    return ["cpu"]


def _device_has_foreach_support(device: Device) -> bool:
    """Whether functions of lists take tensors of ``device``."""
    return device.type in (*_get_foreach_kernels_supported_devices(), "cpu")


def _has_foreach_support(tensors: Sequence[Tensor | None], device: Device) -> bool:
    """Whether functions of lists take these tensors: plain ones, on a device that has them."""
    return _device_has_foreach_support(device) and all(type(x) in (Tensor, type(None)) for x in tensors)


def _group_tensors_by_device_and_dtype(
    tensorlistlist: Sequence[Sequence[Any]], with_indices: bool = False
) -> dict[tuple[Device, DType], Group]:
    """The lists, which belong together by position, parted by device and dtype of the first list's tensors; with the
    positions too, if they are asked for."""
    groups: dict[tuple[Device, DType], Group] = {}
    for position, first in enumerate(tensorlistlist[0]):
        lists, indices = groups.setdefault((first.device, first.dtype), ([[] for _ in tensorlistlist], []))
        for found, given in zip(lists, tensorlistlist, strict=True):
            if given:
                found.append(given[position])
        if with_indices:
            indices.append(position)
    return groups
