"""A computation step by step, for the page: every operation forward, then every operation back, each with its numbers.

The one idea to know: a step is data, and says what can be seen at it, so that the page hides a value that has not been
computed and a gradient that has not arrived. Total derivatives are written with ``d`` (``dL/dw``, over all paths),
local ones with ``∂`` (``∂u/∂w``, along one edge).
"""

from __future__ import annotations

import math
from typing import Any

from .model import GraphEdge, GraphModel, GraphNode
from .partials import REAL
from .rules import LOCAL, local_rule, mathematics, sent_rule
from .text import SIGNS, formula, partial_text, symbol_of
from .values import SHOWN, Summary, number, shape_text, spread

_UNKNOWN = "…"


class Steps:
    """The steps of a graph; `all` has them, forward and then back."""

    def __init__(self, graph: GraphModel) -> None:
        self.graph, self.symbols, self.into = graph, graph.symbols(), graph.into()
        self.top = self.symbols[graph.roots[0]] if len(graph.roots) == 1 else "result"
        self.results: dict[int, list[GraphNode]] = {}
        self.sent: dict[int, list[Summary]] = {}
        for edge in graph.edges:
            if graph.nodes[edge.target].kind == "output":
                self.results.setdefault(edge.source, []).append(graph.nodes[edge.target])
            elif edge.sent is not None:
                self.sent.setdefault(edge.source, []).append(edge.sent)

    def all(self) -> list[dict[str, Any]]:
        """Every step as the page reads it."""
        return [*self._forth(), *self._back()]

    # --- forward ------------------------------------------------------------------------------------------------------

    def _forth(self) -> list[dict[str, Any]]:
        """An operation, its formula in symbols and in numbers, and how forward mode moves it."""
        steps = []
        for node in self.graph:
            if node.kind != "operation":
                continue
            made: dict[str, Any] = {"n": node.id, "way": "forth", "name": self.symbols[node.id]}
            results = [each.id for each in self.results.get(node.id, ())]
            if results:
                made["also"] = results
            made["text"] = self._computed(node)
            chain = self._product_chain(node)
            if chain:
                made["chain"] = chain
            if node.tangent is not None:
                made |= {"move": f"d{self.symbols[node.id]}", "ct": node.tangent.text(), "sends": self._pushed(node)}
            steps.append(made)
        return steps

    def _computed(self, node: GraphNode) -> str:
        """``u = x · w = 3 · 2 = 6``."""
        operands = self.into[node.id]
        written = self._formula(node)
        parts = [self.symbols[node.id], written]
        values = {edge.place: self._value_text(self.graph.nodes[edge.source]) for edge in operands}
        if values and all(values.values()) and _UNKNOWN not in written:
            sign = "⊙" if self._entrywise(node) else SIGNS.get(node.operation)
            words = [values[place] for place in sorted(values)]
            put = f" {sign} ".join(words) if sign else f"{node.operation}({', '.join(words)})"
            put = mathematics(put)
            if put != written and len(put) <= 60:
                parts.append(put)
        value = self._value_text(node)
        if value:
            parts.append(value)
        elif node.shape is not None and not self.results.get(node.id):
            lone = len(node.shape) == 1
            parts[-1] += f", {shape_text(node.shape, True)} of {node.dtype}" if lone else f", {node.size_text}"
        return " = ".join(parts)

    def _formula(self, node: GraphNode) -> str:
        """How a node was made, in the signs of mathematics."""
        written = formula(node, self.into[node.id], self.graph, self.symbols)
        return mathematics(written.replace(" * ", " ⊙ ") if self._entrywise(node) else written)

    def _entrywise(self, node: GraphNode) -> bool:
        """Whether it is a product entry by entry, as `·` would be read as one of matrices."""
        sources = [self.graph.nodes[edge.source] for edge in self.into[node.id]]
        return node.operation == "mul" and len(sources) == 2 and all(source.shape for source in sources)

    @staticmethod
    def _value_text(node: GraphNode) -> str:
        """A value in few characters; nothing where there are many."""
        if node.value is None or node.value.values is None or node.value.size > 4 or len(node.value.shape) > 1:
            return ""
        return node.value.text()

    def _product_chain(self, node: GraphNode) -> list[list[Any]]:
        """The matrices of a matrix product, to be shown as such: pairs of a node's id and how it is taken."""
        operands = self.into[node.id]
        if node.operation not in ("matmul", "linear") or len(operands) < 2:
            return []
        shown: list[list[Any]] = []
        for edge in operands:
            turned = "T" if node.operation == "linear" and edge.place == 1 else ""
            shown.append(["v", edge.source, turned, self.symbols[edge.source]])
        return shown if all(_drawn(self.graph.nodes[id].value) for _, id, _, _ in shown) else []

    def _pushed(self, node: GraphNode) -> list[dict[str, Any]]:
        """What each operand adds to the tangent of an operation."""
        sends = []
        for edge in self.into[node.id]:
            source = self.graph.nodes[edge.source]
            if edge.pushed is None:
                continue
            symbol = self.symbols[edge.source]
            written = {"to": edge.source, "name": f"∂{self.symbols[node.id]}/∂{symbol}", "goal": f"d{symbol}",
                       "sent": edge.pushed.text()}
            partial = partial_text(edge)
            texts = "" if source.tangent is None else source.tangent.text(), edge.pushed.text()
            if partial:
                written["partial"] = partial
                if _plain(*texts):
                    written["product"] = f"{partial} {_times(edge)} {texts[0]} = {texts[1]}"
            sends.append(written)
        return sends

    # --- back ---------------------------------------------------------------------------------------------------------

    def _back(self) -> list[dict[str, Any]]:
        """An operation, the gradient that has arrived at it, and what it sends to each operand."""
        steps: list[dict[str, Any]] = []
        came: dict[int, list[Summary]] = {}
        for node in self.graph.walk(backward=True):
            if node.kind != "operation":
                continue
            arrived = [each for each in self.results.get(node.id, [node]) if each.gradient is not None]
            sends = []
            for edge in self.into[node.id] if arrived else ():
                if edge.sent is None:
                    continue
                sends.append(self._sent(node, edge, arrived[0] if arrived[0] is node else None))
                terms = came.setdefault(edge.source, [])
                terms.append(edge.sent)
                if len(terms) == len(self.sent[edge.source]):
                    total = self.graph.nodes[edge.source].gradient
                    if total is not None and 0 < total.size <= 4 and len(total.shape) <= 1 and total.dtype in REAL:
                        sends[-1]["a"] = total.values
                    if len(terms) > 1:
                        sends[-1]["meet"] = self._meeting(edge.source, terms)
            if sends:
                names = [self._total(each.id) for each in arrived]
                texts = [each.gradient.text() for each in arrived if each.gradient is not None]
                step = {"n": node.id, "name": ", ".join(names), "ct": ", ".join(texts), "sends": sends}
                if len(came.get(node.id, ())) > 1:
                    step["meet"] = self._meeting(node.id, came[node.id])
                steps.append(step)
        return steps

    def _total(self, id: int) -> str:
        """The derivative of the result by a node, over all paths: ``dL/dw``."""
        return f"d{self.top}/d{self.symbols[id]}"

    def _meeting(self, id: int, terms: list[Summary]) -> str:
        """Contributions that meet, as a sum with its terms: ``dL/dv = 1 + 0.0007 + 0.0024 = 1.0031``."""
        total = self.graph.nodes[id].gradient
        texts = [term.text() for term in terms]
        if total is None or not _plain(total.text(), *texts) or len(terms) > 8:
            return f"{self._total(id)} is the sum of {len(terms)} contributions"
        if total.size == 1:  # terms that are rounded to four digits need not add up to a sum that is
            texts = [_number_of(term) for term in terms]
            return f"{self._total(id)} = {_sum(texts)} = {_number_of(total)}"
        return f"{self._total(id)} = {_sum(texts)} = {total.text()}"

    def _sent(self, node: GraphNode, edge: GraphEdge, above: GraphNode | None) -> dict[str, Any]:
        """What goes along one edge: the product in symbols and numbers, its rule, and its matrices."""
        symbol = self.symbols[edge.source]
        made: dict[str, Any] = {"to": edge.source, "name": f"∂{self.symbols[node.id]}/∂{symbol}",
                                "goal": self._total(edge.source)}
        partial = partial_text(edge)
        if edge.sent is not None:
            made["sent"] = edge.sent.text()
        asked = _few_numbers(edge)
        if asked:
            made["p"] = asked
        if partial:
            made["partial"] = partial
            texts = "" if above is None or above.gradient is None else above.gradient.text(), made["sent"]
            if _plain(*texts):
                made["product"] = f"{texts[0]} {_times(edge)} {partial} = {texts[1]}"
        rule = self._rule(node, edge)
        if rule:
            made["rule"] = rule
        elif above is not None:
            symbols = self._operand_symbols(node)
            back = sent_rule(node, edge.place, symbols, self.symbols[node.id], self._total(node.id), _ratio(edge, node))
            if back:
                made["back"] = f"{self._total(edge.source)} = {back}"
                chain = self._back_chain(node, edge)
                if chain:
                    made["chain"] = chain
        if len(self.sent[edge.source]) > 1 and edge.sent is not None:
            picture = picture_of(edge.sent)
            if picture:
                made["m"] = picture
        return made

    def _operand_symbols(self, node: GraphNode) -> list[str]:
        """The symbols of a node's operands by place, ``…`` where one is not known."""
        found: list[str] = []
        for edge in self.into[node.id]:
            found += [_UNKNOWN] * (edge.place + 1 - len(found))
            found[edge.place] = symbol_of(self.graph.nodes[edge.source], self.symbols)
        return found

    def _rule(self, node: GraphNode, edge: GraphEdge) -> str:
        """``d(v²)/dv = 2v = 4`` for an elementwise operation."""
        if node.operation not in LOCAL:
            return ""
        symbols = self._operand_symbols(node)
        rule = local_rule(node, edge.place, symbols, self.symbols[node.id])
        if not rule:
            return ""
        operands = self.into[node.id]
        moving = [each for each in operands if self.graph.nodes[each.source].kind != "constant"]
        sign = "d" if len(moving) == 1 else "∂"
        written = self._formula(node)
        text = f"{sign}({written})/{sign}{symbols[edge.place]} = {rule}"
        partial = partial_text(edge)
        same = edge.shape is None or node.shape is None or edge.shape == node.shape
        if not same:
            text += ", summed over the axis along which it was repeated"
        elif partial and partial != rule and "matrix" not in partial:
            text += f" = {partial}"
        return text

    def _back_chain(self, node: GraphNode, edge: GraphEdge) -> list[list[Any]]:
        """The matrices of what a matrix product sends back: ``Xᵀ · δ``."""
        sides = {each.place: each.source for each in self.into[node.id]}
        if node.operation not in ("matmul", "linear") or edge.place > 1 or len(sides) < 2:
            return []
        other, ct = sides[1 - edge.place], [node.id, "", self._total(node.id)]
        linear = node.operation == "linear"
        value = self.graph.nodes[other].value
        if not _drawn(value) or not _drawn(node.gradient) or value is None or len(value.shape) != 2:
            return []
        if edge.place == 0:
            return [["g", *ct], ["v", other, "" if linear else "T", self.symbols[other]]]
        if linear:
            return [["g", node.id, "T", ct[2]], ["v", other, "", self.symbols[other]]]
        return [["v", other, "T", self.symbols[other]], ["g", *ct]]


def _few_numbers(edge: GraphEdge) -> list[float]:
    """A local derivative of at most four numbers, as `partial_text` writes it: a number, a diagonal or a row."""
    if edge.partial is None or edge.sent is None:
        return []
    row = [row[i] for i, row in enumerate(edge.partial)] if edge.diagonal else edge.partial[0]
    return row if len(row) <= 4 and (edge.diagonal or len(edge.partial) == 1) else []


def _times(edge: GraphEdge) -> str:
    """The sign of the product with a local derivative: entry by entry where that is a diagonal."""
    return "⊙" if edge.diagonal else "·"


def _ratio(edge: GraphEdge, node: GraphNode) -> int | None:
    """How many elements of an operand there are for each one of the result."""
    if edge.shape is None or node.shape is None or not math.prod(node.shape):
        return None
    return math.prod(edge.shape) // math.prod(node.shape) if node.operation in ("mean", "mse_loss") else None


def _plain(*texts: str) -> bool:
    """Whether texts are numbers or vectors, and no summaries in words."""
    return all(text and not text.startswith("norm") and "empty" not in text for text in texts)


def _number_of(summary: Summary) -> str:
    value = summary.values[0] if summary.values else 0.0
    if isinstance(value, float) and math.isfinite(value) and 1e-4 <= abs(value) < 1e5:
        return f"{value:.6g}".replace("-", "−")
    return number(value)


def _sum(texts: list[str]) -> str:
    """``1 + 2 − 3``."""
    return " + ".join(texts).replace("+ −", "− ")


def _written(summary: Summary | None) -> bool:
    """Whether a value is a small vector or matrix, whose numbers can be written out."""
    return (summary is not None and summary.values is not None and 1 < summary.size <= SHOWN
            and len(summary.shape) <= 2)


def _drawn(summary: Summary | None) -> bool:
    """Whether a value is a vector or matrix that the page can draw."""
    return summary is not None and len(summary.shape) <= 2 and bool(picture_of(summary))


def picture_of(summary: Summary | None) -> dict[str, Any]:
    """A vector or matrix as the page shows it: numbers of a small one, of a larger one a heat map, whose cells are
    entries from −9 to 9 in parts of the largest. Nothing for a single number."""
    if summary is None or summary.size <= 1:
        return {}
    if _written(summary) and summary.values is not None:
        rows, columns = summary.shape if len(summary.shape) == 2 else (1, summary.size)
        if rows <= 10 and columns <= 10:
            return {"r": rows, "c": columns, "x": [number(value) for value in summary.values]}
    grid = summary.grid or _square(summary)
    if not grid:
        return {}
    most = max((abs(x) for row in grid for x in row if math.isfinite(x)), default=0.0)
    cells = [[99 if not math.isfinite(x) else round(9 * x / most) if most else 0 for x in row] for row in grid]
    return {"h": cells, "most": number(most)}


def _square(summary: Summary) -> list[list[float]]:
    """The entries of a small tensor of many dimensions, or of a long vector, as rows."""
    values = summary.values
    if not values or isinstance(values[0], (list, tuple)):
        return []
    columns = summary.size // summary.shape[0] if len(summary.shape) > 1 else 10
    rows = [[float(x) for x in values[i : i + columns]] for i in range(0, len(values), columns)]
    return [[row[j] for j in spread(len(row), 10)] for row in (rows[i] for i in spread(len(rows), 10))]
