"""Several tensors in one collective, and blocks of collectives that belong together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..tensors.tensor import Tensor
from . import transport
from .collectives import (
    MixedError,
    all_gather_into_tensor,
    array_of,
    contiguous,
    group_of,
    put,
    reduce_scatter_tensor,
    spelt,
    writable,
)
from .groups import Call
from .transport import ReduceOp
from .work import Work


def _all_gather_base(output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
                     ) -> Work | None:
    """`all_gather_into_tensor`, by the name that it had."""
    return all_gather_into_tensor(output_tensor, input_tensor, group, async_op)


def _reduce_scatter_base(output: Tensor, input: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None,
                         async_op: bool = False) -> Work | None:
    """`reduce_scatter_tensor`, by the name that it had."""
    return reduce_scatter_tensor(output, input, op, group, async_op)


all_gather_single, reduce_scatter_single = all_gather_into_tensor, reduce_scatter_tensor


def all_reduce_coalesced(tensors: Sequence[Tensor] | Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None,
                         async_op: bool = False) -> Work | None:
    """`all_reduce` of several tensors of one dtype, in one message; complex ones count as pairs of real ones.

    Returns a `Work` with ``async_op``. Raises ValueError for tensors of several dtypes.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> x, y = torch.ones(2), torch.zeros(1)
    >>> dist.all_reduce_coalesced([x, y])
    >>> x, y
    (tensor([1., 1.]), tensor([0.]))
    >>> dist.destroy_process_group()
    """
    name = "all_reduce_coalesced"
    each = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    arrays = [writable(name, tensor) for tensor in each]
    pairs = len({array.dtype for array in arrays}) > 1
    if len({(_as_pairs(array) if pairs else array).dtype for array in arrays}) > 1:
        raise MixedError(f"[{name}] tensors of one dtype were expected; got {', '.join(map(spelt, arrays))}")
    found = group_of(group)
    if found is None:
        return None
    for array in arrays:
        transport.check(name, array.dtype, op)

    def body(call: Call) -> list[Tensor]:
        if arrays:
            rows = [_as_pairs(array) if pairs else array.reshape(-1) for array in arrays]
            whole = np.concatenate(rows)
            transport.allreduce(call, whole, op)
            cuts = np.cumsum([row.size for row in rows])[:-1]
            for tensor, array, part in zip(each, arrays, np.split(whole, cuts), strict=True):
                put(tensor, part.view(array.dtype))
        return each

    text = f"{getattr(op, 'name', op)} of {', '.join(map(spelt, arrays))}"
    result = found.run(name, text, body, async_op, arrays=arrays)
    return result if async_op else None


def all_gather_coalesced(output_tensor_lists: Sequence[Sequence[Tensor]], input_tensor_list: Sequence[Tensor],
                         group: Any = None, async_op: bool = False) -> Work | None:
    """`all_gather` of several tensors in one message: ``output_tensor_lists[i]`` are those of rank i.

    Returns a `Work` with ``async_op``. Raises ShapeError where there are not as many lists as ranks, or not as many
    tensors in each as are sent, of the same shapes and dtypes.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> outs = [[torch.zeros(2), torch.zeros(1)]]
    >>> dist.all_gather_coalesced(outs, [torch.ones(2), torch.ones(1)])
    >>> outs
    [[tensor([1., 1.]), tensor([1.])]]
    >>> dist.destroy_process_group()
    """
    name = "all_gather_coalesced"
    found = group_of(group)
    if found is None:
        return None
    given = [array_of(name, tensor) for tensor in input_tensor_list]
    wanted = [spelt(array) for array in given]
    if len(output_tensor_lists) != found.size() or any(
            [spelt(writable(name, out)) for out in outs] != wanted for outs in output_tensor_lists):
        raise ShapeError(f"[{name}] for each of {found.size()} ranks a list of tensors of {', '.join(wanted)} was "
                         "expected; got others")

    def body(call: Call) -> Any:
        rows = transport.allgather(call, np.concatenate([transport.as_bytes(contiguous(array)) for array in given]))
        for outs, row in zip(output_tensor_lists, rows, strict=True):
            parts = np.split(row, np.cumsum([array.nbytes for array in given])[:-1])
            for out, array, part in zip(outs, given, parts, strict=True):
                put(out, np.frombuffer(part.tobytes(), array.dtype))
        return output_tensor_lists

    result = found.run(name, f"of {', '.join(wanted)}", body if given else lambda call: output_tensor_lists,
                       async_op, arrays=given)
    return result if async_op else None


def _as_pairs(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The numbers of an array in one row, complex ones as two real ones."""
    row = array.reshape(-1)
    return row.view(row.real.dtype) if row.dtype.kind == "c" else row


class _CoalescingManager:
    """What a block of `_coalescing_manager` gives: everything in it is done when the block ends."""

    def __init__(self) -> None:
        self.works: list[Work] = []

    def append(self, work: Work | None = None) -> None:
        """Adds what `wait` is to wait for."""
        if work is not None:
            self.works.append(work)

    def wait(self) -> None:
        """Waits for what was added."""
        for work in self.works:
            work.wait()


@contextlib.contextmanager
def _coalescing_manager(group: Any = None, device: Any = None, async_ops: bool = False
                        ) -> Iterator[_CoalescingManager]:
    """A block of collectives that belong together. PyTorch sends them at its end; here each is sent as it is called,
    which gives the same."""
    group_of(group)
    yield _CoalescingManager()
