"""Who watches evaluation, or stands in its place: the one slot behind which every rare feature hides.

The plain path reads ``state.watcher`` and goes on if it is None. A `Watcher` is told what happens: anomaly detection,
source lines, hooks on saved tensors, recordings for pictures. A `Tracer` is a watcher that besides stands in the place
of evaluation: what operations, writes and gradients are is for it to say, as for the recorder of whole functions. They
nest: each tells the one outside, and the innermost tracer answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from ..core.blocks import Block
from ..core.operands import Cotangent
from ..core.primitive import Primitive, evaluate
from ..core.state import state
from .tape import Leaf, Node, OnTape


class Unseen:
    """What a tensor holds in the place of an array whose memory nobody can see; whoever asks for it is told so."""

    __slots__ = ()

    def __array__(self, *_: object, **__: object) -> NoReturn:
        self._refuse("its memory")

    def __bool__(self) -> NoReturn:
        self._refuse("its truth")

    def __len__(self) -> NoReturn:
        self._refuse("its memory")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse(f"its memory (.{name})")

    def _refuse(self, what: str) -> NoReturn:
        """Raises `TraceError`: ``what`` was asked of the tensor."""
        raise NotImplementedError


class Watcher(Block):
    """Is told what happens in this thread from entering it to leaving. What it does not override passes outward.

    As a block ends, the watcher outside is in force again; `leave` takes out one that is not the innermost too.

    Tensors are annotated ``Any``, here and in `Tracer`: subclasses take them by their class, which stands above this.
    """

    outer: Watcher | None = None
    intercepts = False
    """Whether this watcher, or one outside it, has to be there while an operation is evaluated. Then the hot paths
    stand aside; any other watcher costs an operation only what its `recorded` and `computed` do."""
    follows = False
    """Whether it, or a watcher outside it, wants to hear of forward derivatives (`pushed`, `stands_for`, `hushed`)."""
    rules = False
    """Whether the rules of nodes run on tensors in a backward, so that it sees each of their operations."""
    told = True
    """Whether it does anything with what it is told of finished operations."""
    tracer: Tracer | None = None
    """What stands in the place of evaluation here: the innermost tracer from this watcher outward."""
    ended = False
    """Whether it has been in force and no longer is."""
    finally_does: tuple[Callable[[], None], ...] = ()
    """What is done as its block ends, once it is out of force."""

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls.intercepts = cls.evaluate is not Watcher.evaluate

    def __enter__(self) -> Any:
        self.outer = state.watcher
        self._settle()
        self.ends_with(partial(state.here.update, watcher=self.outer),
                       partial(self.__dict__.update, outer=None, tracer=None, ended=True), *self.finally_does)
        state.watcher = self  # the last thing done: Ctrl-C before it leaves nothing in force
        return self

    def _settle(self) -> None:
        """Works out what this watcher and those outside it do together."""
        outer = self.outer
        self.intercepts = type(self).intercepts or (outer is not None and outer.intercepts)
        self.follows = type(self).follows or (outer is not None and outer.follows)
        self.rules = type(self).rules or (outer is not None and outer.rules)
        self.tracer = self if isinstance(self, Tracer) else None if outer is None else outer.tracer

    def leave(self) -> None:
        """Takes this watcher out of force, also where it is not the innermost."""
        inside = []
        watcher = state.watcher
        while watcher is not None and watcher is not self:
            inside.append(watcher)
            watcher = watcher.outer
        if watcher is None:
            return
        if inside:
            inside[-1].outer = self.outer
        else:
            state.watcher = self.outer
        self.outer, self.tracer, self.ended = None, None, True
        self.ends_with()
        for watcher in reversed(inside):
            watcher._settle()

    # --- operations ---------------------------------------------------------------------------------------------------

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The value of a primitive of operands, tensors or numbers: an array, or whatever stands for one."""
        if self.outer is not None:
            return self.outer.evaluate(primitive, operands, params)
        return evaluate(primitive, [getattr(x, "_data", x) for x in operands], params)

    def shortcut(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The tensor that an operation gives, by a way shorter than `evaluate` and what is done around it; None where
        there is none, and nothing has happened."""
        return None

    def own(self, run: Callable[..., Any], *operands: Any) -> Any:
        """Runs code of wengert's own, that of an operation or the rule of a node, which calls none of the user's but
        what other watchers call."""
        return run(*operands)

    def begins_own(self) -> Callable[[], None] | None:
        """Called where code of wengert's own begins, as `own` runs it; what is returned is called at its end."""
        return None

    def recorded(self, node: Node) -> None:
        """Called with each new node of the tape."""
        if self.outer is not None:
            self.outer.recorded(node)

    def computed(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        """Called with each finished operation, after `recorded`: ``out`` is its result, a tensor or a tuple of them."""
        if self.outer is not None:
            self.outer.computed(primitive, operands, params, out)

    def pushed(self, level: Any, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any],
               out: Any) -> None:
        """Called with each finished operation on tensors that move, at a ``level`` of forward mode."""
        if self.outer is not None:
            self.outer.pushed(level, primitive, operands, params, out)

    def stands_for(self, data: Any, tensor: Any) -> None:
        """Called where ``data`` is made to hold what a tensor that moves now is."""
        if self.outer is not None:
            self.outer.stands_for(data, tensor)

    def hushed(self, by: int) -> None:
        """Called with 1 before, and -1 after what a level of forward mode does below itself, which is nobody's own
        computation."""
        if self.outer is not None:
            self.outer.hushed(by)

    def line(self) -> str | None:
        """The user's line that is running, where lines are wanted."""
        return None if self.outer is None else self.outer.line()

    # --- tensors: what is told before it happens may be refused, by raising -------------------------------------------

    def made(self, tensor: Any) -> None:
        """Called with each new tensor that is not the result of a primitive."""
        if self.outer is not None:
            self.outer.made(tensor)

    def taken(self, tensor: Any, what: str) -> None:
        """Called before the elements of a tensor are taken out, by ``what``: item, numpy, tolist, ..."""
        if self.outer is not None:
            self.outer.taken(tensor, what)

    def writes(self, tensor: Any, new: Any) -> None:
        """Called before the value of ``new`` is put into a tensor."""
        if self.outer is not None:
            self.outer.writes(tensor, new)

    def detaches(self, tensor: Any) -> None:
        """Called before another tensor is made on the memory of this one, without its history."""
        if self.outer is not None:
            self.outer.detaches(tensor)

    def changes(self, tensor: Any, op: str) -> None:
        """Called before ``op`` changes what a tensor is: its history, hooks or memory, other than by a write."""
        if self.outer is not None:
            self.outer.changes(tensor, op)

    def draws(self, generator: Any, reseeds: bool = False) -> None:
        """Called before random numbers are drawn from a generator, or before it ``reseeds`` itself; with None before
        one does so by chance."""
        if self.outer is not None:
            self.outer.draws(generator, reseeds)

    # --- training -----------------------------------------------------------------------------------------------------

    def sends(self, name: str, shapes: Sequence[Sequence[int]]) -> Callable[[], None] | None:
        """A collective or a message begins, of tensors of these shapes. What is returned is called when it has ended,
        in whatever thread."""
        return None if self.outer is None else self.outer.sends(name, shapes)

    def failed(self, node: Node | Leaf) -> None:
        """Called in a run of backward that an error ends, with the node at which it is."""
        if self.outer is not None:
            self.outer.failed(node)

    def passes(self, node: Node, ct: Cotangent, grads: Sequence[Any]) -> Sequence[Any]:
        """What a node sends to its operands, for a watcher to change: by default what its rule gave."""
        return grads if self.outer is None else self.outer.passes(node, ct, grads)

    def pulled(self, node: Node, ct: Cotangent, grads: Sequence[Any]) -> None:
        """Called by the engine after each node has run back."""
        if self.outer is not None:
            self.outer.pulled(node, ct, grads)

    def update(self, run: Callable[[Any], None], group: dict[str, Any]) -> None:
        """Runs an optimizer's update of one group of parameters; a watcher that need not see it may stand aside."""
        if self.outer is None:
            run(group)
        else:
            self.outer.update(run, group)

    def aside(self, run: Callable[[Any], None], group: dict[str, Any]) -> bool:
        """Runs an optimizer's update with nobody watching, for a watcher with nothing to see in it; False, and nothing
        done, where the update is recorded or another watcher is in force."""
        if self.outer is not None or state.watcher is not self or state.grad:
            return False
        state.watcher = None
        try:
            run(group)
        finally:
            state.watcher = self
        return True


def leave_inside(watcher: Watcher | None) -> None:
    """Takes out of force what was entered inside ``watcher``, or outside of any, and not left."""
    inside, inner = [], state.watcher
    while inner is not None and inner is not watcher:
        inside.append(inner)
        inner = inner.outer
    for each in inside if inner is watcher else ():
        each.leave()


class Tracer(Watcher, ABC):
    """Stands in the place of evaluation: tensors hold what it makes of them, and it says what becomes of that."""

    records = True
    """Whether what runs is written down, to be run again. If not, it runs now, on values other than arrays."""

    def lifted(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands of an operation, tensors from outside as ones of the sort that this tracer works on."""
        return operands

    @abstractmethod
    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any: ...

    def takes_out(self, op: str, target: Any, result: Any) -> None:
        """Called before a result is written into the ``target`` that was given as ``out=``; may refuse, by raising."""

    def pull(self, node: Node, ct: Any) -> Sequence[Any] | None:
        """What a node's rule gives for a cotangent and its saved values, where nothing that it does is recorded, by a
        shorter way than step by step on tensors; None where there is none."""
        return None

    @abstractmethod
    def write(self, tensor: Any, new: Any) -> bool:
        """Puts the value of ``new`` into a tensor; true where its version and history have been seen to as well."""

    @abstractmethod
    def shares(self, part: Any, whole: Any) -> bool:
        """Whether ``part``, the result of a view primitive, is a view of the tensor ``whole`` or had to be a copy."""

    @abstractmethod
    def lies(self, tensor: Any, absolute: bool) -> tuple[int, int]:
        """Where a tensor begins in its memory, and how large that is, in elements; raises where it is asked for the
        ``absolute`` place and that may be another at a later call."""

    @abstractmethod
    def shared(self, tensor: Any) -> Any:
        """The data for another tensor on the memory of this one."""

    @abstractmethod
    def value(self, tensor: Any, what: str) -> Any:
        """The elements of a tensor, as an array, for ``what``; raises where they are not known."""

    @abstractmethod
    def known(self, tensor: Any) -> Any:
        """The elements of a tensor, as an array, where they are known; None where they are not."""

    @abstractmethod
    def item(self, tensor: Any) -> Any:
        """The value of a tensor of one element as a Python number, or what stands for it."""

    def one_by_one(self, run: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
        """See the function `one_by_one`."""
        return run(*tensors)

    @abstractmethod
    def only_where(self, condition: Any, run: Callable[[], Any]) -> None:
        """Runs a function; what it writes is there only where the condition, a tensor of one truth value, holds."""

    def repeating(self, shared: Sequence[Any]) -> Callable[..., None]:
        """See the function `repeating`."""
        return _each

    def postpones(self, schedule: Any, run: Callable[[], None], arguments: Sequence[Any]) -> bool:
        """Called before a schedule makes a step by ``run``, which has these ``arguments``: whether it is left for
        later."""
        return False

    @abstractmethod
    def frozen(self, tensor: Any) -> Any:
        """The data of a tensor as it is now, which a write will not change."""

    @abstractmethod
    def relaid(self, tensor: Any, change: Callable[..., Any], arguments: tuple[Any, Any]) -> None:
        """Called before a tensor itself takes another shape, in the same memory, by ``change`` and its arguments."""

    @abstractmethod
    def draw(self, sampler: str, generator: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """A tensor of random numbers, by the sampler of that name (prims/draws.py)."""

    @abstractmethod
    def grad_of(self, tensor: Any) -> Any:
        """The ``.grad`` of a leaf."""

    def resting_grad(self, tensor: Any) -> Any:
        """The ``.grad`` of a tensor that wants none: what it collected when it did."""
        return None if tensor._rare is None else tensor._rare.get("grad")

    @abstractmethod
    def set_grad(self, tensor: Any, value: Any) -> None:
        """Assigns the ``.grad`` of a tensor."""

    @abstractmethod
    def accumulate(self, leaf: Leaf, ct: Any) -> None:
        """Adds a cotangent to the gradient of a leaf."""


def tell(watcher: Watcher, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any,
         node: Node | None) -> None:
    """Tells the watcher in force of a finished operation: its node, if it was recorded, and its result."""
    if node is not None:
        watcher.recorded(node)
    watcher.computed(primitive, operands, params, out)


def one_by_one(run: Callable[..., Any], *tensors: Any) -> Any:
    """What a function makes of tensors whose values it must see, a tensor or a tuple of tensors without history: inside
    a transformation it gets the tensors below, and those of a `vmap`'s examples one after the other. None may stand
    among the tensors. Raises RuntimeError where the results of several examples differ in shape."""
    watcher = state.watcher
    return run(*tensors) if watcher is None or watcher.tracer is None else watcher.tracer.one_by_one(run, tensors)


def known(tensor: OnTape) -> Any:
    """The elements of a tensor, as an array; None where there are none, or a function is being recorded, and they
    depend on what it is given."""
    watcher = state.watcher
    if watcher is None or watcher.tracer is None:
        return None if isinstance(tensor._data, Unseen) else tensor._data
    return watcher.tracer.known(tensor)


def only_where(condition: Any, run: Callable[[], Any]) -> Any:
    """``run()`` if the condition, a tensor of one truth value, holds, else None. While a function is recorded, ``run``
    writes to tensors on the condition, and nothing is returned; it must change nothing else."""
    watcher = state.watcher
    if watcher is None or watcher.tracer is None:
        return run() if bool(condition) else None
    return watcher.tracer.only_where(condition, run)


def repeating(shared: Sequence[Any]) -> Callable[..., None]:
    """What calls ``run()`` for ``(run, *tensors)``, which does alike with the tensors what others did with theirs, and
    reads and writes no other tensors, but reads the ``shared`` ones: a recorder may write down the same again."""
    watcher = state.watcher
    return _each if watcher is None or watcher.tracer is None else watcher.tracer.repeating(shared)


def _each(run: Callable[[], None], *tensors: Any) -> None:
    run()


def tracing() -> bool:
    """Whether a tracer stands in the place of evaluation, so that there is no memory to look at."""
    return state.watcher is not None and state.watcher.tracer is not None
