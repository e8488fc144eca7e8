"""One exception class a category; where PyTorch raises a built-in class, ours derives from it.

Messages have one form: ``[op] what was expected; what came; how to fix it``. Their text is built after the failure.
"""

from __future__ import annotations

import dis
import inspect
import re
import struct
import sys
from collections.abc import Callable
from functools import update_wrapper, wraps
from types import FunctionType
from typing import Any, TypeVar

__all__ = [
    "DTypeError", "DeviceError", "GradError", "IndexDTypeError", "InplaceError", "KindError", "LayoutError",
    "LinAlgError", "MissingRuleError", "NoDataError", "OutOfMemoryError", "OutOfRangeError", "RankError",
    "ShapeError", "TooLargeError", "TraceError",
]

_RAISE = dis.opmap["RAISE_VARARGS"]
_Public = TypeVar("_Public", bound=Callable[..., Any])


class ShapeError(RuntimeError, ValueError):
    """Operands whose shapes do not fit together.

    >>> torch.ones(2, 3) @ torch.ones(2, 3)
    Traceback (most recent call last):
        ...
    wengert.core.errors.ShapeError: [matmul] mat1 and mat2 shapes cannot be multiplied (2x3 and ...
    """


class RankError(ShapeError, IndexError):
    """Fewer dimensions than the operation looks at. (PyTorch raises IndexError where it looks for a size before it asks
    how many there are.)

    >>> torch.nn.functional.avg_pool2d(torch.ones(3), 2)
    Traceback (most recent call last):
        ...
    wengert.core.errors.RankError: [avg_pool2d] non-empty 3D or 4D (batch mode) tensor expected for input; got [3]
    """


class DTypeError(NotImplementedError, TypeError):
    """An operand of a dtype that the operation does not take.

    PyTorch raises one of NotImplementedError, RuntimeError (a base of it) and TypeError, by operation.

    >>> torch.floor(torch.tensor([True]))
    Traceback (most recent call last):
        ...
    wengert.core.errors.DTypeError: [floor] "floor" not implemented for 'Bool'
    """


class KindError(TypeError, AttributeError):
    """What is no tensor, or no number, in the place of one. (PyTorch raises TypeError in most functions, and
    AttributeError in those of its functions that ask the argument for a method of tensors.)

    >>> torch.kron(torch.ones(2), "x")
    Traceback (most recent call last):
        ...
    wengert.core.errors.KindError: kron(): argument 'other' (position 2) must be Tensor, not str
    """


_TENSORS_OF = {
    "ndarray": "; torch.as_tensor(x, dtype=torch.float32) makes it one",
    "list": "; torch.tensor(x) makes it one, or torch.stack(x) where it holds tensors",
}
_TENSORS_OF["tuple"] = _TENSORS_OF["list"]
"""How to make a tensor of what is often given in the place of one."""


def no_tensor(op: str, name: str, position: int, value: object) -> KindError:
    """The error for an argument that is to be a tensor and is none."""
    kind = type(value).__name__
    return KindError(f"{op}(): argument '{name}' (position {position}) must be Tensor, not {kind}"
                     f"{_TENSORS_OF.get(kind, '')}")


class IndexDTypeError(DTypeError, IndexError):
    """Index tensors of a dtype that the operation does not take. (PyTorch raises RuntimeError in some operations, and
    IndexError in others.)

    >>> torch.ones(3).index_select(0, torch.tensor([0.5]))
    Traceback (most recent call last):
        ...
    wengert.core.errors.IndexDTypeError: index_select(): Expected dtype int32 or int64 for index; ...
    """


class NoDataError(NotImplementedError, TypeError):
    """The elements of a tensor were asked for that has none, as it is on the meta device. (PyTorch raises
    NotImplementedError; for evaluation on arrays it is an operand of the wrong type.)

    >>> torch.ones(2, device="meta").tolist()
    Traceback (most recent call last):
        ...
    wengert.core.errors.NoDataError: [meta] an operation needs the elements of a tensor, and one ...
    """


class LayoutError(DTypeError):
    """A sparse tensor where an operation takes strided ones alone.

    >>> torch.eye(2).indices()
    Traceback (most recent call last):
        ...
    wengert.core.errors.LayoutError: [indices] indices expected sparse coordinate tensor layout ...
    """


def needs_strided(op: str, layout: object = "torch.sparse_coo") -> LayoutError:
    """The error to raise where ``op`` was given a sparse tensor that it does not take."""
    return LayoutError(f"[{op}] a strided tensor was expected; got one of layout {layout}, for which {op} is not "
                       "implemented; convert it with to_dense() first")


class GradError(RuntimeError):
    """A misuse of differentiation: a graph used twice, an unreachable input, a leaf rule broken.

    >>> torch.ones(2).sum().backward()
    Traceback (most recent call last):
        ...
    wengert.core.errors.GradError: [backward] element 0 of tensors does not require grad and ...
    """


class InplaceError(GradError):
    """A value needed by backward was overwritten, or a write that may not happen was asked for.

    >>> w = torch.ones(2, requires_grad=True)
    >>> w += 1
    Traceback (most recent call last):
        ...
    wengert.core.errors.InplaceError: [add_] a leaf Variable that requires grad is being used in ...
    """


class TraceError(RuntimeError):
    """Something that cannot be done while a function is being recorded.

    >>> torch.compile(lambda x: x if x.sum() > 0 else -x, fullgraph=True)(torch.ones(2))
    Traceback (most recent call last):
        ...
    wengert.core.errors.TraceError: [bool] the value of a tensor was asked for while a function ...
    """


class MissingRuleError(NotImplementedError):
    """A primitive lacks the rule that was asked for; the message says which and why.

    >>> issubclass(torch.core.errors.MissingRuleError, NotImplementedError)
    True
    """


class OutOfRangeError(IndexError, RuntimeError):
    """An index, or a dimension, outside its range. (PyTorch raises IndexError in most operations, and RuntimeError in
    others.)

    >>> torch.ones(2, 3).sum(dim=5)
    Traceback (most recent call last):
        ...
    wengert.core.errors.OutOfRangeError: [sum] Dimension out of range (expected to be in range of ...
    """


class DeviceError(RuntimeError, AssertionError):
    """A device that this build of wengert does not have. (PyTorch without CUDA raises AssertionError.)

    >>> torch.ones(2, device="cuda")
    Traceback (most recent call last):
        ...
    wengert.core.errors.DeviceError: [device] the CPU was expected: wengert has no cuda back end ...
    """


class TooLargeError(ValueError, TypeError):
    """An integer of more than 64 bits. (PyTorch raises ValueError for one that stands alone, and TypeError for one of
    several.)

    >>> torch.zeros(2**63)
    Traceback (most recent call last):
        ...
    wengert.core.errors.TooLargeError: zeros(): a tuple of ints of 64 bits was expected; got ...
    """


class MissingKeyError(ShapeError, KeyError):
    """Containers that do not fit together: one lacks a key."""

    __str__ = Exception.__str__  # and not the repr of it


class DivisionError(ShapeError, ZeroDivisionError):
    """A number by which Python's code divides is 0."""


class TooFarError(ShapeError, OverflowError):
    """A number that Python's code makes an integer of is infinite, or out of range."""


_ALSO: dict[type[Exception], type[ShapeError]] = {
    KeyError: MissingKeyError, ZeroDivisionError: DivisionError, OverflowError: TooFarError}


def as_well(error: Exception) -> type[ShapeError]:
    """The class of what is said in the place of Python's own ``error``, which PyTorch's Python code would raise."""
    return _ALSO.get(type(error), ShapeError)


class OutOfMemoryError(RuntimeError, MemoryError):
    """There is no memory for what was asked for. (PyTorch raises RuntimeError.)

    >>> torch.zeros(10**15)
    Traceback (most recent call last):
        ...
    wengert.core.errors.OutOfMemoryError: [zeros] can't allocate memory: Unable to allocate 3.55 PiB ...
    """


def allocation_failed(op: str, error: Exception) -> Exception:
    """The error to raise for an array that numpy could not make: too large for this machine, or for any."""
    if isinstance(error, MemoryError):
        return OutOfMemoryError(f"[{op}] can't allocate memory: {str(error) or 'none is left'}; ask for less, or free "
                                "some first")
    if str(error).startswith("Maximum allowed dimension"):  # a size, not the product of several
        return TooLargeError(f"{op}(): a tuple of ints of 64 bits was expected; got a larger one")
    return ShapeError(f"[{op}] sizes whose product can be counted were expected; Storage size calculation overflowed: "
                      f"{error}")


def worded(op: str, error: Exception) -> Exception | None:
    """The error to raise in the place of one that came from inside, from numpy or from Python itself; None for one that
    wengert raised, or code of the program that it called."""
    if is_of_allocation(error):
        return allocation_failed(op, error)
    trace, asked, home, raised = error.__traceback__, "", "", False
    while trace is not None:
        home = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        raised = trace.tb_frame.f_code.co_code[trace.tb_lasti] == _RAISE
        if home != "numpy" and home not in sys.stdlib_module_names:
            asked = home  # whoever called numpy or the standard library
        trace = trace.tb_next
    ours = __name__.partition(".")[0]
    if asked != ours or home == ours and raised:
        return None
    kind: type[Exception] = as_well(error)
    if isinstance(error, IndexError):
        kind = OutOfRangeError
    elif isinstance(error, AttributeError):
        kind = KindError
    elif isinstance(error, KeyError):  # what the program's own dictionary lacks
        return KeyError(f"[{op}] a dictionary with the key {error} was expected; got one without it")
    elif isinstance(error, TypeError):
        kind = TypeError
    return kind(f"[{op}] arguments that fit together were expected; {error}")


# --- of constructors, and of functions that are no operations on tensors ----------------------------------------------

INSIDE = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, MemoryError, AssertionError,
          struct.error)
"""What comes out of the inside where an argument is of a type that nobody thought of."""

_FITS: dict[str, Callable[[Any], bool]] = {
    "int": lambda value: hasattr(value, "__index__") or hasattr(value, "__float__"),
    "float": lambda value: hasattr(value, "__index__") or hasattr(value, "__float__"),
    "bool": lambda value: hasattr(value, "__bool__"),
    "str": lambda value: isinstance(value, str),
    "Tensor": lambda value: hasattr(value, "requires_grad"),
    "Module": lambda value: hasattr(value, "named_modules"),
    "None": lambda value: value is None,
}
"""Whether a value is what an annotation says, for those of which it is plain. A whole number may be a float."""

_ROW = re.compile(r"(?:list|tuple|Sequence)\[((?:int|float)(?:, (?:int|float|\.\.\.))*)\]")


def _fits(kind: str, value: Any) -> bool | None:
    """Whether ``value`` is of a kind; None where that cannot be told."""
    if kind in _FITS:
        return _FITS[kind](value)
    row = _ROW.fullmatch(kind)
    if row is None:
        return None
    count = None if not kind.startswith("tuple") or "..." in kind else len(row[1].split(", "))
    return isinstance(value, (list, tuple)) and count in (None, len(value)) and all(map(_FITS["float"], value))


def in_words(public: _Public, first: bool = False) -> _Public:
    """The decorator of a function, or of a class for its constructor and its calls, whose errors are to be worded.

    The types are looked at after the failure alone: what works with a value of an odd type goes on working, and the
    right call pays for nothing. With ``first`` numbers are looked at before the call, because what is done with them
    is done later.
    """
    if not isinstance(public, type):
        return _spoken(public, getattr(public, "__name__", ""), first)
    for name in ("__init__", "__call__", "forward", "__iter__", "__len__"):
        if name in public.__dict__:
            setattr(public, name, _spoken(public.__dict__[name], "", first and name == "__init__"))
    return public


def name_constructor(public: type) -> None:
    """Gives a public class that inherits its constructor one of its own name: in it Python says what a call lacks."""
    inherited: Any = public.__init__  # type: ignore[misc]
    if public.__name__.startswith("_") or "__init__" in vars(public) or not isinstance(inherited, FunctionType):
        return
    own: Any = FunctionType(inherited.__code__, inherited.__globals__, inherited.__name__, inherited.__defaults__,
                       inherited.__closure__)
    update_wrapper(own, inherited)
    del own.__wrapped__
    own.__kwdefaults__, own.__qualname__ = inherited.__kwdefaults__, f"{public.__qualname__}.__init__"
    own.inherited = constructor_of(public)
    public.__init__ = own  # type: ignore[misc]


def constructor_of(public: Any) -> Any:
    """The constructor of a class as it was written, be it inherited, and one that `name_constructor` made of it."""
    return getattr(public.__init__, "inherited", public.__init__)


def _spoken(function: Any, op: str, first: bool) -> Any:
    """``function`` with its errors worded, in the name of ``op`` or the class of its first argument."""

    @wraps(function)
    def spoken(*args: Any, **kwargs: Any) -> Any:
        try:
            if first:
                _check_types(op or type(args[0]).__name__, function, args, kwargs, ("int", "float"))
            return function(*args, **kwargs)
        except INSIDE as error:
            trace = error.__traceback__
            if trace is None or trace.tb_next is None:
                raise  # Python's own: the call lacks an argument, or has one too many
            name = op or type(args[0]).__name__
            wording = worded(name, error)
            # An AttributeError is what an object of another type raises, if it is not said already what was expected.
            if wording is not None or isinstance(error, AttributeError) and not str(error).startswith("["):
                _check_types(name, function, args, kwargs, tuple(_FITS), error)
            if wording is None:
                raise
            raise wording from error

    return spoken


def _check_types(op: str, function: Any, args: Any, kwargs: Any, among: tuple[str, ...],
                 cause: Exception | None = None) -> None:
    """Raises KindError for the first argument that is not what its annotation says, if that is one ``among`` those."""
    signature = inspect.signature(function)
    try:
        arguments = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return  # the call itself says what it lacks or has too many, and in whose name
    for name, value in arguments.items():
        annotation = str(signature.parameters[name].annotation).replace("ModuleT", "Module")
        kinds = annotation.split(" | ")
        if any(word in annotation for word in among) and all(_fits(kind, value) is False for kind in kinds):
            raise KindError(f"[{op}] {' or '.join(kinds)} was expected as {name}; got {value!r:.60} of type "
                            f"{type(value).__name__}") from cause


def is_of_allocation(error: Exception) -> bool:
    """Whether an error is numpy's for an array that it could not make."""
    if isinstance(error, MemoryError):
        return not isinstance(error, OutOfMemoryError)
    return str(error).startswith(("array is too big", "Maximum allowed dimension"))


class LinAlgError(RuntimeError):
    """A matrix without what was asked of it: an inverse, a Cholesky factor, a decomposition that converges.

    >>> torch.linalg.inv(torch.zeros(2, 2))
    Traceback (most recent call last):
        ...
    wengert.core.errors.LinAlgError: [linalg.inv] The diagonal element 1 is zero, the ...
    """
