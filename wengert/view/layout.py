"""Our own layered layout: ranks, order within ranks, coordinates; pure Python, deterministic.

After Sugiyama, Tagawa and Toda (*Methods for visual understanding of hierarchical system structures*, 1981): every edge
is made to go from a rank to the next by dummy nodes, crossings are reduced by sweeps of medians and swaps of
neighbours, and coordinates are found by U. Brandes and B. Köpf (*Fast and simple horizontal coordinate
assignment*, 2001), which keeps long edges straight. Two things are our own: all long edges from one node share one
chain of dummy nodes, so that a value used in many places is one trunk with branches; and an edge with a label gets
a rank of its own for the label, so that no label covers anything.

Here ranks go down the page (``y``) and the places within a rank from left to right (``x``); whoever draws from left to
right swaps the two. All sizes are in pixels.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from .ranks import assign_ranks

GAP = 26.0
"""The least distance between neighbours in a rank."""

RANK_GAP = 34.0
"""The least distance between two ranks."""

UNLABELLED = 22.0
"""The least distance around the middle between two ranks where labels could be and none is."""

SMALL = 16.0
"""Bends of at most so many pixels are taken out where there is room."""

Point = tuple[float, float]


@dataclass(slots=True)
class Box:
    """A rectangle to be placed; ``x`` and ``y`` are its centre."""

    width: float
    height: float
    x: float = 0.0
    y: float = 0.0


@dataclass(slots=True)
class Line:
    """An edge to be routed from box ``source`` to box ``target``, through ``points``: ends on the boxes' borders and
    places of dummy nodes between. A label of that size, if any, is centred at ``label``. A ``branch`` begins not at its
    source but at a place of a longer line from the same source, which it leaves there."""

    source: int
    target: int
    label_width: float = 0.0
    label_height: float = 0.0
    points: list[Point] = field(default_factory=list)
    label: Point | None = None
    branch: bool = False


@dataclass(slots=True)
class Placement:
    """What `layout` found: the size of the whole."""

    width: float
    height: float
    ranks: int


def layout(boxes: list[Box], lines: list[Line], gap: float = GAP, rank_gap: float = RANK_GAP) -> Placement:
    """Places boxes and routes lines, both in place. Lines must make no cycle; two lines between the same two boxes are
    drawn as given. Everything lies right of and below (0, 0)."""
    if not boxes:
        return Placement(0.0, 0.0, 0)
    work = _Work(boxes, lines, gap)
    order = work.reduce_crossings()
    work.assign_x(order)
    work.straighten(order)
    return work.finish(order, rank_gap)


# --- the graph with dummies -------------------------------------------------------------------------------------------


class _Work:
    """The boxes and dummies, in ranks. Dummy nodes follow the boxes in numbering."""

    def __init__(self, boxes: list[Box], lines: list[Line], gap: float) -> None:
        self.boxes, self.lines, self.gap = boxes, lines, gap
        labelled = any(line.label_width for line in lines)
        self.step = 2 if labelled else 1
        ranks = assign_ranks(
            len(boxes), [(line.source, line.target) for line in lines], [line.label_width > 0 for line in lines]
        )
        self.rank = [rank * self.step for rank in ranks]
        self.widths = [box.width for box in boxes]
        self.heights = [box.height for box in boxes]
        self.up: list[list[int]] = [[] for _ in boxes]
        self.down: list[list[int]] = [[] for _ in boxes]
        self.chains: list[list[int]] = []
        trunks: dict[int, list[int]] = {}
        for line in lines:
            self.chains.append(self._labelled(line) if line.label_width else self._trunk(line, trunks))
        self.count = len(self.widths)
        self.x = [0.0] * self.count

    def _dummy(self, rank: int, width: float = 0.0, height: float = 0.0) -> int:
        self.rank.append(rank)
        self.widths.append(width)
        self.heights.append(height)
        self.up.append([])
        self.down.append([])
        return len(self.widths) - 1

    def _join(self, source: int, target: int) -> None:
        self.down[source].append(target)
        self.up[target].append(source)

    def _labelled(self, line: Line) -> list[int]:
        """A chain of its own, whose dummy in the rank before the target carries the label."""
        chain, last = [], line.source
        for rank in range(self.rank[line.source] + 1, self.rank[line.target]):
            holds = rank == self.rank[line.target] - 1
            dummy = self._dummy(rank, line.label_width if holds else 0.0, line.label_height if holds else 0.0)
            self._join(last, dummy)
            chain.append(dummy)
            last = dummy
        self._join(last, line.target)
        return chain

    def _trunk(self, line: Line, trunks: dict[int, list[int]]) -> list[int]:
        """The first part of the chain that all unlabelled edges of the source share."""
        trunk = trunks.setdefault(line.source, [])
        need = self.rank[line.target] - self.rank[line.source] - 1
        while len(trunk) < need:
            dummy = self._dummy(self.rank[line.source] + 1 + len(trunk))
            self._join(trunk[-1] if trunk else line.source, dummy)
            trunk.append(dummy)
        self._join(trunk[need - 1] if need else line.source, line.target)
        return trunk[:need]

    # --- crossings ----------------------------------------------------------------------------------------------------

    def reduce_crossings(self) -> list[list[int]]:
        """The order of nodes in each rank: sweeps of medians down and up, swaps of neighbours, the best seen is
        kept."""
        order = self._first_order()
        place = [0] * self.count
        _number(order, place)
        best, least = [list(rank) for rank in order], self.crossings(order, place)
        rounds = 24 if self.count <= 300 else 8 if self.count <= 3000 else 3
        idle = 0
        for i in range(rounds):
            if not least or idle > 5:
                break
            self._sweep(order, place, i % 2 == 0, i % 4 >= 2)
            if self.count <= 4000:
                self._swap(order, place)
            crossings = self.crossings(order, place)
            idle += 1
            if crossings < least:
                best, least, idle = [list(rank) for rank in order], crossings, 0
        return best

    def _first_order(self) -> list[list[int]]:
        """Ranks filled depth first from the last node's operands, so that operands stand in their order."""
        order: list[list[int]] = [[] for _ in range(max(self.rank) + 1)]
        seen = [False] * self.count
        for root in sorted(range(self.count), key=lambda n: (-self.rank[n], n)):
            stack = [root]
            while stack:
                node = stack.pop()
                if seen[node]:
                    continue
                seen[node] = True
                order[self.rank[node]].append(node)
                stack.extend(reversed(self.up[node]))
        return order

    def _sweep(self, order: list[list[int]], place: list[int], down: bool, later: bool) -> None:
        """One pass over the ranks: each is sorted by the mean place of the neighbours in the rank before it. ``later``
        puts the later of two equals first, which finds other orders."""
        neighbours = self.up if down else self.down
        ranks = range(1, len(order)) if down else range(len(order) - 2, -1, -1)
        for r in ranks:
            keys = {}
            for node in order[r]:
                places = [place[n] for n in neighbours[node]]
                keys[node] = sum(places) / len(places) if places else -1.0
            fixed = [i for i, node in enumerate(order[r]) if keys[node] < 0]
            moving = sorted(
                (node for node in (reversed(order[r]) if later else order[r]) if keys[node] >= 0),
                key=keys.__getitem__,
            )
            for i in fixed:
                moving.insert(i, order[r][i])
            order[r] = moving
            for i, node in enumerate(moving):
                place[node] = i

    def _swap(self, order: list[list[int]], place: list[int]) -> None:
        """Swaps neighbours in a rank while that removes crossings."""
        for row in order:
            better = True
            rounds = 0
            while better and rounds < 4:
                better = False
                rounds += 1
                for i in range(len(row) - 1):
                    a, b = row[i], row[i + 1]
                    now = _cross(self.up[a], self.up[b], place) + _cross(self.down[a], self.down[b], place)
                    then = _cross(self.up[b], self.up[a], place) + _cross(self.down[b], self.down[a], place)
                    if then < now:
                        row[i], row[i + 1] = b, a
                        place[a], place[b] = i + 1, i
                        better = True

    def crossings(self, order: list[list[int]], place: list[int]) -> int:
        """The number of crossings of edges between neighbouring ranks."""
        total = 0
        for row in order[:-1]:
            seen: list[int] = []
            for node in row:
                ends = sorted(place[n] for n in self.down[node])
                for end in ends:
                    total += len(seen) - bisect_left(seen, end + 1)
                for end in ends:
                    insort(seen, end)
        return total

    # --- coordinates (Brandes and Köpf) -------------------------------------------------------------------------------

    def assign_x(self, order: list[list[int]]) -> None:
        """The mean of the two middle ones of four extreme placements, each leaning to one of four corners."""
        place = [0] * self.count
        _number(order, place)
        marked = self._conflicts(order, place)
        found = []
        for up in (True, False):
            for left in (True, False):
                rows = [list(row) if left else row[::-1] for row in (order if up else order[::-1])]
                xs = self._one_way(rows, self.up if up else self.down, marked)
                found.append(xs if left else [-x for x in xs])
        spans = []
        for xs in found:
            low = min(x - w / 2 for x, w in zip(xs, self.widths, strict=True))
            high = max(x + w / 2 for x, w in zip(xs, self.widths, strict=True))
            spans.append((low, high))
        narrow = min(range(4), key=lambda i: spans[i][1] - spans[i][0])
        for i, xs in enumerate(found):
            shift = spans[narrow][0] - spans[i][0] if i % 2 == 0 else spans[narrow][1] - spans[i][1]
            found[i] = [x + shift for x in xs]
        for node, four in enumerate(zip(*found, strict=True)):
            ranked = sorted(four)
            self.x[node] = (ranked[1] + ranked[2]) / 2
        widest = max(sum(self.widths[node] + self.gap for node in row) for row in order)
        if spans[narrow][1] - spans[narrow][0] > 2.5 * widest + 400:
            # Long straight edges pull a dense graph apart; then a narrow picture is better than straight edges.
            straight = self.x
            self.x = [0.0] * self.count
            self._relax(order)
            if max(self.x) - min(self.x) > max(straight) - min(straight):
                self.x = straight

    def straighten(self, order: list[list[int]]) -> None:
        """Takes out small bends: where the two ends of a segment are a little beside each other, the column of boxes
        and dummies that stands straight at one of them moves, if all its rows have room."""
        place = [0] * self.count
        _number(order, place)
        for _ in range(3):
            moved = False
            for row in order:
                for node in row:
                    for other in self.up[node]:
                        shift = self.x[other] - self.x[node]
                        if 0.05 < abs(shift) <= SMALL:
                            moved |= self._move(order, place, node, other, shift) or self._move(
                                order, place, other, node, -shift
                            )
            if not moved:
                break

    def _move(self, order: list[list[int]], place: list[int], node: int, fixed: int, shift: float) -> bool:
        """Moves the column of ``node`` by ``shift`` unless it meets a neighbour, or holds ``fixed``."""
        column, stack = {node}, [node]
        while stack:
            at = stack.pop()
            for other in (*self.up[at], *self.down[at]):
                if other not in column and abs(self.x[other] - self.x[at]) < 0.05:
                    column.add(other)
                    stack.append(other)
        if fixed in column or len(column) > 60:
            return False
        for each in column:
            row, i = order[self.rank[each]], place[each] + (1 if shift > 0 else -1)
            if 0 <= i < len(row) and row[i] not in column:
                room = abs(self.x[row[i]] - self.x[each]) - (self.widths[row[i]] + self.widths[each]) / 2
                if room - abs(shift) < self._gap(row[i], each) - 0.05:
                    return False
        for each in column:
            self.x[each] += shift
        return True

    def _relax(self, order: list[list[int]]) -> None:
        """Rows packed and centred; then, in sweeps, every node as near to the mean of its neighbours as its row
        allows."""
        offsets = []
        for row in order:
            at, places = 0.0, []
            for i, node in enumerate(row):
                at += (self.widths[row[i - 1]] + self.widths[node]) / 2 + self._gap(row[i - 1], node) if i else 0.0
                places.append(at)
            offsets.append(places)
            for node, at in zip(row, places, strict=True):
                self.x[node] = at - places[-1] / 2
        for i in range(8):
            rows = list(zip(order, offsets, strict=True))
            neighbours = self.up if i % 2 == 0 else self.down
            for row, places in rows if i % 2 == 0 else reversed(rows):
                wishes = []
                for node, at in zip(row, places, strict=True):
                    around = neighbours[node]
                    wish = sum(self.x[n] for n in around) / len(around) if around else self.x[node]
                    wishes.append(wish - at)
                for node, at, fit in zip(row, places, _increasing(wishes), strict=True):
                    self.x[node] = fit + at

    def _conflicts(self, order: list[list[int]], place: list[int]) -> set[tuple[int, int]]:
        """Edges that cross a segment between two dummies: the segment shall stay straight."""
        marked: set[tuple[int, int]] = set()
        boxes = len(self.boxes)
        for r in range(1, len(order)):
            row, before = order[r], len(order[r - 1])
            low, start = 0, 0
            for i, node in enumerate(row):
                inner = next((n for n in self.up[node] if n >= boxes), None) if node >= boxes else None
                if inner is None and i < len(row) - 1:
                    continue
                high = place[inner] if inner is not None else before - 1
                for other in row[start : i + 1]:
                    for neighbour in self.up[other]:
                        if not low <= place[neighbour] <= high and not (other >= boxes and neighbour >= boxes):
                            marked.add((neighbour, other))
                low, start = high, i + 1
        return marked

    def _one_way(
        self, rows: list[list[int]], neighbours: list[list[int]], marked: set[tuple[int, int]]
    ) -> list[float]:
        """One alignment to medians, upwards and to the left, and its most compact placement."""
        place = [0] * self.count
        _number(rows, place)
        root, align = list(range(self.count)), list(range(self.count))
        for row in rows:
            last = -1
            for node in row:
                around = sorted(neighbours[node], key=place.__getitem__)
                if not around:
                    continue
                middle = len(around) - 1
                for m in dict.fromkeys((middle // 2, (middle + 1) // 2)):
                    other = around[m]
                    if (
                        align[node] == node
                        and last < place[other]
                        and (other, node) not in marked
                        and (node, other) not in marked
                    ):
                        align[other] = node
                        root[node] = align[node] = root[other]
                        last = place[other]
        return self._compact(rows, root)

    def _compact(self, rows: list[list[int]], root: list[int]) -> list[float]:
        """Blocks as far left as their left neighbours let them; then each moves right as far as that shortens its
        edges."""
        follows: dict[int, dict[int, float]] = {}
        waiting: dict[int, int] = {}
        for row in rows:
            for a, b in zip(row, row[1:], strict=False):
                need = (self.widths[a] + self.widths[b]) / 2 + self._gap(a, b)
                after = follows.setdefault(root[a], {})
                if root[b] not in after:
                    waiting[root[b]] = waiting.get(root[b], 0) + 1
                after[root[b]] = max(after.get(root[b], 0.0), need)
        blocks = list(dict.fromkeys(root[node] for row in rows for node in row))
        ready = [block for block in blocks if not waiting.get(block)]
        left = dict.fromkeys(blocks, 0.0)
        for block in ready:
            for other, need in follows.get(block, {}).items():
                left[other] = max(left[other], left[block] + need)
                waiting[other] -= 1
                if not waiting[other]:
                    ready.append(other)
        # A block that nothing holds at the left border may stand far from its edges: it moves towards its followers.
        joined: dict[int, list[int]] = {}
        for node in range(self.count):
            for other in self.down[node]:
                if root[other] != root[node]:
                    joined.setdefault(root[node], []).append(root[other])
                    joined.setdefault(root[other], []).append(root[node])
        for block in reversed(ready):
            room = min((left[other] - need for other, need in follows.get(block, {}).items()), default=None)
            around = sorted(left[other] for other in joined.get(block, ()))
            if not around:
                continue
            wish = around[len(around) // 2]
            if wish > left[block]:
                left[block] = wish if room is None else max(left[block], min(wish, room))
        return [left[root[node]] for node in range(self.count)]

    def _gap(self, a: int, b: int) -> float:
        boxes = len(self.boxes)
        return self.gap if a < boxes and b < boxes else self.gap * 0.6

    # --- the result ---------------------------------------------------------------------------------------------------

    def finish(self, order: list[list[int]], rank_gap: float) -> Placement:
        """Writes the coordinates into boxes and lines."""
        low = min(x - w / 2 for x, w in zip(self.x, self.widths, strict=True))
        xs = [round(x - low, 1) for x in self.x]
        y, middles, halves = 0.0, [], []
        gap = 0.0
        heights = [max(self.heights[node] for node in row) for row in order]
        for rank, (row, height) in enumerate(zip(order, heights, strict=True)):
            # Where an edge goes far to the side, ranks stand farther apart, so that the edge is not nearly level.
            far = max((abs(xs[node] - xs[other]) for node in row for other in self.up[node]), default=0.0)
            empty = self.step == 2 and not heights[rank if rank % 2 else rank - 1]
            least = min(rank_gap / 2, UNLABELLED) if empty else rank_gap / self.step
            gap = min(max(least, 0.2 * far), 3 * rank_gap / self.step) if y else 0.0
            middles.append(y + gap + height / 2)
            halves.append(height / 2)
            y += gap + height
        for i, box in enumerate(self.boxes):
            box.x, box.y = xs[i], round(middles[self.rank[i]], 1)
        tops = [round(middle - half, 1) for middle, half in zip(middles, halves, strict=True)]
        ends = [round(middle + half, 1) for middle, half in zip(middles, halves, strict=True)]
        longest: dict[int, Line] = {}
        for line, chain in sorted(zip(self.lines, self.chains, strict=True), key=lambda pair: -len(pair[1])):
            if chain and not line.label_width:
                longest.setdefault(line.source, line)
        for line, chain in zip(self.lines, self.chains, strict=True):
            source, target = self.boxes[line.source], self.boxes[line.target]
            line.branch = bool(chain) and not line.label_width and longest[line.source] is not line
            if line.branch:  # (all points of all branches of a trunk would be as many as their square)
                chain = chain[-1:]
            points = line.points = [(source.x, source.y + source.height / 2)]
            # Behind a box lower than its rank's highest, the line runs straight to the rank's end.
            for node in chain:
                x, rank = xs[node], self.rank[node]
                if len(points) > 2 and points[-1][0] == x:
                    points[-1] = x, ends[rank]  # straight on
                else:
                    points += [(x, tops[rank]), (x, ends[rank])]
                if self.widths[node]:
                    line.label = x, round(middles[rank], 1)
            points.append((target.x, target.y - target.height / 2))
            if line.branch:
                del points[:2]
            _enter_and_leave(
                line,
                middles[self.rank[line.source]] + halves[self.rank[line.source]],
                middles[self.rank[line.target]] - halves[self.rank[line.target]],
            )
        width = max(x + w / 2 for x, w in zip(xs, self.widths, strict=True))
        return Placement(round(width, 1), round(y, 1), len(order))


def _enter_and_leave(line: Line, leave: float, enter: float) -> None:
    """Adds the points where the line leaves its first rank and enters its last one, so that it bends between ranks only
    and never beside a box of its own rank."""
    (x0, y0), (x1, y1) = line.points[0], line.points[-1]
    if leave > y0 + 1 and not line.branch:
        line.points.insert(1, (x0, round(leave, 1)))
    if enter < y1 - 1:
        line.points.insert(-1, (x1, round(enter, 1)))


def _increasing(wishes: list[float]) -> list[float]:
    """The nearest values (in squares) that do not fall: neighbours that would are pooled into their mean."""
    pools: list[tuple[float, int]] = []
    for wish in wishes:
        total, count = wish, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before, many = pools.pop()
            total, count = total + before, count + many
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _number(order: list[list[int]], place: list[int]) -> None:
    for row in order:
        for i, node in enumerate(row):
            place[node] = i


def _cross(left: list[int], right: list[int], place: list[int]) -> int:
    """Crossings between the edges of two neighbours, the first standing left."""
    return sum(place[a] > place[b] for a in left for b in right)
