"""Prints what type checkers read of the public face: ``python -m tools.public_stub > wengert/__init__.pyi``.

Much of the face is made at run time: functions by their decorator, old names of types from a table, and many names load
late. Here each is traced to the statement that defines it, and becomes an import from there; what no statement defines,
such as in-place forms, is declared.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections import defaultdict
from types import ModuleType
from typing import Any

import wengert
from wengert.ops import FUNCTIONS
from wengert.ops.legacy import TensorType
from wengert.ops.storage import StorageType

HEADER = '''\
"""The public names, each from where it is defined: made by `python -m tools.public_stub > wengert/__init__.pyi`."""

from collections.abc import Callable as _Callable
from typing import Any as _Any

from .ops.legacy import TensorType as _TensorType
from .ops.storage import StorageType as _StorageType
'''


def stub() -> str:
    """The stub as text. Right only in a process that has loaded no more of wengert than the face."""
    imports: defaultdict[str, list[str]] = defaultdict(list)
    declarations = []
    for name in dir(wengert):
        if name.startswith("_") and name not in {*FUNCTIONS, "__version__"} or name == "annotations":
            continue
        value = getattr(wengert, name)
        if isinstance(value, ModuleType):
            imports["."].append(f"{name} as {name}")
        elif home := home_of(name, value):
            module, attribute = home
            bound = name if attribute == name else f"_{name}"
            if bound != name:  # `from home import other as name` makes no name of a stub public
                declarations.append(f"{name} = {bound}\n")
            imports[module.replace("wengert", "", 1)].append(f"{attribute} as {bound}")
        else:
            declarations.append(f"{name}: {type_of(value)}\n")
    statements = [statement(module, names) for module, names in sorted(imports.items())]
    return HEADER + "".join(statements) + "\n" + "".join(declarations)


def home_of(name: str, value: Any) -> tuple[str, str] | None:
    """The module and the name in it by which a statement defines ``value``."""
    if value is None:
        return None
    own = getattr(inspect.unwrap(value) if callable(value) else value, "__module__", None)
    for module in [own] if own in sys.modules else ["math", "wengert.version"]:
        found = [attribute for attribute, other in vars(sys.modules[module]).items() if other is value]
        for attribute in sorted(found, key=lambda attribute: attribute != name):
            if module == "math" or attribute in defined_in(module):
                return module, attribute
    return None


@functools.cache
def defined_in(module: str) -> set[str]:
    """The names that statements at the top level of a module bind, by ``def``, ``class`` or assignment."""
    names = set()
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            found = (inner for inner in ast.walk(node) if isinstance(inner, ast.Name))
            names |= {name.id for name in found if isinstance(name.ctx, ast.Store)}
    return names


def type_of(value: Any) -> str:
    """The type of what has no statement of its own: a function that a loop made, an old name of a type, or None."""
    if value is None or isinstance(value, (TensorType, StorageType)):
        return "None" if value is None else f"_{type(value).__name__}"
    result = inspect.unwrap(value).__annotations__["return"]
    if result not in ("Any", "Tensor", "tuple[Tensor, ...]"):
        raise TypeError(f"{value.__name__} gives {result}, a name that may mean something else in the stub")
    return f"_Callable[..., {result.replace('Any', '_Any')}]"


def statement(module: str, names: list[str]) -> str:
    """The import of ``names`` from ``module``, in lines of 120 columns."""
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= 121:
        return line
    wrapped = textwrap.fill(", ".join(name.replace(" ", "\0") for name in names), 116).replace("\0", " ")
    return f"from {module} import (\n{textwrap.indent(wrapped, '    ')},\n)\n"


if __name__ == "__main__":
    print(stub(), end="")
