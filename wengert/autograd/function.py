"""`Function`: an operation with a backward of the user's own, in PyTorch's ``ctx`` style.

The context that ``forward`` and ``backward`` see belongs to the operation's node, and knows it by a weak reference
only. Tensors given to ``save_for_backward`` are kept as arrays with their versions, like those of every other node.
So an output can be saved without a reference cycle, and what forward leaves on the context lives as long as the
graph.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..core.errors import GradError, ShapeError
from ..core.frames import warn
from ..core.operands import ByOutput
from ..core.primitive import P, Primitive
from ..core.state import state
from ..tensors.alias import SEVERAL, Alias, alias_of, check_writable, edge_of, rebase, untrack, version_cell, wrote
from ..tensors.tape import Leaf, Node, Out, SavedTensor
from ..tensors.tensor import Tensor, make
from .batching import BatchLevel
from .levels import Level, level
from .modes import enable_grad, no_grad

_CUSTOM = Primitive(
    "function",
    "opaque",
    lambda xp, *operands: operands,
    multiple=True,
    missing={
        "vjp": "its node runs the Function's backward",
        "jvp": "autograd/function_rules.py runs the Function's own, or its backward",
        "batch": "autograd/function_rules.py runs the Function's own, or a loop",
    },
)
"""What the nodes of all Functions give as their primitive. It is not in the registry: it has nothing to evaluate."""


class FunctionContext:
    """The ``ctx`` of a `Function`: any attribute may be put on it; ``needs_input_grad`` says of each argument of
    ``forward`` whether its gradient is wanted."""

    def __init__(self, node: FunctionNode, needs_input_grad: tuple[bool, ...], records: bool) -> None:
        self.needs_input_grad = needs_input_grad
        self._edge = weakref.ref(node)
        self._records, self._materialize, self._materialize_non_diff_grads = records, True, True
        self._is_pure_view = False
        self._to_save: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._constant: tuple[Any, ...] = ()
        self._for_forward: tuple[Any, ...] | None = None
        self._kept: tuple[Any, ...] = ()
        self._marked: tuple[tuple[Any, ...], tuple[Any, ...]] = ((), ())
        """What is dirty and what is constant, until a `jvp` has been held against it."""
        self._restored: tuple[Any, ...] | None = None
        """What ``saved_tensors`` gives where a transformation runs a rule of the Function's."""

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors (or None) for ``jvp``, where `saved_tensors` gives them back."""
        self._for_forward = tensors

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors (or None) for ``backward``, where `saved_tensors` gives them back. Call it once."""
        for i, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type "
                                f"{type(tensor).__name__}; keep other values as attributes of ctx")
        self._to_save = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Says that ``forward`` writes into these inputs, which it must return. Raises `InplaceError` for a leaf."""
        if self._records:
            with enable_grad():
                for tensor in tensors:
                    check_writable(tensor, "mark_dirty")
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Says that no gradient flows through these outputs."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for outputs that nothing depends on."""
        self._materialize = bool(value)

    @property
    def saved_variables(self) -> tuple[Tensor | None, ...]:
        """`saved_tensors`, by the name that it had once."""
        warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning)
        return self.saved_tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors given to ``save_for_backward``. Raises `GradError` where they were freed or overwritten."""
        if self._restored is not None:
            return self._restored
        node = self._edge()
        if node is None:
            raise GradError("[saved_tensors] the graph that this ctx belongs to is gone; keep its output alive")
        return node.kept_tensors()


class FunctionNode(Node):
    """A node whose backward the user wrote. Attributes that it lacks are those of its context."""

    function: type[Function]

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        edges = [edge_of(x) if isinstance(x, Tensor) else None for x in arguments]
        self.tensors = tuple([isinstance(x, Tensor) for x in arguments])
        operands = tuple([edge for edge, is_tensor in zip(edges, self.tensors, strict=True) if is_tensor])
        super().__init__(_CUSTOM, {}, operands, (None,), (), (), ())
        needs = tuple([edge is not None for edge in edges])
        self.context = FunctionContext(self, needs, state.grad and any(needs))
        self.inputs = tuple([(x._data.shape, x._data.dtype) if isinstance(x, Tensor) else None for x in arguments])
        self.places: tuple[Any, ...] = ()
        self.inputs_kept: tuple[weakref.ref[Tensor] | None, ...] = ()
        self.unasked: frozenset[int] = frozenset()

    def __getattr__(self, name: str) -> Any:
        if name == "context":
            raise AttributeError(name)
        return getattr(self.context, name)

    def name(self) -> str:
        return f"{self.function.__name__}Backward"

    @property
    def _raw_saved_tensors(self) -> tuple[SavedTensor, ...]:
        """What ``save_for_backward`` was given, before it is brought back. Raises `GradError` once it is freed."""
        if self.saved is None:
            self.unpack(None)
        return tuple([SavedTensor(self, place) for place in range(len(self.places))])

    def save(self, outputs: Sequence[Any], constant: Sequence[Any]) -> None:
        """Turns what forward saved into arrays, versions and edges, now that outputs have their histories. An output
        is known by its number, as its edge would close a cycle."""
        places: list[Any] = []
        guards = []
        kept = self.context._to_save
        for tensor in kept:
            if tensor is None:
                places.append(None)
                continue
            number = next((i for i, output in enumerate(outputs) if output is tensor), None)
            if number is None:
                places.append(edge_of(tensor))
            else:
                places.append(None if any(tensor is x for x in constant) else number)
            cell = version_cell(tensor)
            guards.append((cell, cell[0]))
        self.saved = (*(None if t is None else t._data for t in kept), None)
        self.guards, self.places = tuple(guards), tuple(places)
        self.inputs_kept = tuple([None if t is None or any(t is x for x in outputs) else weakref.ref(t) for t in kept])
        self.shape = tuple([x._data.shape if isinstance(x, Tensor) else None for x in outputs])
        self.dtype = tuple([x._data.dtype if isinstance(x, Tensor) else None for x in outputs])
        if not self.context._materialize_non_diff_grads:
            self.unasked = frozenset([i for i, x in enumerate(outputs) if any(x is y for y in constant)])
        self.context._to_save = self.context._dirty = self.context._constant = ()

    def kept_tensors(self) -> tuple[Tensor | None, ...]:
        """What ``save_for_backward`` was given: the same tensors where they are still there and are no outputs."""
        if self.function.clear_saved_tensors_on_access and self.saved is None and self.places:
            raise GradError(f"[{self.name()}] saved_tensors can only be accessed once, as "
                            "clear_saved_tensors_on_access is set: keep what it gave in a variable")
        values = self.unpack(make)[:-1]
        if self.rare is None or "packed" not in self.rare:
            values = tuple([value if ref is None else self._original(value, ref(), edge)
                            for value, ref, edge in zip(values, self.inputs_kept, self.places, strict=True)])
        if self.function.clear_saved_tensors_on_access:
            self.free()
        return values

    def _original(self, value: Tensor, tensor: Tensor | None, edge: Any) -> Tensor:
        """The tensor that was saved, if it is still there and as it was, else the one made of its array."""
        return tensor if tensor is not None and tensor._data is value._data and edge_of(tensor) is edge else value

    def edge_at(self, place: int, outputs: bool) -> Any:
        edge = self.places[place]
        return edge if type(edge) is not int else Out(self, edge) if outputs else None

    def pull(self, ct: ByOutput, as_tensors: Callable[[Any, Any], Any] | None) -> Sequence[Any]:
        grads = []
        for number, spec in enumerate(self.specs()):
            grad = ct.get(number)
            if grad is not None:
                grad = make(grad, None) if as_tensors is None else grad
            elif self.context._materialize and spec is not None and number not in self.unasked:
                grad = make(np.zeros(*spec), None)
            grads.append(grad)
        inside = None if state.watcher is None else level()
        if isinstance(inside, BatchLevel) and self.sequence < inside.start and not self.function.generate_vmap_rule:
            checked = pulled_singly(inside, self._pulled, grads)
        else:
            checked = self._pulled(*grads)
        return checked if as_tensors is not None else [None if g is None else g._data for g in checked]

    def _pulled(self, *grads: Any) -> list[Any]:
        """The checked result of the user's backward."""
        result = self.function.backward(self.context, *grads)
        return self._checked(result if isinstance(result, tuple) else (result,))

    def __call__(self, *cotangents: Any) -> Any:
        grads = tuple(self.pull({i: ct for i, ct in enumerate(cotangents) if ct is not None}, make))
        return grads[0] if len(grads) == 1 else grads

    def _checked(self, grads: tuple[Any, ...]) -> list[Any]:
        """The gradients that backward returned, held against the arguments of forward: those of the tensors."""
        wanted = len(self.inputs)
        if len(grads) < wanted or any(g is not None for g in grads[wanted:]):
            raise GradError(
                f"[{self.name()}] function {self.name()} returned an incorrect number of gradients (expected "
                f"{wanted}, got {len(grads)}); return one per argument of forward, None for those that need none"
            )
        found = []
        for i, (grad, spec) in enumerate(zip(grads, self.inputs, strict=False)):
            if spec is not None:
                found.append(
                    self._fitted(i, grad, *spec) if grad is not None and self.context.needs_input_grad[i] else None
                )
            elif grad is not None:
                raise GradError(
                    f"[{self.name()}] function {self.name()} returned a gradient different from None at position "
                    f"{i + 1}, but the corresponding forward input was not a Variable"
                )
        return found

    def _fitted(self, i: int, grad: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        if not isinstance(grad, Tensor):
            raise GradError(f"[{self.name()}] expected Variable or None (got {type(grad).__name__}) as gradient {i}")
        if grad._data.shape != shape:
            if not _expands(shape, grad._data.shape):
                raise ShapeError(
                    f"[{self.name()}] Function {self.name()} returned an invalid gradient at index {i} - got "
                    f"{list(grad._data.shape)} but expected shape compatible with {list(shape)}"
                )
            grad = P.sum_to(grad, shape=shape)
        leaf = self.edges[sum(self.tensors[:i])]
        if grad._data.dtype != dtype and not (type(leaf) is Leaf and "grad_dtype" in (leaf.rare or ())):
            grad = P.cast(grad, dtype=from_numpy(dtype), back=from_numpy(grad._data.dtype))
        return grad


def _expands(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether a value of ``shape`` broadcasts to the shape ``to``."""
    lead = len(to) - len(shape)
    return lead >= 0 and all(n in (1, m) for n, m in zip(shape, to[lead:], strict=True))


FunctionCtx, BackwardCFunction = FunctionContext, FunctionNode
"""PyTorch's names for what a Function's context and its nodes are."""


_OF_NODES = frozenset({"_register_hook_dict", "register_hook", "register_prehook", "next_functions", "name", "metadata",
                       "_sequence_nr", "_set_sequence_nr", "_input_metadata"})
"""What the node of a Function has, and an instance of it has not."""


def _two_backwards(ctx: Any, *grads: Any) -> Any:
    raise RuntimeError("[Function] Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
                       "should only implement one of them, as they are two names for the same")


class Function:
    """Base class of operations with a backward of their own.

    A subclass defines ``forward(ctx, *args)`` and ``backward(ctx, *grads)`` as static methods (or ``forward(*args)``
    beside ``setup_context(ctx, inputs, output)``) and is called by ``apply``. ``forward`` runs with recording off.
    ``backward`` gets the gradient of each output and returns one per argument; if it is composed of differentiable
    operations it can itself be differentiated.

    >>> import wengert as torch
    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x * x * grad
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    _node_class: type[FunctionNode]
    _backward_cls: type[FunctionNode]
    """The same, by PyTorch's name for it."""

    generate_vmap_rule: bool = False
    """Whether `vmap` may run ``forward`` and ``backward`` on all examples at once, being composed of operations that
    it knows. If not, and where there is no ``vmap``, it applies the Function to one example after the other."""

    clear_saved_tensors_on_access: bool = False
    """Whether ``ctx.saved_tensors`` gives what was saved away the first time it is asked, so that backward can let go
    of each value as soon as it is used; asked again it raises."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        warn(f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you "
             f"should invoke them on the class itself: {name}.apply(...). Instantiating an autograd function "
             "will raise an error in a future version of PyTorch.", DeprecationWarning)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raises RuntimeError: a Function is not called but applied."""
        name = type(self).__name__
        raise RuntimeError(f"[{name}] Legacy autograd function with non-static forward method is deprecated. Please "
                           f"use new-style autograd function with static forward method: call {name}.apply(...)")

    def __getattr__(self, name: str) -> Any:
        if name in _OF_NODES:
            raise RuntimeError(f"[{type(self).__name__}] Attribute '{name}' is invalid for this instance of "
                               "_C._FunctionBase. Accessing this attribute directly on an instance of autograd."
                               "Function is a legacy access pattern that is no longer supported: apply the "
                               "class, and ask the grad_fn of what it gives")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if "vjp" in vars(cls) and "backward" in vars(cls):
            cls.backward = staticmethod(_two_backwards)  # type: ignore[method-assign]
        elif "vjp" in vars(cls):
            cls.backward = staticmethod(cls.vjp)  # type: ignore[method-assign]
        cls._node_class = cls._backward_cls = type(f"{cls.__name__}Backward", (FunctionNode,),
                                                   {"function": cls, "__module__": cls.__module__})

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """``forward(ctx, *args)``, or ``forward(*args)`` where ``setup_context`` is defined."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Saves on ``ctx`` what ``backward`` needs, where ``forward`` takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments of ``forward`` from those of its outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function "
            "to use it with backward mode AD."
        )

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name under which a subclass may define ``backward``."""
        raise NotImplementedError("You must implement either the backward or vjp method for your custom "
                                  "autograd.Function to use it with backward mode AD.")

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """The tangents of the outputs of ``forward`` from those of its arguments, for forward mode. Without it, they
        follow from ``backward``."""
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with "
                                  "forward mode AD.")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        """``(outputs, out_dims)`` for arguments that have the examples along ``in_dims``; ``info`` has
        ``batch_size`` and ``randomness``."""
        raise NotImplementedError("You must implement the vmap function, or set generate_vmap_rule = True.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs ``forward`` and records the operation: a tensor, or a tuple where forward returns one."""
        if cls.setup_context is not Function.setup_context and (kwargs or cls.forward.__defaults__):
            # setup_context and backward are told of every argument, in its place.
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        inside = None if state.watcher is None else level()
        return applied(cls, args, kwargs)[1] if inside is None else transformed(cls, inside, args, kwargs)


def applied(cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any],
            forward: bool = False) -> tuple[FunctionNode, Any]:
    """The node of a Function applied to arguments, and what it gives; its context keeps what ``jvp`` reads if it is to
    go ``forward`` too."""
    node = cls._node_class(args)
    with no_grad():
        if cls.setup_context is Function.setup_context:
            output = cls.forward(node.context, *args, **kwargs)
        else:
            output = cls.forward(*args, **kwargs)
            cls.setup_context(node.context, args, output)
    single = not isinstance(output, tuple)
    context = node.context
    context._kept = context._for_forward or () if forward else ()
    context._marked = (context._dirty, context._constant) if forward else ((), ())
    context._for_forward = None
    results = results_of(node, args, (output,) if single else output)
    return node, results[0] if single else results


def transformed(cls: type[Function], inside: Level, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of a Function inside a transformation. `function_rules.transformed` comes here."""
    raise RuntimeError("wengert.autograd.function_rules has not been imported")


def pulled_singly(inside: BatchLevel, run: Callable[..., Any], cts: Sequence[Any]) -> list[Any]:
    """A backward for many cotangents, one after the other. `function_rules.pulled_singly` comes here."""
    raise RuntimeError("wengert.autograd.function_rules has not been imported")


def results_of(node: FunctionNode, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The outputs of forward with their place on the tape."""
    context = node.context
    for x in context._dirty:
        if not any(x is argument for argument in args):
            words = (f"[{node.function.__name__}] mark_dirty received a tensor that was not an input. Only input "
                     "Tensors should be given to ctx.mark_dirty(). If a Tensor is not an input, there is no need to")
            if x._is_view():
                raise RuntimeError(words)
            warn(words)
        if not any(x is output for output in outputs):
            raise RuntimeError(
                f"[{node.function.__name__}] Some elements marked as dirty during the forward method were not "
                "returned as output. The inputs that are modified inplace must all be outputs of the Function."
            )
    results: list[Any] = []
    for number, output in enumerate(outputs):
        first = next(i for i, other in enumerate(outputs) if other is output)
        if first < number:
            output = results[first]  # the same tensor twice has one place
        elif isinstance(output, Tensor):
            dirty = any(output is x for x in context._dirty)
            if dirty:
                if context._records and output._is_view() and sum(isinstance(x, Tensor) for x in outputs) > 1:
                    raise RuntimeError(
                        f"[{node.function.__name__}] If your Function modifies inplace an input that is a view of "
                        "another Tensor, your Function cannot return more than one Tensor, as the history of the whole "
                        "would have to go through one of several outputs; return it alone, or a clone() of it"
                    )
                wrote(output)
            elif any(output is x for x in args) or output._edge is not None:
                output = _as_view(output)
            elif state.grad and output._alias is not None and output._alias.tracked is False and output._alias.steps:
                _mark_view(node, args, outputs, output)
            differentiable = output._data.dtype.kind in "fcVW" and not any(
                outputs[number] is x for x in context._constant
            )
            if context._records and differentiable:
                if dirty:
                    rebase(output, Out(node, number))
                else:
                    output._edge = Out(node, number)
        results.append(output)
    if sum([isinstance(x, Tensor) and type(x._edge) is Out and x._edge.node is node for x in results]) > 1:
        for x in results:
            if isinstance(x, Tensor) and x._alias is not None and x._alias.tracked is None:
                untrack(x, SEVERAL)
    if context._records:
        node.save(results, context._constant)
        if state.watcher is not None:
            state.watcher.recorded(node)
    return tuple(results)


def _mark_view(node: FunctionNode, args: tuple[Any, ...], outputs: tuple[Any, ...], view: Tensor) -> None:
    """Says of a view that forward made, where nothing is recorded, whether it may be written: if the Function is
    declared to be a pure view, its history is that of the view."""
    if node.context._is_pure_view:
        if any([sum([isinstance(x, Tensor) for x in values]) != 1 for values in (args, outputs)]):
            raise RuntimeError(f"[{node.function.__name__}] Pure view custom Function can only have one input Tensor "
                               "and one output Tensor. Open an issue if you need to support more.")
        place = alias_of(view)
        view._alias = Alias(place.storage, place.steps)
    else:
        untrack(view, None)


_PLAINLY = Tensor.__torch_function__.__func__  # type: ignore[attr-defined]


def _as_view(x: Tensor) -> Any:
    """An input that is returned as it is becomes a view of itself, which may not be written: what that would mean for
    the Function's backward, nobody can say."""
    said: Any = type(x).__torch_function__
    if said.__func__ is not _PLAINLY:  # the class says what a view is
        with no_grad():
            out = x.view_as(x)
        if isinstance(out, Tensor) and out._alias is not None:
            untrack(out, None)
        return out
    out = make(x._data, None)
    out._cell = version_cell(x)
    whole = alias_of(x)
    out._alias = Alias(whole.storage, whole.steps)
    untrack(out, None)
    return out


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a ``backward`` that cannot itself be differentiated: it runs with recording off, and differentiating its
    result raises `GradError`.

    >>> from wengert.autograd.function import Function, once_differentiable
    >>> class Square(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, grad):
    ...         return 2 * ctx.saved_tensors[0] * grad
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    @functools.wraps(backward)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = backward(ctx, *grads)
        if not state.grad:
            return found
        parts = found if isinstance(found, tuple) else (found,)
        nothing = make(np.empty(0), None)  # in the place of None, so that the node has an edge to nothing there
        watched = _Once.apply(*[part.detach().requires_grad_() if isinstance(part, Tensor) else nothing
                                for part in parts])
        watched = tuple([None if part is None else end for part, end in zip(parts, watched, strict=True)])
        return watched if isinstance(found, tuple) else watched[0]

    return wrapped


class _Once(Function):
    """The end of what can be differentiated: the identity, whose backward raises."""

    @staticmethod
    def forward(ctx: Any, *parts: Any) -> Any:
        return tuple([P.clone(part) for part in parts])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise GradError(
            "[once_differentiable] trying to differentiate twice a function that was marked with @once_differentiable"
        )


_Once._node_class.name = lambda self: "Error"  # type: ignore[method-assign]
_Once._node_class.__name__ = "Error"  # PyTorch's name for it


class InplaceFunction(Function):
    """A `Function` for operations in place. PyTorch's has no more to it."""


class NestedIOFunction(Function):
    """A `Function` whose arguments PyTorch lets be nested; its name, for programs that ask ``issubclass``. Derive from
    `Function` instead: applying one raises NotImplementedError."""

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"[{cls.__name__}] a NestedIOFunction is not in wengert: derive from Function, with "
                                  "tensors as arguments")
