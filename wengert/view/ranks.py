"""Ranks of the layered layout: which box stands in which row.

Edges go down by at least one row, and the sum of their lengths is to be small. All edges of one source without a label
share one line, its trunk, so that such an edge counts only as far as it makes the trunk longer. Two placements are
improved by moving boxes one at a time, and the better one is taken: the earliest, where a value stands right below what
it was made of, and the latest, where an input stands right above its use (in the twentieth step of a loop, say).
"""

from __future__ import annotations

from collections.abc import Sequence

_PASSES = 8
_MANY = 64


class Ranks:
    """Boxes with the edges between them, and their ranks."""

    def __init__(self, count: int, edges: Sequence[tuple[int, int]], labelled: Sequence[bool] = ()) -> None:
        self.count = count
        self.below: list[list[int]] = [[] for _ in range(count)]
        self.above: list[list[int]] = [[] for _ in range(count)]
        self.plain: list[list[int]] = [[] for _ in range(count)]
        self.marked: list[list[int]] = [[] for _ in range(count)]
        for i, (source, target) in enumerate(edges):
            self.below[source].append(target)
            self.above[target].append(source)
            (self.marked if labelled and labelled[i] else self.plain)[source].append(target)
        self.order = self._topological()

    def _topological(self) -> list[int]:
        waiting = [len(sources) for sources in self.above]
        order = [i for i in range(self.count) if not waiting[i]]
        for node in order:
            for target in self.below[node]:
                waiting[target] -= 1
                if not waiting[target]:
                    order.append(target)
        if len(order) < self.count:
            raise ValueError("[layout] a graph without cycles was expected; got one with a cycle")
        return order

    def best(self) -> list[int]:
        """The ranks, from 0: those of the early placement, unless the late one is clearly shorter."""
        early = [0] * self.count
        for node in self.order:
            early[node] = max((early[source] + 1 for source in self.above[node]), default=0)
        last = max(early, default=0)
        late = [last] * self.count
        for node in reversed(self.order):
            late[node] = min((late[target] - 1 for target in self.below[node]), default=early[node])
        self._pull_down(early)
        self._improve(early)
        self._improve(late)
        ranks = late if self.cost(late) < 0.85 * self.cost(early) else early
        least = min(ranks, default=0)
        return [rank - least for rank in ranks]

    def cost(self, ranks: list[int]) -> int:
        """The length of all lines together."""
        return sum(self._lines(node, ranks) for node in range(self.count))

    def _lines(self, node: int, ranks: list[int]) -> int:
        """The length of the lines that leave a box: its trunk, and each edge with a label."""
        own = ranks[node]
        trunk = max([ranks[target] for target in self.plain[node]], default=own) - own
        return trunk + sum([ranks[target] - own for target in self.marked[node]])

    def _pull_down(self, ranks: list[int]) -> None:
        """Parameters, and what is computed of them alone for one user, stand right above that user."""
        free = [False] * self.count
        for node in self.order:
            free[node] = all(free[source] and len(set(self.below[source])) == 1 for source in self.above[node])
        for node in reversed(self.order):
            if free[node] and self.below[node]:
                ranks[node] = min(ranks[target] for target in self.below[node]) - 1

    def _improve(self, ranks: list[int]) -> None:
        """Moves boxes to the first or the last row that their edges allow, as long as that makes lines shorter."""
        for _ in range(_PASSES):
            moved = False
            for node in reversed(self.order):
                here = ranks[node]
                lowest = max([ranks[source] + 1 for source in self.above[node]], default=None)
                highest = min([ranks[target] - 1 for target in self.below[node]], default=None)
                least, best = self._around(node, ranks), here
                for there in (lowest, highest):
                    if there is None or there == here:
                        continue
                    ranks[node] = there
                    cost = self._around(node, ranks)
                    if cost < least:
                        least, best = cost, there
                ranks[node] = best
                moved = moved or best != here
            if not moved:
                break

    def _around(self, node: int, ranks: list[int]) -> int:
        """The length of the lines at a box. (The trunk of a box that very many use hardly depends on one of them; to
        measure it for each of them would take the square of their number.)"""
        sources = [source for source in set(self.above[node]) if len(self.below[source]) <= _MANY]
        return self._lines(node, ranks) + sum([self._lines(source, ranks) for source in sources])


def assign_ranks(count: int, edges: Sequence[tuple[int, int]], labelled: Sequence[bool] = ()) -> list[int]:
    """A rank for each of ``count`` boxes such that edges, pairs (source, target), go up in rank and are short in sum.
    ``labelled`` says which edges have lines of their own. Raises ValueError for a cycle."""
    return Ranks(count, edges, labelled).best()
