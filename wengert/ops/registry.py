"""How a user function is declared: once, as a plain function, from which its other forms are made.

``@function`` registers a function under its name (and its aliases) for the package's namespace, as a method of
`Tensor`, as an in-place method ``name_`` by the one law of views and writes, and with ``out=``. It also understands
numpy's keyword names where PyTorch does (``axis`` for ``dim``, ``keepdims`` for ``keepdim``).
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..core.errors import KindError, NoDataError, no_tensor, worded
from ..core.frames import warn
from ..tensors import inplace as inplace_forms
from ..tensors.apply import NUMBERS
from ..tensors.evaluation import tracing
from ..tensors.given import FREE, Given, check_operand
from ..tensors.nowhere import nowhere
from ..tensors.overrides import UNASKED, check_kinds, numbers_for, once_more, rescued
from ..tensors.tensor import TENSORS, Tensor
from .out import COMPUTED, Writer

Result = TypeVar("Result")

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""The functions of the package's namespace, by name."""

METHODS: dict[str, Callable[..., Any]] = {}
"""The methods of `Tensor` that the layer ``ops`` installs, by name."""

_OPERANDS = {"other", "exponent", "n", "test_elements"}
"""What stands beside the first argument, and may be a number: parameters of these names."""

_NUMBERS = (int, float, bool, complex)

_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}


def function(
    *, method: bool = True, inplace: bool = False, out: bool | Writer = True, public: bool = True,
    aliases: tuple[str, ...] = (), takes_tensor: bool = True, checked: bool = False,
    direct: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Registers the decorated function: in the namespace (``public``), as a `Tensor` method, in its in-place form
    ``name_``, with ``out=`` (how, an `Out` says). ``takes_tensor``: the first argument must be a tensor.
    ``checked``: what its annotations say is held against each call, which costs nothing beside what it computes.
    ``direct(full)`` makes the hot path that stands before ``full``, to which it leaves what is not a plain call on
    tensors."""

    def register(plain: Callable[..., Result]) -> Callable[..., Result]:
        name = plain.__name__.rstrip("_") if plain.__name__.endswith("_") else plain.__name__
        if not plain.__qualname__[0].isalpha() or "<locals>" in plain.__qualname__:  # Python's errors say this name
            plain.__qualname__ = plain.__name__
        full = inner = _complete(plain, name, COMPUTED if out is True else out or None, takes_tensor, checked)
        if direct is not None:
            full = functools.update_wrapper(direct(full), full)
        for each in (name, *aliases):
            if public:
                FUNCTIONS[each] = full
            if method:
                METHODS[each] = full
            if inplace:
                METHODS[each + "_"] = _inplace(full, each + "_")
        _BEFORE[inner] = full
        return full

    return register


_BEFORE: dict[Callable[..., Any], Callable[..., Any]] = {}
"""The public functions by what stands behind them where they have a hot path."""


def public_of(full: Callable[..., Any]) -> Callable[..., Any]:
    """The public function behind which ``full`` stands, or itself."""
    return _BEFORE.get(full, full)


def with_out(plain: Callable[..., Result]) -> Callable[..., Result]:
    """A function that is registered nowhere, with ``out=`` by the same law: layers' functions that PyTorch has in C."""
    name, given = plain.__name__, Given(plain)

    @functools.wraps(plain)
    def full(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        try:
            if not given.is_usual(args, kwargs):
                args, kwargs = given.settled(args, kwargs)
            return plain(*args, **kwargs) if out is None else COMPUTED(plain, args, kwargs, out, name)
        except UNASKED:
            return once_more(full, *args, **kwargs, **({} if out is None else {"out": out}))

    return full


def method(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers the decorated function as a method of `Tensor` only, under ``name``, as it is: no ``out=``."""

    def register(plain: Callable[..., Any]) -> Callable[..., Any]:
        METHODS[name] = plain
        plain.__name__ = plain.__qualname__ = name
        return plain

    return register


def _inplace(full: Callable[..., Any], name: str) -> Callable[..., Any]:
    return inplace_forms.inplace(full, name)


def _complete(plain: Callable[..., Any], name: str, write: Writer | None, takes_tensor: bool,
              checked: bool) -> Callable[..., Any]:
    """The function with its first argument checked, ``out=`` honoured and numpy's keywords understood."""

    parameters = inspect.signature(plain).parameters
    flags = tuple([flag for flag, parameter in parameters.items() if str(parameter.annotation).startswith("bool")
                   and not FREE & {flag, f"{name}.{flag}"}])
    places = tuple([(place, flag) for place, flag in enumerate(parameters)
                    if flag in flags and parameters[flag].annotation == "bool"
                    and parameters[flag].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD])
    if checked:
        plain = _held(plain)
    elif places:
        plain = _with_flags(plain, name, places)
    operands = tuple([(place, each) for place, each in enumerate([*parameters][:2]) if parameters[each].annotation ==
                      "Any" and (each in _OPERANDS if place else not takes_tensor)])
    beside = bool(operands) and operands[-1][0] == 1
    renamed = {theirs: ours for theirs, ours in _NUMPY_NAMES.items() if ours in parameters and theirs not in parameters}

    @functools.wraps(plain)
    def full(*args: Any, **kwargs: Any) -> Any:
        target = None
        try:
            if not kwargs and args and type(args[0]) in TENSORS and (
                    not beside or len(args) == 1 or type(args[1]) in TENSORS or type(args[1]) in _NUMBERS):
                return plain(*args)
            if beside:
                _check_operands(name, operands, args, kwargs)
            if kwargs:
                for numpy_name, ours in renamed.items():
                    if numpy_name in kwargs and ours not in kwargs:
                        kwargs[ours] = kwargs.pop(numpy_name)
                for flag in flags:
                    if flag in kwargs and type(kwargs[flag]) is not bool and (
                            kwargs[flag] is not None or parameters[flag].annotation == "bool"):
                        check_flag(name, flag, kwargs[flag])
                target = None if write is None else kwargs.pop("out", None)
                if target is not None and write is not None and not (
                        takes_tensor and args and type(args[0]) not in TENSORS):
                    return write(plain, args, kwargs, target, name)
            if takes_tensor and args and type(args[0]) not in TENSORS:
                raise no_tensor(name, "input", 1, args[0])
            return plain(*args, **kwargs)
        except (TypeError, AttributeError) as error:
            if type(error) is NoDataError and not tracing():
                return nowhere(plain, *args, **kwargs)
            found = of_sparse(name, args, _into(kwargs, target))
            if found is not NotImplemented:
                return found
            if rescued(args, kwargs):
                return public_of(full)(*args, **_into(kwargs, target))
            today = _with_keywords(name, args)
            if today is not None:
                return full(*today[0], **today[1], **_into(kwargs, target))
            numbers = numbers_for(plain, args, kwargs)
            if numbers is None:
                check_kinds(plain, args, kwargs)
                raise
            return full(*numbers[0], **_into(numbers[1], target))
        except (ValueError, IndexError, ArithmeticError, MemoryError, RuntimeError) as error:
            numbers = numbers_for(plain, args, kwargs)
            if numbers is not None:
                return full(*numbers[0], **_into(numbers[1], target))
            wording = None if isinstance(error, RuntimeError) else worded(name, error)
            check_kinds(plain, args, kwargs)
            if wording is None:
                raise
            raise wording from error

    full.__name__ = full.__qualname__ = name
    return full


def _into(kwargs: dict[str, Any], target: Any) -> dict[str, Any]:
    """The options of a call that is made once more, with the target that had been taken out of them."""
    return kwargs if target is None else {**kwargs, "out": target}


def _check_operands(name: str, operands: tuple[tuple[int, str], ...], args: tuple[Any, ...], kwargs: dict[str, Any]
                    ) -> None:
    """`check_operand` of each that is given."""
    for place, each in operands:
        if place < len(args) or each in kwargs:
            check_operand(name, args[place] if place < len(args) else kwargs[each], each, place + 1)


def _held(plain: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind a look at all that it is given."""
    given = Given(plain)

    @functools.wraps(plain)
    def held(*args: Any, **kwargs: Any) -> Any:
        if not given.is_usual(args, kwargs):
            args, kwargs = given.settled(args, kwargs)
        return plain(*args, **kwargs)

    return held


def _with_flags(plain: Callable[..., Any], name: str, places: tuple[tuple[int, str], ...]) -> Callable[..., Any]:
    """The function behind a look at the flags that are given by place: what is not a flag may well be true."""
    first = places[0][0]

    @functools.wraps(plain)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if len(args) > first:
            for place, flag in places:
                if place < len(args) and type(args[place]) is not bool:
                    check_flag(name, flag, args[place], f" (position {place + 1})")
        return plain(*args, **kwargs)

    return checked


def check_flag(name: str, flag: str, value: Any, place: str = "") -> None:
    """Raises unless what is given by name for a flag is true or false. (None says of a new tensor that it requires no
    gradient.)"""
    if not isinstance(value, (bool, np.bool_)) and not (value is None and flag == "requires_grad"):
        raise KindError(f"{name}(): argument '{flag}'{place} must be bool, not {type(value).__name__}")


def of_sparse(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a function makes of a call with sparse tensors; NotImplemented if there are none. `ops.sparse` puts its own
    here when the first one is made."""
    return NotImplemented


_PRODUCTS_ADDED = ("addmm", "addmv", "addbmm", "baddbmm", "addr")


def _with_keywords(name: str, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The arguments of an old form, in which factors stood between the tensors, as they are given today, with PyTorch's
    warning; None for any other call."""
    numbers = [place for place, x in enumerate(args) if isinstance(x, NUMBERS)]
    tensors = tuple([x for x in args if not isinstance(x, NUMBERS)])
    words: tuple[str, ...] = ()
    if name in ("add", "sub") and numbers == [1] and len(args) == 3:
        words = ("alpha",)
    elif name in ("addcmul", "addcdiv") and numbers == [1] and len(args) == 4:
        words = ("value",)
    elif name in _PRODUCTS_ADDED and len(tensors) == 3:  # addmm(beta, x, alpha, a, b), x.addmm(beta, alpha, a, b)
        words = ("beta", "alpha")[:len(numbers)] if numbers in ([0], [1], [0, 2], [1, 2]) else ()
    if not words:
        return None
    warn(f"This overload of {name} is deprecated: {name}(number, ...); use keywords: {', '.join(words)}",
         UserWarning)
    return tensors, dict(zip(words, [args[place] for place in numbers], strict=True))


_METHODS_AS_FUNCTIONS = """
    abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan_ atanh_
    ceil_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ erf_ erfc_ exp_ exp2_ expm1_ fill_ fix_
    floor_ frac_ gcd_ i0_ index_put_ is_conj is_neg lcm_ ldexp_ log_ log10_ log1p_ log2_ logit_ nan_to_num_ neg_
    negative_ rad2deg_ reciprocal_ relu_ resize_as_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_
    trunc_ xlogy_ zero_
"""


_FOR_TENSORS_ALONE = ("as_strided_", "detach", "detach_", "fill_", "resize_as_", "zero_")
"""Methods that read their tensor without a question, as a method may."""


def of_tensors(name: str) -> Callable[..., Any]:
    """The function of a method, to which anybody may give anything."""

    @functools.wraps(METHODS.get(name) or getattr(Tensor, name))
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(input, name)(*args, **kwargs)
        except UNASKED:
            return once_more(function, input, *args, **kwargs)

    return function


def install() -> None:
    """Puts the registered methods on `Tensor`, and in the namespace those that PyTorch has as functions too."""
    FUNCTIONS.update({name: METHODS[name] for name in _METHODS_AS_FUNCTIONS.split()})
    FUNCTIONS.update({name: of_tensors(name) for name in _FOR_TENSORS_ALONE})
    for name, method in METHODS.items():
        if name not in Tensor.__dict__:
            setattr(Tensor, name, method)
    root = __name__.partition(".")[0]
    for name, found in FUNCTIONS.items():  # those that factories make are pickled by their public name
        home = sys.modules.get(getattr(found, "__module__", ""))
        if getattr(home, getattr(found, "__qualname__", name), None) is not found and inspect.isfunction(found):
            found.__module__, found.__qualname__ = root, name
