"""``torch._C._autograd``: the tape's versions."""

from __future__ import annotations

from collections.abc import Sequence

from ....autograd.engine import innermost
from ....autograd.watchers import disable_saved_tensors_hooks, in_force
from ....core.primitive import P
from ....core.state import state
from ....tensors import Tensor
from ....tensors.alias import edge_of, version_cell
from ....tensors.tape import Node
from ....tensors.tape import SavedTensor as SavedTensor


def _saved_tensors_hooks_is_enabled() -> bool:
    """Whether hooks on saved tensors may be entered: not inside `disable_saved_tensors_hooks`."""
    return not any(isinstance(watcher, disable_saved_tensors_hooks) for watcher in in_force())


def _unsafe_set_version_counter(tensors: Sequence[Tensor], versions: Sequence[int]) -> None:
    """Says how often the memory of each tensor has been written. Raises RuntimeError for a negative number."""
    for tensor, version in zip(tensors, versions, strict=True):
        if version < 0:
            raise RuntimeError(f"[_unsafe_set_version_counter] Cannot set a version to {version}: 0 or more was "
                               "expected")
        version_cell(tensor)[0] = version


def _make_saved_tensor(tensor: Tensor, is_output: bool) -> SavedTensor:
    """A value saved as a node saves it, with the hooks in force, of no node."""
    edge = edge_of(tensor)
    cell = version_cell(tensor)
    node = Node(P.clone, {}, (edge,), (tensor._data, None, None), ((cell, cell[0]),), tensor._data.shape,
                tensor._data.dtype)
    if state.watcher is not None:
        state.watcher.recorded(node)
    return SavedTensor(node, 0)


def _get_current_graph_task_keep_graph() -> bool:
    """Whether the run of backward that is going on in this thread keeps the graph; True outside of any."""
    this = innermost()
    return this is None or this.retains
