"""Gradients of several ranks put together while backward goes on: the substance of `DistributedDataParallel`.

Parameters lie in buckets, in the order in which their gradients come. When the last gradient of a bucket is there, the
bucket goes to the group's own thread. Buckets go in one order on all ranks, so a full one waits for those before it.

The one idea to know: each bucket ends with one number a parameter, 1 where this rank has a gradient and 0 where it has
none. Reduced with the rest, they say which parameters any rank used, and no collective of their own is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import add
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from ..autograd.engine import outermost
from ..core.frames import warn
from ..core.sparse import Coordinates, from_dense
from ..core.state import state
from ..tensors.alias import wrote
from ..tensors.tensor import Tensor, make
from . import transport
from .groups import Call, ProcessGroup
from .transport import ReduceOp
from .work import Work

MEGABYTE = 1 << 20
FIRST_BUCKET = MEGABYTE
"""The first is small, so that communication begins early."""
DEFAULT_MEGABYTES = 25.0

Hook = Callable[[Any, "GradBucket"], Any]


class Place(NamedTuple):
    """Where a parameter's gradient lies: elements ``start`` to ``stop`` of a bucket, as its ``number``-th."""

    bucket: Bucket
    number: int
    start: int
    stop: int


class Bucket:
    """Gradients that travel together, of one dtype, and behind them whether each is there."""

    def __init__(self, indices: Sequence[int], parameters: Sequence[Tensor]) -> None:
        self.indices = list(indices)
        self.sizes = [parameters[index].numel() for index in indices]
        self.count = sum(self.sizes)
        self.array = np.zeros(self.count + len(self.indices), parameters[indices[0]]._data.dtype)
        self.ready: set[int] = set()
        self.work: Any = None

    def is_full(self) -> bool:
        """Whether all its gradients are there."""
        return len(self.ready) == len(self.indices)

    @property
    def flags(self) -> Any:
        """For each parameter, whether it has a gradient."""
        return self.array[self.count :]


class GradBucket:
    """What a communication hook is given: the gradients of some parameters, in one flat tensor.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> def doubled(state, bucket: dist.GradBucket):
    ...     future = torch.futures.Future()
    ...     future.set_result(2 * bucket.buffer())
    ...     return future
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> model.register_comm_hook(None, doubled)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[2.]])
    >>> dist.destroy_process_group()
    """

    def __init__(self, bucket: Bucket, index: int, last: bool, parameters: Sequence[Tensor]) -> None:
        self._bucket, self._index, self._last = bucket, index, last
        self._parameters = [parameters[each] for each in bucket.indices]
        self._buffer = make(bucket.array[: bucket.count], None)

    def buffer(self) -> Tensor:
        """All gradients, ``(elements,)``; what the hook's future holds takes its place."""
        return self._buffer

    def set_buffer(self, buffer: Tensor) -> None:
        """Puts another tensor in the place of `buffer`."""
        self._buffer = buffer

    def gradients(self) -> list[Tensor]:
        """The gradients, each in its parameter's shape; parts of `buffer`."""
        cuts = np.cumsum([0, *self._bucket.sizes])
        return [self._buffer[int(start) : int(stop)].view(parameter.shape)
                for start, stop, parameter in zip(cuts, cuts[1:], self._parameters, strict=False)]

    def parameters(self) -> list[Tensor]:
        """The parameters."""
        return list(self._parameters)

    def index(self) -> int:
        """The bucket's number: 0 is the first to go."""
        return self._index

    def is_last(self) -> bool:
        """Whether it is the last to go."""
        return self._last


def cut(parameters: Sequence[Tensor], order: Sequence[int], limits: Sequence[int]) -> list[Bucket]:
    """Buckets of at most so many bytes each, the last limit for all that follow, in an order of parameters; each of one
    dtype."""
    buckets: list[Bucket] = []
    open_ones: dict[Any, tuple[list[int], int]] = {}

    def close(dtype: Any) -> None:
        buckets.append(Bucket(open_ones.pop(dtype)[0], parameters))

    for index in order:
        array = parameters[index]._data
        indices, size = open_ones.get(array.dtype, ([], 0))
        if indices and size + array.nbytes > limits[min(len(buckets), len(limits) - 1)]:
            close(array.dtype)
            indices, size = [], 0
        open_ones[array.dtype] = ([*indices, index], size + array.nbytes)
    for dtype in list(open_ones):
        close(dtype)
    return buckets


@dataclass(slots=True)
class Times:
    """When the last pass did what, in nanoseconds, and what all passes that are over took together."""

    forward: int = 0
    backward: int = 0
    """When the first gradient came."""
    sent: int = 0
    """When the first bucket went."""
    computed: int = 0
    """When backward was over."""
    ended: int = 0
    count: int = 0
    total: tuple[int, ...] = (0, 0, 0, 0)

    def end(self) -> None:
        """Ends a pass."""
        self.ended = perf_counter_ns()
        self.count += 1
        self.total = tuple(map(add, self.total, self.last()))

    def last(self) -> tuple[int, ...]:
        """How long forward, backward and communication took in the last pass, and how much of the last went on during
        backward."""
        return (self.backward - self.forward, self.computed - self.backward, self.ended - self.sent,
                max(0, self.computed - self.sent))

    def mean(self) -> tuple[int, ...]:
        """The same on the average of all passes."""
        return tuple([each // self.count for each in self.total])


class Reducer:
    """Buckets of parameters, and where this backward is with them. ``limits``: bytes of the buckets, as `cut` takes
    them. ``sparse``: names of parameters with sparse gradients, which travel by themselves."""

    def __init__(self, named: Sequence[tuple[str, Tensor]], group: ProcessGroup, limits: Sequence[int],
                 find_unused: bool, static: bool, views: bool, skip_unused: bool, sparse: Collection[str]) -> None:
        self.names = [name for name, _ in named]
        self.parameters = [parameter for _, parameter in named]
        self.sparse = [index for index, name in enumerate(self.names) if name in sparse]
        self.dense = [index for index, name in enumerate(self.names) if name not in sparse]
        self.group, self.limits = group, limits
        self.find_unused, self.static, self.views, self.skip_unused = find_unused, static, views, skip_unused
        self.hook: tuple[Any, Hook] | None = None
        self.hook_name = ""
        self.passes = self.reduced = 0
        """How many forward passes there were whose backward reduces, and how many buckets the last of them sent."""
        self.times = Times()
        self.expecting = False
        self.queued = False
        self.next = 0
        self.arrived: list[int] = []
        self.unsent: set[int] = set()
        """Parameters whose gradients were added to while none travelled, as in `no_sync`."""
        self.awaited: list[Any] = []
        """Futures that the end of backward waits for."""
        self.counts: dict[int, int] | None = None
        """How often each gradient is added to in one backward, of a static graph; None until one has gone by."""
        self.left: dict[int, int] = {}
        self.order_is_known = False
        self.divide_by: int | None = None
        """By what sums are divided, where that is not the number of ranks: some have no inputs any more."""
        self.warned = False
        self.unused: list[int] | None = None
        """What the last pass did not use, and whether all passes were alike in that."""
        self.always_alike = True
        self._fill([*reversed(self.dense)])
        self.first_sizes = self._sizes()
        self.handles = [parameter.register_post_accumulate_grad_hook(self._arrives(index))
                        for index, parameter in enumerate(self.parameters)]

    def _fill(self, order: Sequence[int]) -> None:
        self.buckets = cut(self.parameters, order, self.limits)
        self.places: dict[int, Place] = {}
        for bucket in self.buckets:
            start = 0
            for number, (index, size) in enumerate(zip(bucket.indices, bucket.sizes, strict=True)):
                self.places[index] = Place(bucket, number, start, start + size)
                start += size

    def prepare(self) -> None:
        """Before a forward pass whose backward shall reduce."""
        if self.order_is_known is False and self.arrived:
            self._order_by_arrival()
        self.passes += 1
        self.times.forward = perf_counter_ns()
        self.times.sent = 0
        self._reset()
        if self.counts is not None:
            for index in set(self.dense) - self.counts.keys():
                self._ready(index, self.parameters[index].grad, index in self.unsent)

    def _reset(self) -> None:
        self.expecting, self.queued, self.next, self.reduced = True, False, 0, 0
        self.arrived, self.awaited = [], []
        self.left = dict(self.counts or {})
        for bucket in self.buckets:
            bucket.ready.clear()
            bucket.work = None

    def _order_by_arrival(self) -> None:
        """After the first backward: the order in which gradients came on the group's first rank is everybody's."""
        seen = set(self.arrived)
        others = [index for index in reversed(self.dense) if index not in seen]
        order = np.array([*self.arrived, *others], np.int64)
        self.group.run("DistributedDataParallel.order", f"of {len(order)} parameters",
                       lambda call: transport.broadcast(call, order, 0))
        self._fill(order.tolist())
        self.order_is_known = True

    # --- during backward --------------------------------------------------------------------------------------------

    def _arrives(self, index: int) -> Callable[[Tensor], None]:
        is_sparse = index in self.sparse

        def hook(parameter: Tensor) -> None:
            if not self.expecting:
                self.unsent.add(index)
                return
            if not self.queued:
                self.queued = True
                self.times.backward = perf_counter_ns()
                this = outermost()
                assert this is not None
                this.callbacks = [*(this.callbacks or ()), self.finish]
            if is_sparse:
                return
            if self.static:
                self._counted(index, parameter)
                return
            bucket = self.places[index].bucket
            if index in bucket.ready:
                raise RuntimeError(
                    f"[DistributedDataParallel] one gradient a backward was expected of each parameter; that of "
                    f"{self.names[index]!r} (Expected to mark a variable ready only once) was added to twice, as a "
                    "checkpointed segment that shares it does; give static_graph=True, or checkpoint with "
                    "use_reentrant=False")
            self.arrived.append(index)
            self._ready(index, parameter.grad, True)

        return hook

    def _counted(self, index: int, parameter: Tensor) -> None:
        if self.counts is None:  # the first backward: all that is known is its end
            self.left[index] = self.left.get(index, 0) + 1
            if index not in self.arrived:
                self.arrived.append(index)
            return
        if self.left.get(index, 0) == 0:
            raise RuntimeError("[DistributedDataParallel] Your training graph has changed in this iteration: a graph "
                               f"that stays the same was expected with static_graph=True; {self.names[index]!r} was "
                               f"used {self.counts.get(index, 0)} times in the first pass, and more often now")
        self.left[index] -= 1
        if self.left[index] == 0:
            self.arrived.append(index)
            self._ready(index, parameter.grad, True)

    def _ready(self, index: int, grad: Tensor | None, used: bool) -> None:
        """Puts a gradient into its bucket, zeros for None. ``used``: by this rank, since gradients last travelled."""
        bucket, number, start, stop = self.places[index]
        target = bucket.array[start:stop]
        if grad is None:
            target[...] = 0
        elif not (self.views and np.shares_memory(grad._data, target)):
            target.reshape(grad._data.shape)[...] = grad._data
        bucket.flags[number] = used
        bucket.ready.add(index)
        while self.next < len(self.buckets) and self.buckets[self.next].is_full():
            self._launch(self.buckets[self.next], self.next)
            self.next += 1

    def _launch(self, bucket: Bucket, number: int) -> None:
        is_last = number == len(self.buckets) - 1
        if self.skip_unused and not bucket.flags.any():
            return
        self.times.sent = self.times.sent or perf_counter_ns()
        self.reduced += 1
        if self.hook is not None:
            own, hook = self.hook
            bucket.work = hook(own, GradBucket(bucket, number, is_last, self.parameters))
        elif not is_last:
            bucket.work = self._reduce(bucket.array, f"bucket {number}", True)

    def _send_last(self) -> None:
        """Backward is over when the last bucket is full: nothing is left to do meanwhile, and no thread is needed."""
        if self.hook is None and self.buckets and not (self.skip_unused and not self.buckets[-1].flags.any()):
            self._reduce(self.buckets[-1].array, f"bucket {len(self.buckets) - 1}", False)

    def _reduce(self, array: Any, what: str, async_op: bool) -> Work | None:
        op, divisor = (ReduceOp.AVG, 1) if self.divide_by is None else (ReduceOp.SUM, self.divide_by)

        def body(call: Call) -> None:
            transport.allreduce(call, array, op)
            if divisor != 1:
                np.divide(array, divisor, out=array, casting="unsafe")

        text = f"{what} of {array.size} {array.dtype}"
        found: Work | None = self.group.run("DistributedDataParallel.reduce", text, body, async_op)
        return found

    # --- when backward is over --------------------------------------------------------------------------------------

    def also_waits_for(self, futures: Iterable[Any]) -> None:
        """Has the end of the backward that comes wait for futures too."""
        self.awaited += futures

    def finish(self) -> None:
        """Sends what is left, waits for all buckets and gives the gradients back."""
        if not self.expecting:
            return
        self.expecting = False
        self.times.computed = perf_counter_ns()
        if self.static and self.counts is None:
            for index in self.arrived:
                self._ready(index, self.parameters[index].grad, True)
        missing = [index for bucket in self.buckets if not bucket.is_full()
                   for index in bucket.indices if index not in bucket.ready]
        if self.counts is not None and missing:
            raise RuntimeError(
                "[DistributedDataParallel] Expected to have finished reduction: a graph that stays the same was "
                "expected with static_graph=True; your training graph has changed in this iteration: "
                f"{', '.join(self.names[index] for index in missing)} was used less often than in the first pass")
        if self.static and self.counts is None:
            self.counts = dict(self.left)
        if missing != self.unused:
            self.always_alike, self.unused = self.unused is None, missing
        if missing:  # what was added up before stays a part of the sum
            for index in missing:
                self._ready(index, self.parameters[index].grad, index in self.unsent)
            missing = [index for index in missing if index not in self.unsent]
        self.unsent.clear()
        self._send_last()
        used = self._flags_of_hooked() if self.hook is not None and self.buckets else None
        watcher_before = state.grad
        state.grad = False
        try:
            for bucket in self.buckets:
                self._take(bucket, used)
            for index in self.sparse:
                self._take_sparse(index)
        finally:
            state.grad = watcher_before
        for future in self.awaited:
            future.wait()
        self.times.end()
        if missing and not self.find_unused and not self.static and not self.warned:
            self.warned = True
            names = ", ".join(self.names[index] for index in sorted(missing))
            warn(f"[DistributedDataParallel] a gradient of every parameter was expected of backward on rank "
                 f"{self.group.world.rank}; none came of {names}, which count as zero; give "
                 "find_unused_parameters=True where that is meant")

    def _flags_of_hooked(self) -> Any:
        """With a hook only gradients are the hook's, and the flags have a collective of their own."""
        flags = np.concatenate([bucket.flags for bucket in self.buckets]).astype(np.float32)
        self._reduce(flags, "flags", False)
        return dict(zip([index for bucket in self.buckets for index in bucket.indices], flags, strict=True))

    def _take(self, bucket: Bucket, used: Any) -> None:
        if self.hook is None:
            if bucket.work is not None:
                bucket.work.wait()
            used = dict(zip(bucket.indices, bucket.flags, strict=True))
        elif bucket.work is not None:
            result = bucket.work.wait()
            result = result[0] if isinstance(result, (list, tuple)) else result
            bucket.array[: bucket.count] = result._data.reshape(-1)
        bucket.work = None
        for index in bucket.indices:
            if used[index] <= 0:
                continue  # no rank used it: its gradient stays as it is
            parameter = self.parameters[index]
            _, _, start, stop = self.places[index]
            value = bucket.array[start:stop].reshape(parameter._data.shape)
            grad = parameter.grad
            if self.views:
                if grad is None or not np.shares_memory(grad._data, value):
                    parameter.grad = make(value, None)
                else:
                    wrote(grad)
            elif grad is None:
                parameter.grad = make(value.copy(), None)
            else:
                grad._data[...] = value
                wrote(grad)

    def _take_sparse(self, index: int) -> None:
        """The mean of the ranks' sparse gradients; one that is dense here is sent as it is."""
        parameter = self.parameters[index]
        grad = parameter.grad
        if grad is None or not isinstance(grad._data, Coordinates):
            empty = np.empty((1, 0), np.int64), np.empty((0, *parameter.shape[1:]), parameter._data.dtype)
            data = Coordinates(*empty, tuple(parameter.shape)) if grad is None else from_dense(grad._data, 1)
        else:
            data = grad._data

        def body(call: Call) -> Coordinates:
            total = transport.sum_sparse(call, data)
            return total.with_values(total.values / np.asarray(self.divide_by or self.group.size(), data.dtype))

        mean = self.group.run("DistributedDataParallel.reduce", f"sparse gradient {index}", body)
        if grad is None and not len(mean.values):
            return  # no rank used it
        parameter.grad = make(mean, None)

    def shadow(self) -> None:
        """What a rank without inputs does while the others run backward: its gradients are zero."""
        self.prepare()
        for index in self.dense:
            if index not in self.places[index].bucket.ready:
                self._ready(index, None, False)
        self._send_last()
        if self.hook is not None and self.buckets:
            self._flags_of_hooked()
        for bucket in self.buckets:
            if bucket.work is not None:
                bucket.work.wait()
        for index in self.sparse:
            self._take_sparse(index)
        self.expecting = False

    # --- what is asked of it ----------------------------------------------------------------------------------------

    def check_finalized(self) -> None:
        """Raises RuntimeError while a forward pass waits for its backward."""
        if self.expecting:
            raise RuntimeError("Expected to have finished reduction in the prior iteration before starting a new one. "
                               "A backward pass of what the last forward pass gave was expected; none has ended")

    def _sizes(self) -> str:
        return ", ".join(str(sum(bucket.sizes) * bucket.array.itemsize) for bucket in self.buckets)

    def described(self) -> dict[str, str | int]:
        """What `DistributedDataParallel._get_ddp_logging_data` says of buckets and passes."""
        times = self.times
        names = ("forward_compute", "backward_compute", "backward_comm", "backward_compute_comm_overlap")
        found: dict[str, str | int] = {
            "dtypes": ", ".join(dict.fromkeys(_SPELT.get(p.dtype.name, p.dtype.name) for p in self.parameters)),
            "total_parameter_size_bytes": sum(p.nbytes for p in self.parameters),
            "num_parameter_tensors": len(self.parameters), "bucket_sizes": self.first_sizes,
            "iteration": max(0, self.passes - 1), "num_buckets_reduced": self.reduced,
            "has_rebuilt_buckets": int(self.order_is_known),
        }
        if self.find_unused and self.passes > 1:
            found["can_set_static_graph"] = int(self.always_alike)
        if self.hook_name:
            found["comm_hook"] = self.hook_name
        if self.order_is_known:
            found["rebuilt_bucket_sizes"] = self._sizes()
            found["rebuilt_per_bucket_param_indices"] = ", ".join(
                " ".join(map(str, bucket.indices)) for bucket in self.buckets)
            found["prev_iteration_grad_ready_order_indices"] = ", ".join(map(str, self.arrived))
        if times.count:
            found |= {f"avg_{name}_time": one for name, one in zip(names, times.mean(), strict=True)}
            found |= {f"{name}_time": one for name, one in zip(names, times.last(), strict=True)}
            found |= {"forward_compute_time_start": times.forward, "backward_compute_time_start": times.backward,
                      "backward_comm_time_start": times.sent, "backward_compute_time_end": times.computed,
                      "backward_comm_time_end": times.ended}
        return found

    def remove(self) -> None:
        """Takes the hooks off the parameters."""
        for handle in self.handles:
            handle.remove()


_SPELT = {"float32": "float", "float64": "double", "float16": "Half", "bfloat16": "BFloat16"}
"""Dtypes by PyTorch's words in its logging data."""
