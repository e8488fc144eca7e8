"""What Python code reads while it is recorded, besides tensors: numbers, switches, names; and whether that has changed.

A recording holds the numbers of its time: ``p`` of a dropout, ``training`` of a module, a global ``alpha``. So each of
them is noted with the place where it was found, and a later call with another value there is another recording.

Note [young]: a function may make lists and objects, and change them as it likes. Only what was there before matters.
All objects that were there are made old before it runs, and Python's collector is kept away meanwhile; so those that
are young at its end are its own.

The one idea to know: nobody can see a single read, but it can be seen which functions run (`sys.setprofile`), and a
function can only read what its code names. So when a function is entered, whatever the names in its code lead to, from
its globals, its closure and its arguments, is noted: rather too much than too little. When the recording ends, what was
noted is looked at again: if it has changed by then, the function does something that a replay would leave out, and that
is an error.
"""

from __future__ import annotations

import contextlib
import dis
import gc
import inspect
import logging
import os
import random
import sys
import time
import types
import warnings
from collections.abc import Callable, Collection, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import TraceError
from ..tensors.tensor import Tensor
from .places import MISSING, MOST, PLAIN, Chance, Look, Numbers, Quick, Read, Same, is_plain
from .questions import Questions
from .whose import is_of_library, is_of_nn, is_users, is_written

_UNSEEN: dict[Any, str] = {
    **{getattr(time, name): f"time.{name}()" for name in
       ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "process_time")},
    input: "input()",
}
"""Functions in C whose results no replay would bring again. (Those of random generators are found by their owners.)"""


def _unseen(function: Callable[..., Any]) -> str | None:
    """What a function in C is called that takes something from outside the program: the time, chance, the keyboard."""
    try:
        found = _UNSEEN.get(function)
    except TypeError:  # a method of an object that cannot be hashed
        return None
    owner = getattr(function, "__self__", None)
    if found is None and isinstance(owner, (random.Random, np.random.RandomState, np.random.Generator)):
        return f"{'random' if isinstance(owner, random.Random) else 'numpy.random'}.{function.__name__}()"
    return found


# --- noting -----------------------------------------------------------------------------------------------------------


class Reads:
    """What is noted during one recording; as a context manager it watches this thread."""

    def __init__(self) -> None:
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
        self._outer: Any = None
        self._chance: Any = None
        self._drawn: Any = None

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
        young = {id(read.owner) for read in self._places.values()}.intersection(map(id, gc.get_objects(generation=0)))
        if self._collects:
            gc.enable()
        self._places = {
            place: read for place, read in self._places.items()
            if id(read.owner) not in young and (gc.is_tracked(read.owner) or id(read.owner) in self._rooted)
        }

    def _watching(self) -> Callable[[types.FrameType, str, Any], None]:
        """What Python calls whenever a function is entered or left."""
        readers: dict[int, Callable[[types.FrameType], None] | None] = {}
        codes = self._codes

        def event(frame: types.FrameType, event: str, argument: Any) -> None:
            if event == "call":
                code = frame.f_code
                try:
                    enter = readers[id(code)]
                except KeyError:
                    codes[id(code)] = code
                    enter = readers[id(code)] = self._reader_of(frame)
                if enter is not None:
                    enter(frame)
            elif event == "c_call" and is_users(frame.f_code.co_filename):
                self._called(frame, argument)

        return event

    def _called(self, frame: types.FrameType, function: Any) -> None:
        """The user's code calls a function in C."""
        if function is print:
            self.printed.append(_line_of(frame))
        elif self.unseen is None:
            name = _unseen(function)
            if name is not None:
                self.unseen = name, _line_of(frame)

    def _reader_of(self, frame: types.FrameType) -> Callable[[types.FrameType], None] | None:
        """What to do whenever a function is entered, by its code."""
        code = frame.f_code
        if is_users(code.co_filename):
            return self._enter if is_written(frame) else None
        if code in _PRINTING:
            return self._prints
        if code is os._Environ.__getitem__.__code__:
            return self._asks_environment
        if code.co_varnames[:1] == ("self",) and is_of_nn(code.co_filename):
            return self._enter_module
        return None

    def _prints(self, frame: types.FrameType) -> None:
        below = frame.f_back
        while below is not None and not is_users(below.f_code.co_filename):
            below = below.f_back
        if below is not None:
            self.printed.append(_line_of(below))

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

    def module(self, module: ModuleType | None) -> None:
        """Notes every plain attribute of one of wengert's own modules: ``training``, ``p``, ``eps``, ..."""
        self._alive.append(module)
        attributes = vars(module)
        for name, value in attributes.items():
            if is_plain(value):
                self.note(attributes, name, f"{type(module).__name__}.{name}", module)
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
        met = {name: variables[name] for name in (*arguments, *code.co_freevars) if name in variables}
        key = code, id(frame.f_globals), *(id(value) for value in met.values() if not isinstance(value, Tensor))
        if key in self._entered:
            return
        self._entered.add(key)
        exploration = _Exploration(self, code)
        for name, value in met.items():
            exploration.into(value, name)
        exploration.rooted = True
        self._globals(exploration, code, frame.f_globals)

    def _globals(self, exploration: _Exploration, code: types.CodeType, variables: dict[str, Any]) -> None:
        for name in globals_of(code):
            if name in variables:
                self.note(variables, name, name, rooted=True)
                exploration.into(variables[name], name)

    def of_function(self, function: Callable[..., Any]) -> None:
        """Notes what a function finds before it runs: the variables of its closure, and what these lead to."""
        owner = getattr(function, "__self__", None if inspect.isroutine(function) else function)
        called = function if inspect.isroutine(function) else type(function).__call__
        plain = inspect.unwrap(getattr(called, "__func__", called))
        if isinstance(plain, types.FunctionType):
            exploration = _Exploration(self, plain.__code__)
            exploration.rooted = True
            exploration.into(plain, plain.__name__)
            for name, cell in zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True):
                with contextlib.suppress(ValueError):  # a variable that has no value yet
                    exploration.into(cell.cell_contents, name)
            if owner is not None:
                exploration.into(owner, "self")
            if is_users(plain.__code__.co_filename):
                self._globals(exploration, plain.__code__, plain.__globals__)

    def look(self, place: Any, find: Callable[[], Any], words: str, owner: object, quick: Quick | None = None
             ) -> None:
        """Notes what ``find`` gives, if the place was not noted before."""
        if place not in self._places:
            self._rooted.add(id(owner))
            self._alive.append(owner)
            self._places[place] = Look(find, words, owner, quick)

    def array(self, array: np.ndarray, words: str) -> None:
        """Notes the numbers of an array."""
        place = id(array), "numbers"
        if place not in self._places:
            self._rooted.add(id(array))
            self._alive.append(array)
            self._places[place] = Numbers(array, None, words, array)

    def chance(self, source: Any, words: str) -> None:
        """Notes the state of a generator: one that draws changes it."""
        place = id(source), "state"
        if place not in self._places:
            self._rooted.add(id(source))
            self._alive.append(source)
            self._places[place] = Chance(source, None, words, source)

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
        place = id(owner if type(container) is types.MappingProxyType else container), key
        if rooted:
            self._rooted.add(id(owner))
        if place not in self._places:
            read = self._places[place] = Read(container, key, words, owner)
            if isinstance(read.value, Tensor):
                self._tensors.setdefault(id(read.value), read)

    def of_tensor(self, tensor: Tensor) -> Read | None:
        """The first place where a tensor was found."""
        return self._tensors.get(id(tensor))

    def __iter__(self) -> Iterator[Read]:
        return iter(self._places.values())

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def undo(self) -> list[Read]:
        """Makes all places what they were when they were noted; returns those that had changed."""
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
            if isinstance(read.value, Tensor):
                first = self._tensors[id(read.value)]
                read.value = Same(None if first is read else first)
        self._entered.clear()
        self._codes.clear()
        self._tensors.clear()
        self._alive.clear()

    def refuse_changes(self) -> None:
        """Raises `TraceError` where the recorded function changed something besides tensors, after making it what it
        was, or took something from outside the program: no replay would do that again."""
        changed = self.undo()
        if changed:
            read = changed[0]
            raise TraceError(
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


def _line_of(frame: types.FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _hooks_of(module: Any) -> tuple[Any, ...]:
    hooks = getattr(module, "_hooks", None)
    return () if hooks is None else tuple([hook for name in hooks.__slots__ for hook in getattr(hooks, name).values()])


def globals_of(code: types.CodeType) -> list[str]:
    """The names that a function looks up as globals; ``co_names`` has those of attributes too."""
    return list(dict.fromkeys([instruction.argval for instruction in dis.get_instructions(code)
                               if instruction.opname in _OF_GLOBALS]))


_OF_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"})


def is_module(thing: object) -> bool:
    """Whether a thing is a module of layers (this floor lies below them, so by what it has)."""
    attributes = getattr(thing, "__dict__", None)
    return isinstance(attributes, dict) and "_modules" in attributes and "training" in attributes


def _same_groups(name: Questions, optimizer: Any) -> list[str]:
    """That an optimiser has the groups and parameters that it has now."""
    groups = optimizer.param_groups
    found = [f"{name(optimizer)}.param_groups is {name(groups)}", name.members(name(groups), tuple(groups))]
    for group in groups:
        parameters = group["params"]
        found += [f"{name(group)}['params'] is {name(parameters)}", name.members(name(parameters), tuple(parameters))]
    return found


class _Exploration:
    """Notes what the names in one function's code lead to."""

    def __init__(self, reads: Reads, code: types.CodeType) -> None:
        self._reads = reads
        self._names = [name for name in code.co_names if not name.startswith("__")]
        self._constants = [value for value in code.co_consts if isinstance(value, (str, int))]
        self._visited: set[int] = set()
        self.rooted = False
        """Whether what is explored was surely there before the function ran."""

    def into(self, value: object, words: str) -> None:
        """Goes on from a value to what the names lead to from there."""
        if value is None or isinstance(value, (Tensor, *PLAIN)) or id(value) in self._visited:
            return
        self._visited.add(id(value))
        self._reads._alive.append(value)
        if isinstance(value, types.FunctionType):
            if is_users(value.__code__.co_filename):
                self._reads.closure(value)
        elif isinstance(value, types.MethodType):
            self.into(value.__self__, words)
            self.into(value.__func__, words)
        elif isinstance(value, (list, tuple, set, frozenset)):
            self._members(value, words)
        elif isinstance(value, dict):
            self._entries(value, words)
        elif isinstance(value, np.ndarray):
            if self.rooted:  # arrays are never young, as the collector does not know them
                self._reads.array(value, words)
        elif isinstance(value, (np.random.Generator, np.random.RandomState)):
            if self.rooted:
                self._reads.chance(value, words)
        elif isinstance(value, types.ModuleType):
            if is_users(getattr(value, "__file__", None) or "<frozen"):
                self._attributes(vars(value), words, value)
        elif isinstance(value, type):
            self._of_class(value, words)
        else:
            self._of_object(value, words)

    def _note(self, container: Any, key: Any, words: str, owner: object = None) -> None:
        self._reads.note(container, key, words, owner, self.rooted)

    def _attributes(self, attributes: dict[str, Any], words: str, owner: object) -> None:
        for name in self._names:
            if name in attributes:
                self._note(attributes, name, f"{words}.{name}", owner)
                self.into(attributes[name], f"{words}.{name}")

    def _members(self, values: Collection[Any], words: str) -> None:
        if len(values) > MOST:
            return
        if isinstance(values, (list, set)):
            self._note(values, None, words)
        for number, value in enumerate(values):
            self.into(value, f"{words}[{number}]")

    def _entries(self, entries: dict[Any, Any], words: str) -> None:
        few = len(entries) <= MOST // 10
        if few:
            self._note(entries, MISSING, words)
        for key in [*entries] if few else [key for key in self._constants if key in entries]:
            if is_plain(key):
                self._note(entries, key, f"{words}[{key!r}]")
                self.into(entries[key], f"{words}[{key!r}]")

    def _of_class(self, kind: type, words: str, thing: object = None) -> None:
        """Notes what a class holds under the names, and that no attribute of the object hides it."""
        for owner in kind.__mro__:
            source = getattr(sys.modules.get(owner.__module__), "__file__", None)
            if source is not None and is_users(source):
                for name in self._names:
                    if name in vars(owner) and is_plain(vars(owner)[name]):
                        self._note(owner.__dict__, name, f"{words}.{name}", owner)
                        if name not in getattr(thing, "__dict__", (name,)):
                            self._note(vars(thing), name, f"{words}.{name}", thing)
                    elif isinstance(vars(owner).get(name), types.FunctionType):
                        self.into(vars(owner)[name], words)

    def _of_object(self, thing: object, words: str) -> None:
        attributes = getattr(thing, "__dict__", None)
        if hasattr(thing, "param_groups"):
            # An optimiser: its numbers are inputs.
            self._reads.look((id(thing), "groups"), lambda: tuple(
                [part for group in thing.param_groups for part in (group, *group["params"])]), f"{words}.param_groups",
                thing, lambda name: _same_groups(name, thing))
            return
        if isinstance(attributes, dict):
            self._attributes(attributes, words, thing)
            if is_module(thing):
                self._reads.parts(thing, words)
                for name, value in attributes["_modules"].items():
                    self.into(value, f"{words}.{name}")
        self._of_class(type(thing), words, thing)
