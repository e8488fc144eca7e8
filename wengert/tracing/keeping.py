"""What the tape notes on the user's tensors while recording, kept and put back."""

from __future__ import annotations

from typing import Any

from ..tensors.alias import edge_of, is_inference
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor


class Keeper:
    """Remembers tensors as they are, and makes them so again."""

    def __init__(self) -> None:
        self._tensors: dict[int, tuple[Any, ...]] = {}
        self._cells: dict[int, tuple[list[Any], list[Any]]] = {}
        self._storages: dict[int, tuple[Any, Any, int]] = {}

    def keep(self, tensor: Tensor) -> None:
        """Remembers a tensor, its version and its place on a storage."""
        alias, cell, rare = tensor._alias, tensor._cell, tensor._rare
        self._tensors[id(tensor)] = (
            tensor,
            tensor._data,
            tensor._edge,
            alias,
            cell,
            None if rare is None else dict(rare),
        )
        if cell is not None and not is_inference(tensor):  # of which nothing is counted
            self._cells.setdefault(id(cell), (cell, list(cell)))
        if alias is not None:
            storage = alias.storage
            self._storages.setdefault(id(storage), (storage, storage.edge, storage.generation))

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self._tensors

    def changed_histories(self) -> list[Tensor]:
        """The tensors whose history is another than it was."""
        moved = {id(storage) for storage, edge, _ in self._storages.values() if storage.edge is not edge}
        return [
            tensor
            for tensor, _, node, alias, *_ in self._tensors.values()
            if (id(alias.storage) in moved if alias is not None and tensor._alias is not None else
                edge_of(tensor) is not node and type(tensor._edge) is not Leaf)
        ]

    def restore(self) -> None:
        """Puts everything back. A storage that was rebased keeps its new generation, so that tensors on it that were
        never kept look at its history again."""
        for storage, edge, _ in self._storages.values():
            storage.edge = edge
        for tensor, data, node, alias, cell, rare in self._tensors.values():
            tensor._data, tensor._edge, tensor._alias, tensor._cell, tensor._rare = (
                data,
                node,
                alias,
                cell,
                rare,
            )
            if alias is not None and alias.storage.edge is node:
                alias.generation = alias.storage.generation
        for cell, before in self._cells.values():
            cell[:] = before
