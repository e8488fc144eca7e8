"""`DistributedDataParallel`: one model in several processes, each with a part of the batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from ..core.state import state
from ..nn.module import Module
from ..tensors.alias import wrote
from ..tensors.tensor import Tensor
from . import transport
from .collectives import contiguous, group_of, spelt
from .groups import Call, ProcessGroup, refuse_recorded
from .reducer import DEFAULT_MEGABYTES, Hook, Reducer

__all__ = ["DistributedDataParallel"]

_NOT_HERE = ("delay_all_reduce_named_params", "param_to_hook_all_reduce", "mixed_precision")


COMPILED = ("compile the model alone, torch.compile(model) or torch.compile(DistributedDataParallel(model)), and leave "
            "the step as it is")
TOGETHER = 1 << 20
"""Tensors of fewer bytes are broadcast in one message."""


def send_from(group: ProcessGroup, tensors: Sequence[Tensor], root: int, what: str) -> None:
    """Gives all ranks what the tensors hold on ``root`` of the group."""

    def body(call: Call) -> None:
        arrays = [contiguous(tensor._data) for tensor in tensors]
        small = [array for array in arrays if array.nbytes < TOGETHER]
        together = np.concatenate([transport.as_bytes(array) for array in small]) if small else np.empty(0, np.uint8)
        transport.broadcast(call, together, root)
        start = 0
        for array in small if group.rank() != root else ():  # the root has them
            part = together[start : start + array.nbytes]
            transport.as_bytes(array)[...] = part
            start += array.nbytes
        for tensor, array in zip(tensors, arrays, strict=True):
            if array.nbytes >= TOGETHER:
                transport.broadcast(call, array, root)
            if array is not tensor._data:
                tensor._data[...] = array
            wrote(tensor)

    if tensors:
        group.run("DistributedDataParallel.broadcast", f"of {len(tensors)} {what}", body)


class DistributedDataParallel(Module):
    """Trains ``module`` in several processes: each calls it on its part of the batch, and after `backward` all have the
    mean of their gradients.

    Parameters and buffers of rank 0 are everybody's at the start. Gradients travel while backward goes on, in buckets:
    one of 1 MB, then of ``bucket_cap_mb`` (25). ``broadcast_buffers``: before each forward pass buffers become rank
    0's. ``find_unused_parameters``: some have no gradient in some passes; without it that is warned of, and counts as
    zero too. ``gradient_as_bucket_view``: ``.grad`` is a part of the bucket's memory, and is not copied.
    ``static_graph``: the same parameters are used equally often in every pass. ``process_group``: the ranks, all if
    None; or a ``device_mesh`` of one axis.

    Raises ValueError before `init_process_group`, RuntimeError for a module without parameters that need gradients, and
    DistError where the ranks' modules differ.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> model(torch.ones(3, 2)).sum().backward()
    >>> model.module.weight.grad
    tensor([[3., 3.]])
    >>> dist.destroy_process_group()
    """

    module: Module

    def __init__(self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0,
                 broadcast_buffers: bool | None = None, init_sync: bool = True, process_group: Any = None,
                 bucket_cap_mb: float | None = None, find_unused_parameters: bool = False,
                 check_reduction: bool = False, gradient_as_bucket_view: bool = False, static_graph: bool = False,
                 delay_all_reduce_named_params: Any = None, param_to_hook_all_reduce: Any = None,
                 mixed_precision: Any = None, device_mesh: Any = None, skip_all_reduce_unused_params: bool = False,
                 bucket_cap_mb_list: list[int] | None = None, batched_grad_copy: bool = False,
                 forward_sync_buffers: bool | None = None) -> None:
        super().__init__()
        for name, value in zip(_NOT_HERE, (delay_all_reduce_named_params, param_to_hook_all_reduce, mixed_precision),
                               strict=True):
            if value is not None:
                raise NotImplementedError(f"[DistributedDataParallel] {name}=None was expected; others are not in "
                                          "wengert")
        if device_ids or output_device is not None:
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with single-device/multiple-"
                f"device GPU modules or CPU modules, but got device_ids {device_ids}, output_device {output_device}, "
                "and module parameters {device(type='cpu')}.")
        if not isinstance(module, Module):
            raise TypeError(f"[DistributedDataParallel] a module was expected; got {type(module).__name__}")
        if device_mesh is not None:
            if process_group is not None or device_mesh.ndim != 1:
                raise RuntimeError("[DistributedDataParallel] a device_mesh of one axis and no process_group were "
                                   f"expected; got {device_mesh} and {process_group}; give one axis of the mesh, as in "
                                   "mesh['replicate']")
            process_group = device_mesh.get_group(0)
        found = group_of(process_group)
        if found is None:
            raise ValueError("[DistributedDataParallel] a group that this rank is in was expected; it is not in that "
                             "one")
        ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad and name not in ignored]
        if not named:
            raise RuntimeError("DistributedDataParallel is not needed when a module doesn't have any parameter that "
                               "requires a gradient.")
        self.module = module
        self.process_group = found
        self.dim, self.device_ids, self.output_device = dim, None, None
        self.broadcast_buffers = True if broadcast_buffers is None else broadcast_buffers
        self.find_unused_parameters, self.static_graph = find_unused_parameters, static_graph
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.require_backward_grad_sync = self.require_forward_param_sync = True
        self._ignored = ignored
        self._joining = False
        if init_sync:
            self._check_alike()
            with_state = [t for name, t in [*module.named_parameters(), *module.named_buffers()] if name not in ignored]
            send_from(found, [tensor.detach() for tensor in with_state], 0, "parameters and buffers")
        megabytes = DEFAULT_MEGABYTES if bucket_cap_mb is None else bucket_cap_mb
        self.reducer = Reducer(named, found.beside(), megabytes,
                               find_unused_parameters or skip_all_reduce_unused_params, static_graph,
                               gradient_as_bucket_view)

    def _check_alike(self) -> None:
        """All ranks must have the same parameters. Raises DistError that names the ranks."""
        parameters = [f"{name} {spelt(p._data)} {p.requires_grad}" for name, p in self.module.named_parameters()]
        whole = "; ".join(parameters)
        text = whole if len(whole) < 2000 else f"{whole[:2000]}... ({hash_of(whole)})"
        self.process_group.run("DistributedDataParallel", f"of a module with {len(parameters)} parameters: {text}",
                               lambda call: None)

    # --- forward ----------------------------------------------------------------------------------------------------

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.forward_by(self.module, inputs, kwargs)

    def forward_by(self, module: Callable[..., Any], inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """`forward` with ``module``, the one inside or the same compiled."""
        refuse_recorded("DistributedDataParallel", COMPILED)
        syncs = state.grad and self.require_backward_grad_sync
        buffers = self._buffers_to_send() if self.require_forward_param_sync and self.broadcast_buffers else []
        if self._joining:
            self._announce(bool(buffers), syncs)
        if buffers:
            self._send_buffers(buffers)
        if syncs:
            self.reducer.prepare()
            self.require_forward_param_sync = True
        else:
            self.reducer.expecting = False
            self.require_forward_param_sync = False
        return module(*inputs, **kwargs)

    compiles_inside = "module"
    """What `torch.compile` compiles of it: to send cannot be recorded."""

    def compile(self, **options: Any) -> None:
        """Has the forward pass of the module inside run compiled from now on."""
        self.module.compile(**options)

    def _buffers_to_send(self) -> list[Tensor]:
        return [b for name, b in self.module.named_buffers() if name not in self._ignored]

    def _send_buffers(self, buffers: Sequence[Tensor]) -> None:
        root = min(self._active) if self._joining else 0
        send_from(self.process_group, buffers, root, "buffers")

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """A context in which gradients stay each rank's own, added up in ``.grad``; the first backward of a forward
        pass outside of it puts together all that was added. The forward pass belongs inside."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: object, hook: Hook) -> None:
        """``hook(state, bucket)`` puts the gradients of a `GradBucket` together instead, and returns a future of the
        tensor that takes their place: their mean, where that is wanted. Raises TypeError for what cannot be called, and
        RuntimeError for a second one."""
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        if self.reducer.hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self.reducer.hook = (state, hook)

    # --- uneven inputs ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def join(self, divide_by_initial_world_size: bool = True, enable: bool = True,
             throw_on_early_termination: bool = False) -> Iterator[None]:
        """A context for loops that are not equally long on all ranks: a rank that is through takes part with zeros
        until all are. With ``divide_by_initial_world_size`` sums are still divided by the number of all ranks, else by
        that of those with inputs. With ``throw_on_early_termination`` all raise RuntimeError when the first is
        through."""
        if not enable:
            yield
            return
        self._joining, self._active = True, list(range(self.process_group.size()))
        self._divides, self._throws = divide_by_initial_world_size, throw_on_early_termination
        try:
            yield
            last = self._follow()
        finally:
            self._joining, self.reducer.divide_by = False, None
        send_from(self.process_group, [t.detach() for t in [*self.module.parameters(), *self.module.buffers()]], last,
                  "parameters and buffers")

    def _announce(self, buffers: bool, gradients: bool, active: bool = True) -> list[tuple[bool, bool, bool]]:
        """Tells the others what this rank is about to do in a forward pass, and hears it of them."""
        mine = np.array([active, buffers, gradients], np.uint8)
        rows = self.process_group.run("DistributedDataParallel.join", "", lambda call: transport.allgather(call, mine))
        self._active = [rank for rank, row in enumerate(rows) if row[0]]
        if self._throws and len(self._active) < self.process_group.size():
            raise RuntimeError("Detected at least one rank that exhausted inputs. Throwing across all ranks.")
        if not self._divides and self._active:
            self.reducer.divide_by = len(self._active)
        elif self._divides:
            self.reducer.divide_by = None
        return [tuple(map(bool, row)) for row in rows]  # type: ignore[misc]

    def _follow(self) -> int:
        """Takes part in what ranks do that still have inputs; returns one of the last of them."""
        last = self.process_group.rank()
        while True:
            before = self._active
            rows = self._announce(False, False, active=False)
            if not self._active:
                return min(before)
            last = min(self._active)
            _, buffers, gradients = rows[last]
            if buffers:
                self._send_buffers(self._buffers_to_send())
            if gradients:
                self.reducer.shadow()

    # --- as a module ------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("[DistributedDataParallel] what can be copied or pickled is the module inside; got the "
                        "wrapper, which belongs to this process's group; use .module, or state_dict()")


def hash_of(text: str) -> str:
    """A few digits that tell long texts apart."""
    return f"{crc32(text.encode()):08x}"

