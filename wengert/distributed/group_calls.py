"""The collectives as methods of a group, by the names of PyTorch's C++ interface, as communication hooks call them.

Each takes its tensors alone or in a list of one, as PyTorch's do, and returns a `Work`. Ranks are numbers in the group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import wraps
from typing import Any

from ..tensors.tensor import Tensor
from . import coalesced, collectives, messages
from .groups import ProcessGroup
from .transport import ReduceOp
from .work import Work, seconds


def _one(name: str, given: Any, inner: type | tuple[type, ...] = Tensor) -> Any:
    """What stands in a list of one; or itself, where it is no list of them."""
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], inner):
        if len(given) != 1:
            raise ValueError(f"[ProcessGroup.{name}] one tensor a process was expected; got {len(given)}")
        return given[0]
    return given


class _Calls(ProcessGroup):
    """The methods; `_install` puts them on `ProcessGroup`, which stands on a lower floor."""

    def allreduce(self, tensors: Any, op: ReduceOp = ReduceOp.SUM) -> Work | None:
        return collectives.all_reduce(_one("allreduce", tensors), op, self, async_op=True)

    def allreduce_coalesced(self, tensors: Sequence[Tensor], op: ReduceOp = ReduceOp.SUM) -> Work | None:
        return coalesced.all_reduce_coalesced(tensors, op, self, async_op=True)

    def broadcast(self, tensor: Any, root: int = 0) -> Work | None:
        return collectives.broadcast(_one("broadcast", tensor), group=self, async_op=True, group_src=root)

    def reduce(self, tensor: Any, root: int = 0, op: ReduceOp = ReduceOp.SUM) -> Work | None:
        return collectives.reduce(_one("reduce", tensor), op=op, group=self, async_op=True, group_dst=root)

    def allgather(self, output_tensors: Any, input_tensor: Any) -> Work | None:
        return collectives.all_gather(_one("allgather", output_tensors, (list, tuple)),
                                      _one("allgather", input_tensor), self, async_op=True)

    def _allgather_base(self, output: Tensor, input: Tensor) -> Work | None:
        return collectives.all_gather_into_tensor(output, input, self, async_op=True)

    def gather(self, output_tensors: Any, input_tensor: Any, root: int = 0) -> Work | None:
        return collectives.gather(_one("gather", input_tensor), _one("gather", output_tensors, (list, tuple)) or None,
                                  group=self, async_op=True, group_dst=root)

    def scatter(self, output_tensor: Any, input_tensors: Any, root: int = 0) -> Work | None:
        return collectives.scatter(_one("scatter", output_tensor),
                                   _one("scatter", input_tensors, (list, tuple)) or None, group=self, async_op=True,
                                   group_src=root)

    def reduce_scatter(self, output: Any, input: Any, op: ReduceOp = ReduceOp.SUM) -> Work | None:
        return collectives.reduce_scatter(_one("reduce_scatter", output),
                                          _one("reduce_scatter", input, (list, tuple)), op, self, async_op=True)

    def _reduce_scatter_base(self, output: Tensor, input: Tensor, op: ReduceOp = ReduceOp.SUM) -> Work | None:
        return collectives.reduce_scatter_tensor(output, input, op, self, async_op=True)

    def alltoall(self, output_tensors: list[Tensor], input_tensors: list[Tensor]) -> Work | None:
        return collectives.all_to_all(output_tensors, input_tensors, self, async_op=True)

    def alltoall_base(self, output: Tensor, input: Tensor, output_split_sizes: Sequence[int] = (),
                      input_split_sizes: Sequence[int] = ()) -> Work | None:
        return collectives.all_to_all_single(output, input, list(output_split_sizes) or None,
                                             list(input_split_sizes) or None, self, async_op=True)

    def barrier(self) -> Work | None:
        return collectives.barrier(self, async_op=True)

    def monitored_barrier(self, wait_all_ranks: bool = False) -> None:
        collectives.monitored_barrier(self, timedelta(seconds=self.timeout), wait_all_ranks)

    def send(self, tensors: Any, dstRank: int, tag: int) -> Work | None:
        return messages.isend(_one("send", tensors), group=self, tag=tag, group_dst=dstRank)

    def recv(self, tensors: Any, srcRank: int, tag: int) -> Work | None:
        return messages.irecv(_one("recv", tensors), group=self, tag=tag, group_src=srcRank)

    def recv_anysource(self, tensors: Any, tag: int) -> Work | None:
        return messages.irecv(_one("recv_anysource", tensors), group=self, tag=tag)


def _within(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, whose ``timeout`` is that of the collective."""

    @wraps(method)
    def call(self: ProcessGroup, *given: Any, timeout: timedelta | float | None = None, **named: Any) -> Any:
        before = self.timeout
        self.timeout = seconds(timeout) or before
        try:
            return method(self, *given, **named)
        finally:
            self.timeout = before

    return call


def _install() -> None:
    for name, method in vars(_Calls).items():
        if callable(method):
            method.__qualname__, method.__doc__ = f"ProcessGroup.{name}", _OF
            setattr(ProcessGroup, name, _within(method))


_OF = "The collective of `torch.distributed` that has this name, of this group; returns its `Work`."
_install()
