"""What Python code reads while it is recorded, besides tensors: numbers, switches, names; and whether that has changed.

A recording holds the numbers of its time: ``p`` of a dropout, ``training`` of a module, a global ``alpha``. So each of
them is noted with the place where it was found, and a later call with another value there is another recording.

Note [young]: a function may make lists and objects, and change them as it likes. Only what was there before matters.
All objects that were there are made old before it runs, and Python's collector is kept away meanwhile; so those that
are young at its end are its own.

Note [apart]: what a function prints, logs or warns of goes through objects that are not the program's: a notebook's
output is written to by another thread meanwhile, and to make it what it was would break it. So nothing is noted of what
runs within `print`, a log's record, a warning or the standard streams; a replay does not print, and that is said.

The one idea to know: nobody can see a single read, but it can be seen which functions run (`sys.setprofile`), and a
function can only read what its code names. So when a function is entered, whatever the names in its code lead to, from
its globals, its closure and its arguments, is noted: rather too much than too little. When the recording ends, what was
noted is looked at again: if it has changed by then, the function does something that a replay would leave out, and that
is an error.
"""

from __future__ import annotations

import contextlib
import datetime
import dis
import gc
import importlib
import inspect
import logging
import os
import random
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import TraceError
from ..core.quantity import Quantity
from ..tensors.tensor import Tensor
from .arrays import StandIn, is_looked_at, look, plain_array
from .exploration import COMPUTED, Exploration, is_module, is_scheduler
from .places import MISSING, Chance, Look, Numbers, Quick, Read, Same, is_plain
from .seeds import is_forgotten, is_seeding, is_young
from .sizes import TracedSize
from .whose import is_of_library, is_of_nn, is_of_optim, is_ours, is_users, is_written

_UNSEEN: dict[Any, str] = {
    **{getattr(time, name): f"time.{name}()" for name in
       ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "process_time")},
    input: "input()",
    open: "open()",
    os.urandom: "os.urandom()",
}
"""Functions in C whose results no replay would bring again. (Those of random generators are found by their owners.)"""

_IMPORT = importlib._bootstrap._find_and_load.__code__  # type: ignore[attr-defined]
_OF_TODAY = ("now", "today", "utcnow")


def _unseen(function: Callable[..., Any]) -> str | None:
    """What a function in C is called that takes something from outside the program: the time, chance, the keyboard."""
    try:
        found = _UNSEEN.get(function)
    except TypeError:  # a method of an object that cannot be hashed
        return None
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, datetime.date) and function.__name__ in _OF_TODAY:
        return f"{owner.__name__}.{function.__name__}()"
    if found is None and isinstance(owner, (random.Random, np.random.RandomState, np.random.Generator)):
        return f"{'random' if isinstance(owner, random.Random) else 'numpy.random'}.{function.__name__}()"
    return found


class ChangeError(TraceError):
    """That a function has changed something besides tensors, while it was recorded."""


class KeptError(TraceError):
    """That tensors that a function has made live on, where nobody has seen them put: in a cache of Python's own."""


# --- noting -----------------------------------------------------------------------------------------------------------


class Reads:
    """What is noted during one recording; as a context manager it watches this thread."""

    def __init__(self, stand_ins: bool = True) -> None:
        self.stand_ins = stand_ins
        """Whether something may stand for arrays of numpy."""
        self._places: dict[tuple[int, Any], Read] = {}
        self._tensors: dict[int, Read] = {}
        self.printed: list[str] = []
        """The lines that print something, which only a recording does."""
        self.unseen: tuple[str, str] | None = None
        """The first call that takes something from outside the program, and its line."""
        self._codes: dict[int, types.CodeType] = {}
        """The functions that have run, by identity: to hash a code object takes longer than most of them."""
        self._entered: set[Any] = set()
        self._rooted: set[int] = set()
        self._alive: list[Any] = []  # or the id of something noted might be given to something else
        self.quantity: Callable[[dict[str, Any], str, Any], Any] | None = None
        """What stands for a setting of an optimiser while it is recorded; None for one that is no number."""
        self._refused: TraceError | None = None
        self._untracked: set[int] = set()
        """Owners that the collector did not know when they were met."""
        self._within: dict[int, object] = {}
        """The objects of which things are attributes that the collector does not know."""
        self._settings: list[tuple[dict[str, Any], str, Any, Any]] = []
        self.set: list[Read] = []
        """Settings of optimisers that the function has set to other floats."""
        self._entering: tuple[types.CodeType, dict[str, Any]] | None = None
        """The code and the globals of the function that is being entered."""
        self._arrays: list[tuple[Read, StandIn]] = []
        """Places with an array, and what stands there meanwhile."""
        self.given = False
        """Whether something stands for arrays among the arguments."""
        self._inputs: dict[int, Same] = {}
        """What is guarded of places with arrays of which no number was asked, by the place's identity."""
        self._outer: Any = None
        self._chance: Any = None
        self._drawn: Any = None
        self._seeded: set[int] = set()
        """Generators that the function has made, and that begin where it says."""

    def __enter__(self) -> Reads:
        self._outer, self._collects = sys.getprofile(), gc.isenabled()
        self._chance = random.getstate()
        self._drawn = Chance(np.random.mtrand._rand, None, "numpy.random", np.random)
        gc.collect(0)  # what is young from now on was made by the function: Note [young]
        gc.disable()
        sys.setprofile(self._watching())
        return self

    def __exit__(self, *exception: object) -> None:
        if self._outer is None or callable(self._outer):
            sys.setprofile(self._outer)
        else:  # cProfile, whose function is none of Python's
            sys.setprofile(None)
            self._outer.enable()
        if self.unseen is None and not self._drawn.holds():  # a profiler is not told of calls of its functions
            code = next((code for code in self._codes.values() if is_users(code.co_filename)), None)
            line = "it" if code is None else f"the function at {code.co_filename}:{code.co_firstlineno}"
            self.unseen = "numpy.random", line
        young = set(map(id, gc.get_objects(generation=0)))
        if self._collects:
            gc.enable()
        self._put_settings_back()
        self._put_arrays_back()
        old = self._old(young)
        self._places = {place: read for place, read in self._places.items() if id(read.owner) in old}

    def _old(self, young: set[int]) -> set[int]:
        """The identities of owners that were there before the function ran. Those that the collector does not know (an
        array, a dict of numbers) are as old as the oldest that refers to them."""
        owners = {id(read.owner): read.owner for read in self._places.values()}
        found = {known for known in owners if known in self._rooted
                 or known not in young and known not in self._untracked
                 or known in self._within and id(self._within[known]) not in young}
        unknown = [owner for known, owner in owners.items() if known in self._untracked and known not in found]
        if unknown:
            wanted, ours = set(map(id, unknown)), {id(self._alive), id(owners), id(unknown)}
            for holder in gc.get_referrers(*unknown):
                if id(holder) not in young and id(holder) not in ours and type(holder) is not types.FrameType:
                    found.update(wanted.intersection(map(id, gc.get_referents(holder))))
        return found

    def settings(self, group: dict[str, Any]) -> None:
        """Notes the settings of an optimiser, where code of the user's reads them: floats become inputs."""
        if any(group is each for each, *_ in self._settings):
            return
        for key, value in [*group.items()]:
            if key == "params" or isinstance(value, Tensor):
                continue
            self.note(group, key, f"param_group[{key!r}]", rooted=True)
            stand_in = None if self.quantity is None else self.quantity(group, key, value)
            if stand_in is not None:
                self._settings.append((group, key, value, stand_in))
                group[key] = stand_in

    def has_set(self, group: dict[str, Any], key: str) -> bool:
        """Whether the function has set a setting of an optimiser."""
        return any(each is group and name == key and group.get(key) is not stand_in
                   for each, name, _, stand_in in self._settings)

    def _put_settings_back(self) -> None:
        """Takes the quantities out of optimisers' groups; what has been changed stays to be noticed. Where it is
        another float, each call puts that there, whatever was there: nobody has seen that but as a quantity."""
        for group, key, value, stand_in in self._settings:
            if group.get(key) is stand_in:
                group[key] = value
                self._places.pop((id(group), key), None)
            elif type(value) is float and isinstance(group.get(key), float):
                read = self._places[id(group), key]
                self._inputs[id(read)] = Same(None, float)
                self.set.append(read)
        self._settings.clear()

    def _watching(self) -> Callable[[types.FrameType, str, Any], None]:
        """What Python calls whenever a function is entered or left. Within an import and within what prints, for the
        outermost of which ``apart`` counts, nothing is noted: Note [apart]."""
        readers: dict[int, Callable[[types.FrameType], None] | None] = {}
        codes, ours = self._codes, set[int]()
        printing = {id(code) for code in (*_PRINTING, *_codes_of_streams())}
        stands_apart = {id(_IMPORT), id(_WARNS), *printing}
        apart = 0

        def event(frame: types.FrameType, event: str, argument: Any) -> None:
            nonlocal apart
            if not apart and event in _LEAVING:
                return
            code = frame.f_code
            if event == "c_call" and argument is not print and id(code) in ours:
                return
            if id(code) in stands_apart:
                if event == "call":
                    apart += 1
                    if id(code) in printing:
                        self._prints(frame)
                elif event == "return":
                    apart -= 1
            elif argument is print and event != "return":  # by what it is called with, and left with too
                if event == "c_call":
                    if not apart:
                        self._called(frame, argument)
                    apart += 1
                else:
                    apart -= 1
            elif apart:
                return
            elif event == "call":
                try:
                    enter = readers[id(code)]
                except KeyError:
                    codes[id(code)] = code
                    enter = readers[id(code)] = self._reader_of(frame)
                    if is_ours(code.co_filename) and id(code) not in stands_apart:
                        ours.add(id(code))
                if enter is not None:
                    enter(frame)
            elif event == "c_call" and not is_ours(code.co_filename):
                self._called(frame, argument)

        return event

    def _called(self, frame: types.FrameType, function: Any) -> None:
        """A function in C is called by the user's code, or by the library's, which the user's may have called."""
        prints = function is print or _is_of_stream(function)
        name = "print()" if prints else _unseen(function) if self.unseen is None else None
        if name is None:
            return
        asks: Any = frame
        while asks is not None and is_of_library(asks.f_code.co_filename):
            asks = asks.f_back
        if asks is None or not is_users(asks.f_code.co_filename):  # wengert's cache of kernels, for instance
            return
        if asks is not frame and name.startswith("time."):  # a log's, or that of somebody who waits
            return
        if prints:
            self._note_printing(asks)
        elif not self._is_settled(frame, function):
            self.unseen = name, _line_of(asks)

    def _is_settled(self, frame: types.FrameType, function: Any) -> bool:
        """Whether a call asks a generator that the function has made with a seed of its own, or makes one."""
        owner = getattr(function, "__self__", None)
        if function is os.urandom:
            return is_forgotten(frame)
        if not isinstance(owner, random.Random) or not is_young(owner):
            return False
        if is_seeding(frame, function):
            self._seeded.add(id(owner))
            self._alive.append(owner)
        return id(owner) in self._seeded

    def _reader_of(self, frame: types.FrameType) -> Callable[[types.FrameType], None] | None:
        """What to do whenever a function is entered, by its code."""
        code = frame.f_code
        if is_users(code.co_filename):
            return self._enter if is_written(frame) else None
        if code is os._Environ.__getitem__.__code__:
            return self._asks_environment
        if code.co_varnames[:1] == ("self",) and is_of_nn(code.co_filename):
            return self._enter_module
        if code.co_varnames[:1] == ("self",) and is_of_optim(code.co_filename):
            return self._enter_scheduler
        return None

    def _prints(self, frame: types.FrameType) -> None:
        below = frame.f_back
        while below is not None and not is_users(below.f_code.co_filename):
            below = below.f_back
        if below is not None:
            self._note_printing(below)

    def _note_printing(self, frame: types.FrameType) -> None:
        line = _line_of(frame)
        if line not in self.printed:
            self.printed.append(line)

    def _asks_environment(self, frame: types.FrameType) -> None:
        asks = frame.f_back
        while asks is not None and is_of_library(asks.f_code.co_filename):
            asks = asks.f_back
        if asks is None or not is_users(asks.f_code.co_filename):  # wengert's cache of kernels, for instance
            return
        key = frame.f_locals["key"]
        self.look(("environment", key), lambda: os.environ.get(key), f"os.environ[{key!r}]", os.environ)

    def _enter_module(self, frame: types.FrameType) -> None:
        owner = frame.f_locals.get("self")
        if id(owner) not in self._entered and is_module(owner):
            self._entered.add(id(owner))
            self.module(owner)

    def _enter_scheduler(self, frame: types.FrameType) -> None:
        """Notes where a scheduler stands, and the numbers that it sets."""
        owner = frame.f_locals.get("self")
        if id(owner) in self._entered or not is_scheduler(owner):
            return
        self._entered.add(id(owner))
        for name, value in vars(owner).items():
            if is_plain(value):
                self.note(vars(owner), name, f"{type(owner).__name__}.{name}", owner)
            elif isinstance(value, list):
                self.note(value, None, f"{type(owner).__name__}.{name}", owner)
        for group in vars(owner)["optimizer"].param_groups:
            for key in [key for key, value in group.items() if is_plain(value)]:
                self.note(group, key, f"param_group[{key!r}]", rooted=True)

    def module(self, module: ModuleType | None) -> None:
        """Notes every plain attribute of one of wengert's own modules: ``training``, ``p``, ``eps``, ..."""
        self._alive.append(module)
        attributes = vars(module)
        for name, value in attributes.items():
            if is_plain(value) or isinstance(value, Tensor):
                self.note(attributes, name, f"{type(module).__name__}.{name}", module)
        self.note(attributes, "forward", f"{type(module).__name__}.forward", module)
        self.parts(module, type(module).__name__)

    def parts(self, module: Any, words: str) -> None:
        """Notes which layers, parameters, buffers and hooks a module has."""
        for part in ("_modules", "_parameters", "_buffers"):
            entries = vars(module)[part]
            self.note(entries, MISSING, f"{words}.{part}", module)
            for name in entries:
                self.note(entries, name, f"{words}.{name}", module)
        self.look((id(module), "hooks"), lambda: _hooks_of(module), f"the hooks of {words}", module,
                  lambda name: [f"{name(module)}._hooks is None"] if module._hooks is None else None)

    def _enter(self, frame: types.FrameType) -> None:
        code, variables = frame.f_code, frame.f_locals
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        met = {name: variables[name] for name in (*arguments, *code.co_freevars)
               if name in variables and name != ".0"}  # what a generator expression goes through is its own
        key = code, id(frame.f_globals), *(id(value) for value in met.values() if not isinstance(value, Tensor))
        if key in self._entered:
            return
        self._entered.add(key)
        if "type" in code.co_names:
            for name, value in met.items():
                if isinstance(value, (Quantity, TracedSize)):
                    what = "a float" if isinstance(value, Quantity) else "a size"
                    self._refuse(f"{_line_of(frame)} has {name}, {what}, and may ask for its type(), which is another "
                                 "one while it is recorded; ask isinstance(x, float), or int")
        exploration = Exploration(self, code)
        self._entering = code, frame.f_globals
        for name, value in met.items():
            exploration.into(value, name)
        exploration.rooted = True
        exploration.globals(frame.f_globals)
        self._entering = None

    def of_function(self, function: Callable[..., Any]) -> None:
        """Notes what a function finds before it runs: the variables of its closure, and what these lead to."""
        owner = getattr(function, "__self__", None if inspect.isroutine(function) else function)
        called: Any = function
        if not inspect.isroutine(function):
            called = getattr(function, "forward", None) if is_module(function) else type(function).__call__
        plain = inspect.unwrap(getattr(called, "__func__", called))
        if isinstance(plain, types.FunctionType):
            self._entering = plain.__code__, plain.__globals__
            exploration = Exploration(self, plain.__code__)
            exploration.rooted = True
            exploration.into(plain, plain.__name__)
            for name, cell in zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True):
                with contextlib.suppress(ValueError):  # a variable that has no value yet
                    exploration.into(cell.cell_contents, name)
            if owner is not None:
                exploration.into(owner, "self")
            if is_users(plain.__code__.co_filename):
                exploration.globals(plain.__globals__)
            self._entering = None

    def look(self, place: Any, find: Callable[[], Any], words: str, owner: object, quick: Quick | None = None
             ) -> None:
        """Notes what ``find`` gives, if the place was not noted before."""
        if place not in self._places:
            self._add(place, Look(find, words, owner, quick))

    def _add(self, place: Any, read: Read) -> None:
        owner = read.owner
        self._alive.append(owner)
        if not gc.is_tracked(owner):  # which it may become, and be taken for new
            self._untracked.add(id(owner))
        self._places[place] = read
        if isinstance(read.value, Tensor):
            self._tensors.setdefault(id(read.value), read)

    def take(self, place: Any, read: Read, rooted: bool = False) -> None:
        """Notes a place, if it was not noted before."""
        if rooted:
            self._rooted.add(id(read.owner))
        if place not in self._places:
            self._add(place, read)

    def keep(self, thing: object) -> None:
        """Has a thing live as long as the noting goes on."""
        self._alive.append(thing)

    def within(self, thing: object, owner: object) -> None:
        """Notes that a thing is an attribute of an object: where the collector does not know it, it is as old."""
        if not gc.is_tracked(thing):
            self._within.setdefault(id(thing), owner)

    def begun(self, iterator: Any, words: str, rooted: bool) -> None:
        """Refuses an iterator that was begun before: whoever names it takes from it, and no two calls find it where it
        was. Raises `TraceError`, before anything is taken."""
        if rooted or not is_young(iterator):
            self._refuse(f"this one names {words}, an iterator that was begun before, of which a compiled call takes "
                         "nothing; take from it outside, and pass what it gives as an argument")

    def _refuse(self, what: str) -> None:
        """Raises `TraceError`; and again when the recording ends, should the user's code catch it."""
        self._refused = TraceError(f"[compile] a function of its arguments and of tensors was expected; {what}")
        raise self._refused

    def array(self, array: np.ndarray, words: str, rooted: bool) -> None:
        """Notes the numbers of an array."""
        self.take((id(array), "numbers"), Numbers(array, None, words, array), rooted)

    def chance(self, source: Any, words: str, rooted: bool) -> None:
        """Notes the state of a generator: one that draws changes it."""
        self.take((id(source), "state"), Chance(source, None, words, source), rooted)

    def closure(self, function: types.FunctionType) -> None:
        """Notes the variables of a function's closure, and its defaults."""
        self.look((id(function), "defaults"), lambda: (function.__defaults__, *(function.__kwdefaults__ or {}).items()),
                  f"the defaults of {function.__name__}", function,
                  lambda name: [f"{name(function)}.__defaults__ is {name(function.__defaults__)}",
                                f"{name(function)}.__kwdefaults__ is None"] if not function.__kwdefaults__ else None)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.note(cell, None, name)

    def note(self, container: Any, key: Any, words: str, owner: object = None, rooted: bool = False) -> None:
        """Notes a place, if it was not noted before. It is ``rooted`` where it was surely there before the function."""
        owner = container if owner is None else owner
        place = id(owner if type(container) is types.MappingProxyType else container), (
            key if is_plain(key) or key is MISSING else ("the thing", id(key)))
        if rooted:
            self._rooted.add(id(owner))
        if place not in self._places:
            read = Read(container, key, words, owner)
            self._add(place, read)
            if type(read.value) is np.ndarray and self._may_stand_in(read):
                known = [stand_in for _, stand_in in self._arrays if plain_array(stand_in) is read.value]
                stand_in = known[0] if known else StandIn(read.value)
                self._arrays.append((read, stand_in))
                self.array(read.value, words, rooted)
                self.within(read.value, owner)
                read.put(stand_in)

    def _may_stand_in(self, read: Read) -> bool:
        """Whether something may stand for an array: where it is a variable or an attribute, which no function that has
        run can have got hold of, and none asks for its type."""
        if self._entering is None or not self.stand_ins or not read.is_single():
            return False
        code, variables = self._entering
        is_entry = isinstance(read.container, dict) and read.container is read.owner and read.container is not variables
        if is_entry or not is_users(code.co_filename):
            return False
        name = read.key if isinstance(read.key, str) else read.words
        return not any(name in other.co_names or name in other.co_freevars or not COMPUTED.isdisjoint(other.co_names)
                       for other in self._codes.values() if other is not code and is_users(other.co_filename))

    def _put_arrays_back(self) -> None:
        """Puts arrays where something has stood for them; of those of which a number was asked the numbers count."""
        for read in self if self._arrays else ():
            found = read.now() if read.is_single() else None
            if type(found) is StandIn:
                read.put(plain_array(found))
        firsts: dict[int, Read] = {}
        for read, stand_in in self._arrays:
            if is_looked_at(stand_in):
                continue
            self._places.pop((id(read.value), "numbers"), None)
            first = firsts.setdefault(id(read.value), read)
            self._inputs[id(read)] = Same(None if first is read else first, np.ndarray)

    def is_seen_through(self) -> bool:
        """Whether a function that has run can have found that something stands for an array: by its type."""
        return self.has_stand_ins() and any(
            "type" in code.co_names for code in self._codes.values() if is_users(code.co_filename))

    def has_stand_ins(self) -> bool:
        """Whether something has stood for an array."""
        return bool(self._arrays) or (self.given and self.stand_ins)

    def look_at_arrays(self) -> None:
        """Notes that the numbers count of all arrays for which something stands."""
        for _, stand_in in self._arrays:
            look(stand_in)

    def of_array(self, array: np.ndarray) -> Read | None:
        """The first place where an array was found for which something stands."""
        return next((read for read, stand_in in self._arrays if plain_array(stand_in) is array), None)

    def of_tensor(self, tensor: Tensor) -> Read | None:
        """The first place where a tensor was found."""
        return self._tensors.get(id(tensor))

    def __iter__(self) -> Iterator[Read]:
        return iter(self._places.values())

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def undo(self) -> list[Read]:
        """Makes all places what they were when they were noted; returns those that had changed."""
        self._put_settings_back()
        self._put_arrays_back()
        changed = [read for read in self if not read.holds()]
        for read in changed:
            read.put_back()
        if self.unseen is not None and self._chance is not None:
            random.setstate(self._chance)
            self._drawn.put_back()
        return changed

    def settle(self) -> None:
        """Ends the noting: of a place with a tensor it matters from now on that it has one, or the same as another."""
        for read in self:
            read.value = self._inputs.get(id(read)) or read.settled(lambda tensor: self._tensors[id(tensor)])
        self._entered.clear()
        self._codes.clear()
        self._tensors.clear()
        self._within.clear()
        self._untracked.clear()
        self._arrays.clear()
        self._inputs.clear()
        self._alive.clear()

    def refuse_changes(self, kept: list[Read]) -> None:
        """Raises `TraceError` where the recorded function changed something besides tensors and the places that are
        ``kept``, after making it what it was, or took something from outside the program: no replay would do that
        again."""
        kept = [*kept, *[read for read in self if read.has_grown_by(kept)]]
        changed = [read for read in self.undo() if read not in kept]
        if self._refused is not None:
            raise self._refused
        if changed:
            read = changed[0]
            raise ChangeError(
                f"[compile] a function that changes nothing but tensors was expected; {self.line_of_change(read)} "
                f"changes {read.words}, which a compiled call would leave out; change it outside the function, or make "
                "it a tensor and write to that (x.add_(1), x.copy_(y))"
            )
        if self.unseen is not None:
            raise TraceError(
                f"[compile] a function of its arguments and of tensors was expected; {self.unseen[1]} calls "
                f"{self.unseen[0]}, whose result would be the same for ever; call it outside and pass the result"
            )

    def line_of_change(self, read: Read) -> str:
        """The line of the user's that changes what stands at a place, as far as the functions' code shows it."""
        last = read.words.replace("[", ".").rstrip("]").rsplit(".", 1)[-1].strip("'\"")
        stores, touches = [], []
        for code in self._codes.values():
            if not is_users(code.co_filename):
                continue
            touched: int | None = None
            for instruction in dis.get_instructions(code):
                line = instruction.positions.lineno if instruction.positions is not None else None
                if instruction.opname in _STORES and instruction.argval == last:
                    stores.append(f"{code.co_filename}:{line}")
                if instruction.argval == last:
                    touched = line
                changing = instruction.opname in ("STORE_SUBSCR", "DELETE_SUBSCR") or instruction.argval in _CHANGERS
                if changing and touched == line:
                    touches.append(f"{code.co_filename}:{line}")
        return next(iter([*stores, *touches]), "it")


_STORES = ("STORE_ATTR", "STORE_GLOBAL", "STORE_DEREF", "STORE_NAME", "DELETE_ATTR", "DELETE_GLOBAL")
_CHANGERS = ("append", "extend", "insert", "pop", "popleft", "appendleft", "remove", "clear", "add", "discard",
             "update", "setdefault", "sort", "reverse")
_PRINTING = {logging.Logger._log.__code__, warnings.showwarning.__code__}
_WARNS: types.CodeType = warnings._showwarnmsg.__code__  # type: ignore[attr-defined]
"""Where Python shows a warning, by whatever a program has put in the place of `warnings.showwarning`."""


def _streams() -> tuple[Any, Any]:
    return sys.stdout, sys.stderr


def _is_of_stream(function: Any) -> bool:
    """Whether a function in C writes to the standard output, or to that of errors."""
    return getattr(function, "__name__", None) in _WRITING and any(
        stream is not None and getattr(function, "__self__", None) is stream for stream in _streams())


def _codes_of_streams() -> list[types.CodeType]:
    """The code by which the standard output writes, where it is an object of Python's: a notebook's, a test's."""
    methods = [getattr(stream, name, None) for stream in _streams() for name in _WRITING]
    codes = [getattr(getattr(method, "__func__", method), "__code__", None) for method in methods]
    return [code for code in codes if code is not None]


_LEAVING = frozenset({"return", "c_return", "c_exception"})
_WRITING = ("write", "writelines", "flush")


def _line_of(frame: types.FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _hooks_of(module: Any) -> tuple[Any, ...]:
    hooks = getattr(module, "_hooks", None)
    return () if hooks is None else tuple([hook for name in hooks.__slots__ for hook in getattr(hooks, name).values()])
