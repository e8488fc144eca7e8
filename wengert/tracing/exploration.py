"""What the names in one function's code lead to, noted place by place.

The one idea to know: a function can only read what its code names, so from each thing that it can see the way goes on
along these names. Where it may compute names as it runs (``getattr``, ``vars``, ``globals``), every name counts; where
a thing's code is the library's (a `UserDict`, a partial), all that the thing holds does.
"""

from __future__ import annotations

import array
import collections
import contextvars
import dataclasses
import decimal
import dis
import fractions
import functools
import operator
import sys
import threading
import types
import weakref
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator
from typing import Any, Protocol

import numpy as np

from ..tensors.tensor import Tensor
from .places import MANY, MISSING, MOST, PLAIN, Attribute, Entries, Look, Member, Quick, Read, is_plain
from .questions import Questions
from .whose import is_of_nn, is_users

COMPUTED = frozenset({"getattr", "setattr", "hasattr", "vars", "attrgetter", "__dict__", "__getattribute__",
                       "getattr_static"})
"""What leads to attributes whose names a function computes."""

_OPEN = (types.SimpleNamespace, Namespace, collections.UserDict, collections.UserList, collections.ChainMap)
"""Classes of the library whose objects are what they hold."""

_FINISHED = (range, slice, fractions.Fraction, decimal.Decimal, types.BuiltinFunctionType)
"""What never changes."""

_INNER = tuple([f"{__name__.split('.')[0]}.{floor}." for floor in ("core", "tensors", "tracing", "native")])
"""Where the classes are of what a recording itself works with."""

DEEP = 3
"""How far the way goes on from things that no name leads to."""


class Noting(Protocol):
    """What places are noted with: `reads.Reads`."""

    def note(self, container: Any, key: Any, words: str, owner: object = None, rooted: bool = False) -> None: ...
    def take(self, place: Any, read: Read, rooted: bool) -> None: ...
    def look(self, place: Any, find: Callable[[], Any], words: str, owner: object, quick: Quick | None = None
             ) -> None: ...
    def closure(self, function: types.FunctionType) -> None: ...
    def array(self, array: np.ndarray, words: str, rooted: bool) -> None: ...
    def chance(self, source: Any, words: str, rooted: bool) -> None: ...
    def begun(self, iterator: Any, words: str, rooted: bool) -> None: ...
    def parts(self, module: Any, words: str) -> None: ...
    def within(self, thing: object, owner: object) -> None: ...
    def settings(self, group: dict[str, Any]) -> None: ...
    def keep(self, thing: object) -> None: ...


def is_module(thing: object) -> bool:
    """Whether a thing is a module of layers (this floor lies below them, so by what it has)."""
    attributes = _attributes_of(thing)
    return attributes is not None and "_modules" in attributes and "training" in attributes


def _attributes_of(thing: object) -> dict[str, Any] | None:
    """The attributes of a thing that stand in a dict. No code of its class runs."""
    if isinstance(thing, threading.local):
        return thing.__dict__
    try:
        found = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return None
    return found if isinstance(found, dict) else None


def is_optimizer(thing: object) -> bool:
    """Whether a thing is an optimiser, by what it has."""
    attributes = _attributes_of(thing)
    return attributes is not None and isinstance(attributes.get("param_groups"), list)


def is_scheduler(thing: object) -> bool:
    """Whether a thing is a scheduler of an optimiser's numbers, by what it has."""
    attributes = _attributes_of(thing)
    return attributes is not None and "last_epoch" in attributes and is_optimizer(attributes.get("optimizer"))


def names_of(code: types.CodeType, among: frozenset[str]) -> list[str]:
    """The names that instructions of these kinds have: by the bytes of the code, as `dis` words all that it shows."""
    wanted, found, extended = _operations(among), dict[str, None](), 0
    for operation, low in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        argument = extended | low
        extended = argument << 8 if operation == dis.EXTENDED_ARG else 0
        if operation in wanted:  # behind a global's number there is a bit that says how it is called
            found[code.co_names[argument >> 1 if operation == _LOAD_GLOBAL else argument]] = None
    return [*found]


@functools.cache
def _operations(names: frozenset[str]) -> frozenset[int]:
    return frozenset([dis.opmap[name] for name in names if name in dis.opmap])


_LOAD_GLOBAL = dis.opmap["LOAD_GLOBAL"]
_IMPORTS, _STORES = frozenset({"IMPORT_NAME"}), frozenset({"STORE_ATTR"})
_OF_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"})


def globals_of(code: types.CodeType) -> list[str]:
    """The names that a function looks up as globals; ``co_names`` has those of attributes too."""
    return names_of(code, _OF_GLOBALS)


def is_users_module(module: types.ModuleType) -> bool:
    """Whether a module of Python's is the user's: by its file, or as it has none and Python did not bring it along."""
    file = getattr(module, "__file__", None)
    if file is not None:
        return is_users(file)
    spec = getattr(module, "__spec__", None)
    return spec is None or spec.origin not in ("built-in", "frozen")


class Exploration:
    """Notes what the names in one function's code lead to."""

    def __init__(self, reads: Noting, code: types.CodeType) -> None:
        self._reads, self._code = reads, code
        self._names = dict.fromkeys([name for name in code.co_names if not name.startswith("__")])
        self._every = not COMPUTED.isdisjoint(code.co_names)
        self._constants = [value for value in code.co_consts if isinstance(value, (str, int))]
        self._set = names_of(code, _STORES)
        if "setattr" in code.co_names:
            self._set += [value for value in self._constants if isinstance(value, str) and value.isidentifier()]
        self._visited: set[int] = set()
        self._far = 0
        """How many steps back there was a thing that a name leads to."""
        self.rooted = False
        """Whether what is explored was surely there before the function ran."""

    def globals(self, variables: dict[str, Any]) -> None:
        """Notes the globals that the code names, and what they lead to; and modules that it imports."""
        found = globals_of(self._code)
        if "globals" in found:
            found += [name for name, value in variables.items() if is_plain(value) and not name.startswith("__")]
        for name in found:
            if name in variables:
                self._reads.note(variables, name, name, rooted=True)
                self.into(variables[name], name)
        for name in names_of(self._code, _IMPORTS):
            if isinstance(sys.modules.get(name), types.ModuleType):
                self.into(sys.modules[name], name)

    def into(self, value: object, words: str) -> None:
        """Goes on from a value to what the names lead to from there."""
        if value is None or isinstance(value, (Tensor, *PLAIN, *_FINISHED)) or id(value) in self._visited:
            return
        if type(value).__module__.startswith(_INNER):
            return
        self._visited.add(id(value))
        self._reads.keep(value)
        if isinstance(value, types.FunctionType):
            if is_users(value.__code__.co_filename):
                self._reads.closure(value)
                self._attributes(vars(value), words, value)
        elif isinstance(value, types.MethodType):
            self.into(value.__self__, words)
            self.into(value.__func__, words)
        elif isinstance(value, (list, tuple, set, frozenset, collections.deque)):
            self._members(value, words)
        elif isinstance(value, (dict, types.MappingProxyType)):
            self._entries(value, words)
        elif isinstance(value, np.ndarray):
            self._reads.array(value, words, self.rooted)
        elif isinstance(value, (np.random.Generator, np.random.RandomState)):
            self._reads.chance(value, words, self.rooted)
        elif isinstance(value, types.ModuleType):
            if is_users_module(value):
                self._attributes(vars(value), words, value)
        elif isinstance(value, type):
            self._of_class(value, words)
            self._of_class(type(value), words)
        else:
            self._of_other(value, words)

    def _of_other(self, value: Any, words: str) -> None:
        """Things that Python's own code works with, and objects."""
        if isinstance(value, functools.partial):
            for part, name in ((value.func, "func"), (value.args, "args"), (value.keywords, "keywords")):
                self.into(part, f"{words}.{name}")
        elif isinstance(value, (bytearray, array.array)):
            self._take(Look(value.tobytes if isinstance(value, array.array) else lambda: bytes(value), words, value))
        elif isinstance(value, weakref.ref):
            self.into(value(), words)
        elif isinstance(value, contextvars.ContextVar):
            self._take(Look(lambda: value.get(MISSING), words, value))
        elif isinstance(value, (operator.attrgetter, operator.itemgetter, operator.methodcaller)):
            self._every = True
        elif isinstance(value, Iterator) and not _is_of_users_class(value):
            self._reads.begun(value, words, self.rooted)
        else:
            self._of_object(value, words)

    def _take(self, read: Read) -> None:
        self._reads.take((id(read.owner), type(read).__name__), read, self.rooted)

    def _note(self, container: Any, key: Any, words: str, owner: object = None) -> None:
        self._reads.note(container, key, words, owner, self.rooted)

    def _attributes(self, attributes: dict[str, Any], words: str, owner: object, every: bool = False) -> None:
        every = every or self._every and not isinstance(owner, types.ModuleType)
        for name in [*attributes] if every else [name for name in self._names if name in attributes]:
            self._note(attributes, name, f"{words}.{name}", owner)
            self._reads.within(attributes[name], owner)
            self._onwards(attributes[name], f"{words}.{name}", 0 if name in self._names else 1)

    def _onwards(self, value: object, words: str, steps: int) -> None:
        """`into`, unless no name has led anywhere near."""
        was = self._far
        self._far = was + 1 if steps else 0
        if self._far <= DEEP:
            self.into(value, words)
        self._far = was

    def _members(self, values: Collection[Any], words: str) -> None:
        if isinstance(values, (list, set, collections.deque)):
            self._note(values, None, words)
        if isinstance(values, (list, collections.deque)) and len(values) <= MANY:
            for number, value in enumerate(values):
                if value is None or isinstance(value, Tensor):
                    self._reads.take((id(values), number), Member(values, number, f"{words}[{number}]", values),
                                     self.rooted)
        if len(values) <= MOST:
            for number, value in enumerate(values):
                self.into(value, f"{words}[{number}]")

    def _entries(self, entries: Any, words: str) -> None:
        if len(entries) > MANY and isinstance(entries, dict):
            self._take(Entries(entries, None, words, entries))
            for key in [key for key in self._constants if key in entries]:
                self.into(entries[key], f"{words}[{key!r}]")
            return
        self._note(entries, MISSING, words)
        for key in [*entries]:
            inside = f"{words}[{key!r}]" if is_plain(key) else f"{words}[a {type(key).__name__}]"
            self._note(entries, key, inside)
            self.into(entries[key], inside)

    def _of_class(self, kind: type, words: str, thing: object = None) -> None:
        """Notes what a class holds under the names, and that nothing before it, nor the object itself, hides it."""
        before: list[type] = []
        names = {**self._names, "forward": None} if thing is not None and is_module(thing) else self._names
        for owner in kind.__mro__:
            source = sys.modules.get(owner.__module__)
            if source is None or owner is object or not is_users_module(source):
                continue
            before.append(owner)
            held = vars(owner)
            for name in [name for name in held if not name.startswith("__")] if self._every else [
                    name for name in names if name in held]:
                value = held[name]
                if is_plain(value) or isinstance(value, (Tensor, *_CODE, *_HOLDING)):
                    self._of_name(before, name, words, thing)
                    self.into(_function_of(value), words)

    def _of_name(self, classes: list[type], name: str, words: str, thing: object) -> None:
        """Notes what the last of some classes holds under a name, and that those before it and the object do not."""
        for owner in classes:
            self._note(owner.__dict__, name, f"{words}.{name}", owner)
        attributes = None if thing is None else _attributes_of(thing)
        if attributes is not None and name not in attributes:
            self._note(attributes, name, f"{words}.{name}", thing)

    def _of_object(self, thing: Any, words: str) -> None:
        attributes = _attributes_of(thing)
        if attributes is not None and is_optimizer(thing):
            self._of_optimizer(thing, attributes, words)
            return
        if attributes is not None:
            every = isinstance(thing, _OPEN) or dataclasses.is_dataclass(thing)
            self._attributes(attributes, words, thing, every)
            if is_module(thing):
                self._reads.parts(thing, words)
                for name, value in attributes["_modules"].items():
                    self.into(value, f"{words}.{name}")
            self._of_absent(thing, attributes, words)
        for owner in type(thing).__mro__:
            for name, descriptor in vars(owner).items():
                if isinstance(descriptor, types.MemberDescriptorType) and (self._every or name in self._names):
                    self._reads.take((id(thing), "slot", name), Attribute(descriptor, name, f"{words}.{name}", thing),
                                     self.rooted)
                    found = descriptor.__get__(thing) if hasattr(thing, name) else None
                    self.into(found, f"{words}.{name}")
        self._of_class(type(thing), words, thing)

    def _of_absent(self, thing: Any, attributes: dict[str, Any], words: str) -> None:
        """Notes that an object has none of the attributes that the code sets, where it may have such."""
        parts = [attributes.get(part, ()) for part in ("_parameters", "_buffers", "_modules")]
        for name in self._set:
            if name not in attributes and not any(name in part for part in parts) and not hasattr(type(thing), name):
                self._note(attributes, name, f"{words}.{name}", thing)

    def _of_optimizer(self, thing: Any, attributes: dict[str, Any], words: str) -> None:
        """An optimiser: its numbers are inputs, where code of wengert's reads them and where the user's does."""
        self._reads.look((id(thing), "groups"), lambda: tuple(
            [part for group in thing.param_groups for part in (group, *group["params"])]), f"{words}.param_groups",
            thing, lambda name: same_groups(name, thing))
        if "param_groups" in self._names or self._every:
            for group in attributes["param_groups"]:
                self._reads.settings(group)
        if any(is_users_module(sys.modules[owner.__module__]) and not is_of_nn(_file_of(owner))
               for owner in type(thing).__mro__ if owner is not object and owner.__module__ in sys.modules):
            others = {name: value for name, value in attributes.items() if name not in ("param_groups", "_ready")}
            for name in [name for name in others if name in self._names]:
                self._note(attributes, name, f"{words}.{name}", thing)
                self.into(others[name], f"{words}.{name}")
            self._of_class(type(thing), words, thing)


def _is_of_users_class(thing: object) -> bool:
    module = sys.modules.get(type(thing).__module__)
    return module is not None and is_users_module(module)


_CODE = (types.FunctionType, property, staticmethod, classmethod, functools.cached_property)
_HOLDING = (list, dict, set, collections.deque, np.ndarray)


def _file_of(owner: type) -> str:
    return getattr(sys.modules.get(owner.__module__), "__file__", None) or ""


def _function_of(value: Any) -> Any:
    """The function in what a class holds under a name."""
    if isinstance(value, property):
        return value.fget
    return value.__func__ if isinstance(value, (staticmethod, classmethod)) else getattr(value, "func", value)


def same_groups(name: Questions, optimizer: Any) -> list[str]:
    """That an optimiser has the groups and parameters that it has now."""
    groups = optimizer.param_groups
    found = [f"{name(optimizer)}.param_groups is {name(groups)}", name.members(name(groups), tuple(groups))]
    for group in groups:
        parameters = group["params"]
        found += [f"{name(group)}['params'] is {name(parameters)}", name.members(name(parameters), tuple(parameters))]
    return found
