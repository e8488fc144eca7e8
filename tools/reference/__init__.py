"""Writes the pages of the reference from docstrings: ``python -m tools.reference FOLDER``, as the site does.
``python -m tools.reference`` alone lists the public names that lack a summary, an example, or a word on shapes or
errors.

The one idea to know: a page lists the names of a public module, where users import them from; what stands under a name
is its docstring, turned into Markdown line by line. One thing has one example: other names of it, the method that a
function is too, and the forms that write in place or copy refer to it. What it says of shapes, dtypes and errors is
found by making the calls of the example again, with other arguments (`calls`, `sizes`, `refusals`).
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import re
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import wengert
from wengert.core import errors
from wengert.core.primitive import P

from .calls import with_arguments, with_tensors
from .pages import BORROWED, NAMESAKES, RENAMED, UNTOLD
from .pages import PAGES as PAGES
from .refusals import dtypes
from .refusals import errors as refusals
from .sizes import shapes

TENSOR = "wengert.Tensor"
FENCE, INNER = "`" * 5, "`" * 4


LESSONS = Path(__file__).parents[2] / "docs" / "lessons"


def lacking() -> list[str]:
    """The public names without a summary, or without an example of their own or of what they stand for."""
    shown = homes()
    found = []
    for page in PAGES:
        for name, value in members(page):
            home = shown[id(value)]
            if not summary(value):
                found.append(f"{page}.{name}: no summary")
            elif not example(value) and not standing_in(value) and base(home, shown) is None:
                found.append(f"{page}.{name}: no example")
        found += [f"{page}.{name}: no example" for name, value in properties(page).items() if not example(value)]
    return found


SHAPES = re.compile(r"[Ss]hape|\((?:\*|[A-Z]\w*)?, |`\([*A-Z]|\bsizes?\b|dimension|scalar|single number|elementwise")
ERRORS = re.compile(r"\*Errors\*|[Rr]aise|Error\b|[Rr]efuse")


def unsaid(*pages: str) -> list[str]:
    """The names, of all pages or of some, that deal with tensors and say no shapes, and those that take arguments and
    say no errors: neither in their docstring nor by what is measured."""
    shown = homes()
    found = []
    for page in pages or PAGES:
        for name, value in members(page):
            if shown[id(value)] != f"{page}.{name}" or not example(value):
                continue
            told = "\n".join([inspect.getdoc(value) or "", *facts(value)])
            if with_tensors(value) and not SHAPES.search(told):
                found.append(f"{page}.{name}: no shapes")
            if with_arguments(value) and not ERRORS.search(told):
                found.append(f"{page}.{name}: no errors")
    return found


def summary(value: Any) -> str:
    """What a docstring says before its first example."""
    return (inspect.getdoc(value) or "").partition(">>>")[0].strip()


def standing_in(value: Any) -> bool:
    """Whether a function only stands for one of PyTorch's, with one answer or one error whatever it is asked."""
    return getattr(value, "__module__", "") == "wengert._missing"


def example(value: Any) -> bool:
    """Whether a docstring has an example."""
    return ">>>" in (value.__doc__ or "")


KINDS = {"truth values": "bool", "integers": "int64", "real numbers": "float32", "complex numbers": "complex64"}
"""Sorts of elements, and a dtype of each."""


MEASURED = ("nn.functional.activations", "nn.layers.activations", "ops.activations", "ops.reductions", "ops.statistics",
            "ops.scans", "ops.sorting", "ops.decompositions", "ops.factorizations", "ops.linalg", "ops.fourier")
"""The modules whose functions of one operand are called to see what they take."""


@functools.cache
def taken(value: Any) -> str:
    """What a function of operands alone takes, found by calling it: which sorts of elements and what it gives for each,
    and whether there is a derivative. Nothing of what needs other arguments."""
    primitive = vars(P).get(getattr(value, "__name__", ""))
    elementwise = primitive is not None and primitive.kind == "elementwise" and _count(value) == primitive.arity
    if not elementwise and (value.__module__.removeprefix("wengert.") not in MEASURED or value.__name__ == "multi_dot"
                            or _count(value) != (0 if inspect.isclass(value) else 1)):
        return ""
    function: Any = value() if inspect.isclass(value) else value
    count = primitive.arity if elementwise else 1
    given: dict[str, str] = {}
    for sort, dtype in KINDS.items():
        with warnings.catch_warnings(action="ignore"), contextlib.suppress(TypeError, RuntimeError):
            result = function(*[wengert.eye(2, dtype=getattr(wengert, dtype)) for _ in range(count)])
            first = result[0] if isinstance(result, tuple) else result
            given[sort] = str(first.dtype).removeprefix("torch.")
    if "real numbers" not in given and not elementwise or not given:
        return ""
    accepted = [sort if dtype == KINDS[sort] else f"{sort} (giving {dtype})" for sort, dtype in given.items()]
    return " ".join(filter(None, (f"Takes {_listed(accepted)}.", _derivative(function, count, primitive))))


def facts(value: Any) -> list[str]:
    """The lines about what a name takes and gives: shapes, dtypes and errors, as they are """
    came = refusals(value)
    refused = [f"{_link(f'wengert.core.errors.{error}') if error in errors.__all__ else f'`{error}`'}: {told}."
               for error, told in came or ()]
    if came == ():
        refused.append("none comes of wrong arguments to the example's call.")
    told = {"Shapes": shapes(value), "Dtypes": taken(value) or dtypes(value),
            "Errors": " ".join(refused)}
    return [line for title, text in told.items() if text for line in ("", f"*{title}*: {text}")]


def _derivative(function: Any, count: int, primitive: Any) -> str:
    """Whether a function of real numbers has a derivative."""
    why = "" if primitive is None else primitive.missing.get("vjp", "")
    if why:
        return f"It has no derivative: {why}."
    try:
        with warnings.catch_warnings(action="ignore"):
            result = function(*[wengert.eye(2).requires_grad_() for _ in range(count)])
    except (TypeError, RuntimeError):
        return ""
    some = any(part.requires_grad for part in (result if isinstance(result, tuple) else (result,)))
    return "It has a derivative." if some else "It has no derivative."


def _count(value: Any) -> int:
    """How many operands a function must be given."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return -1
    return sum(parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
               for parameter in parameters)


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


@functools.cache
def homes() -> dict[int, str]:
    """The full name under which each documented thing is shown whole, by its id: the one that it calls itself."""
    found: dict[int, str] = {}
    for page in PAGES:
        for name, value in members(page):
            known = found.setdefault(id(value), f"{page}.{name}")
            if known.startswith(f"{page}.") and name == getattr(value, "__name__", "") != known.rpartition(".")[2]:
                found[id(value)] = f"{page}.{name}"
    return found


def base(name: str, shown: dict[int, str]) -> str | None:
    """The full name of the function of which ``name`` is the form in place, or that copies, or the old name, if it has
    an example."""
    page = next(page for page in sorted(PAGES, key=len, reverse=True) if name.startswith(f"{page}."))
    own = name.removeprefix(f"{page}.")
    for plain in (own.removesuffix("_"), own.removesuffix("_copy"), f"{own}_"):
        if plain != own:
            for owner in (page, TENSOR, "wengert"):
                value = getattr(_owner(owner), plain, None)
                if value is not None and example(value) and id(value) in shown:
                    return shown[id(value)]
    for owner in NAMESAKES.get(page, ()):
        value = getattr(_owner(owner), RENAMED.get(own, own.removeprefix("linalg_")), None)
        if value is not None and example(value) and id(value) in shown:
            return shown[id(value)]
    return None


_INDEX = """# Reference

Every public name, by the module that it is imported from. `torch` stands for `wengert`.

What stands under *Shapes*, *Dtypes* and *Errors* is measured, by making the call of the example again with other
arguments: the same letter is the same size, `*` any number of leading dimensions (none too), a number one that follows
from the other arguments of the example. For errors one argument at a time is replaced by a wrong one.

```{toctree}
:maxdepth: 1

"""


def write(folder: Path) -> None:
    """Writes the pages, and one that lists them, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    known = places()
    for page in PAGES:
        for name, text in files(page, known).items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
    lines = "\n".join(PAGES)
    (folder / "index.md").write_text(f"{_INDEX}{lines}\n```\n", encoding="utf-8")


@functools.cache
def places() -> dict[str, str]:
    """The full name of each documented thing by its last part: where several have it, that of the first page."""
    found: dict[str, str] = {}
    for page in PAGES:
        for name, _ in members(page):
            found.setdefault(name, f"{page}.{name}")
    return found


def members(page: str) -> Iterator[tuple[str, Any]]:
    """The public callables of a page, by name."""
    for name in _names(page):
        value = _named(page, name)
        if not isinstance(value, ModuleType) and callable(value) and value.__doc__ \
                and getattr(value, "__module__", "wengert").startswith(("wengert", "torch")):
            yield name, value


def _names(page: str) -> list[str]:
    """The public names of a page, in order; of a package that only holds modules, of these."""
    owner = _owner(page)
    # What is imported late is not in the package's __all__, which would import it.
    if page in (TENSOR, "wengert"):
        found = dir(owner)
    elif getattr(owner, "__all__", None):
        found = owner.__all__
    else:
        found = [name for name, value in vars(owner).items() if not standing_in(value) or name != value.__name__]
        found = [name for name in found if not name.startswith("_")
                 and str(getattr(_named(page, name), "__module__", "")).startswith("wengert")]
    if not found:
        modules = [module.name for module in iter_modules(getattr(owner, "__path__", []))]
        found = [f"{name}.{inner}" for name in modules for inner in _names(f"{page}.{name}")]
    found = [name for name in found if not name.startswith("_") and name not in BORROWED.get(page, ())]
    return sorted(set(found), key=lambda name: (name.lower(), name))


def _named(page: str, name: str) -> Any:
    """What a name of a page stands for."""
    module, _, last = f"{page}.{name}".rpartition(".")
    return getattr(_owner(module), last, None)


LONGEST = 60_000
"""So much Markdown is one page; what is longer is parted by initial letters."""


def files(page: str, known: dict[str, str]) -> dict[str, str]:
    """The texts of a page by the names of their files: one, or a table of all names, and some letters in each."""
    whole = page_of(page, known)
    if len(whole) <= LONGEST:
        return {page: whole}
    known = _known(page, known)
    groups: list[dict[str, list[str]]] = [{}]
    for name, value in _shown(page):
        lines = entry(page, name, value, known)
        group = groups[-1]
        full = sum(len(line) + 1 for others in group.values() for line in others) > LONGEST // 2
        if full and next(reversed(group))[0].lower() != name[0].lower():
            groups.append(group := {})
        group[name] = lines
    found, rows, parts = {}, ["| | |", "|---|---|"], []
    for group in groups:
        first, last = (name[0].lower() for name in (next(iter(group)), next(reversed(group))))
        letters = first if first == last else f"{first} to {last}"
        parts.append(f"{page}_{first}")
        head = [f"# {PAGES[page]}, {letters}: `{page}`", ""]
        found[parts[-1]] = "\n".join([*head, *[line for lines in group.values() for line in (*lines, "")]])
    for name, value in _shown(page):
        told = " ".join(markdown(_sentence(summary(value)), known)).replace("|", "\\|")
        rows.append(f"| {_link(f'{page}.{name}')} | {told} |")
    tree = ["```{toctree}", ":maxdepth: 1", "", *parts, "```", ""]
    return {page: "\n".join([*_head(page, known), *tree, *rows, "", *_rest(page)]), **found}


def _shown(page: str) -> list[tuple[str, Any]]:
    """The names of a page that have an entry of their own."""
    found = [(name, value) for name, value in members(page) if not standing_in(value)]
    return sorted([*found, *properties(page).items()], key=lambda each: (each[0].lower(), each[0]))


def _sentence(text: str) -> str:
    """The first sentence of a docstring."""
    return re.split(r"(?<=[.:])\s", text.partition("\n\n")[0] + " ", maxsplit=1)[0].rstrip(":")


def _known(page: str, known: dict[str, str]) -> dict[str, str]:
    """What names stand for on a page: the page's own come first."""
    return {**known, **{name: f"{page}.{name}" for name, _ in _shown(page)}}


def _head(page: str, known: dict[str, str]) -> list[str]:
    return [f"# {PAGES[page]}: `{page}`", "", *markdown(_about(page), known), ""]


def _rest(page: str) -> list[str]:
    """The lines about names that have no entry of their own."""
    return [line for part in (*standing(page), *values(page)) for line in (*part, "")]


def page_of(page: str, known: dict[str, str]) -> str:
    """The text of a page. A name in it is the page's own, if that has it."""
    known = _known(page, known)
    parts = [entry(page, name, value, known) for name, value in _shown(page)]
    return "\n".join([*_head(page, known), *[line for part in parts for line in (*part, "")], *_rest(page)])


def standing(page: str) -> Iterator[list[str]]:
    """The lines about the names that only stand in for PyTorch's, those together of which the same is to be said."""
    alike: dict[str, list[str]] = {}
    for name, value in members(page):
        if standing_in(value):
            alike.setdefault(inspect.getdoc(value) or "", []).append(name)
    for text, names in alike.items():
        first, *others = [f"{page}.{name}(*args, **kwargs)" for name in names]
        under = [" " * len(f"{FENCE}{{py:function}} ") + other for other in others]
        yield [f"{FENCE}{{py:function}} {first}", *under, "", *markdown(text, {}), "",
               "The name is there for programs that ask for it, and does the same whatever it is given.", FENCE]


def values(page: str) -> Iterator[list[str]]:
    """The lines about the names of a page that are no functions and classes of wengert's."""
    shown = {name for name, _ in members(page)}
    shown |= properties(page).keys()
    others = {name: value for name in _names(page) if name not in shown
              and not isinstance(value := _named(page, name), ModuleType) and value is not None}
    foreign = [name for name, value in others.items()
               if callable(value) and not getattr(value, "__module__", "wengert").startswith("wengert")]
    for name, value in others.items():
        if name not in foreign:
            text = repr(value)
            said = f" `{text}`" if len(text) < 80 and " at 0x" not in text and "\n" not in text else ""
            kind = f"`{type(value).__name__}`"
            yield [f"{FENCE}{{py:data}} {page}.{name}", "", f"A value of type {kind}{':' * bool(said)}{said}.", FENCE]
    if foreign:
        yield ["Names of Python's own, as they are there: " + ", ".join(f"`{name}`" for name in foreign) + "."]


def entry(page: str, name: str, value: Any, known: dict[str, str]) -> list[str]:
    """The lines about one name, of a class about its own methods too."""
    if isinstance(value, property):
        return part_of(page, name, value, known, FENCE)
    kind = "class" if inspect.isclass(value) else "method" if page == TENSOR else "function"
    home = homes()[id(value)]
    plain = None if example(value) else base(home, homes())
    arguments = signature(value)
    if plain is not None and arguments == "(*args, **kwargs)":
        arguments = signature(functools.reduce(getattr, plain.split(".")[1:], wengert))
    lines = [f"{FENCE}{{py:{kind}}} {page}.{name}{arguments}", ""]
    if plain is not None:
        return [*lines, *markdown(inspect.getdoc(value) or "", known), "", f"An example is with {_link(plain)}.", FENCE]
    if home != f"{page}.{name}":
        what = "The function" if page == TENSOR and home.rpartition(".")[2] == name else "Another name of"
        return [*lines, *markdown(summary(value), known), "", f"{what} {_link(home)}, where an example is.", FENCE]
    lines += markdown(inspect.getdoc(value) or "", known)
    lines += facts(value)
    told = lessons().get(home)
    if told:
        links = ", ".join(f"[{int(lesson[:2])}](../lessons/{lesson}.md)" for lesson in told)
        lines += ["", f"In lesson{'s' if len(told) > 1 else ''} {links}."]
    if kind == "class" and f"{page}.{name}" != TENSOR:
        for part, function in sorted(parts(value).items()):
            lines += ["", *part_of(f"{page}.{name}", part, function, known, INNER)]
    return [*lines, FENCE]


def part_of(owner: str, name: str, part: Any, known: dict[str, str], fence: str) -> list[str]:
    """The lines about a method or a property of a class."""
    if isinstance(part, property):
        return [f"{fence}{{py:property}} {owner}.{name}", "", *markdown(part.__doc__ or "", known), fence]
    plain = isinstance(part, (classmethod, staticmethod))
    function = part.__func__ if plain else part
    marks = [f":{type(part).__name__}:"] if plain else []
    return [f"{fence}{{py:method}} {owner}.{name}{signature(function)}", *marks, "",
            *markdown(function.__doc__ or "", known), fence]


def parts(value: type) -> dict[str, Any]:
    """The methods and properties that are to be told of a class, by name: its own, and those of bases that have no
    page, unless a base that has one has them already."""
    told = [base for base in value.__mro__[1:] if id(base) in homes()]
    known = {base for each in told for base in each.__mro__}
    found: dict[str, Any] = {}
    for base in value.__mro__:
        if base in known or not base.__module__.startswith("wengert") or base.__name__ in UNTOLD:
            continue
        for name, part in vars(base).items():
            if not name.startswith("_") and name not in UNTOLD and name not in found and _is_part(base, part):
                found[name] = part
    return found


def properties(page: str) -> dict[str, property]:
    """The properties of tensors, on their page, by name."""
    found = {name: getattr(wengert.Tensor, name) for name in _names(page)} if page == TENSOR else {}
    return {name: value for name, value in found.items() if isinstance(value, property)}


def _link(full: str) -> str:
    said = full.removeprefix("wengert.core.errors.").removeprefix("wengert.")
    return f"{{py:obj}}`{said} <{full}>`"


def _is_part(owner: type, part: Any) -> bool:
    """Whether a class itself defines the method or property (and does not only hold one), and says what it is."""
    if isinstance(part, property):
        return bool(part.__doc__)
    function = part.__func__ if isinstance(part, (classmethod, staticmethod)) else part
    return (inspect.isfunction(function) and function.__qualname__.startswith(f"{owner.__qualname__}.")
            and bool(function.__doc__))


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


@functools.cache
def _place(name: str) -> str:
    """The full name of what ``nn.Linear``, ``Tensor.exp`` or ``lr_scheduler.StepLR`` is; "" of ``x.grad``, say."""
    owner, _, last = name.rpartition(".")
    found = [name, full_name(name), *[f"{page}.{last}" for page in PAGES if page.endswith(f".{owner}")],
             f"{places().get(owner, '')}.{last}"]
    return next((each for each in found if each in documented()), "")


def _linked(line: str, known: dict[str, str]) -> str:
    """A line with its names as links: of what has no page, as code."""

    def one(match: re.Match[str]) -> str:
        code, name = match.groups()
        if code is not None:
            return f"`` {code} ``" if "`" in code else f"`{code}`"
        full = _place(name) if "." in name else known.get(name)
        return f"{{py:obj}}`{name} <{full}>`" if full else f"`{name}`"

    # What stands outside code is text, with titles and warnings emphasised: no other marks, no footnotes.
    parts, last = [], 0
    for match in _CODE.finditer(line):
        parts += [_escaped(line[last:match.start()]), one(match)]
        last = match.end()
    return "".join([*parts, _escaped(line[last:])])


_SPAN = re.compile(r"(?<![`}])`((?:torch|wengert|nn|F|optim|func|autograd|linalg|fft)\.[\w.]+)(\([^`]*\))?`(?!`)")
_ALSO = {"torch": "wengert", "wengert": "wengert", "F": "wengert.nn.functional"}


def full_name(name: str) -> str:
    """`torch.relu`, `nn.Linear` or `F.relu` as it is called from wengert."""
    first, _, rest = name.partition(".")
    return f"{_ALSO.get(first, f'wengert.{first}')}.{rest}"


def spoken_of(text: str) -> Iterator[str]:
    """The names that the prose of a page puts in code spans, in full."""
    for match in _SPAN.finditer(_prose(text)):
        yield full_name(match[1])


def _prose(text: str) -> str:
    """A page without its code blocks and headings."""
    return re.sub(r"^(`{3,}).*?^\1`*\n|^#[^\n]*\n", "", text, flags=re.MULTILINE | re.DOTALL)


def with_links(text: str, documented: frozenset[str]) -> str:
    """A page in which code spans that name something of the reference are links to it."""

    def one(match: re.Match[str]) -> str:
        full = full_name(match[1])
        return f"{{py:obj}}`{match[1]}{match[2] or ''} <{full}>`" if full in documented else match[0]

    parts = re.split(r"(^(?:`{3,}).*?^`{3,}\n|^#[^\n]*\n)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if place % 2 else _SPAN.sub(one, part) for place, part in enumerate(parts))


@functools.cache
def documented() -> frozenset[str]:
    """The full names of everything on the pages, methods of classes too."""
    found = {f"{page}.{name}": value for page in PAGES for name, value in members(page)}
    inner = {f"{name}.{part}" for name, value in found.items() if inspect.isclass(value) and name != TENSOR
             for part in parts(value)}
    return frozenset({*found, *inner, *[f"{TENSOR}.{name}" for name in properties(TENSOR)]})


@functools.cache
def lessons() -> dict[str, list[str]]:
    """The first lessons, at most three, that speak of each thing or use it, by its full name."""
    found: dict[str, list[str]] = {}
    shown = {f"{page}.{name}": homes()[id(value)] for page in PAGES for name, value in members(page)}
    for lesson in sorted(LESSONS.glob("*.md")):
        text = lesson.read_text(encoding="utf-8")
        for name in {*spoken_of(text), *used_in(text)}:
            told = found.setdefault(shown.get(name, name), [])
            if lesson.stem not in told and len(told) < 3:
                told.append(lesson.stem)
    return found


def used_in(text: str) -> Iterator[str]:
    """The names that the cells of a lesson use, in full."""
    for cell in re.findall(r"^```\{code-cell\}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(re.sub(r"^:.*\n", "", cell, flags=re.MULTILINE))):
            if isinstance(node, ast.Attribute):
                name = ast.unparse(node)
                if re.fullmatch(r"(torch|nn|F|optim)(\.\w+)+", name):
                    yield full_name(name)


_EMPHASIS = re.compile(r"(?<!\w)(\*{1,2})(?=[A-Za-z])([^*]+)(?<=[\w.])\1(?!\w)")


def _escaped(text: str) -> str:
    parts = re.split(_EMPHASIS, text)  # text, stars, words, text, ...
    plain = [re.sub(r"([*_\[\]<>$#|\\])", r"\\\1", part) for part in parts]
    return "".join(f"{parts[place]}{plain[place + 1]}{parts[place]}" if place % 3 == 1 else plain[place]
                   for place in range(len(parts)) if place % 3 < 2)


def _about(page: str) -> str:
    """What is said of a page as a whole: of one that shows the names of a module, what that says."""
    text = inspect.getdoc(_owner(page)) or ""
    shown = re.search(r"the public names of `([\w.]+)`", text)
    return inspect.getdoc(import_module(shown[1])) or "" if shown else text


def _owner(page: str) -> Any:
    if page == TENSOR:
        return import_module("wengert").Tensor
    return import_module(page)
