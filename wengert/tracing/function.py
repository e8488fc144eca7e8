"""`capture`: a function that records itself when it is called in a way it does not know, and runs its graph."""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..core.errors import InplaceError, TraceError
from ..core.frames import warn
from ..core.state import state
from ..ir import InstructionGraph, Value, prune, verify
from ..tensors.alias import edge_of
from ..tensors.evaluation import tracing
from ..tensors.tape import Leaf, ancestors, node_of
from .arguments import Arguments
from .arrays import StandIn, alike, is_looked_at
from .backward import Backward, open_ends, record_backward
from .names import Names, has_unmade_parameters, settle_optimizers, tensors_seen_by
from .program import Program, Recording, sharing
from .reads import ChangeError, KeptError, Reads
from .recorder import Recorder
from .results import Results, effects
from .sizes import SizeNotes
from .sources import Argument, Begun, FloatArgument, Gradient, IntArgument, Source


def capture(function: Callable[..., Any]) -> Recorded:
    """Records what a function of tensors does: forward, ``backward()`` and the update of an optimiser, as one graph.

    Returns a `Recorded`: called like ``function`` it gives the same results and leaves the same behind, bit for bit,
    but runs the graph that it recorded when it was first called with such arguments. Recording itself changes nothing:
    writes into tensors and gradients are *effects* of the graph, and happen when it runs.

    Tensors that the function refers to (parameters, buffers, the state of an optimiser) are captured when they are
    first used; numbers are baked in, also those among the arguments, where another number means another recording.
    Where the way goes on depending on the value of a tensor (``if x > 0``, ``x.item()``), recording raises `TraceError`
    at that line. Returned tensors are new ones, without a history. Lazy modules take their shapes in a first call that
    runs as it is.

    >>> import wengert as torch
    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> def step(x):
    ...     loss = (w * x).sum()
    ...     loss.backward()
    ...     with torch.no_grad():
    ...         w.sub_(w.grad * 0.5)
    ...     w.grad = None
    ...     return loss
    >>> step = torch.capture(step)
    >>> print(step.record(torch.tensor([2.0, 4.0])))
    graph step(%x: float32[2])
      state %w: float32[2]
      %0: float32[2] = mul(%w, %x)
      %1: float32[] = sum(%0, dim=(0,), whole=True)
      %2: float32[] = fill(%1, value=1)
      %3: float32[2] = expand(%2, shape=(2,))
      %4: float32[2] = mul(%3, %x)
      %5: float32[2] = mul(%4, 0.5)
      %6: float32[2] = sub(%w, %5)
      write %w <- %6
      return %1
    >>> step(torch.tensor([2.0, 4.0]))
    tensor(10.)
    >>> w
    tensor([0., 0.], requires_grad=True)
    """
    return Recorded(function)


class Recorded:
    """A function with its recordings. See `capture`.

    ``programs`` holds a `Program` for each way in which the function has been called.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"capture(): a function was expected; got {type(function).__name__}")
        self.function = function
        self.programs: list[Program] = []
        functools.update_wrapper(self, function, updated=())
        self._names = parameters_of(function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the graph that fits these arguments, recorded now if there is none."""
        if tracing() or has_unmade_parameters(self.function):
            return self.function(*args, **kwargs)
        arguments = Arguments(self._names, args, kwargs)
        program = next((program for program in self.programs if program.mismatch(arguments) is None), None)
        return (program or self._record(arguments)).run(arguments)

    def record(self, *args: Any, **kwargs: Any) -> Program:
        """Records the function on these arguments without running the graph: nothing of the user's is changed."""
        return self._record(Arguments(self._names, args, kwargs))

    def _record(self, arguments: Arguments) -> Program:
        if tracing():
            raise TraceError("[capture] a recording cannot be started while another is going on; call the function "
                             "itself")
        program = record(self.function, self._names, arguments)
        self.programs.append(program)
        return program

    def _last(self) -> Program:
        if not self.programs:
            raise TraceError(
                "[capture] nothing has been recorded yet; call the function, or record(...) with its arguments"
            )
        return self.programs[-1]

    @property
    def graph(self) -> InstructionGraph:
        """The graph of the last recording."""
        return self._last().graph

    def explain(self) -> str:
        """What the last recording takes, keeps and leaves behind, as text."""
        return self._last().explain()

    def __repr__(self) -> str:
        return f"<recorded {getattr(self.function, '__name__', self.function)!s}: {len(self.programs)} recordings>"


def parameters_of(function: Callable[..., Any]) -> list[str]:
    """The names of the positional parameters of a function, as far as it tells."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def record(function: Callable[..., Any], names: list[str], arguments: Arguments, sizes: SizeNotes | None = None,
           once: bool = False, keeps: bool = True) -> Program:
    """One recording of ``function``. Whatever happens, the user's tensors are afterwards as they were. With ``sizes``
    it is noted what the function asks of sizes, and the program has the whole recording. What it changes besides
    tensors is undone, and refused unless it is recorded for its graph alone, ``once``. Tensors that it has made and
    that live on somewhere are warned of: they have no value but where that depends on nothing; if all are such, and it
    ``keeps`` none, that is a `KeptError`."""
    reads = Reads()
    try:
        return _recorded(function, names, arguments, sizes, once, keeps, reads)
    except SeenError:
        pass
    except Exception as error:
        if not reads.has_stand_ins() or isinstance(error, KeptError):
            raise
    return _recorded(function, names, arguments, sizes, once, keeps, Reads(stand_ins=False))


class SeenError(Exception):
    """That a function can have found that something stands for an array of numpy."""


def _recorded(function: Callable[..., Any], names: list[str], arguments: Arguments, sizes: SizeNotes | None,
              once: bool, keeps: bool, reads: Reads) -> Program:
    settle_optimizers(function)
    visible = tensors_seen_by(function)
    name = getattr(function, "__name__", type(function).__name__).strip("<>")
    recorder = Recorder(name, Names({id(tensor): known for known, tensor in visible}), reads, sizes)
    recorder.looks = not once
    for place, (argument, tensor) in enumerate(zip(arguments.names, arguments.tensors, strict=True)):
        recorder.argument(place, argument, tensor)
    floats = [recorder.quantity((IntArgument if type(value) is int else FloatArgument)(place, argument), value)
              for place, (argument, value) in enumerate(zip(arguments.float_names, arguments.floats, strict=True))]
    key = arguments.key()
    arrays = arguments.arrays()
    before = {place: array.copy() for place, array in arrays.items()}
    given: dict[int, Any] = {place: StandIn(array) if reads.stand_ins else array for place, array in arrays.items()}
    recorder.arrays = {id(array): place for place, array in arrays.items()}
    reads.given = bool(given)
    try:
        with recorder:
            reads.of_function(function)
            for _, tensor in visible:
                # What cannot be captured may not be needed; where it is, the error comes again.
                with suppress(TraceError):
                    recorder.place(tensor)
            with reads:
                args, kwargs = arguments.filled({**recorder.stand_ins, **given}, floats)
                try:
                    result = function(*args, **kwargs)
                finally:
                    recorder.later.begin()
                    changed = [place for place, array in arrays.items() if not alike(array, before[place])]
                    for place in changed:
                        arrays[place][...] = before[place]
            if reads.is_seen_through():
                raise SeenError
            arguments.refuse_changes((args, kwargs), {**recorder.stand_ins, **given}, floats)
            if changed:
                raise ChangeError(
                    "[compile] a function that changes nothing but tensors was expected; it writes to argument "
                    f"{arguments.names[changed[0]]!r}, an array of numpy, which a compiled call would leave out; write "
                    "to torch.from_numpy(x)")
            kept = [] if once else [*[read for read in reads if read.is_replaced()], *reads.set]
            results = Results(recorder, result, kept)
            del args, kwargs, result, floats
            if once:
                reads.undo()
            else:
                reads.refuse_changes(kept)
            named = zip(arguments.names, arguments.tensors, strict=True)
            effects(recorder, results, {argument for argument, tensor in named if not tensor.is_leaf})
            cut = _recorded_backward(recorder, results, arguments)
            results.tensors.clear()
            turned = recorder.turns()
        backward = None if cut is None else cut()
        whole = None if sizes is None else Recording(
            [recorder.graph, *([] if backward is None else [backward.graph])])
        graph = verify(prune(recorder.graph))
        if backward is not None:
            verify(prune(backward.graph, after=graph))
        bindings = {value.name: recorder.bindings[value.name] for value in graph.states}
        shared = sharing(graph, bindings, arguments.tensors)
        called = arguments.names
        _check_sharing(graph, shared, [(called[i], called[j]) for i, j in key[3]])
        begins = {source.name for source, before, _ in turned if not before}
        guards = [
            (slot.source, slot.was is not None if slot.looked else None,
             slot.leaf is not None and slot.source.name not in begins)
            for slot in recorder.every_slot()
            if slot.source is not None and (slot.looked or slot.assigned)
        ]
        reads.settle()
        recorder.release()
        if recorder.living():
            gc.collect()  # an error that was caught may have its own frames
        living = recorder.living()
        leaks = sorted({traced.line for traced in living})
        known = recorder.give_numbers(living)
        if leaks and known and not keeps:
            raise KeptError(f"[compile] a function that keeps no tensors was expected; got those of {', '.join(leaks)}")
        if leaks:
            warn(
                f"[capture] tensors made while {name} was recorded are still referred to and have no value: those of "
                f"{', '.join(leaks)}. Return them, or copy them into tensors that were there before",
            )
        program = Program(graph, names, key, bindings, guards, results, shared, leaks, reads, recorder.quantities,
                          recorder.conditions, backward,
                          [generator for _, generator, _ in recorder.generators.values()], recorder.layouts,
                          recorder.assigned, turned)
        program.recording, program.later = whole, recorder.later
        program.numbers = [*[(place, before[place]) for place, thing in given.items()
                             if type(thing) is not StandIn or is_looked_at(thing)], *recorder.looked.items()]
        return program
    except BaseException:
        reads.undo()
        recorder.undo_updates()
        raise
    finally:
        for traced in recorder.living():
            traced.kill()


def _recorded_backward(recorder: Recorder, results: Results, arguments: Arguments) -> Callable[[], Backward] | None:
    """Records the way back from the results that have a history, if there are any."""
    if not state.grad:
        return None
    ends = open_ends([t for t, where in zip(results.tensors, results.where, strict=True)
                                if type(where) is Value])
    if not ends:
        return None
    edges = [edge for edge in map(edge_of, ends) if edge is not None]
    for kept in [node_of(edge_of(results.tensors[place])) for place in results.retained]:
        if any(node is kept for edge in edges if node_of(edge) is not kept for node in ancestors([edge])):
            raise TraceError("[retain_grad] a result on which no other depends was expected to retain its gradient; "
                             "got one that others are computed of; compute these outside")
    if not all(now for _, _, now in recorder.turns()):
        raise TraceError("[requires_grad_] leaves that keep requiring gradients were expected, as a result has a "
                         "history; got one that stops; detach() the result, or call requires_grad_(False) outside")
    wanted: list[tuple[Source | Begun, Any]] = [(Begun(place), results.tensors[place]) for place, _ in results.begun]
    wanted += [
        (Argument(place, arguments.names[place]), stand_in)
        for place, stand_in in recorder.stand_ins.items() if type(stand_in._edge) is Leaf
    ]
    for bindings in recorder.bindings.values():
        for binding in bindings:
            tensor = binding.source.find(arguments.tensors)
            if (binding.requires_grad or id(tensor) in recorder.turned) and not isinstance(binding.source, Gradient):
                wanted.append((binding.source, tensor))
    places = [i for i, tensor in enumerate(results.tensors) if any(tensor is end for end in ends)]
    try:
        return record_backward(recorder, ends, places, wanted)
    except InplaceError as error:
        raise TraceError(f"[compile] results that can be differentiated were expected; got one that cannot: {error} Or "
                         "detach() that result") from error


def _check_sharing(graph: InstructionGraph, shared: set[tuple[str, str]], overlaps: list[tuple[str, str]]) -> None:
    """A write into memory that is known by two names would have to show under both."""
    written = {effect.target for effect in graph.effects if effect.kind == "write"}
    for pair in (*sorted(shared), *overlaps):
        if written & set(pair):
            raise TraceError(
                f"[capture] a recorded function may not write into memory that comes to it twice; got %{pair[0]} and "
                f"%{pair[1]}, which share memory, one of them written; clone() one, or give only one"
            )
