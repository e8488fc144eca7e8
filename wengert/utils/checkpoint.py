"""Trading computation for memory: `checkpoint` keeps the arguments of a function and not what it saves for backward,
and runs it again when backward gets there.

Without reentrance the forward pass is recorded as usual, except that each value to be saved is replaced by its number;
when backward asks for the first of them the function runs again, and the values saved in that run, in the same order,
are the ones. So everything that works without a checkpoint works with one.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from ..autograd import Function, backward, enable_grad, is_grad_enabled
from ..autograd.engine import innermost
from ..autograd.graph import saved_tensors_hooks
from ..core.errors import InplaceError
from ..core.frames import warn
from ..tensors.alias import version_cell
from ..tensors.evaluation import tracing
from ..tensors.generator import default_generator
from ..tensors.tensor import Tensor
from .selective import (
    SAC_IGNORED_OPS,
    CheckpointPolicy,
    SelectiveCheckpointContext,
    create_selective_checkpoint_contexts,
)

__all__ = [
    "SAC_IGNORED_OPS", "CheckpointError", "CheckpointFunction", "CheckpointPolicy", "GraphExecGroup",
    "SelectiveCheckpointContext", "check_backward_validity", "checkpoint", "checkpoint_sequential",
    "create_selective_checkpoint_contexts", "detach_variable", "get_device_states", "noop_context_fn",
    "set_checkpoint_debug_enabled", "set_checkpoint_early_stop", "set_device_states",
]


class CheckpointError(RuntimeError):
    """A function that did not do the same when it was run again.

    >>> import itertools
    >>> turns = itertools.count()
    >>> def fickle(x):
    ...     return (x if next(turns) == 0 else x[:1]).sin().sum()
    >>> x = torch.ones(3, requires_grad=True)
    >>> y = torch.utils.checkpoint.checkpoint(fickle, x, use_reentrant=False)
    >>> try:
    ...     y.backward()
    ... except torch.utils.checkpoint.CheckpointError as error:
    ...     print("the second run was another")
    the second run was another
    """


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """The contexts of a checkpoint that needs none.

    >>> forward, recompute = torch.utils.checkpoint.noop_context_fn()
    >>> with forward:
    ...     pass
    """
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]] = noop_context_fn,
    determinism_check: str = "default", debug: bool = False, early_stop: bool = True, preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, which is run again in backward instead of keeping what it saves.

    ``preserve_rng_state`` makes the second run draw the same random numbers. ``context_fn()`` gives two context
    managers, for the two runs. ``determinism_check="none"`` leaves out the comparison of shapes and dtypes between the
    runs. ``use_reentrant=True`` is PyTorch's older form, in which the function is recorded in backward only: at least
    one argument must require grad, and keyword arguments are not taken. Raises `CheckpointError` where the second run
    saves other values than the first.

    >>> import wengert as torch
    >>> from wengert.utils.checkpoint import checkpoint
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda x: x * x * x, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(12.)
    """
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"[checkpoint] determinism_check should be one of ['default', 'none'] but got {determinism_check}"
        )
    if use_reentrant is None:
        warn("torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly; here False is meant, in "
             "PyTorch True; use_reentrant=False is recommended")
    if tracing():  # what a compiled program keeps is for it to say
        return function(*args, **kwargs)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn:
            raise ValueError("Passing `context_fn` is only supported when use_reentrant=False.")
        check_backward_validity(args)
        return CheckpointFunction.apply(function, preserve_rng_state, *args)
    if not is_grad_enabled():
        return function(*args, **kwargs)
    first, again = context_fn()
    frame = _Frame(
        lambda: function(*args, **kwargs), again, preserve_rng_state, determinism_check == "default",
        early_stop if _early_stop is None else _early_stop, debug if _debug is None else _debug
    )
    with saved_tensors_hooks(frame.pack, frame.unpack), first:
        result = function(*args, **kwargs)
    frame.is_complete = True
    return result


def block_as_now() -> Callable[[], AbstractContextManager[Any]]:
    """What makes the block in which a call of now is run again: `autocast` as it is now. `amp.contexts` puts its own
    here."""
    return nullcontext


_early_stop: bool | None = None


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """A context in which checkpointed calls stop their second run as soon as all that backward wants is there, or run
    to their end, whatever their own ``early_stop`` says. Raises nothing: whatever is given counts as true or false.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> with torch.utils.checkpoint.set_checkpoint_early_stop(False):
    ...     y = torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False)
    >>> y.backward()
    >>> x.grad
    tensor(7.3891)
    """
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


_debug: bool | None = None


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """A context in which an error about a second run that differs names what either run saved, or does not, whatever
    ``debug`` says; None leaves that to ``debug``. Raises nothing of its own: whatever else is given counts as true or
    false.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> with torch.utils.checkpoint.set_checkpoint_debug_enabled(False):
    ...     torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(7.3891)
    """
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns where none of the inputs of a reentrant checkpoint requires grad: then no gradient comes out of it.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.utils.checkpoint.check_backward_validity([x])
    """
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warn("None of the inputs have requires_grad=True. Gradients will be None", UserWarning)


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors of a tuple as leaves of the same memory, that require grad where the tensors do.

    >>> x = torch.tensor(2.0, requires_grad=True) * 3
    >>> y, = torch.utils.checkpoint.detach_variable((x,))
    >>> y.is_leaf, y.requires_grad
    (True, True)
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: ", type(inputs).__name__)
    return tuple([x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs])


_here = threading.local()
"""``group``: the `GraphExecGroup` in force in this thread."""


class GraphExecGroup:
    """A context in which several runs of backward through one checkpointed call run it again once; without it each
    run of backward does. Each of what the call saved is there for one of them only.

    Raises RuntimeError within another group, `CheckpointError` where two runs need the same saved value.

    >>> x, runs = torch.tensor(2.0, requires_grad=True), []
    >>> def f(x):
    ...     runs.append(1)
    ...     y = x.sin()
    ...     return y, y.exp()
    >>> y, z = torch.utils.checkpoint.checkpoint(f, x, use_reentrant=False)
    >>> with torch.utils.checkpoint.GraphExecGroup():
    ...     grad, = torch.autograd.grad(z, y)
    ...     grad, = torch.autograd.grad(y, x, grad)
    >>> len(runs)
    2
    """

    def __enter__(self) -> GraphExecGroup:
        if GraphExecGroup._get_current_group() is not None:
            raise RuntimeError(f"GraphExecGroup contexts cannot be nested. Already inside group {_here.group}")
        _here.group = self
        return self

    def __exit__(self, *error: object) -> None:
        """Ends the group."""
        _here.group = None

    @classmethod
    def _get_current_group(cls) -> GraphExecGroup | None:
        """The group in force in this thread."""
        return getattr(_here, "group", None)


class _Saved:
    """Stands for a saved value: its number in the run of the function, and what it looked like."""

    __slots__ = ("__weakref__", "dtype", "number", "shape")

    def __init__(self, number: int, tensor: Tensor) -> None:
        self.number, self.shape, self.dtype = number, tensor.shape, tensor.dtype


class _Stop(Exception):
    """Ends the second run of a function: all that backward wants has been computed."""


class _Frame:
    """One checkpointed call: how many values it saved, and, once backward has begun, those of the second run."""

    def __init__(self, call: Callable[[], Any], again: Any, preserve: bool, check: bool, early_stop: bool,
                 debug: bool = False) -> None:
        self.call, self.again, self.check, self.early_stop, self.debug = call, again, check, early_stop, debug
        self.first: list[str] = []
        self.second: list[str] = []
        """What either run saved, for `debug`."""
        self.rng_state = default_generator.get_state() if preserve else None
        self.block = block_as_now()
        self.places: list[weakref.ref[_Saved]] = []
        self.values: dict[int, tuple[Any, int]] = {}
        self.is_complete = False
        """Whether the first run is over. A backward inside it sees what it has saved so far."""
        self.run: Callable[[], Any] = lambda: None
        """Refers to the run of backward, or the group of them, for which it ran again last."""

    def pack(self, tensor: Tensor) -> _Saved:
        place = _Saved(len(self.places), tensor)
        self.places.append(weakref.ref(place))
        if self.debug:
            self.first.append(f"{place.dtype} {list(place.shape)}")
        return place

    def _differs(self, what: str) -> CheckpointError:
        """The error of a second run that is not like the first."""
        told = ""
        if self.debug:
            runs = ("first", self.first), ("second", self.second)
            told = ("\nYou are seeing this error because you passed `debug=True` to checkpoint: what the runs saved, "
                    "in order:\n" + "\n".join(f"{name} run: {', '.join(saved)}" for name, saved in runs))
        return CheckpointError(f"[checkpoint] {what}; the function must do the same each time it runs{told}")

    def unpack(self, place: _Saved) -> Tensor:
        run = GraphExecGroup._get_current_group() or innermost()
        again = run is not None and self.run() is run
        if not again:
            self.values.clear()
            self.run = (lambda: None) if run is None else weakref.ref(run)
            self.recompute()
        found, version = self.values.pop(place.number, (None, 0))
        if found is None and again:
            raise CheckpointError(
                "[checkpoint] Unpack is being triggered for a tensor that was already unpacked once; "
                + ("Performing two backward calls that overlap (i.e. require the same saved activation in order to "
                   "compute gradients) is not allowed while under the torch.utils.checkpoint.GraphExecGroup context. "
                   if GraphExecGroup._get_current_group() else "")
                + "If you are calling ctx.saved_tensors in backward, make sure to do so only once")
        if found is None:
            raise self._differs("A different number of tensors was saved during the original forward and "
                                f"recomputation: {len(self.places)} were expected, and number {place.number} is "
                                "missing")
        if self.check and (found.shape, found.dtype) != (place.shape, place.dtype):
            raise self._differs("Recomputed values for the following tensors have different metadata than during the "
                                f"forward pass: tensor {place.number} was {place.dtype} {place.shape} and is "
                                f"{found.dtype} {found.shape}")
        if version_cell(found)[0] != version:
            raise InplaceError(
                f"[checkpoint] one of the variables needed for gradient computation has been modified by an inplace "
                f"operation inside the checkpointed function: a value of shape {list(found.shape)}; write out of place"
            )
        return found

    def recompute(self) -> None:
        """Runs the function again, keeping the values that the graph still wants."""
        count = 0
        wanted = [reference() is not None for reference in self.places]
        last = max((i for i, want in enumerate(wanted) if want), default=-1)

        def keep(tensor: Tensor) -> Tensor:
            nonlocal count
            number, count = count, count + 1
            if self.debug:
                self.second.append(f"{tensor.dtype} {list(tensor.shape)}")
            if number < len(wanted) and wanted[number]:
                self.values[number] = tensor.detach(), version_cell(tensor)[0]
            if self.early_stop and number == last:
                raise _Stop
            return tensor

        with ExitStack() as stack:
            stack.enter_context(enable_grad())
            if self.rng_state is not None:
                stack.callback(default_generator.set_state, default_generator.get_state())
                default_generator.set_state(self.rng_state)
            stack.enter_context(self.block())
            stack.enter_context(self.again)
            stack.enter_context(saved_tensors_hooks(keep, lambda tensor: tensor))
            try:
                self.call()
            except _Stop:
                return
        if self.check and self.is_complete and count != len(self.places):
            self.values.clear()
            more = ", trying to save more tensors during recomputation" if count > len(self.places) else ""
            raise self._differs("A different number of tensors was saved during the original forward and "
                                f"recomputation: {len(self.places)} and {count}{more}")


class CheckpointFunction(Function):
    """The older form: forward without a graph; backward builds it and runs it back at once.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> y = torch.utils.checkpoint.CheckpointFunction.apply(torch.exp, True, x)
    >>> y.backward()
    >>> x.grad
    tensor(7.3891)
    """

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        ctx.function = function
        ctx.rng_state = default_generator.get_state() if preserve else None
        ctx.block = block_as_now()
        ctx.kept = [None if isinstance(x, Tensor) else x for x in args]
        ctx.save_for_backward(*(x if isinstance(x, Tensor) else None for x in args))
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if is_grad_enabled():
            raise RuntimeError(
                "[checkpoint] use_reentrant=True cannot be differentiated twice; use use_reentrant=False"
            )
        this = innermost()
        if this is not None and not this.accumulates:
            raise RuntimeError("[checkpoint] When use_reentrant=True, torch.utils.checkpoint is incompatible with "
                               ".grad(): its second run adds to the leaves' gradients; pass use_reentrant=False")
        needs = ctx.needs_input_grad[2:]
        args = [
            x if t is None else t.detach().requires_grad_(need)
            for x, t, need in zip(ctx.kept, ctx.saved_tensors, needs, strict=True)
        ]
        with ExitStack() as stack:
            if ctx.rng_state is not None:
                stack.callback(default_generator.set_state, default_generator.get_state())
                default_generator.set_state(ctx.rng_state)
            with enable_grad(), ctx.block():
                outputs = ctx.function(*args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [
            (o, g)
            for o, g in zip(outputs, grads, strict=True)
            if isinstance(o, Tensor) and o.requires_grad and g is not None
        ]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *(x.grad if isinstance(x, Tensor) else None for x in args))


def checkpoint_sequential(functions: Sequence[Callable[..., Any]] | Iterable[Callable[..., Any]], segments: int,
                          input: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True) -> Any:
    """The functions (or the children of a Sequential) one after another, in ``segments`` pieces of which all but the
    last are checkpointed.

    >>> _ = torch.manual_seed(0)
    >>> layers = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU())
    >>> x = torch.ones(2, 4, requires_grad=True)
    >>> y = torch.utils.checkpoint.checkpoint_sequential(layers, 2, x, use_reentrant=False)
    >>> torch.equal(y, layers(x))
    True
    """
    chain = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= len(chain):
        raise ValueError(f"[checkpoint_sequential] between 1 and {len(chain)} segments were expected; got {segments}")
    size = len(chain) // segments

    def piece(start: int, stop: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for function in chain[start:stop]:
                x = function(x)
            return x

        return run

    for i in range(segments - 1):
        input = checkpoint(piece(i * size, (i + 1) * size), input, use_reentrant=use_reentrant,
                           preserve_rng_state=preserve_rng_state)
    return piece((segments - 1) * size, len(chain))(input)


def get_device_states(*args: Any) -> tuple[list[int], list[Any]]:
    """The accelerators that the tensors among the arguments lie on, and the states of their generators: none, as all
    lie on the CPU.

    >>> torch.utils.checkpoint.get_device_states(torch.ones(2))
    ([], [])
    """
    return [], []


def set_device_states(devices: Sequence[int], states: Sequence[Any], *, device_type: str | None = None) -> None:
    """Puts back what `get_device_states` gave. Raises ValueError for a device: there is none.

    >>> torch.utils.checkpoint.set_device_states(*torch.utils.checkpoint.get_device_states(torch.ones(2)))
    """
    if len(devices):
        raise ValueError(f"[set_device_states] no devices were expected, as there are none; got {list(devices)}")
