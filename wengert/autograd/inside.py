"""Names of PyTorch's ``torch.autograd`` that begin with an underscore or answer for its engine, as far as they have a
meaning here: found at ``torch.autograd`` when they are first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any

from ..core.state import state
from ..tensors.alias import version_cell
from ..tensors.tape import SavedTensor
from ..tensors.tensor import Tensor
from .engine import GradientEdge
from .profiler import profile

__all__ = ["SavedTensor", "is_multithreading_enabled", "is_view_replay_enabled", "kineto_available",
           "set_multithreading_enabled"]

_here = local()


def _calculate_shape(output: Any, grad: Tensor, is_grads_batched: bool) -> tuple[Any, Any]:
    """The shapes of an output, a tensor or a `GradientEdge`, and of its gradient for one example."""
    shape = output.node._input_metadata[output.output_nr].shape if isinstance(output, GradientEdge) else output.shape
    return shape, grad.shape[1:] if is_grads_batched else grad.shape


def kineto_available() -> bool:
    """False: there is no Kineto.

    >>> torch.autograd.kineto_available()
    False
    """
    return False


def _profiler_enabled() -> bool:
    """Whether a profile is running in this thread."""
    watcher = state.watcher
    while watcher is not None and not isinstance(watcher, profile):
        watcher = watcher.outer
    return watcher is not None


def _disable_profiler() -> None:
    """Raises RuntimeError: profiles here are contexts, which end where they are left.

    >>> torch.autograd._disable_profiler()
    Traceback (most recent call last):
        ...
    RuntimeError: [profile] can't disable the profiler when it is not running; leave the context that measures
    """
    raise RuntimeError("[profile] can't disable the profiler when it is not running; leave the context that measures")


def is_multithreading_enabled() -> bool:
    """What `set_multithreading_enabled` said last; at first True.

    >>> torch.autograd.is_multithreading_enabled()
    True
    """
    return getattr(_here, "multithreading", True)


class set_multithreading_enabled:
    """Notes whether PyTorch's engine might use threads of its own; here backward runs in the thread that calls it
    either way. From the call on, or as a context manager for the block. Raises nothing: whatever is given counts as
    true or false.

    >>> with torch.autograd.set_multithreading_enabled(False):
    ...     torch.autograd.is_multithreading_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.before, self.mode = is_multithreading_enabled(), bool(mode)
        _here.multithreading = self.mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _here.multithreading = self.before


def is_view_replay_enabled() -> bool:
    """Whether `_force_original_view_tracking` is on in this thread. The history of a view that was written is rebuilt
    by its own steps here in any case, never as a strided one.

    >>> torch.autograd.is_view_replay_enabled()
    False
    """
    return getattr(_here, "view_replay", False)


class _force_original_view_tracking:
    """What `is_view_replay_enabled` says, from the call on, or inside the block it opens; nothing else changes, as
    views are always tracked by their own steps."""

    def __init__(self, mode: bool) -> None:
        self.before, self.mode = is_view_replay_enabled(), bool(mode)
        _here.view_replay = self.mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _here.view_replay = self.before


@contextmanager
def _unsafe_preserve_version_counter(tensor: Tensor | Sequence[Tensor]) -> Iterator[None]:
    """A context after which the tensors' versions are what they were, so that backward does not notice the writes."""
    cells = [version_cell(each) for each in ((tensor,) if isinstance(tensor, Tensor) else tensor)]
    counts = [cell[0] for cell in cells]
    try:
        yield
    finally:
        for cell, count in zip(cells, counts, strict=True):
            cell[0] = count
