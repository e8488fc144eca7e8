"""``torch.distributed.device_mesh``: the ranks as a grid, with a group along each of its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._public import publish as _publish
from ..tensors.tensor import Tensor, make
from .groups import ProcessGroup, default_group
from .rendezvous import init_process_group, is_initialized
from .subgroups import new_group

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """Ranks of the world in a grid, ``mesh`` (any number of axes), and a group along each axis for each line of it.

    All ranks of the world make it, with the same numbers; one that is not in it has no groups. ``device_type`` is
    "cpu". Joins the world by the environment (`init_process_group`) where that has not been done. Raises ValueError for
    ranks that there are not, or that come twice.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> mesh = dist.init_device_mesh("cpu", (1,), mesh_dim_names=("dp",))
    >>> isinstance(mesh, dist.DeviceMesh), mesh.mesh_dim_names
    (True, ('dp',))
    >>> dist.destroy_process_group()
    """

    def __init__(self, device_type: str, mesh: Any = None, *, mesh_dim_names: Sequence[str] | None = None,
                 backend_override: Any = None, _init_backend: bool = True) -> None:
        if device_type != "cpu":
            raise ValueError(f"[DeviceMesh] the device 'cpu' was expected; got {device_type!r}, of which there is none")
        if backend_override is not None:
            raise NotImplementedError("[DeviceMesh] backend_override=None was expected; there is one backend")
        if not is_initialized():
            init_process_group()
        ranks = np.asarray(mesh.numpy() if isinstance(mesh, Tensor) else mesh)
        size = default_group().size()
        flat = ranks.reshape(-1).tolist()
        if not ranks.size or len(set(flat)) != len(flat) or not all(0 <= each < size for each in flat):
            raise ValueError(f"[DeviceMesh] different ranks from 0 to {size - 1} were expected; got {ranks.tolist()}")
        names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if names is not None and len(names) != ranks.ndim:
            raise RuntimeError("mesh_shape and mesh_dim_names should have same length! Found len(mesh_dim_names): "
                               f"{len(names)} and len(mesh_shape):{ranks.ndim}.")
        groups = [_along(ranks, axis) for axis in range(ranks.ndim)]
        self._take(device_type, ranks.astype(np.int32), names, groups)

    def _take(self, device_type: str, ranks: Any, names: tuple[str, ...] | None, groups: list[Any]) -> None:
        self.device_type, self._ranks, self._names, self._groups = device_type, ranks, names, groups
        place = np.argwhere(ranks == default_group().rank())
        self._place = None if not len(place) else tuple(int(each) for each in place[0])

    @staticmethod
    def from_group(group: ProcessGroup | Sequence[ProcessGroup], device_type: str, mesh: Any = None, *,
                   mesh_dim_names: Sequence[str] | None = None) -> DeviceMesh:
        """A mesh whose axes have groups that are there already: one, or one an axis of ``mesh``."""
        groups = [group] if isinstance(group, ProcessGroup) else list(group)
        ranks = np.asarray(groups[0].ranks) if mesh is None else np.asarray(
            mesh.numpy() if isinstance(mesh, Tensor) else mesh)
        if ranks.ndim != len(groups):
            raise ValueError(f"[DeviceMesh.from_group] a group for each of {ranks.ndim} axes was expected; got "
                             f"{len(groups)}")
        made = object.__new__(DeviceMesh)
        made._take(device_type, ranks.astype(np.int32), None if mesh_dim_names is None else tuple(mesh_dim_names),
                   groups)
        return made

    @property
    def mesh(self) -> Tensor:
        """The ranks, int32, in the grid's shape."""
        return make(self._ranks.copy(), None)

    @property
    def mesh_dim_names(self) -> tuple[str, ...] | None:
        """The axes' names."""
        return self._names

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return int(self._ranks.ndim)

    @property
    def shape(self) -> tuple[int, ...]:
        """How long each axis is."""
        return tuple(self._ranks.shape)

    def size(self, mesh_dim: int | None = None) -> int:
        """How many ranks it has, or how many there are along an axis."""
        return math.prod(self.shape) if mesh_dim is None else self.shape[mesh_dim]

    def _axis(self, mesh_dim: int | str | None, name: str) -> int:
        if mesh_dim is None:
            if self.ndim > 1:
                raise RuntimeError(f"Found the DeviceMesh have {self.ndim} dimensions, Optional kwarg `mesh_dim` needs "
                                   f"to be specified when device_mesh.ndim > 1. ({name})")
            return 0
        if isinstance(mesh_dim, str):
            if self._names is None or mesh_dim not in self._names:
                raise KeyError(f"Mesh dimension {mesh_dim!r} does not exist. Available mesh dimensions are: "
                               f"{self._names or ()}")
            return self._names.index(mesh_dim)
        return range(self.ndim)[mesh_dim]

    def get_group(self, mesh_dim: int | str | None = None) -> ProcessGroup:
        """The group along an axis, given by its number or name, of this rank's line. Raises RuntimeError where this
        rank is not in the mesh."""
        found = self._groups[self._axis(mesh_dim, "get_group")]
        if not isinstance(found, ProcessGroup):
            raise RuntimeError("[DeviceMesh.get_group] a rank of the mesh was expected; this one is not in it")
        return found

    def get_all_groups(self) -> list[ProcessGroup]:
        """The groups along all axes."""
        return [self.get_group(axis) for axis in range(self.ndim)]

    def get_rank(self) -> int:
        """This process's rank in the world."""
        return default_group().rank()

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """This rank's number along an axis."""
        return self.get_group(self._axis(mesh_dim, "get_local_rank")).rank()

    def get_coordinate(self) -> tuple[int, ...] | None:
        """Where this rank is in the grid; None where it is not in it."""
        return self._place

    def __getitem__(self, mesh_dim_names: str | tuple[str, ...]) -> DeviceMesh:
        """The mesh along the named axes that this rank is in, with the same groups."""
        if not self._names:
            raise RuntimeError("Cannot slice a DeviceMesh without mesh_dim_names!")
        names = (mesh_dim_names,) if isinstance(mesh_dim_names, str) else tuple(mesh_dim_names)
        if names == self._names:
            return self
        axes = [self._axis(name, "__getitem__") for name in names]
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"Slicing overlapping dim_names {names} is not allowed.")
        place = self._place or (0,) * self.ndim
        others = [axis for axis in range(self.ndim) if axis not in axes]
        ranks = self._ranks.transpose([*others, *axes])[tuple(place[axis] for axis in others)]
        made = object.__new__(DeviceMesh)
        made._take(self.device_type, ranks, names, [self._groups[axis] for axis in axes])
        return made

    def __enter__(self) -> DeviceMesh:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing ends: a block is there to say which mesh is meant."""

    def _flatten(self, mesh_dim_name: str | None = None) -> DeviceMesh:
        """The same ranks along one axis, whose name is the others' with ``_`` between."""
        if self.ndim == 1 and mesh_dim_name in (None, *(self._names or ())):
            return self
        name = mesh_dim_name or "_".join(self._names or ())
        return DeviceMesh(self.device_type, self._ranks.reshape(-1), mesh_dim_names=(name,) if name else None)

    def _key(self) -> tuple[Any, ...]:
        return self.device_type, self._names, self.shape, tuple(self._ranks.reshape(-1).tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceMesh) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        axes = (f"({', '.join(f'{name}={size}' for name, size in zip(self._names, self.shape, strict=True))})"
                if self._names else str(self.shape))
        return f"DeviceMesh({axes}, '{self.device_type}', {self._ranks.tolist()})"


def _along(ranks: Any, axis: int) -> Any:
    """This rank's group along an axis; all ranks make all lines' groups, in the same order."""
    lines = np.moveaxis(ranks, axis, -1).reshape(-1, ranks.shape[axis]).tolist()
    made = [new_group(line) for line in lines]
    return next((group for group in made if isinstance(group, ProcessGroup)), None)


def init_device_mesh(device_type: str, mesh_shape: tuple[int, ...], *, mesh_dim_names: tuple[str, ...] | None = None,
                     backend_override: Any = None) -> DeviceMesh:
    """A `DeviceMesh` of this shape, with the ranks from 0 on in rows; all ranks call it.

    Raises RuntimeError for names that are not different, or not as many as axes, and for a shape of more ranks than
    there are.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.init_device_mesh("cpu", (1,)).size()
    1
    >>> dist.destroy_process_group()
    """
    if mesh_dim_names is not None and len(set(mesh_dim_names)) != len(mesh_dim_names):
        raise RuntimeError("Each mesh_dim_name must be unique. Found repeated mesh_dim_name in mesh_dim_names "
                           f"{mesh_dim_names}")
    if device_type and not device_type.isalpha():
        raise RuntimeError(f"Device type with index is not supported but got {device_type}. If you maintained a "
                           "'torch.device' object, it's recommended to pass in 'device.type'.")
    if is_initialized() and math.prod(mesh_shape) > default_group().size():
        raise RuntimeError(f"Mesh should not be bigger than default world size {default_group().size()}, but found "
                           f"{math.prod(mesh_shape)} ranks!")
    ranks = np.arange(math.prod(mesh_shape), dtype=np.int32).reshape(tuple(mesh_shape))
    return DeviceMesh(device_type, ranks, mesh_dim_names=mesh_dim_names, backend_override=backend_override)


_publish(__name__)
