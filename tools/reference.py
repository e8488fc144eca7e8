"""Writes the pages of the reference from docstrings: ``python -m tools.reference FOLDER``, as the site does.

The one idea to know: a page lists the names of a public module, where users import them from; what stands under a name
is its docstring, turned into Markdown line by line.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

PAGES = {
    "wengert": "Tensors and functions",
    "wengert.Tensor": "Methods of tensors",
    "wengert.nn": "Modules",
    "wengert.nn.functional": "Functions of networks",
    "wengert.nn.init": "Starting values",
    "wengert.nn.utils": "Tools for modules",
    "wengert.optim": "Optimisers",
    "wengert.optim.lr_scheduler": "Schedules of learning rates",
    "wengert.autograd": "Differentiation",
    "wengert.autograd.graph": "Nodes and hooks of the tape",
    "wengert.autograd.functional": "Derivatives of functions, the older interface",
    "wengert.autograd.forward_ad": "Forward mode",
    "wengert.func": "Functions of functions",
    "wengert.linalg": "Linear algebra",
    "wengert.fft": "Fourier transforms",
    "wengert.special": "Special functions",
    "wengert.sparse": "Sparse tensors",
    "wengert.quasirandom": "Quasirandom numbers",
    "wengert.masked": "Reductions of masked tensors",
    "wengert.signal.windows": "Windows",
    "wengert.distributions": "Probability distributions",
    "wengert.random": "Random numbers",
    "wengert.utils.data": "Loading data",
    "wengert.utils.checkpoint": "Recomputing instead of keeping",
    "wengert.compiler": "Compiling",
    "wengert.overrides": "Standing in for tensors",
    "wengert.amp": "Mixed precision",
    "wengert.testing": "Testing",
    "wengert.core.errors": "Errors",
}
"""The public modules (and a class) that get a page, and its title."""

TENSOR = "wengert.Tensor"
FENCE, INNER = "`" * 5, "`" * 4


def main() -> int:
    write(Path(sys.argv[1]))
    return 0


def write(folder: Path) -> None:
    """Writes the pages, and one that lists them, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    known = places()
    for page in PAGES:
        (folder / f"{page}.md").write_text(page_of(page, known), encoding="utf-8")
    lines = "\n".join(PAGES)
    (folder / "index.md").write_text(
        f"# Reference\n\nEvery public name, by the module that it is imported from. `torch` stands for `wengert`.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{lines}\n```\n", encoding="utf-8")


def places() -> dict[str, str]:
    """The full name of each documented thing by its last part: where several have it, that of the first page."""
    found: dict[str, str] = {}
    for page in PAGES:
        for name, _ in members(page):
            found.setdefault(name, f"{page}.{name}")
    return found


def members(page: str) -> Iterator[tuple[str, Any]]:
    """The public callables of a page, by name."""
    owner = _owner(page)
    names = dir(owner) if page == TENSOR else getattr(owner, "__all__", None) or [
        name for name, value in vars(owner).items() if str(getattr(value, "__module__", "")).startswith("wengert")]
    for name in sorted(set(names), key=lambda name: (name.lower(), name)):
        value = getattr(owner, name, None)
        if not name.startswith("_") and not isinstance(value, ModuleType) and callable(value) and value.__doc__:
            yield name, value


def page_of(page: str, known: dict[str, str]) -> str:
    """The text of a page."""
    head = [f"# {PAGES[page]}: `{page}`", ""]
    summary = inspect.getdoc(_owner(page))
    if summary:
        head += [*markdown(summary, known), ""]
    parts = [entry(page, name, value, known) for name, value in members(page)]
    return "\n".join([*head, *[line for part in parts for line in (*part, "")]])


def entry(page: str, name: str, value: Any, known: dict[str, str]) -> list[str]:
    """The lines about one name, of a class about its own methods too."""
    kind = "class" if inspect.isclass(value) else "method" if page == TENSOR else "function"
    lines = [f"{FENCE}{{py:{kind}}} {page}.{name}{signature(value)}", "", *markdown(inspect.getdoc(value) or "", known)]
    if kind == "class" and f"{page}.{name}" != TENSOR:
        for method, function in sorted(vars(value).items()):
            if not method.startswith("_") and _is_method(value, function) and function.__doc__:
                lines += ["", f"{INNER}{{py:method}} {page}.{name}.{method}{signature(function)}", "",
                          *markdown(function.__doc__, known), INNER]
    return [*lines, FENCE]


def _is_method(owner: type, function: Any) -> bool:
    """Whether a class itself defines the function (and does not only hold one)."""
    return inspect.isfunction(function) and function.__qualname__.startswith(f"{owner.__qualname__}.")


def signature(value: Any) -> str:
    """The parameters with their defaults, without their types; ``(...)`` where Python does not know them."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(...)"
    empty = inspect.Parameter.empty
    parameters = [parameter.replace(annotation=empty, default=_Shown(parameter.default)
                                    if parameter.default is not empty else empty)
                  for parameter in found.parameters.values() if parameter.name != "self"]
    return str(found.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


class _Shown:
    """A default as it is shown: its repr, without addresses, on one line."""

    def __init__(self, value: Any) -> None:
        self.text = "..." if " at 0x" in repr(value) or "\n" in repr(value) else repr(value)

    def __repr__(self) -> str:
        return self.text


_CODE = re.compile(r"``(.+?)``|(?<![`}])`([^`]+)`(?!`)")


def markdown(text: str, known: dict[str, str]) -> list[str]:
    """A docstring as lines of Markdown: examples fenced, names linked, code as code."""
    lines: list[str] = []
    fenced = False
    for line in inspect.cleandoc(text).splitlines():
        if not fenced and line.lstrip().startswith((">>>", "===")):
            lines += ["", "```pycon" if ">>>" in line else "```text"]
            fenced = True
        elif fenced and not line.strip():
            lines.append("```")
            fenced = False
        lines.append(line if fenced else _linked(line.strip(), known))
    return [*lines, "```"] if fenced else lines


def _linked(line: str, known: dict[str, str]) -> str:
    """A line with its names as links: of what has no page, as code."""

    def one(match: re.Match[str]) -> str:
        code, name = match.groups()
        if code is not None:
            return f"`` {code} ``" if "`" in code else f"`{code}`"
        full = name if name.startswith("wengert.") else known.get(name.rpartition(".")[2] if "." in name else name)
        return f"{{py:obj}}`{name} <{full}>`" if full else f"`{name}`"

    # What stands outside code is text: no emphasis, no footnotes.
    parts, last = [], 0
    for match in _CODE.finditer(line):
        parts += [_escaped(line[last:match.start()]), one(match)]
        last = match.end()
    return "".join([*parts, _escaped(line[last:])])


def _escaped(text: str) -> str:
    return re.sub(r"([*_\[\]<>$#|\\])", r"\\\1", text)


def _owner(page: str) -> Any:
    if page == TENSOR:
        return import_module("wengert").Tensor
    return import_module(page)


if __name__ == "__main__":
    sys.exit(main())
