"""`watch`: what a program does, written down so that questions about it can be answered.

It is a `Watcher`, so that nothing of it costs anything when off. Inside, every node gets its line and its module; a
tensor that leaves the tape (detached, made under no_grad, turned into integers) gets a `Cut` that says where and from
which leaves; and the first operation that makes a NaN or an infinity from finite values is described. All of this is
text and weak references, kept on the nodes and tensors themselves: it goes when they go.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ...core.frames import is_inside, user_line, warn
from ...core.operands import Cotangent, Params
from ...core.primitive import Primitive
from ...core.state import state
from ...tensors.evaluation import Watcher, tracing
from ...tensors.tape import Cell, Leaf, Node, node_of
from ...tensors.tensor import TENSORS, Tensor
from .answers import finite, ranges, short, step
from .numbers import Finding, backward_finding, forward_finding, kind_of

_MODULES = __name__.split(".", 1)[0] + ".nn.module"
_FLOATING = "fcVW"
_MOST_NODES, _MOST_CUTS = 2000, 8
_MOST_READS = 4
_SUMS = ("add", "sub")
_READS = frozenset({"item", "tolist", "numpy", "tensor", "__dlpack__"})

SUMMED = 100
"""After so many additions of one line onto its own result, a watch warns that history piles up."""
REPLACED = 10
"""After so many replacements of a leaf by a tensor computed from it, a watch warns."""

SAFE = frozenset(
    {
        "neg", "reshape", "permute", "slice", "expand", "diagonal", "unfold", "relu", "clone", "where", "abs",
        "maximum", "minimum", "index", "gather", "amax", "amin", "cat", "overwrite", "scatter_view", "flip", "roll",
        "zeros_like", "sign", "floor", "ceil", "round", "tanh", "sigmoid", "masked_fill", "argmax",
    }
)
"""Operations that make no NaN or infinity of finite operands, so that their results need no look."""
SAFE_BACK = SAFE - {"index", "gather"} | {"add", "sub", "mean"}
"""The same for what they send back."""


@dataclass(slots=True)
class Cut:
    """A place where values left the tape. ``leaves`` maps a leaf (weakly) to the steps from the cut back to it, as
    cells ``(step, next cell)``."""

    kind: str
    op: str
    line: str
    module: str
    leaves: weakref.WeakKeyDictionary[Any, Any] = field(default_factory=weakref.WeakKeyDictionary)


# What is known of code objects, by their id: True for the user's code, False for ours, None for a module's call. The
# code is kept beside that, so that no other can get its id. And the lines of places in the user's code.
_known: dict[int, tuple[Any, bool | None]] = {}
_lines: dict[tuple[int, int], str] = {}


def _kind_of_code(frame: FrameType) -> tuple[Any, bool | None]:
    code = frame.f_code
    call = code.co_name == "__call__" and frame.f_globals.get("__name__") == _MODULES
    found = _known[id(code)] = code, None if call else not is_inside(code)
    return found


def locate() -> tuple[str, list[Any]]:
    """The user's line that is running, and the modules in whose call it is: the innermost and the outermost."""
    frame: Any = sys._getframe(2)
    line, calls = "", []
    while frame is not None:
        code = frame.f_code
        kind = (_known.get(id(code)) or _kind_of_code(frame))[1]
        if kind is None:
            calls.append(frame)
        elif kind and not line:
            place = id(code), frame.f_lasti
            found = _lines.get(place)
            if found is None:
                found = _lines[place] = f"{code.co_filename}:{frame.f_lineno}"
            line = found
        frame = frame.f_back
    # Reading the variables of a frame is slow, so that only these two are read.
    return line, [call.f_locals["self"] for call in (calls[:: len(calls) - 1] if len(calls) > 1 else calls)]


class watch(Watcher):
    """Watches a program, so that `why_none` and `why_nan` can name lines: ``with autograd.watch():``.

    Inside, nodes get their line and module path, what leaves the tape is noted, and the first NaN or infinity, forward
    or backward, is described in ``first`` (a `Finding`, or None), which ``print(seen)`` shows. Warns when a loss with
    its history is summed more than a hundred times, and when a leaf is replaced again and again by a tensor computed
    from it. In force for the thread that enters it; free outside.

    >>> import wengert as torch
    >>> x = torch.zeros(2, requires_grad=True)
    >>> with torch.autograd.watch() as seen:
    ...     loss = x.sqrt().sum()
    ...     loss.backward()
    >>> seen.first.op, seen.first.phase
    ('sqrt', 'backward')
    """

    def __init__(self) -> None:
        self.first: Finding | None = None
        self.pending: tuple[Cut, ...] = ()
        self.names: dict[int, tuple[Any, dict[int, str]]] = {}
        self.warned: set[str] = set()
        self.lost: dict[tuple[str, str], int] = {}
        self.backwards, self.last_pulled = 0, -1

    def __exit__(self, *exception: object) -> None:
        self.leave()
        self.names, self.pending = {}, ()

    def __str__(self) -> str:
        if self.first is None:
            return "no NaN and no infinity was made from finite numbers while this watch was in force"
        return str(self.first)

    # --- forward ------------------------------------------------------------------------------------------------------

    def computed(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        if self.outer is not None:
            super().computed(primitive, operands, params, out)
        if self.tracer is not None:
            return
        results = out if primitive.multiple else (out,)
        cuts: dict[int, tuple[Cut, ...]] = {}
        for position, x in enumerate(operands):
            if type(x) in TENSORS and x._rare is not None and "cuts" in x._rare:
                cuts[position] = x._rare["cuts"]
        node = node_of(results[0]._edge)
        if node is None and not (state.grad and primitive.records and results[0]._data.dtype.kind in _FLOATING):
            left = self._left(primitive.name, "integer" if state.grad else "no_grad", operands, cuts)
        else:
            left = _merged(cuts.values()) if cuts else ()
        if left:
            for part in results:
                part._rarely()["cuts"] = left
        if node is not None:
            if cuts:
                node.rarely()["cuts"] = cuts
            if primitive.multiple:
                self._integer_results(primitive.name, node, results)
            if primitive.name in _SUMS:
                self._pile(node, out)
        if primitive.name not in SAFE:
            for part in results:
                if not finite(part):
                    self._broke(primitive, operands, params, results, part, node)
                    break

    def _broke(self, primitive: Primitive, operands: Sequence[Any], params: Params, results: Sequence[Any], part: Any,
               node: Node) -> None:
        line, modules = locate()
        finding = forward_finding(primitive.name, operands, params, part._data, line, self.path(modules))
        if finding is None:
            return
        finding.earlier = self.first
        for result in results:
            result._rarely()["finding"] = finding
        if node is not None:
            node.rarely()["finding"] = finding
        if self.first is None or (self.first.entered and not finding.entered and self.first.phase == "forward"):
            self.first = finding

    def _left(self, op: str, kind: str, operands: Sequence[Any], cuts: dict[int, tuple[Cut, ...]]) -> tuple[Cut, ...]:
        """The cuts behind a result that has no history: those of its operands, and one here where they have some."""
        edges = [_history(x) for x in operands if type(x) in TENSORS]
        tracked = [edge for edge in edges if edge is not None]
        merged = _merged(cuts.values()) if cuts else ()
        if tracked:
            line, modules = locate()
            cut = Cut(kind, op, line, self.path(modules))
            _fill(cut, tracked)
            merged = (*merged, cut)[-_MOST_CUTS:]
        return merged

    def _integer_results(self, op: str, node: Node, results: Sequence[Any]) -> None:
        """Notes that some results of an operation, such as the indices of max, have no derivative."""
        parts = [part for part in results if part._edge is None]
        if parts:
            line, modules = locate()
            cut = Cut("integer", op, line, self.path(modules))
            _fill(cut, [edge for edge in node.edges if edge is not None])
            for part in parts:
                part._rarely()["cuts"] = (cut,)

    # --- values that leave for numbers, arrays and buffers ------------------------------------------------------------

    def taken(self, tensor: Tensor, what: str) -> None:
        super().taken(tensor, what)
        if what in _READS and not tracing():
            self._lose(tensor, f"{what}()", None)

    def writes(self, tensor: Tensor, new: Tensor) -> None:
        if not state.grad and not tracing():
            self._lose(new, "a write into a tensor under no_grad", tensor)
        super().writes(tensor, new)

    def _lose(self, tensor: Tensor, how: str, target: Any) -> None:
        """Notes on the leaves behind a tensor that its values went where no gradient comes from."""
        rare, edge = tensor._rare, _history(tensor)
        if edge is None and (rare is None or "cuts" not in rare):
            return
        line = user_line()
        times = self.lost[how, line] = self.lost.get((how, line), 0) + 1
        if times > _MOST_READS:  # a loop says the same each time
            return
        found = Cut("read", how, line, "")
        if edge is not None:
            _fill(found, [edge])
        leaves = [*found.leaves, *(leaf for cut in (rare or {}).get("cuts", ()) for leaf in cut.leaves)]
        for leaf in leaves:
            if target is None or leaf.variable is not target:
                leaf.rarely()["lost"] = how, line

    def made(self, tensor: Tensor) -> None:
        if self.outer is not None:
            super().made(tensor)
        if self.pending:
            tensor._rarely()["cuts"] = self.pending
            self.pending = ()

    def detaches(self, tensor: Tensor) -> None:
        super().detaches(tensor)
        if not tracing():
            cuts = {0: tensor._rare["cuts"]} if tensor._rare is not None and "cuts" in tensor._rare else {}
            if tensor._edge is not None or cuts:
                self.pending = self._left("detach", "detached", (tensor,), cuts)

    def recorded(self, node: Node) -> None:
        if self.outer is not None:
            super().recorded(node)
        if self.tracer is not None:
            return
        rare = node.rare
        if rare is None:
            rare = node.rare = {}
        line, modules = locate()
        rare.setdefault("line", line)
        if modules:
            rare["module"] = self.path(modules)
        for edge in node.edges:
            if type(edge) is Leaf:
                edge.rarely()["used"] = line
        self.pending = ()

    def line(self) -> str | None:
        return user_line()

    def path(self, modules: list[Any]) -> str:
        """The name of the innermost module within the outermost, with its class."""
        if not modules:
            return ""
        root = modules[-1]
        known = self.names.get(id(root))
        if known is None:
            known = self.names[id(root)] = root, {id(module): name for name, module in root.named_modules()}
        name = known[1].get(id(modules[0]), "")
        kind = type(modules[0]).__name__
        return f"{name} ({kind})" if name else kind

    def update(self, run: Callable[[Any], None], group: dict[str, Any]) -> None:
        """Stands aside while an optimizer runs, and looks at the parameters after it."""
        if not self.aside(run, group):
            super().update(run, group)
            return
        if self.first is None and not all(map(finite, group["params"])):
            broken = next(p for p in group["params"] if not finite(p))
            line, _ = locate()
            self.first = Finding("forward", kind_of(broken), "the optimizer's step", line,
                                 operands=[ranges("the parameter", broken), ranges("its gradient", broken.grad)],
                                 cure="a smaller learning rate")

    # --- histories that grow ------------------------------------------------------------------------------------------

    def _pile(self, node: Node, out: Any) -> None:
        """Counts how often a line has added to its own result, and warns."""
        rare = node.rarely()
        line = rare["line"]
        lower = [node_of(edge) for edge in node.edges if edge is not None]
        kind = "sum" if len(lower) == 2 else "update"
        if kind == "sum" and out._data.size != 1:
            return
        depth = 1 if kind == "sum" or type(lower[0]) is Leaf else 0
        # Also one operation further down, as in 0.9 * mean + 0.1 * loss.
        further = [node_of(edge) for each in lower if type(each) is not Leaf for edge in each.edges if edge is not None]
        for each in (*lower, *further):
            seen = each.rare.get("piled") if each.rare is not None else None
            if seen is not None and seen[1:3] == (line, kind):
                depth = max(depth, seen[0] + (1 if kind == "sum" or self.backwards > seen[3] else 0))
        if not depth:
            return
        rare["piled"] = depth, line, kind, self.backwards
        if depth > (SUMMED if kind == "sum" else REPLACED) and line not in self.warned:
            self.warned.add(line)
            text = _SUMMED if kind == "sum" else _REPLACED
            warn(text.format(depth=depth, line=short(line)), UserWarning)

    # --- backward -----------------------------------------------------------------------------------------------------

    def pulled(self, node: Node, ct: Cotangent, grads: Sequence[Any]) -> None:
        if self.outer is not None:
            super().pulled(node, ct, grads)
        if self.tracer is not None:
            return
        if self.last_pulled < node.sequence:
            self.backwards += 1
        self.last_pulled = node.sequence
        if getattr(node, "primitive", None) is not None and node.primitive.name in SAFE_BACK:
            return
        for position, grad in enumerate(grads):
            if grad is None or finite(grad):
                continue
            finding = backward_finding(node, ct, position, grad)
            if finding is not None:
                node.rarely().setdefault("back", finding)
                if self.first is None:
                    self.first = finding
            return


_SUMMED = (
    "[watch] {line} has added to a tensor with history {depth} times: every term keeps its whole graph in "
    "memory. To add up a loss for printing, add its number: total += loss.item(). If backward() will really run "
    "through all of them, this warning may be ignored."
)
_REPLACED = (
    "[watch] {line} has replaced a parameter {depth} times by a tensor computed from it, whose history grows "
    "with every step. Update it in place, outside the tape: with torch.no_grad(): w -= lr * w.grad."
)


def _history(tensor: Tensor) -> Any:
    """The history of a tensor's memory, also of a view that takes no part in it."""
    return tensor._edge if tensor._alias is None else tensor._alias.storage.edge


def _merged(groups: Iterable[tuple[Cut, ...]]) -> tuple[Cut, ...]:
    found: dict[int, Cut] = {}
    for group in groups:
        for cut in group:
            found[id(cut)] = cut
    return tuple(found.values())[-_MOST_CUTS:]


def _fill(cut: Cut, edges: list[Any]) -> None:
    """Notes which leaves lie behind a cut, and the way to each."""
    seen: set[int] = set()
    stack: list[tuple[Any, Any]] = [(node_of(edge), None) for edge in edges]
    while stack and len(seen) < _MOST_NODES:
        node, way = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if type(node) is Leaf:
            cut.leaves[node] = way
            continue
        cell = (step(node), way)
        stack.extend((node_of(edge), cell) for edge in node.edges if edge is not None)
        for group in (node.rare or {}).get("cuts", {}).values():
            for older in group:
                for leaf in list(older.leaves):
                    cut.leaves.setdefault(leaf, (f"{older.op} ({older.kind})", cell))


def way_of(cell: Cell | None) -> tuple[str, ...]:
    """The steps in a chain of cells, the one nearest the leaf first."""
    steps: list[str] = []
    while cell is not None and len(steps) < 12:
        steps.append(cell[0])
        cell = cell[1]
    return tuple(steps)
