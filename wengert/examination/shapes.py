"""A drawing of operands whose shapes do not fit: the sizes that disagree underlined, where each operand came from, and
the changes that would make them fit, computed from the sizes.

It is made of what the traceback still holds, so that errors cost nothing more where they are raised.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import math
import re
from collections.abc import Iterator, Sequence
from html import escape
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from ..autograd.questions.answers import short
from ..core.frames import is_inside
from ..nn.module import Module
from ..nn.parameter import Parameter
from ..tensors.tape import node_of
from ..tensors.tensor import Tensor
from .layers import misfit
from .stated import changed, disagreeing, stated

Shape = tuple[int, ...]
_PRODUCTS = frozenset({"matmul", "linear", "addmm", "bmm", "mm", "mv", "dot"})
_CLASSES = frozenset({"cross_entropy", "nll_loss"})
_MOST = 6


class _Operand(NamedTuple):
    """A tensor that took part: what the function calls it, and where it is from."""

    label: str
    shape: Shape
    origin: str


def drawing(error: Exception) -> list[str]:
    """The lines of the drawing; none where the traceback does not hold the operands."""
    operands, changes = _taken(error)
    width = max((len(operand.label) for operand, _ in operands), default=0)
    lines = []
    for operand, marked in operands:
        sizes, underline = _row(operand.shape, marked)
        lines.append(f"    {operand.label:<{width}}  {sizes}  {operand.origin}".rstrip())
        if underline.strip():
            lines.append(f"    {'':<{width}}  {underline}".rstrip())
    return [*lines, *(f"    try: {change}" for change in changes)]


def picture(error: Exception) -> str:
    """The drawing as HTML, for a notebook: each size in a box, those that disagree in red; "" where there is none."""
    operands, changes = _taken(error)
    if not operands:
        return ""
    box = "display:inline-block;padding:2px 8px;margin:2px;border:1px solid {0};border-radius:4px;color:{0}"
    rows = []
    for operand, marked in operands:
        sizes = "".join(f'<span style="{box.format("#c0392b" if axis in marked else "#6b7688")}">{size}</span>'
                        for axis, size in enumerate(operand.shape)) or "scalar"
        rows.append(f"<tr><td><b>{escape(operand.label)}</b></td><td>{sizes}</td><td>{escape(operand.origin)}</td></tr>")
    cured = "".join(f"<div>try: <code>{escape(change)}</code></div>" for change in changes)
    return f'<table style="text-align:left">{"".join(rows)}</table>{cured}'


def _taken(error: Exception) -> tuple[list[tuple[_Operand, set[int]]], list[str]]:
    """The operands, each with the axes that disagree, and the changes that would make them fit."""
    frames, message = list(_frames(error.__traceback__)), str(error)
    name, labelled = _operands(frames)
    said = re.match(r"\[([\w.]+)]", message)
    if said is not None and said[1] in _CLASSES:
        name = said[1]
    rows, changes = stated(message)
    if rows and name not in _CLASSES:
        return [(_Operand(label, shape, _whence(label, shape, labelled, frames)), at)
                for label, shape, at in rows], changes
    layer = _of_layer(frames)
    if layer is not None:
        return layer
    if len(labelled) < 2:  # a tensor alone shows nothing that its error does not say
        return [], []
    operands = [_Operand(label, tuple(tensor.shape), _origin(tensor, frames)) for label, tensor in labelled]
    marks, changes = _judged(name, message, frames, [operand.shape for operand in operands])
    return list(zip(operands, marks, strict=True)), changes


def _judged(name: str, message: str, frames: Sequence[tuple[FrameType, int]], shapes: Sequence[Shape]
            ) -> tuple[list[set[int]], list[str]]:
    """The axes of each operand that disagree, and the changes that would make them fit: as the operation that failed
    compares them, or as the error says."""
    if name == "einsum":
        return _by_letters(frames, shapes), []
    if name.startswith(("gather", "scatter")):
        return _reaching(frames, shapes), []
    if name not in _PRODUCTS | _CLASSES and (told := disagreeing(message, shapes)) is not None:
        return told, changed(message, shapes)
    return _disagreeing(name, shapes), cures(name, shapes)


def _whence(label: str, shape: Shape, labelled: Sequence[tuple[str, Any]], frames: Any) -> str:
    """Where a tensor is from of which an error states the shape, or how many elements the shape has."""
    tensor = next((each for name, each in labelled if name == label and tuple(each.shape) == shape), None)
    if tensor is not None:
        return _origin(tensor, frames)
    return f"{math.prod(shape)} elements" if label in ("the tensor", "the shape") and -1 not in shape else ""


def _reaching(frames: Sequence[tuple[FrameType, int]], shapes: Sequence[Shape]) -> list[set[int]]:
    """The axes along which an index (the second operand) reaches beyond what it reads or writes, and beyond the values
    that are written."""
    dim = next((found for frame, _ in reversed(frames) if type(found := frame.f_locals.get("dim")) is int), None)
    index = shapes[1]
    marks: list[set[int]] = [set() for _ in shapes]
    for i, other in enumerate(shapes):
        if len(other) == len(index) and dim is not None:
            beyond = {axis for axis, size in enumerate(other)
                      if index[axis] > size and (i > 1 or axis != dim % len(index))}
            marks[i] |= beyond
            marks[1] |= beyond
    return marks


def _of_layer(frames: Sequence[tuple[FrameType, int]]) -> tuple[list[tuple[_Operand, set[int]]], list[str]] | None:
    """The input of the innermost layer that runs, and the setting of the layer that it does not fit."""
    for frame, _ in reversed(frames):
        module = frame.f_locals.get("self")
        if not is_inside(frame.f_code) or not isinstance(module, Module) or frame.f_code.co_name != "__call__":
            continue
        inputs = [value for value in frame.f_locals.get("args", ()) if isinstance(value, Tensor)]
        found = misfit(module, tuple(inputs[0].shape)) if inputs else None
        if found is None:
            return None
        name, sizes, wrong, at, changes = found
        said = module if not module._modules else module._get_name()
        return [(_Operand("input", tuple(inputs[0].shape), _origin(inputs[0], frames)), wrong),
                (_Operand(name, sizes, f"of {said}"), at)], changes
    return None


def _by_letters(frames: Sequence[tuple[FrameType, int]], shapes: Sequence[Shape]) -> list[set[int]]:
    """The axes of einsum's operands whose letter stands for several sizes."""
    equation = next((text for frame, _ in reversed(frames) if type(text := frame.f_locals.get("equation")) is str), "")
    terms = equation.partition("->")[0].replace(" ", "").split(",")
    if "." in equation or [len(term) for term in terms] != [len(shape) for shape in shapes]:
        return [set() for _ in shapes]
    sizes: dict[str, set[int]] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, size in zip(term, shape, strict=True):
            sizes.setdefault(letter, set()).add(size)
    return [{axis for axis, letter in enumerate(term) if len(sizes[letter] - {1}) > 1} for term in terms]


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _operands(frames: Sequence[tuple[FrameType, int]]) -> tuple[str, list[tuple[str, Any]]]:
    """The operation that failed, and its tensors by name: of the primitive, if it got one that the program or a layer
    handed over, else of the function that was called with these."""
    name, given = _called(frames)
    for frame, _ in reversed(frames):
        if not is_inside(frame.f_code):
            break
        here = frame.f_locals
        primitive, operands = here.get("primitive"), here.get("operands")
        if primitive is None or not isinstance(operands, (tuple, list)):
            continue
        names = [name for name in inspect.signature(primitive.run).parameters if name != "xp"]
        found = [(names[i] if i < len(names) else f"operand {i}", operand)
                 for i, operand in enumerate(operands[:_MOST]) if isinstance(operand, Tensor)]
        if found and given and len(found[0][1].shape) == len(given[0][1].shape) + 1 and found[0][1].shape[0] == 1:
            found[0] = found[0][0], given[0][1]  # one example, of which the function made a batch
        known = [*(other for _, other in given), *(operand for _, operand in found if type(operand) is Parameter)]
        if not given or all(any(operand is other for other in known) for _, operand in found):
            return primitive.name, found
    return name, given


def _called(frames: Sequence[tuple[FrameType, int]]) -> tuple[str, list[tuple[str, Any]]]:
    """The function that the program, or the innermost layer, called, and the tensors that it was given, by name."""
    last = max((i for i, (frame, _) in enumerate(frames)
                if not is_inside(frame.f_code) or frame.f_code is Module.__call__.__code__), default=-1)
    for frame, _ in frames[last + 1 :]:
        code = frame.f_code
        if code.co_argcount == 0 and code.co_flags & inspect.CO_VARARGS and "kwargs" in code.co_varnames:
            continue  # it hands on what it is given
        if code.co_varnames[: code.co_argcount] == ("self", "args", "kwargs"):
            continue  # so does what stands behind an armed function
        count = code.co_argcount + bool(code.co_flags & inspect.CO_VARARGS)
        named = [(name, frame.f_locals.get(name)) for name in code.co_varnames[:count]]
        found = [(name, value) for name, value in named if isinstance(value, Tensor) and name != "self"]
        lists = [(f"{name}[{i}]", value) for name, values in named if isinstance(values, (list, tuple))
                 for i, value in enumerate(values[:_MOST]) if isinstance(value, Tensor)]
        if found or lists:
            return code.co_name, [*found, *lists][:_MOST]
    return "", []


# --- where an operand is from -----------------------------------------------------------------------------------------


def _origin(tensor: Tensor, frames: Sequence[tuple[FrameType, int]]) -> str:
    """What the program calls a tensor and where it got it, a parameter of which module it is, or what computed it."""
    for frame, line in reversed(frames):
        if is_inside(frame.f_code):
            module = frame.f_locals.get("self")
            if isinstance(module, Module):
                for name, parameter in module._parameters.items():
                    if parameter is tensor:
                        return f"{name} of {module}" if not module._modules else f"{name} of {module._get_name()}"
            continue
        for name, value in frame.f_locals.items():
            if value is tensor:
                made = _assigned(frame, name, line)
                return f"{name}, from {made}" if made else name
    node = node_of(tensor._edge)
    primitive = getattr(node, "primitive", None)
    return f"the result of {primitive.name}" if primitive is not None else ""


def _assigned(frame: FrameType, name: str, line: int) -> str:
    """The last line before ``line`` at which the source of a frame assigns a variable."""
    file = frame.f_code.co_filename
    try:
        tree = ast.parse("".join(linecache.getlines(file, frame.f_globals)))
    except SyntaxError:
        return ""
    first = frame.f_code.co_firstlineno
    lines = [node.lineno for node in ast.walk(tree)
             if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
             and first <= node.lineno <= line]
    return f"{short(file)}:{max(lines)}" if lines else ""


# --- which sizes disagree, and what would make them fit ---------------------------------------------------------------


def _row(shape: Shape, marked: set[int]) -> tuple[str, str]:
    """A shape as text, and the line that underlines some of its sizes."""
    texts = [str(size) for size in shape]
    under = [("^" if axis in marked else " ") * len(text) for axis, text in enumerate(texts)]
    end = ",)" if len(shape) == 1 else ")"
    return f"({', '.join(texts)}{end}", " " + "  ".join(under)


def _disagreeing(name: str, shapes: Sequence[Shape]) -> list[set[int]]:
    """The axes of each operand whose sizes do not fit those of another."""
    marks: list[set[int]] = [set() for _ in shapes]
    if name in _PRODUCTS and len(shapes) > 1:
        first, second = _factors(name, shapes)
        one, other = _inner(name, shapes)
        if shapes[first] and shapes[second] and shapes[first][one] != shapes[second][other]:
            marks[first].add(one % len(shapes[first]))
            marks[second].add(other % len(shapes[second]))
        else:  # the batches disagree
            for axis in range(3, min(len(shapes[first]), len(shapes[second])) + 1):
                if shapes[first][-axis] != shapes[second][-axis]:
                    marks[first].add(len(shapes[first]) - axis)
                    marks[second].add(len(shapes[second]) - axis)
        return marks
    if name in _CLASSES and len(shapes) > 1:
        for axis in {0, *range(2, len(shapes[0]))}:
            target = axis if axis == 0 else axis - 1
            if axis < len(shapes[0]) and target < len(shapes[1]) and shapes[0][axis] != shapes[1][target]:
                marks[0].add(axis)
                marks[1].add(target)
        marks[1].update(range(max(len(shapes[0]) - 1, 1), len(shapes[1])))
        return marks
    for axis in range(1, max(map(len, shapes), default=0) + 1):  # aligned at the right, as broadcasting does
        sizes = {shape[-axis] for shape in shapes if len(shape) >= axis and shape[-axis] != 1}
        if len(sizes) > 1:
            for shape, marked in zip(shapes, marks, strict=True):
                if len(shape) >= axis and shape[-axis] != 1:
                    marked.add(len(shape) - axis)
    if not any(marks):  # the numbers of dimensions disagree
        marks = [set(range(len(shape))) if shape != shapes[0] else set() for shape in shapes]
    return marks


def _factors(name: str, shapes: Sequence[Shape]) -> tuple[int, int]:
    """Which operands are multiplied."""
    return (1, 2) if name == "addmm" and len(shapes) > 2 else (0, 1)


def _inner(name: str, shapes: Sequence[Shape]) -> tuple[int, int]:
    """The axes over which a product sums: of its first factor, and of its second."""
    second = shapes[_factors(name, shapes)[1]]
    return -1, -1 if name == "linear" or len(second) < 2 else -2


def cures(name: str, shapes: Sequence[Shape]) -> list[str]:
    """Changes after which the shapes would fit, the likeliest first."""
    if len(shapes) < 2:
        return []
    first, second = _factors(name, shapes) if name in _PRODUCTS else (0, 1)
    a, b = shapes[first], shapes[second]
    found: list[str] = []
    if name == "linear" and a:
        features = b[-1]
        if len(a) > 2 and math.prod(a[1:]) == features:
            found.append(f"flatten(1) before it: {features} = {' * '.join(map(str, a[1:]))}")
        elif features in a[:-1]:
            found.append(f"move the axis of size {features} to the end: movedim({a.index(features)}, -1)")
        found.append(f"in_features={a[-1]} for the layer, which now has {features}")
    elif name in _PRODUCTS and len(a) > 1 and len(b) == 1:
        if a[-2] == b[0]:
            found.append("the first operand transposed: .mT")
    elif name == "bmm" and len(a) == len(b) == 2:
        found.append("mm or @, which multiply matrices; or unsqueeze(0) of both")
    elif name in _PRODUCTS and len(a) > 1 and len(b) > 1:
        if a[-1] == b[-1]:
            found.append("the second operand transposed: .mT")
        if a[-2] == b[-2]:
            found.append("the first operand transposed: .mT")
        if b[-1] == a[-2]:
            found.append("the operands in the other order")
    elif name in _CLASSES:
        if len(b) == len(a) and b[1:2] == (1,):
            found.append("the target without its axis of size 1: squeeze(1)")
        elif math.prod(b) * a[1 if len(a) > 1 else 0] == math.prod(a) and len(b) == 1:
            found.append("the scores as one row for each target: movedim(1, -1).flatten(0, -2)")
    elif len(a) != len(b) and a and b:
        longer, shorter = (a, b) if len(a) > len(b) else (b, a)
        if len(shorter) == 1 and longer[0] == shorter[0]:
            where = "the rows" if len(longer) == 2 else "the first axis"
            ones = ", 1" * (len(longer) - 1)
            how = "unsqueeze(1)" if len(longer) == 2 else f"reshape({shorter[0]}{ones})"
            found.append(f"{how} of the shorter one, if its elements go with {where}")
    elif sorted(a) == sorted(b) and a != b and len(a) == 2:
        found.append("one of them transposed: .mT")
    return found
