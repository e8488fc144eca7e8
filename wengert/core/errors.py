"""One exception class a category; where PyTorch raises a built-in class, ours derives from it.

Messages have one form: ``[op] what was expected; what came; how to fix it``. Their text is built after the failure.
"""

from __future__ import annotations

import dis

_RAISE = dis.opmap["RAISE_VARARGS"]


class ShapeError(RuntimeError, ValueError):
    """Operands whose shapes do not fit together."""


class DTypeError(NotImplementedError, TypeError):
    """An operand of a dtype that the operation does not take.

    PyTorch raises one of NotImplementedError, RuntimeError (a base of it) and TypeError, by operation."""


class GradError(RuntimeError):
    """A misuse of differentiation: a graph used twice, an unreachable input, a leaf rule broken."""


class InplaceError(GradError):
    """A value needed by backward was overwritten, or a write that may not happen was asked for."""


class TraceError(RuntimeError):
    """Something that cannot be done while a function is being recorded."""


class MissingRuleError(NotImplementedError):
    """A primitive lacks the rule that was asked for; the message says which and why."""


class OutOfRangeError(IndexError):
    """An index, or a dimension, outside its range."""


class DeviceError(RuntimeError, AssertionError):
    """A device that this build of wengert does not have. (PyTorch without CUDA raises AssertionError.)"""


class OutOfMemoryError(RuntimeError, MemoryError):
    """There is no memory for what was asked for. (PyTorch raises RuntimeError.)"""


def allocation_failed(op: str, error: Exception) -> Exception:
    """The error to raise for an array that numpy could not make: too large for this machine, or for any."""
    if isinstance(error, MemoryError):
        return OutOfMemoryError(f"[{op}] can't allocate memory: {str(error) or 'none is left'}; ask for less, or free "
                                "some first")
    return ShapeError(f"[{op}] sizes whose product can be counted were expected; Storage size calculation overflowed: "
                      f"{error}")


def worded(op: str, error: Exception) -> Exception | None:
    """The error to raise in the place of one that came from inside, from numpy or from Python itself; None for one that
    wengert raised, or code of the program that it called."""
    if is_of_allocation(error):
        return allocation_failed(op, error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    assert trace is not None
    code, home = trace.tb_frame.f_code, trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
    raised = code.co_code[trace.tb_lasti] == _RAISE
    if not (home == "numpy" or home == __name__.partition(".")[0] and not raised):
        return None
    kind = OutOfRangeError if isinstance(error, IndexError) else ShapeError
    return kind(f"[{op}] arguments that fit together were expected; {error}")


def is_of_allocation(error: Exception) -> bool:
    """Whether an error is numpy's for an array that it could not make."""
    if isinstance(error, MemoryError):
        return not isinstance(error, OutOfMemoryError)
    return str(error).startswith(("array is too big", "Maximum allowed dimension"))


class LinAlgError(RuntimeError):
    """A matrix without what was asked of it: an inverse, a Cholesky factor, a decomposition that converges."""
