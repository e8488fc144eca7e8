"""Generators of random numbers that a function makes itself, with a seed of its own: they draw the same in every call.

The one idea to know: such a generator is young (Note [young] in `reads`), and chance has no part in it. Python's own
says by a call of ``seed`` with what it begins. numpy's RandomState asks the system for chance whatever it is given, and
forgets it where that is a seed; what it is given is found in the source of the call.
"""

from __future__ import annotations

import ast
import gc
import linecache
import random
from types import FrameType
from typing import Any

import numpy as np

_ASKED = random.SystemRandom.getrandbits.__code__
"""By which numpy asks for chance."""

_NEVER_NONE = (ast.BinOp, ast.UnaryOp, ast.List, ast.Tuple)


def is_young(thing: object) -> bool:
    """Whether a thing was made by the function that is being recorded."""
    return any(each is thing for each in gc.get_objects(generation=0))


def is_seeding(frame: FrameType, function: Any) -> bool:
    """Whether a call of Python's own generator, from this frame, has it begin where it is told to."""
    if frame.f_code is random.Random.seed.__code__:
        return frame.f_locals["a"] is not None
    return bool(function.__name__ == "setstate")


def is_forgotten(frame: FrameType) -> bool:
    """Whether chance is asked for by a RandomState that is given a seed."""
    if frame.f_code is not _ASKED or frame.f_back is None:
        return False
    caller = frame.f_back
    call = _call_of(caller)
    if call is None or _value(call.func, caller) is not np.random.RandomState:
        return False
    given = [*call.args, *[each.value for each in call.keywords if each.arg == "seed"]]
    if len(given) != 1 or isinstance(given[0], ast.Starred):
        return False
    return isinstance(given[0], _NEVER_NONE) or _value(given[0], caller) is not None


def _call_of(frame: FrameType) -> ast.Call | None:
    """The call at which a frame stands, by its source; None where that is not to be had."""
    first, last, start, stop = [*frame.f_code.co_positions()][frame.f_lasti // 2]
    if first is None or last is None or start is None or stop is None:
        return None
    lines = [linecache.getline(frame.f_code.co_filename, line, frame.f_globals).encode()
             for line in range(first, last + 1)]
    lines[-1] = lines[-1][:stop]
    lines[0] = lines[0][start:]
    try:
        found = ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except SyntaxError:
        return None
    return found if isinstance(found, ast.Call) else None


def _value(what: ast.expr, frame: FrameType) -> Any:
    """What a name, an attribute or a constant is in a frame; None where that is not known."""
    if isinstance(what, ast.Constant):
        return what.value
    if isinstance(what, ast.Name):
        return frame.f_locals.get(what.id, frame.f_globals.get(what.id))
    if isinstance(what, ast.Attribute):
        return getattr(_value(what.value, frame), what.attr, None)
    return None
