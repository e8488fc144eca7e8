"""`DistributedDataParallel`: one model in several processes, each with a part of the batch."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from ..core.frames import warn
from ..core.state import state
from ..futures import Future
from ..nn.layers.normalization import SyncBatchNorm
from ..nn.module import Module
from ..tensors.alias import wrote
from ..tensors.tensor import Tensor
from . import transport
from .algorithms.join import Join, Joinable, JoinHook
from .collectives import contiguous, group_of, spelt
from .groups import Call, ProcessGroup, default_group, refuse_recorded
from .reducer import DEFAULT_MEGABYTES, FIRST_BUCKET, MEGABYTE, GradBucket, Hook, Reducer

__all__ = ["BuiltinCommHookType", "DistributedDataParallel"]

_NOT_HERE = ("delay_all_reduce_named_params", "param_to_hook_all_reduce", "mixed_precision")


COMPILED = ("compile the model alone, torch.compile(model) or torch.compile(DistributedDataParallel(model)), and leave "
            "the step as it is")
_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "TORCH_DISTRIBUTED_DEBUG", "CUDA_VISIBLE_DEVICES", "GLOO_SOCKET_IFNAME",
              "GLOO_DEVICE_TRANSPORT")
"""What of the environment the logging data have."""
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


class BuiltinCommHookType(Enum):
    """Hooks for `DistributedDataParallel` that have a name: the mean, and the mean in half precision.

    >>> from wengert import distributed as dist
    >>> print(dist.BuiltinCommHookType.ALLREDUCE)
    BuiltinCommHookType.ALLREDUCE
    """

    ALLREDUCE = 1
    FP16_COMPRESS = 2


class BufferHook(NamedTuple):
    """What takes the place of sending rank 0's buffers."""

    state: Any
    hook: Callable[[Any, dict[str, Tensor]], Sequence[Future] | None]
    before: bool
    """Whether before the forward pass, or after it."""


class DistributedDataParallel(Module, Joinable):
    """Trains ``module`` in several processes: each calls it on its part of the batch, and after `backward` all have the
    mean of their gradients.

    Parameters and buffers of rank 0 are everybody's at the start. Gradients travel while backward goes on, in buckets:
    one of 1 MB, then of ``bucket_cap_mb`` (25), or as large as ``bucket_cap_mb_list`` says one after another.
    ``forward_sync_buffers``: before each forward pass buffers become rank 0's (``broadcast_buffers``, its older name,
    also says whether they do at the start). ``find_unused_parameters``: some have no gradient in some passes; without
    it that is warned of, and counts as zero too. ``gradient_as_bucket_view``: ``.grad`` is a part of the bucket's
    memory, and is not copied. ``static_graph``: the same parameters are used equally often in every pass.
    ``process_group``: the ranks, all if None; or a ``device_mesh`` of one axis.

    A copy, and one that was pickled, belongs to all ranks, which make it together.

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
    buffer_hook: BufferHook | None = None

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
            if process_group is not None:
                raise RuntimeError("Cannot specify both process_group and device_mesh arguments.")
            if device_mesh.ndim != 1:
                raise RuntimeError(f"Only 1D device mesh is supported, but got {device_mesh}; give one axis of the "
                                   "mesh, as in mesh['replicate']")
            self.device_mesh, process_group = device_mesh, device_mesh.get_group(0)
        found = group_of(process_group)
        if found is None:
            raise ValueError("[DistributedDataParallel] a group that this rank is in was expected; it is not in that "
                             "one")
        self.parameters_to_ignore = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self.module = module
        if not self._named():
            raise RuntimeError("DistributedDataParallel is not needed when a module doesn't have any parameter that "
                               "requires a gradient.")
        self.process_group = found
        self.dim, self.device_ids, self.output_device = dim, None, None
        self.device = self._named()[0][1].device
        self.device_type = self.device.type
        sends_at_first = self._buffers_are_sent(broadcast_buffers, forward_sync_buffers)
        self.find_unused_parameters, self.static_graph = find_unused_parameters, static_graph
        self.skip_all_reduce_unused_params = skip_all_reduce_unused_params
        self.gradient_as_bucket_view, self.batched_grad_copy = gradient_as_bucket_view, batched_grad_copy
        self.require_backward_grad_sync = self.require_forward_param_sync = True
        megabytes = max(bucket_cap_mb_list) if bucket_cap_mb_list else bucket_cap_mb or DEFAULT_MEGABYTES
        self.bucket_bytes_cap = int(megabytes * MEGABYTE)
        self.bucket_bytes_cap_list = [int(each * MEGABYTE) for each in bucket_cap_mb_list or ()]
        if init_sync:
            self._check_alike()
            self._send_all(0, sends_at_first)
        self._begin()

    def _begin(self) -> None:
        limits = self.bucket_bytes_cap_list or [min(FIRST_BUCKET, self.bucket_bytes_cap), self.bucket_bytes_cap]
        sparse = {f"{name}.weight" for name, each in self.module.named_modules() if getattr(each, "sparse", False)}
        self.reducer = Reducer(self._named(), self.process_group.beside(), limits,
                               self.find_unused_parameters or self.skip_all_reduce_unused_params, self.static_graph,
                               self.gradient_as_bucket_view, self.skip_all_reduce_unused_params, sparse)

    def _named(self) -> list[tuple[str, Tensor]]:
        """The parameters whose gradients travel."""
        return [(name, parameter) for name, parameter in self.module.named_parameters()
                if parameter.requires_grad and name not in self.parameters_to_ignore]

    def _buffers_are_sent(self, broadcast: bool | None, forward_sync: bool | None) -> bool:
        """Notes whether buffers are sent before each pass; returns whether they are at the start."""
        if broadcast is not None and forward_sync is None:
            warn("`broadcast_buffers` is deprecated. Use `forward_sync_buffers`, with which buffers become rank 0's at "
                 "the start in any case.", FutureWarning)
        elif broadcast is not None:
            warn("Both `broadcast_buffers` and `forward_sync_buffers` were specified; `broadcast_buffers` is deprecated"
                 ", and is ignored.", FutureWarning)
        self.forward_sync_buffers = forward_sync if forward_sync is not None else broadcast is not False
        return forward_sync is not None or self.forward_sync_buffers

    @property
    def broadcast_buffers(self) -> bool:
        """``forward_sync_buffers``, by its older name."""
        return self.forward_sync_buffers

    @broadcast_buffers.setter
    def broadcast_buffers(self, value: bool) -> None:
        self.forward_sync_buffers = value

    def _send_all(self, root: int, buffers: bool) -> None:
        """Gives all ranks the parameters, and buffers if asked, of one rank of the group."""
        named = [*self.module.named_parameters(), *(self.module.named_buffers() if buffers else ())]
        send_from(self.process_group, [tensor.detach() for name, tensor in named
                                       if name not in self.parameters_to_ignore], root, "parameters and buffers")

    def _check_alike(self) -> None:
        """All ranks must have the same parameters. Raises DistError that names the ranks."""
        parameters = [f"{name} {spelt(p._data)} {p.requires_grad}" for name, p in self.module.named_parameters()
                      if name not in self.parameters_to_ignore]
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
        sends = self.will_sync_module_buffers()
        hook = self.buffer_hook
        if self._joined_in is not None:
            Join.notify_join_context(self)
            self._announce(sends, syncs)
        if sends and (hook is None or hook.before):
            self._send_buffers()
        if syncs:
            self.reducer.prepare()
        else:
            self.reducer.expecting = False
        self.require_forward_param_sync = syncs
        out = module(*inputs, **kwargs)
        if sends and hook is not None and not hook.before:
            self._send_buffers()
        return out

    compiles_inside = "module"
    """What `torch.compile` compiles of it: to send cannot be recorded."""

    def compile(self, **options: Any) -> None:
        """Has the forward pass of the module inside run compiled from now on."""
        self.module.compile(**options)

    @property
    def named_module_buffers(self) -> dict[str, Tensor]:
        """The buffers that are sent, by name."""
        return dict(self._sent_buffers())

    def _sent_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, b) for name, b in self.module.named_buffers() if name not in self.parameters_to_ignore)

    def will_sync_module_buffers(self) -> bool:
        """Whether the next forward pass makes buffers the same on all ranks."""
        return self.require_forward_param_sync and self.forward_sync_buffers and any(
            True for _ in self._sent_buffers())

    def _send_buffers(self) -> None:
        if self.buffer_hook is None:
            root = max(self._active) if self._joined_in is not None else 0
            send_from(self.process_group, list(self.named_module_buffers.values()), root, "buffers")
            return
        futures = self.buffer_hook.hook(self.buffer_hook.state, self.named_module_buffers)
        self.reducer.also_waits_for(futures or ())

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

    # --- hooks ------------------------------------------------------------------------------------------------------

    def register_comm_hook(self, state: object, hook: Hook) -> None:
        """``hook(state, bucket)`` puts the gradients of a `GradBucket` together instead, and returns a future of the
        tensor that takes their place: their mean, where that is wanted. Raises TypeError for what cannot be called,
        ValueError for one whose annotations say that it is for something else, and RuntimeError for a second one."""
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        signature = inspect.signature(hook)
        given = signature.parameters.get("bucket")
        if given is not None and not _says(given.annotation, GradBucket):
            raise ValueError("Communication hook: bucket annotation should be dist.GradBucket.")
        if not _says(signature.return_annotation, Future.__class_getitem__(Tensor)):
            raise ValueError("Communication hook: return annotation should be torch.futures.Future[torch.Tensor].")
        self._hook_by(getattr(hook, "__qualname__", type(hook).__qualname__), state, hook)

    def _hook_by(self, name: str, state: object, hook: Hook) -> None:
        if self.reducer.hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self.reducer.hook, self.reducer.hook_name = (state, hook), name

    def _register_builtin_comm_hook(self, comm_hook_type: BuiltinCommHookType) -> None:
        """Registers a hook by its name in `BuiltinCommHookType`. Raises TypeError for what is none."""
        if not isinstance(comm_hook_type, BuiltinCommHookType):
            raise TypeError(f"[DistributedDataParallel] a BuiltinCommHookType was expected; got {comm_hook_type!r}")
        hooks = importlib.import_module(f"{__package__}.algorithms.ddp_comm_hooks.default_hooks")
        self._hook_by(str(comm_hook_type), self.process_group,
                      getattr(hooks, f"{comm_hook_type.name.lower()}_hook"))

    def _register_buffer_comm_hook(self, state: object, hook: Callable[[Any, dict[str, Tensor]], Any],
                                   comm_hook_location: Any = None) -> None:
        """``hook(state, buffers)``, of buffers by their names, makes them the same on all ranks instead: before the
        forward pass, or after it, which is the default. Backward's end waits for the futures that it may return."""
        before = getattr(comm_hook_location, "name", None) == "PRE_FORWARD"
        self.buffer_hook = BufferHook(state, hook, before)

    # --- uneven inputs ----------------------------------------------------------------------------------------------

    def join(self, divide_by_initial_world_size: bool = True, enable: bool = True,
             throw_on_early_termination: bool = False) -> Join:
        """A context for loops that are not equally long on all ranks: a rank that is through takes part with zeros
        until all are. With ``divide_by_initial_world_size`` sums are still divided by the number of all ranks, else by
        that of those with inputs. With ``throw_on_early_termination`` all raise RuntimeError when the first is
        through."""
        return Join([self], enable, throw_on_early_termination,
                    divide_by_initial_world_size=divide_by_initial_world_size)

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What this model does in `Join` on a rank that is through. ``divide_by_initial_world_size`` as in `join`."""
        self._divides = kwargs.get("divide_by_initial_world_size", True)
        return _Follows(self)

    @property
    def join_device(self) -> Any:
        """The device of the parameters."""
        return self.device

    @property
    def join_process_group(self) -> ProcessGroup:
        """The ranks that train it."""
        return self.process_group

    def _announce(self, buffers: bool, gradients: bool, active: bool = True) -> list[tuple[bool, bool, bool]]:
        """Tells the others what this rank is about to do in a forward pass, and hears it of them."""
        mine = np.array([active, buffers, gradients], np.uint8)
        rows = self.process_group.run("DistributedDataParallel.join", "", lambda call: transport.allgather(call, mine))
        self._active = [rank for rank, row in enumerate(rows) if row[0]]
        self.reducer.divide_by = None if self._divides else len(self._active)
        return [tuple(map(bool, row)) for row in rows]  # type: ignore[misc]

    def _follow(self) -> None:
        """Takes part in one pass of ranks that still have inputs."""
        _, buffers, gradients = max(self._announce(False, False, active=False))
        if buffers:
            self._send_buffers()
        self.require_forward_param_sync = gradients
        if gradients:
            self.reducer.shadow()

    def _settle(self, is_last: bool) -> None:
        """Once all are through, the model of one that had the most inputs is everybody's."""
        mine = np.array([is_last], np.uint8)
        rows = self.process_group.run("DistributedDataParallel.settle", "",
                                      lambda call: transport.allgather(call, mine))
        self.reducer.divide_by = None
        self._send_all(max(rank for rank, row in enumerate(rows) if row[0]), self.forward_sync_buffers)

    # --- what else is asked of it -----------------------------------------------------------------------------------

    def _set_static_graph(self) -> None:
        """``static_graph=True``, said before the first pass. Raises RuntimeError after it."""
        if self.static_graph:
            warn("You've set static_graph to be True, no need to set it again.")
            return
        if self.reducer.passes:
            raise RuntimeError("set_static_graph() should be called before training loop starts and after "
                               "DistributedDataParallel is constructed.")
        self.static_graph = self.reducer.static = True

    @staticmethod
    def _set_params_and_buffers_to_ignore_for_model(module: Module, params_and_buffers_to_ignore: Iterable[str]
                                                    ) -> None:
        """Has a `DistributedDataParallel` that is made of ``module`` leave parameters and buffers of these names alone.
        """
        names = list(params_and_buffers_to_ignore)
        module._ddp_params_and_buffers_to_ignore = names
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if name in names:
                tensor._ddp_ignored = True  # type: ignore[attr-defined]

    @staticmethod
    def _get_data_parallel_params(module: Module, named_params: bool = False) -> Iterator[Any]:
        """The parameters that are not left alone, with their names if asked."""
        for name, parameter in module.named_parameters():
            if not hasattr(parameter, "_ddp_ignored"):
                yield (name, parameter) if named_params else parameter

    def _get_ddp_logging_data(self) -> dict[str, str | int]:
        """What this model is and how its passes went, by PyTorch's keys: numbers, and numbers in text. Times are in
        nanoseconds."""
        return {
            "world_size": self.process_group.size(), "rank": self.process_group.rank(),
            "module_name": type(self.module).__name__, "device_ids": "",
            "output_device": -1, "broadcast_buffers": int(self.forward_sync_buffers),
            "backend_name": self.process_group.backend, "bucket_cap_bytes": self.bucket_bytes_cap,
            "find_unused_parameters": int(self.find_unused_parameters),
            "gradient_as_bucket_view": int(self.gradient_as_bucket_view), "static_graph": int(self.static_graph),
            "has_sync_bn": int(any(isinstance(each, SyncBatchNorm) for each in self.module.modules())),
            **{variable.lower(): os.environ.get(variable, "N/A") for variable in _VARIABLES},
            **self.reducer.described(),
        }

    def _update_process_group(self, new_process_group: Any) -> None:
        """Trains with other ranks from now on; those that are not in the group keep what they have."""
        found = group_of(new_process_group)
        if found is not None:
            self.reducer.remove()
            self.process_group = found
            hooked = self.reducer.hook, self.reducer.hook_name
            self._begin()
            self.reducer.hook, self.reducer.hook_name = hooked

    def _remove_autograd_hooks(self) -> None:
        """Takes the hooks off the parameters: gradients stay each rank's own."""
        self.reducer.remove()

    def _set_ddp_runtime_logging_sample_rate(self, sample_rate: int) -> None:
        """How often times are noted: here of every pass. Raises ValueError for a rate below 1."""
        if sample_rate < 1:
            raise ValueError("DDP runtime logging sample rate should be equal or greater than 1")

    def _check_reducer_finalized(self) -> None:
        """Raises RuntimeError while a forward pass waits for its backward."""
        self.reducer.check_finalized()

    # --- as a module ------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        if self.process_group is not default_group():
            raise RuntimeError("DDP Pickling/Unpickling are only supported when using DDP with the default process "
                               "group. That is, when you have called init_process_group and have not passed "
                               "process_group argument to DDP constructor")
        left = ("process_group", "reducer", "_joined_in")
        return {name: value for name, value in self.__dict__.items() if name not in left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.process_group = default_group()
        self._begin()


class _Follows(JoinHook):
    """A model on a rank that is through."""

    def __init__(self, model: DistributedDataParallel) -> None:
        self._model = model

    def main_hook(self) -> None:
        self._model._follow()

    def post_hook(self, is_last_joiner: bool) -> None:
        self._model._settle(is_last_joiner)


def _says(annotation: Any, expected: Any) -> bool:
    """Whether a hook's annotation is an expected one, if it says anything. (A text is not looked into.)"""
    return annotation is inspect.Signature.empty or isinstance(annotation, str) or bool(annotation == expected)


def hash_of(text: str) -> str:
    """A few digits that tell long texts apart."""
    return f"{crc32(text.encode()):08x}"

