"""Which names of torch a program asks for, read from its syntax tree, and which of them wengert does not have.

Only what is written out can be seen: ``torch.fft.rfft`` can, a method of a value whose type is not known cannot.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .._missing import is_of_pytorch, nearest
from ..tensors.tensor import Tensor
from .finder import PACKAGES, MissingModuleError, find_module, torch_name

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Use:
    """A name of torch, such as ``torch.nn.Linear``, and where it stands."""

    name: str
    file: str
    line: int


def names_asked(source: str | bytes, file: str) -> list[Use]:
    """Every use of a name of torch in a program, in the order of its lines. Raises SyntaxError."""
    tree = ast.parse(source, file)
    reader = _Reader(file)
    reader.read_imports(tree)
    reader.visit(tree)
    return sorted(set(reader.uses), key=lambda use: (use.line, use.name))


class _Reader(ast.NodeVisitor):
    """Follows names that imports bind to torch or parts of it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.bound: dict[str, str] = {}
        self.uses: list[Use] = []
        # Arguments of the functions around the present place: they hide what is imported under the same name.
        self.hidden: list[set[str]] = []

    def read_imports(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = _as_torch(alias.name)
                    if name is not None:
                        self._note(name, node)
                        local = alias.asname or alias.name.partition(".")[0]
                        self.bound[local] = name if alias.asname else str(_as_torch(local))
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                module = _as_torch(node.module)
                for alias in node.names if module is not None else ():
                    name = f"{module}" if alias.name == "*" else f"{module}.{alias.name}"
                    self._note(name, node)
                    if alias.name != "*":
                        self.bound[alias.asname or alias.name] = name

    def _note(self, name: str, node: ast.stmt | ast.expr) -> None:
        self.uses.append(Use(name, self.file, node.lineno))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        value: ast.expr = node
        while isinstance(value, ast.Attribute):
            parts.insert(0, value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            root = self.bound.get(value.id)
            if root is not None and not any(value.id in names for names in self.hidden):
                self._note(".".join([root, *parts]), node)
        else:
            self.visit(value)

    def _visit_function(self, node: Function) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        names = {argument.arg for argument in every if argument is not None}
        if not isinstance(node, ast.Lambda):  # what is assigned to there is another thing of the same name
            names |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)
                      and isinstance(each.ctx, ast.Store)}
        # Decorators, defaults and annotations are read outside; they are few, and so are clashes.
        self.hidden.append(names)
        self.generic_visit(node)
        self.hidden.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_function


def _as_torch(module: str) -> str | None:
    """The name of a module in PyTorch's terms, None if it is a module of others."""
    root = module.partition(".")[0]
    return torch_name(module) if root == "wengert" else module if root in PACKAGES else None


@dataclass(frozen=True)
class Missing:
    """The part of a name that is not there, and the nearest one that is, or ''; and whether PyTorch has it, as far as
    its public names tell."""

    name: str
    nearest: str
    of_pytorch: bool = True


OTHERS = frozenset("""
    torch.backends.mudnn torch.backends.musa torch.hpu torch.mlu torch.musa torch.neuron torch.npu torch.sdaa torch.supa
    torch.tpu torch.version.cann torch.version.supa
""".split())
"""Names that PyTorch has not either, until the package of another device is imported."""


def of_others(name: str) -> bool:
    """Whether PyTorch itself does not have a name: other packages put it there, as operators of their own
    (``torch.ops.pyg.knn``), as classes in C++, or as a device."""
    parts = name.split(".")
    registered = parts[:2] == ["torch", "classes"] or parts[:2] == ["torch", "ops"] and len(parts) > 3
    return registered and parts[2] not in ("aten", "prim", "prims") or any(
        ".".join(parts[:end]) in OTHERS for end in (2, 3))


def missing_part(name: str) -> Missing | None:
    """The part of ``name`` that wengert does not have and PyTorch has, None if it has the whole."""
    if of_others(name):
        return None
    root, *rest = name.split(".")
    try:
        owner: Any = find_module(root)
    except MissingModuleError:
        return Missing(root, "")
    path = root
    for part in rest:
        looked_into = isinstance(owner, ModuleType) or owner is Tensor
        if not looked_into or (part.startswith("__") and part.endswith("__")):
            return None
        found = getattr(owner, part, None)
        if found is None and not hasattr(owner, part):
            try:
                found = find_module(f"{path}.{part}") if isinstance(owner, ModuleType) else None
            except MissingModuleError:
                found = None
            if found is None:
                near = nearest(part, dir(owner))
                return Missing(f"{path}.{part}", f"{path}.{near}" if near else "", is_of_pytorch(path, part))
        owner, path = found, f"{path}.{part}"
    return None


def describe(uses: Iterable[Use], what: str, gaps_alone: bool = False) -> str:
    """A table of the names that ``what`` asks for: each with its lines, and whether it is missing; or of those alone
    that are missing."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    uses = list(uses)
    several = len({use.file for use in uses}) > 1
    for use in uses:
        lines[use.name].append(f"{use.file}:{use.line}" if several else str(use.line))
    gaps = {name: gap for name in lines if (gap := missing_part(name)) is not None}
    missing = sum([gap.of_pytorch for gap in gaps.values()])
    number = f"{missing} of them missing" if missing else "all there" if not gaps else "none of PyTorch's missing"
    if unknown := len(gaps) - missing:
        number += f"; PyTorch has not {unknown} either: misspelt, or of another version"
    if others := sum(map(of_others, lines)):
        number += f"; {others} {'is' if others == 1 else 'are'} for other packages to bring"
    text = [f"{what} asks for {len(lines)} name{'' if len(lines) == 1 else 's'} of torch, {number}"]
    width = max((len(name) for name in lines), default=0)
    shown = list(gaps) if gaps_alone else list(lines)
    for name in sorted(shown, key=lambda name: (name not in gaps, name in gaps and not gaps[name].of_pytorch, name)):
        places = f"line {', '.join(lines[name])}" if not several else ", ".join(lines[name])
        row = f"  {name:<{width}}  {places}"
        if name in gaps:
            gap = gaps[name]
            said, near = (("  MISSING", ", the nearest is {}") if gap.of_pytorch else
                          ("  not a name of PyTorch's", "; did you mean {}?"))
            row += said + (near.format(gap.nearest) if gap.nearest else "")
        text.append(row)
    return "\n".join(text) + "\n"
