"""``torch._C._autograd``: the tape's versions."""

from __future__ import annotations

from collections.abc import Sequence

from ....autograd.watchers import disable_saved_tensors_hooks, in_force
from ....tensors import Tensor
from ....tensors.alias import version_cell
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
