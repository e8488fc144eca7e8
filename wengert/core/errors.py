"""One exception class a category; where PyTorch raises a built-in class, ours derives from it.

Messages have one form: ``[op] what was expected; what came; how to fix it``. Their text is built after the failure.
"""

from __future__ import annotations


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


class LinAlgError(RuntimeError):
    """A matrix without what was asked of it: an inverse, a Cholesky factor, a decomposition that converges."""
