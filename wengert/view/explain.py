"""The chain rule written out: the product of local partials along each path, and the sum over the paths.

The two derivatives have signs of their own: ``∂u/∂w`` is local, of one edge, and ``dL/dw`` is total, over all paths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise

from .model import GraphModel
from .text import vector_text
from .values import number

MOST_PATHS = 6
LONGEST = 24
Matrix = list[list[float]]


DIRECTIONS = ("forward", "backward", "both")


def explain(graph: GraphModel, leaf: int, root: int, direction: str | None = None) -> str:
    """The derivative of ``root`` by ``leaf``: as a sum of products over the paths, and step by step in a direction or
    in both (the default where there are tangents)."""
    if direction not in (None, *DIRECTIONS):
        raise ValueError(f"[graph] a direction among {', '.join(DIRECTIONS)} was expected; got {direction!r}")
    if direction is None and graph.moves:
        direction = "both"
    parts = [] if direction in ("forward", "backward") else [products(graph, leaf, root)]
    on_a_path = graph.descendants(leaf) & graph.ancestors(root)
    between = [id for id in graph.nodes if id in on_a_path]
    if between and direction in ("forward", "both"):
        parts.append(forwards(graph, leaf, between))
    if between and direction in ("backward", "both"):
        parts.append(backwards(graph, root, between))
    return "\n".join(parts) or products(graph, leaf, root)


def forwards(graph: GraphModel, leaf: int, between: list[int]) -> str:
    """The chain rule as forward mode goes: how each value between leaf and root moves, from those before it."""
    symbols, known = graph.symbols(), _partials(graph)
    before = _grouped(known)
    size = _size_of(graph, leaf)
    tangent = graph.nodes[leaf].tangent
    seed = [1.0] * (size or 1) if tangent is None or tangent.values is None else tangent.values
    moved: dict[int, Matrix | None] = {leaf: None if size is None else [[float(x)] for x in seed]}
    lines = [f"forward, from d{symbols[leaf]} = {_column_text(moved[leaf])}:"]
    for id in between[1:] if between[0] == leaf else between:
        if _is_output(graph, id) or id == leaf or graph.nodes[id].outputs > 1:
            continue
        sources = [source for source in before.get(id, ()) if source in moved]
        lines.append(_step(f"d{symbols[id]}", [
            (f"∂{symbols[id]}/∂{symbols[source]}", known[id, source], f"d{symbols[source]}", moved[source])
            for source in sources], moved, id, times))
    return "\n".join(lines)


def backwards(graph: GraphModel, root: int, between: list[int]) -> str:
    """The chain rule as backward goes: the derivative of the root by each value, from those that it was used for."""
    symbols, known = graph.symbols(), _partials(graph)
    after = _grouped([(source, target) for target, source in known])
    top, size = symbols[root], _size_of(graph, root)
    start: Matrix | None = None if size is None else [[float(i == j) for j in range(size)] for i in range(size)]
    found: dict[int, Matrix | None] = {root: start}
    lines = [f"backward, from d{top}/d{top} = {'1' if size in (1, None) else 'the identity'}:"]
    for id in reversed(between):
        if id == root or _is_output(graph, id) or graph.nodes[id].outputs > 1:
            continue
        targets = [target for target in after.get(id, ()) if target in found]
        lines.append(_step(f"d{top}/d{symbols[id]}", [
            (f"d{top}/d{symbols[target]}", found[target], f"∂{symbols[target]}/∂{symbols[id]}", known[target, id])
            for target in targets], found, id, times))
    return "\n".join(lines)


def _grouped(pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """The second ids of pairs by their first."""
    found: dict[int, list[int]] = {}
    for first, second in pairs:
        found.setdefault(first, []).append(second)
    return found


def _step(name: str, terms: list[tuple[str, Matrix | None, str, Matrix | None]], found: dict[int, Matrix | None],
          id: int, multiply: Callable[[Matrix, Matrix], Matrix]) -> str:
    """One line: the name, the sum of products in symbols and, where they are known, in numbers; which are kept."""
    symbols = " + ".join([f"{left} · {right}" for left, _, right, _ in terms])
    total: Matrix | None = None
    for _, left, _, right in terms:
        if left is None or right is None:
            total = None
            break
        product = multiply(left, right)
        total = product if total is None else _plus(total, product)
    found[id] = total
    if not terms or total is None:
        return f"  {name} = {symbols or '…'}"
    numbers = " + ".join([f"{_column_text(left)} · {_column_text(right)}" for _, left, _, right in terms])
    return f"  {name} = {symbols} = {numbers} = {_column_text(total)}"


def _column_text(matrix: Matrix | None) -> str:
    """`matrix_text`, of a column as of a vector."""
    if matrix is None:
        return "…"
    return matrix_text([[row[0] for row in matrix]] if len(matrix[0]) == 1 else matrix)


def products(graph: GraphModel, leaf: int, root: int) -> str:
    """The derivative of ``root`` by ``leaf`` as a sum of products, with symbols and, where every local partial is
    known, with numbers; more than one element makes them matrices."""
    symbols = graph.symbols()
    top, bottom = symbols[root], symbols[leaf]
    count = count_paths(graph, leaf, root)
    if count == 0:
        return f"d{top}/d{bottom} = 0, as no path leads from {bottom} to {top}"
    head = f"d{top}/d{bottom}"
    shown = list(islice(merged_paths(graph, leaf, root), MOST_PATHS))
    rest = count - len(shown)
    terms = [_product([f"∂{symbols[b]}/∂{symbols[a]}" for b, a in pairwise(path)]) for path in shown]
    more = f" + … ({rest:,} more path{'s' if rest != 1 else ''})" if rest else ""
    text = head if leaf == root else f"{head} = {' + '.join(terms)}{more}"
    total = derivative(graph, leaf, root)
    if total is None:
        return text + _why_no_numbers(graph, leaf)
    if len(total) > 1 or len(total[0]) > 1:
        return f"{text}{_factors(graph, shown, symbols)}\nsum over all paths: {head} = {matrix_text(total)}"
    known = _partials(graph)
    products = [_product([matrix_text(known[step]) for step in pairwise(path)]) for path in shown]
    lone = len(shown) == 1 and len(shown[0]) <= 2
    if lone and not rest:
        return f"{text} = {number(total[0][0])}"
    sums = " + ".join(products)
    if len(shown) > 1 and any(len(path) > 2 for path in shown) and not rest:
        each = [derivative_along(known, path) for path in shown]
        sums += f" = {' + '.join(matrix_text(value) for value in each)}"
    return f"{text} = {sums}{more} = {number(total[0][0])}"


def count_paths(graph: GraphModel, leaf: int, root: int) -> int:
    """The number of paths between two nodes; several edges between the same two count once."""
    counts = {id: 0 for id in graph.nodes}
    counts[leaf] = 1
    into = graph.into()
    for id in graph.nodes:
        if id != leaf:
            counts[id] = sum(counts[source] for source in {edge.source for edge in into[id]})
    return counts[root]


def merged_paths(graph: GraphModel, leaf: int, root: int) -> Iterator[list[int]]:
    """The paths from root to leaf as lists of ids. A node that uses an operand twice, like w * w, is passed once: its
    two edges count as one, their sum."""
    seen = set()
    for path in graph.paths(leaf, root):
        ids = _without_bundles(graph, [root, *(edge.source for edge in path)])
        if ids not in seen:
            seen.add(ids)
            yield list(ids)


def _without_bundles(graph: GraphModel, ids: list[int]) -> tuple[int, ...]:
    """A path without the operations of which it passes one of several results: the result stands for them."""
    return tuple(
        [id for before, id in zip([None, *ids], ids, strict=False) if before is None or not _is_output(graph, before)]
    )


def _is_output(graph: GraphModel, id: int) -> bool:
    return graph.nodes[id].kind == "output"


def _partials(graph: GraphModel) -> dict[tuple[int, int], Matrix]:
    """The local derivative for each pair (target, source), edges between the same two added."""
    found: dict[tuple[int, int], Matrix] = {}
    unknown = set()
    for edge in graph.edges:
        key = edge.target, edge.source
        if edge.partial is None:
            unknown.add(key)
        elif key in found:
            found[key] = _plus(found[key], edge.partial)
        else:
            found[key] = edge.partial
    found = {key: matrix for key, matrix in found.items() if key not in unknown}
    # Of one of several results, by the operands of its operation.
    for (target, bundle), rows in list(found.items()):
        if _is_output(graph, target):
            found.update(
                {(target, source): times(rows, m) for (t, source), m in list(found.items()) if t == bundle}
            )
    return found


def derivative(graph: GraphModel, leaf: int, root: int) -> Matrix | None:
    """The derivative by multiplying along paths and adding over them, done node by node; None where a partial on the
    way is not known."""
    into, known = graph.into(), _partials(graph)
    below, above = graph.descendants(leaf), graph.ancestors(root)
    size = _size_of(graph, leaf)
    if size is None:
        return None
    sums: dict[int, Matrix] = {leaf: [[float(i == j) for j in range(size)] for i in range(size)]}
    for id in graph.nodes:
        if id == leaf or id not in below:
            continue
        for source in {edge.source for edge in into[id] if edge.source in below}:
            if (id, source) not in known:
                if id in above:
                    return None
                continue
            if source in sums:
                term = times(known[id, source], sums[source])
                sums[id] = _plus(sums[id], term) if id in sums else term
    return sums.get(root)


def derivative_along(known: dict[tuple[int, int], Matrix], path: list[int]) -> Matrix:
    """The product of the local partials along one path."""
    product: Matrix | None = None
    for step in pairwise(path):
        product = known[step] if product is None else times(product, known[step])
    return product if product is not None else [[1.0]]


def matrix_text(matrix: Matrix) -> str:
    """A number, a row, or rows."""
    if len(matrix) == 1:
        return number(matrix[0][0]) if len(matrix[0]) == 1 else vector_text(matrix[0])
    return f"[{', '.join(vector_text(row) for row in matrix[:4])}{', …' if len(matrix) > 4 else ''}]"


def _product(factors: list[str]) -> str:
    """Factors with dots between; of very many the first and the last."""
    if len(factors) > LONGEST:
        factors = [*factors[:4], f"… ({len(factors) - 8:,} more) …", *factors[-4:]]
    return " · ".join(factors) or "1"


def _factors(graph: GraphModel, paths: list[list[int]], symbols: dict[int, str]) -> str:
    """A line for each local derivative that the paths name."""
    known, lines = _partials(graph), []
    for step in dict.fromkeys(step for path in paths for step in pairwise(path)):
        lines.append(f"\n  ∂{symbols[step[0]]}/∂{symbols[step[1]]} = {matrix_text(known[step])}")
    return "".join(lines)


def _why_no_numbers(graph: GraphModel, leaf: int) -> str:
    node = graph.nodes[leaf]
    if 0 in (node.shape or ()):
        return f"\nit has no elements, as {node.name or 'the leaf'} has none"
    found = "" if node.gradient is None else f"; the gradient is {node.gradient.text()}"
    return (
        "\nits numbers are not known: values are large, or backward has freed them (retain_graph=True, or "
        f"graph.record()){found}"
    )


def _size_of(graph: GraphModel, id: int) -> int | None:
    shape = graph.nodes[id].shape
    size = 0 if shape is None else math.prod(shape)
    return size if 0 < size <= 64 else None


def times(a: Matrix, b: Matrix) -> Matrix:
    """The product of two matrices."""
    columns = list(zip(*b, strict=True))
    return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in columns] for row in a]


def _plus(a: Matrix, b: Matrix) -> Matrix:
    return [[x + y for x, y in zip(p, q, strict=True)] for p, q in zip(a, b, strict=True)]
