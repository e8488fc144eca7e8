"""Sums of products with a factor in common, as gradients of what is used twice are: ``a*b*x + c*d*x``.

The one idea to know: a product that is added to something costs nothing for the addition (a multiply-add), so taking
the common factor out pays where what is left of a term is still a product, or where there are more than two terms: the
``x`` above is met once instead of twice. Sums and products are looked through as far as nothing else uses what is in
between; a factor that is one number along some dimension in which the sum is many stays where it is, for it is
multiplied by others like it outside of the loop. What is added up is the same up to rounding.

Note [range]: ``a*b*x`` may be a number where ``a*b`` is none: 1e30 twice, and 1e-30. So what is left of a term has at
most one factor that can be large, beside constants, values of tanh, sigmoid and the like, and what is made of these; no
product is then much larger than a number that was there before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from math import prod

from .loops import REALS, Nest, Node, Nodes, varies
from .steps import Product, Step

Term = tuple[bool, list[Node]]
"""A part of a sum: whether it is taken off, and its factors."""


def factored(steps: Sequence[Step], nodes: Nodes) -> None:
    """Takes common factors out of the sums of nests, and of the tails of products."""
    for step in steps:
        nest = step.tail if type(step) is Product else step if type(step) is Nest else None
        if nest is None:
            continue
        found = _Factoring(nest, nodes).found
        for root in (*nest.roots, *(step.sums if type(step) is Product else ())):
            root.value = found[root.value]


class _Factoring:
    """What each node of a nest becomes."""

    def __init__(self, nest: Nest, nodes: Nodes) -> None:
        self.nodes, self.along = nodes, varies(nest)
        self.uses = Counter([x for node in nest.nodes() for x in node.operands])
        self.uses.update(dict.fromkeys([root.value for root in nest.roots], 2))  # those are wanted as they are
        inside = {x for node in nest.nodes() if _is_sum(node) for x in node.operands if self._only(x, node)}
        self.found: dict[Node, Node] = {}
        self._large: dict[Node, bool] = {}
        self.lies: dict[Node, frozenset[int]] = {}
        """Along which dimensions what has been found differs."""
        for node in nest.nodes():
            found = self._sum(node) if _is_sum(node) and node not in inside else None
            if found is None:
                same = all(self.found[x] is x for x in node.operands)
                found = node if same else nodes.again(node, self.found)
            self.found[node] = found
            self.lies[found] = self.along[node]

    def _only(self, x: Node, top: Node) -> bool:
        """Whether an operand is there for this node alone, and as often."""
        return self.uses[x] == 1 and self.along[x] == self.along[top]

    # --- taken apart --------------------------------------------------------------------------------------------------

    def _sum(self, top: Node) -> Node | None:
        """The sum with common factors taken out; None where that would save nothing."""
        self.wide = self.along[top]
        terms = self._terms(top, top)
        return None if self._common(terms) is None else self._added(terms)

    def _terms(self, node: Node, top: Node, negative: bool = False) -> list[Term]:
        """The parts of a sum, those on the left first."""
        if _is_sum(node) and (node is top or self._only(node, top)):
            x, y = node.operands
            return [*self._terms(x, top, negative), *self._terms(y, top, negative != (node.op == "sub"))]
        odd, factors = self._factors(node, top)
        return [(negative != odd, factors)]

    def _factors(self, node: Node, top: Node) -> Term:
        """The factors of a product."""
        if node.op not in ("mul", "neg") or not self._only(node, top):
            return False, [self.found[node]]
        parts = [self._factors(x, top) for x in node.operands]
        odd = sum(negative for negative, _ in parts) + (node.op == "neg")
        return odd % 2 == 1, [x for _, factors in parts for x in factors]

    # --- put together -------------------------------------------------------------------------------------------------

    def _common(self, terms: list[Term]) -> Node | None:
        """The factor that saves most, if one does."""
        if max([len(factors) for _, factors in terms]) < 3:
            return None
        longer = Counter([x for _, factors in terms if len(factors) > 1 for x in dict.fromkeys(factors)])
        every = [x for x, count in longer.items() if count > 1 and x.op != "const" and self._is_wide(x)
                 and all(self._keeps_in_range(factors, x) for _, factors in terms)]
        saved = {x: _saved([len(factors) for _, factors in terms if len(factors) > 1 and x in factors]) for x in every}
        best = max(every, key=lambda x: saved[x], default=None)
        return best if best is not None and saved[best] > 0 else None

    def _keeps_in_range(self, factors: list[Node], factor: Node) -> bool:
        """Whether a term without a factor, or one without that factor in another order, is in range: Note [range]."""
        left = _without(factors, factor) if factor in factors else factors
        return len(left) < 2 or len(factors) < 3 or sum(map(self._is_large, left)) < 2

    def _is_large(self, x: Node) -> bool:
        """Whether a value can be large."""
        if x not in self._large:
            for node in x.under():
                self._large[node] = not (
                    node.op in _SMALL or (node.op == "const" and abs(node.args[0]) <= 16) or node.over == "bool"
                    or (node.op == "exp" and _is_negative(node.operands[0]))
                    or (node.op in _OF_SMALL and not any([self._large[y] for y in node.operands])))
        return self._large[x]

    def _is_wide(self, x: Node) -> bool:
        """Whether a factor differs along all dimensions along which the sum does; one that was just put together of
        what others have left is no factor of two terms."""
        return self.lies.get(x) == self.wide

    def _added(self, terms: list[Term]) -> Node:
        """A sum, not all parts of which are taken off."""
        while (factor := self._common(terms)) is not None:
            mine = [term for term in terms if len(term[1]) > 1 and factor in term[1]]
            at = terms.index(mine[0])
            odd = all(negative for negative, _ in mine)
            inner = self._added([(negative != odd, _without(factors, factor)) for negative, factors in mine])
            terms = [*terms[:at], (odd, [factor, inner]), *[term for term in terms[at:] if term not in mine]]
        first = next((number for number, (negative, _) in enumerate(terms) if not negative), 0)
        (negative, factors), *rest = terms[first], *terms[:first], *terms[first + 1:]
        total = self._product(factors)
        if negative:
            total = self.nodes.node("neg", (total,), total.dtype)
        for negative, factors in rest:
            total = self.nodes.node("sub" if negative else "add", (total, self._product(factors)), total.dtype)
        return total

    def _product(self, factors: list[Node]) -> Node:
        return reduce(lambda x, y: self.nodes.node("mul", (x, y), x.dtype), factors)


_SMALL = frozenset({"tanh", "sigmoid", "sin", "cos", "erf", "erfc", "normal_cdf"})
_OF_SMALL = frozenset({"add", "sub", "mul", "neg", "abs", "select", "max", "min", "cast"})


def _is_negative(x: Node) -> bool:
    """Whether a value is a square times something negative."""
    sign = -1 if x.op == "neg" else 1
    x = x.operands[0] if x.op == "neg" else x
    numbers = [y.args[0] for y in x.operands if y.op == "const"]
    square = next((y for y in x.operands if y.op != "const"), x) if numbers else x
    return x.op == square.op == "mul" and square.args[0] is square.args[1] and prod([sign, *numbers]) < 0


def _is_sum(node: Node) -> bool:
    return node.op in ("add", "sub") and node.dtype in REALS


def _saved(lengths: list[int]) -> int:
    """How many operations are saved where a factor is taken out of terms of so many: a multiplication more than the
    others comes for nothing with the addition, and one of what is left may be where the sum begins."""
    left = [n - 1 for n in lengths]
    after = sum([max(1, n - 1) for n in left]) - (1 in left) + 1
    return sum([n - 1 for n in lengths]) - after if len(lengths) > 1 else 0


def _without(factors: list[Node], factor: Node) -> list[Node]:
    at = factors.index(factor)
    return factors[:at] + factors[at + 1:]
