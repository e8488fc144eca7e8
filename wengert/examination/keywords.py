"""Which argument was meant, where a call names one that the function does not have."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import re
from types import FrameType, ModuleType
from typing import Any

from .._missing import nearest
from ..core.frames import user_trace
from ..nn.module import Module
from ..tensors.tensor import Tensor

_UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")
_SAME = {
    "learning_rate": "lr", "axis": "dim", "axes": "dim", "dims": "dim", "keepdims": "keepdim", "prob": "p",
    "probability": "p", "rate": "p", "dimension": "dim", "beta": "betas", "channels": "num_channels",
    "size_average": "reduction", "weights": "weight", "decay": "weight_decay", "l2": "weight_decay", "epsilon": "eps",
}
"""What other libraries call an argument, and people who remember it half."""


def suggestion(error: TypeError) -> str:
    """A line that names the argument meant, or those that there are; "" where the error is another or nothing is known
    of the function."""
    found = _UNKNOWN.search(str(error))
    at = user_trace(error.__traceback__)
    if at is None or found is None and str(error) != "'module' object is not callable":
        return ""
    frame = at.tb_frame
    call = _call_at(frame, at.tb_lasti)
    if call is None:
        return ""
    if found is None:
        return _in_the_module(call.func, frame)
    key = found[1]
    if all(keyword.arg != key for keyword in call.keywords):
        return ""
    called = _value(call.func, frame)
    names = _parameters(called.forward if isinstance(called, Module) else called)
    if not names:
        return ""
    other, begun = _SAME.get(key, ""), [name for name in names if name.startswith(key) or key.startswith(name)]
    meant = other if other in names else nearest(key, names, 0.6) or (begun[0] if len(begun) == 1 else "")
    function = ast.unparse(call.func)
    if meant:
        return f"{function}() has no argument {key!r}; did you mean {meant!r}?"
    return f"{function}() has no argument {key!r}; it takes {', '.join(names)}"


def _in_the_module(function: ast.expr, frame: FrameType) -> str:
    """A line that names what was meant by a module that is called, such as ``optim.adam``: what stands beside it."""
    if not isinstance(function, ast.Attribute):
        return ""
    meant = nearest(function.attr, [name for name, value in vars(_value(function.value, frame)).items()
                                    if callable(value)], 0.9)
    owner = ast.unparse(function.value)
    return f"{owner}.{function.attr} is a module; did you mean {owner}.{meant}?" if meant else ""


def _call_at(frame: FrameType, position: int) -> ast.Call | None:
    """The call that an instruction of a frame makes, if its source can be read."""
    line, last, column, end = list(frame.f_code.co_positions())[position // 2]
    if line is None:
        return None
    text = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        place = (getattr(node, "lineno", None), getattr(node, "end_lineno", None), getattr(node, "col_offset", None),
                 getattr(node, "end_col_offset", None))
        if isinstance(node, ast.Call) and place == (line, last, column, end):
            return node
    return None


def _value(node: ast.expr, frame: FrameType) -> Any:
    """What a name, or an attribute of a module, class or method's owner, stands for; a method's name alone is looked up
    in tensors; None where only running the program would tell."""
    if isinstance(node, ast.Name):
        for space in (frame.f_locals, frame.f_globals, vars(builtins)):
            if node.id in space:
                return space[node.id]
        return None
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, frame)
        if isinstance(owner, (ModuleType, type)):
            return getattr(owner, node.attr, None)
        return getattr(Tensor if owner is None else type(owner), node.attr, None)
    return None


def _parameters(function: Any) -> list[str]:
    """The arguments that a function takes by name; of a class, those that its bases take where it passes them on."""
    names: list[str] = []
    of_class = [vars(kind)["__init__"] for kind in getattr(function, "__mro__", ()) if "__init__" in vars(kind)]
    for each in of_class or [function]:
        try:
            found = inspect.signature(each).parameters.values()
        except (TypeError, ValueError):
            break
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names += [each.name for each in found if each.kind in named and each.name not in ("self", "cls", *names)]
        if all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in found):
            break
    return names
