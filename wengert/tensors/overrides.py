"""``__torch_function__``: objects, subclasses of `Tensor` and modes that are asked in the place of a public function.

The one idea to know: nobody pays for this who does not use it. Public functions are plain functions until the program
shows its first sign of such an object: a class derived from `Tensor`, a mode, or a call that fails on an argument
with ``__torch_function__``. Then each function is *armed* (`arm`): the function object stays
the same, so that it does not matter who had imported it before, but from now on its code hands what it is given to an
`Armed`, which looks for somebody to ask and keeps the function as it was.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, wraps
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodDescriptorType, WrapperDescriptorType
from typing import Any, TypeVar

import numpy as np

from ..core.blocks import Block
from ..core.errors import KindError, NoDataError, no_tensor, worded
from ..core.state import state
from .given import NUMBER_KINDS, Given, is_number

_Function = TypeVar("_Function", bound=Callable[..., Any])

ENABLED, SUBCLASSES_OFF, ALL_OFF = range(3)
"""What `state.overrides` can be."""


def disabled(*_: Any, **__: Any) -> Any:
    """The ``__torch_function__`` of classes that nobody asks: what is computed of them is a plain tensor."""
    return NotImplemented


_USUAL: set[type] = {int, float, bool, complex, str, bytes, type(None), slice, type(Ellipsis)}
"""Types of arguments that are not asked; more are added as they come."""


def override_of(kind: type) -> Any:
    """The ``__torch_function__`` of a class, None where there is none to ask."""
    found = getattr(kind, "__torch_function__", None)
    return None if found is None or found is disabled or kind in PLAIN else found


PLAIN: set[type] = set()
"""`Tensor` itself, which is not asked."""


def asked(arguments: Iterable[Any]) -> list[Any]:
    """The arguments that are asked, one of each class, those of a subclass before those of its bases, else from left to
    right; of lists and tuples the members."""
    found: list[Any] = []
    for x in arguments:
        kind = type(x)
        if kind in _USUAL:
            continue
        if kind is list or kind is tuple:
            found = _merged(found, asked_members(x))
        elif override_of(kind) is None:
            if len(_USUAL) < 10_000:
                _USUAL.add(kind)
        else:
            found = _merged(found, (x,))
    return found


def asked_members(members: Sequence[Any]) -> list[Any]:
    """Those of the members of a list or tuple that are asked."""
    return [x for x in members if type(x) not in _USUAL and override_of(type(x)) is not None]


def _merged(found: list[Any], others: Iterable[Any]) -> list[Any]:
    for x in others:
        kinds = [type(each) for each in found]
        if type(x) in kinds:
            continue
        place = next((i for i, kind in enumerate(kinds) if issubclass(type(x), kind)), len(found))
        found = [*found[:place], x, *found[place:]]
    return found


class Armed:
    """Stands behind a public function: asks modes and arguments, or runs the function as it was. ``public`` is what
    they are told was called."""

    __slots__ = ("is_operator", "kept", "public")

    def __init__(self, kept: Callable[..., Any], public: Callable[..., Any], is_operator: bool) -> None:
        self.kept, self.public, self.is_operator = kept, public, is_operator

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        modes, off = state.modes, state.overrides
        if off == ALL_OFF:
            return self.kept(*args, **kwargs)
        found = [] if off else asked((*args, *kwargs.values()) if kwargs else args)
        if not found and not modes:
            return self.kept(*args, **kwargs)
        return (answer if self.is_operator else ask)(self.public, found, args, kwargs)


def ask(public: Callable[..., Any], found: Sequence[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`answer`. Raises TypeError where all decline."""
    result = answer(public, found, args, kwargs)
    if result is not NotImplemented:
        return result
    name, types = name_of(public), [type(x) for x in found]
    raise TypeError(f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned NotImplemented: "
                    f"no implementation found for '{name}' on types that implement __torch_function__: {types}"
                    + (f" nor in mode {state.modes[0]}" if state.modes else ""))


def answer(public: Callable[..., Any], found: Sequence[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the innermost mode, or the first of the arguments ``found`` that does not decline, has in the place of a
    function. NotImplemented where all decline; of an operator the other operand may know."""
    types = tuple([type(x) for x in found])
    modes = state.modes
    if modes:
        state.modes = modes[1:]
        try:
            result = modes[0].__torch_function__(public, types, args, kwargs)
        finally:
            state.modes = modes
        if result is not NotImplemented:
            return result
    for x in found:
        result = x.__torch_function__(public, types, args, kwargs)
        if result is not NotImplemented:
            return result
    return NotImplemented


# --- arming -----------------------------------------------------------------------------------------------------------

ARMED: dict[Any, str] = {}
"""The public functions that are armed, with the names by which messages call them. Empty until the first sign."""


_kept: dict[Any, FunctionType] = {}
"""Functions that hand over what they are called with, as they were."""


def code_of(function: Any) -> CodeType | None:
    """The code of a function as it is written, also where it is armed; None for what has none."""
    while function in _kept:
        function = _kept[function]
    return getattr(function, "__code__", None)


def is_in_between(code: CodeType) -> bool:
    """Whether code stands between the caller of an armed function and the function."""
    return code.co_filename == __file__


def arm() -> None:
    """Arms all public functions. The public face puts its own here, as it knows them."""
    raise RuntimeError("wengert has not been imported")


def is_armed() -> bool:
    """Whether public functions look for somebody to ask."""
    return bool(ARMED)


def name_of(public: Any) -> str:
    """What messages call a public function."""
    owner = getattr(public, "__self__", None)
    if isinstance(owner, property):
        return f"torch.Tensor.{getattr(owner.fget, '__name__', '')}.{public.__name__}"
    return ARMED.get(public) or f"torch.{getattr(public, '__name__', public)}"


def arm_function(function: FunctionType, name: str, public: Any = None, is_operator: bool = False) -> None:
    """Arms one function, which stays the same object."""
    if function not in ARMED:
        ARMED[function] = name
        hand_over(function, lambda kept: Armed(kept, function if public is None else public, is_operator))


def hand_over(function: FunctionType, handler: Callable[[FunctionType], Callable[..., Any]]) -> None:
    """Has a function, which stays the same object, hand ``(args, kwargs)`` to what ``handler`` makes of the function as
    it was. Of several that were put before a function the last comes first."""
    kept = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__,
                        function.__closure__)
    kept.__kwdefaults__, kept.__qualname__ = function.__kwdefaults__, function.__qualname__
    kept.__dict__.update(function.__dict__)
    if function in _kept:
        _kept[kept] = _kept[function]
    if "__signature__" not in function.__dict__:
        try:
            function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        except (ValueError, TypeError):
            pass  # it cannot be told, and nobody will be
    _kept[function] = kept
    code = _handing_over(len(function.__closure__ or ()))
    consts = tuple([handler(kept) if const == _MARK else const for const in code.co_consts])
    function.__code__ = code.replace(co_consts=consts, co_name=function.__name__)


def innermost(function: FunctionType) -> FunctionType:
    """The function behind one that asks for ``__torch_function__``; the function itself where it does not ask."""
    return _kept[function] if function in ARMED else function


_MARK = 0.123456789j
_codes: dict[int, CodeType] = {}


def _handing_over(free: int) -> CodeType:
    """Code that hands its arguments to the `Armed` that stands in the place of a constant; with as many free variables
    as the function has that it becomes the code of."""
    if free not in _codes:
        names = ", ".join(f"v{i}" for i in range(free))
        text = (f"def outer({names}):\n"
                "    def function(*args, **kwargs):\n"
                f"        armed = {_MARK!r}\n"
                "        return armed(args, kwargs)\n"
                + (f"        {names}\n" if free else "") + "    return function")
        made: dict[str, Any] = {}
        exec(compile(text, __file__, "exec"), made)  # of this file, so that it is no line of the program's
        _codes[free] = made["outer"](*range(free)).__code__
    return _codes[free]


_on_its_way = False
"""Whether a failure that showed the first object to ask goes up to the public function which the program called."""


def rescued(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call that failed has to be made again, because nobody had been asked: an argument has
    ``__torch_function__``, it is the first in this program, and no other public function had called this one. The
    outermost is asked; to the others the failure is none of theirs."""
    global _on_its_way
    if (is_armed() and not _on_its_way) or not asked((*args, *kwargs.values())):
        return False
    if not is_armed():
        arm()
    _on_its_way = _is_inside()
    return not _on_its_way


def _is_inside() -> bool:
    """Whether the public function that failed was called by another, which hears of it: hot paths do not."""
    public = {kept.__code__ for kept in _kept.values() if not kept.__globals__["__name__"].endswith("tensors.hot")}
    frame: FrameType | None = sys._getframe(1)
    running = 0
    while frame is not None and running < 2:
        running += frame.f_code in public
        frame = frame.f_back
    return running > 1


UNASKED = (TypeError, AttributeError, ValueError, RuntimeError)
"""What a function raises that did not expect an object which is to be asked."""


def once_more(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a public function makes of a call that failed, where `rescued`; called while the failure is handled, which
    goes on otherwise, unless `check_kinds` has a better word."""
    if rescued(args, kwargs):
        return function(*args, **kwargs)
    numbers = numbers_for(function, args, kwargs)
    if numbers is not None:
        return function(*numbers[0], **numbers[1])
    error = sys.exc_info()[1]
    inside = isinstance(error, Exception) and worded("", error) is not None
    check_kinds(function, args, kwargs, inside or type(error) not in (ValueError, NotImplementedError))
    raise  # noqa: PLE0704 - the failure that is being handled


_NEEDS = {"Tensor": ("requires_grad",), "int": ("__index__",), "float": ("__complex__", "__float__", "__index__")}
"""What values of an annotated kind have one of: numbers of other libraries are numbers too."""

_KNOWN_BY = ("requires_grad", "__index__", "__float__", "__complex__", "__array__", "__len__", "__iter__", "__call__")
"""What some argument or other is made of: a value without any of these is of no use in any place."""

_FACTORS = {"alpha", "beta", "value", "fill_value"}

_DATA = {"data", "obj", "ext_tensor", "equation", "operands", "reduction"}
"""Parameters of which the function itself says what is wrong with them."""

_WORDS = {"bins", "correction", "device", "dtype", "equation", "layout", "norm", "ord", "p", "padding", "reduce"}
"""Parameters of any type that may be a word."""


def numbers_for(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
                ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The arguments of a call that failed, with a number in the place of each tensor that is one where the annotation
    says numbers, as PyTorch takes it, and of numpy's numbers, and a word for bytes; None where there is no such
    value."""
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    found = False
    for name, value in given.arguments.items():
        kinds = _kinds(signature.parameters[name])
        if {*kinds} <= {*NUMBER_KINDS, "None"} and (
                isinstance(value, np.generic) or any([is_number(value, NUMBER_KINDS.get(kind, "")) for kind in kinds])):
            given.arguments[name] = value.item()
            found = True
        elif isinstance(value, bytes) and "str" in kinds and ".ops." in function.__module__:
            given.arguments[name] = value.decode()  # a word to functions in C++
            found = True
    return (given.args, given.kwargs) if found else None


def check_kinds(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
                everywhere: bool = True) -> None:
    """Raises KindError where a call that failed otherwise gave no tensor, or no number, for a parameter that is
    annotated as one, or that lacked what tensors have: what went wrong inside then says nothing of the call. With
    ``everywhere`` parameters of other annotations are looked at too, as PyTorch's functions in C++ do first."""
    error = sys.exc_info()[1]
    if isinstance(error, TypeError) and ("argument" in str(error) or isinstance(error, (KindError, NoDataError))):
        return  # it says so itself
    if str(error).startswith("Could not infer dtype"):
        return  # of data, which may be much
    lacking = getattr(error, "obj", error)
    signature = inspect.signature(function)
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:  # an argument is too many
        given = {next(iter(signature.parameters)): args[0]} if args and args[0] is lacking else {}
    if str(error).startswith("Boolean value of Tensor") and any(
            [str(signature.parameters[name].annotation) == "bool" and hasattr(x, "requires_grad")
             for name, x in given.items()]):
        return  # Python code asks for it first
    several_numbers = everywhere and str(error).startswith((
        "a Tensor with ", "only one element tensors", "cannot enter context"))  # evaluation in the place of a number
    for place, (name, value) in enumerate(given.items(), 1):
        parameter = signature.parameters[name]
        kinds = _kinds(parameter)
        several = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        members = tuple(value.values() if isinstance(value, dict) else value) if several else (value,)
        for x in members:
            kind = kinds[0]
            if x is lacking and not hasattr(x, "requires_grad"):
                kind = "Tensor"
            elif several_numbers and place > 1 and hasattr(x, "requires_grad") and "Tensor" not in kinds and \
                    x.numel() != 1:
                kind = "number"
            elif not _is_strange(x, name, kinds, everywhere) or x is None and parameter.default is None:
                continue
            called = "input" if name == "self" else name  # as the first argument of functions is called
            if _called(kind) == "Tensor":
                raise no_tensor(function.__name__, called, place, x) from None
            raise KindError(f"{function.__name__}(): argument '{called}' (position {place}) must be {_called(kind)}, "
                            f"not {type(x).__name__}") from None


def _kinds(parameter: inspect.Parameter) -> list[str]:
    """What an annotation says, taken apart. Factors by which products are multiplied are numbers, complex ones too."""
    alone = parameter.name != "value" or parameter.kind is inspect.Parameter.KEYWORD_ONLY  # others are filled in
    if parameter.name in _FACTORS and alone and parameter.annotation == "Any":
        return ["float", "int", "bool"]
    return str(parameter.annotation).split(" | ")


def _called(kind: str) -> str:
    return "Tensor or number" if kind in ("Any", str(inspect.Parameter.empty)) else kind


def _is_strange(value: Any, name: str, kinds: list[str], everywhere: bool) -> bool:
    """Whether a value is in no place of an annotation. One that could be anything is no word and no bare object."""
    if value is None:
        return kinds in (["Tensor"], ["str"]) and name not in _DATA
    if kinds[0] in _NEEDS and set(kinds[1:]) <= {"None"} and not any([hasattr(value, x) for x in _NEEDS[kinds[0]]]):
        return True
    if not everywhere or name in _DATA and kinds in (["Any"], ["str"]):
        return False
    plain = {*kinds} <= {"int", "float", "bool", "None"}
    if {*kinds} <= {"str", "None"}:
        return not isinstance(value, (str, bytes))  # which PyTorch decodes
    if isinstance(value, str):
        return "str" not in kinds and not (kinds == ["Any"] and name in _WORDS)
    if isinstance(value, (tuple, list)):
        numbers = "Sequence[int]" in kinds
        return any([isinstance(x, str) or numbers and not hasattr(x, "__index__") for x in value]) or plain
    if hasattr(value, "requires_grad"):  # of one element, it is a number
        return plain and (value.ndim != 0 or value.requires_grad)
    return type(value).__module__ == "builtins" and not any([hasattr(value, x) for x in _KNOWN_BY])


def asking(function: _Function) -> _Function:
    """A public function that takes a call which failed to those who are to be asked, where they are the first of the
    program. Short functions have a ``try`` of their own, which costs nothing until it fails."""

    given = Given(function)

    @wraps(function)
    def unasked(*args: Any, **kwargs: Any) -> Any:
        try:
            if not given.is_usual(args, kwargs):
                args, kwargs = given.settled(args, kwargs)
            return function(*args, **kwargs)
        except UNASKED:
            return once_more(unasked, *args, **kwargs)

    return unasked  # type: ignore[return-value]


class Switched(Block):
    """A context in which ``state.overrides`` is another."""

    to = SUBCLASSES_OFF

    def __enter__(self) -> None:  # type: ignore[override]
        self.ends_with(partial(state.here.update, overrides=state.overrides))
        state.overrides = max(self.to, state.overrides)


class DisableTorchFunctionSubclass(Switched):
    """A context in which no argument is asked for its ``__torch_function__``; modes are.

    >>> class Tagged(torch.Tensor):
    ...     pass
    >>> x = torch.ones(2).as_subclass(Tagged)
    >>> with torch.overrides.DisableTorchFunctionSubclass():
    ...     type(x + 1).__name__
    'Tensor'
    """


class DisableTorchFunction(Switched):
    """A context in which neither arguments nor modes are asked for ``__torch_function__``.

    >>> class Tagged(torch.Tensor):
    ...     pass
    >>> x = torch.ones(2).as_subclass(Tagged)
    >>> type(x + 1).__name__
    'Tagged'
    >>> with torch.overrides.DisableTorchFunction():
    ...     type(x + 1).__name__
    'Tensor'
    """

    to = ALL_OFF


def is_of_pytorch(func: Any) -> bool:
    """Whether a function is PyTorch's own, where both libraries are loaded: there is no answer for it here."""
    return isinstance(func, (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)) or (
        getattr(func, "__module__", None) or "").startswith(("torch.", "torch._C"))


def converted(result: Any, cls: Any, tensor: type) -> Any:
    """What a function gave, its tensors as ones of a subclass."""
    if cls is tensor:
        return result
    if isinstance(result, tensor) and not isinstance(result, cls):
        made: Any = result
        return made.as_subclass(cls)
    if isinstance(result, (tuple, list)):
        parts = [converted(part, cls, tensor) for part in result]
        return getattr(type(result), "_make", type(result))(parts)
    return iter(converted(tuple(result), cls, tensor)) if type(result) is _ROWS else result


_ROWS: Any = type(iter(()))
"""What going through the rows of a tensor gives."""


def walk(namespaces: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, FunctionType]]:
    """The functions of namespaces, with their full names; a function that has several by the first."""
    seen: set[Any] = set()
    for prefix, names in namespaces:
        for name, value in names.items():
            if type(value) is FunctionType and value not in seen:
                seen.add(value)
                yield f"{prefix}.{name}", value
