"""A training as a film: one graph over many steps, whose values, gradients and weights move with a slider.

The one idea to know: a film is a list of graphs of one structure. Its page is the page of a graph laid out once, with
the texts of every frame beside it; what is drawn beside the graph (the loss, a line between two classes) is data too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.frames import user_frame
from ..tensors.tensor import Tensor
from .graph import Graph
from .html import Frames, html
from .model import GraphModel
from .record import Recording
from .svg import framed

MOST = 400
"""Frames of a film, at most; and points beside it."""


@dataclass(slots=True)
class Points:
    """Points of two classes in the plane, and the parameters of the line between them at each frame."""

    places: list[list[float]]
    classes: list[float]
    lines: list[list[float]] = field(default_factory=list)


class Film:
    """The frames of a training: made by `wengert.graph.film`. ``film[i]`` is a `Graph`, ``film.steps`` the numbers of
    the steps, ``film.losses`` what each returned."""

    def __init__(self, frames: list[Graph], steps: list[int], losses: list[float],
                 points: Points | None = None) -> None:
        self.frames, self.steps, self.losses, self.points = frames, steps, losses, points

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Graph:
        return self.frames[index]

    def __iter__(self) -> Iterator[Graph]:
        return iter(self.frames)

    def __repr__(self) -> str:
        return f"<film of {len(self)} frames, steps {self.steps[0]} to {self.steps[-1]}>"

    def html(self, title: str = "Training", *, direction: str | None = None, theme: str | None = None) -> str:
        """One self-contained page: that of a graph, with a slider over the steps of the training."""
        beside: dict[str, Any] = {"steps": self.steps, "losses": self.losses}
        if self.points is not None:
            beside |= {"places": self.points.places, "classes": self.points.classes, "lines": self.points.lines}
        return html(self.frames[0], title, direction, None, theme, Frames([self._like_first(g) for g in self], beside))

    def _like_first(self, graph: Graph) -> GraphModel:
        """A graph with the ids and names of the first, which has the same structure."""
        first = self.frames[0]
        ids = dict(zip(graph.nodes, first.nodes, strict=True))
        nodes = {ids[id]: replace(node, id=ids[id], name=first.nodes[ids[id]].name) for id, node in graph.nodes.items()}
        edges = [replace(edge, source=ids[edge.source], target=ids[edge.target]) for edge in graph.edges]
        return GraphModel(nodes, edges, [ids[root] for root in graph.roots], graph.modules)

    def _repr_html_(self) -> str:
        return framed(self.html())

    def save(self, path: str | Path, *, direction: str | None = None, theme: str | None = None) -> Path:
        """Writes the page to a file that ends in ``.html``. Raises ValueError for another ending."""
        path = Path(path)
        if path.suffix.lower() != ".html":
            raise ValueError(f"[graph.film] a file that ends in .html was expected; got {path.name!r}; one frame has "
                             "more forms: film[-1].save(...)")
        path.write_text(self.html(path.stem, direction=direction, theme=theme) + "\n", encoding="utf-8",
                        errors="replace")
        return path


def film(step: Callable[[], Any], every: int = 10, count: int = 100, *,
         line: tuple[Tensor, Tensor] | None = None, points: tuple[Any, Any] | None = None,
         threshold: float = 0.0) -> Film:
    """Runs a step of a training ``count`` times and keeps a graph of every ``every``-th, of the first and of the last.

    ``step()`` computes the loss, runs ``backward()`` and changes the weights; it may return the loss, a number or a
    tensor of one element, which is drawn over the steps. For points of two classes in the plane, ``points=(X, y)`` with
    ``X`` of shape ``(N, 2)`` and ``y`` of shape ``(N,)``, ``line=(w, b)`` draws beside the graph where
    ``w₀ x₀ + w₁ x₁ + b`` is the ``threshold``. Raises ValueError where the numbers are below one, there would be more
    than 400 frames, the shapes do not fit, a step records nothing, or a step computes something else than the first.

    >>> import wengert
    >>> w = wengert.tensor(2.0, requires_grad=True)
    >>> def step():
    ...     loss = (w - 5.0) ** 2
    ...     loss.backward()
    ...     with wengert.no_grad():
    ...         w.sub_(0.1 * w.grad)
    ...     w.grad = None
    ...     return loss
    >>> training = wengert.graph.film(step, every=10, count=30)
    >>> training, training[0]["w"].value.text(), training[-1]["w"].value.text()
    (<film of 4 frames, steps 0 to 29>, '2', '4.995')
    """
    if every < 1 or count < 1:
        raise ValueError(f"[graph.film] every and count of at least 1 were expected; got {every} and {count}")
    kept = [number for number in range(count) if number % every == 0 or number == count - 1]
    if len(kept) > MOST:
        raise ValueError(f"[graph.film] at most {MOST} frames were expected; got {len(kept)}; film fewer steps: every=")
    beside = None if points is None else _points(points)
    if (line is None) != (points is None):
        raise ValueError("[graph.film] line and points were expected together; got one of them")
    frames: list[Graph] = []
    losses: list[float] = []
    frame, kept_steps = user_frame(), set(kept)
    for number in range(count):
        if number not in kept_steps:
            step()
            continue
        if beside is not None and line is not None:
            beside.lines.append(_line(*line, threshold))
        with Recording(frame) as found:
            loss = step()
        losses.append(_number(loss, found))
        _check_like(frames[0] if frames else None, found, number)
        frames.append(found)
    return Film(frames, kept, losses, beside)


def _points(points: tuple[Any, Any]) -> Points:
    places, classes = (np.asarray(part.detach().numpy() if isinstance(part, Tensor) else part, np.float64)
                       for part in points)
    if places.ndim != 2 or places.shape[1] != 2 or classes.reshape(-1).shape != places.shape[:1]:
        raise ValueError("[graph.film] points of shape (N, 2) and classes of shape (N,) were expected; got "
                         f"{list(places.shape)} and {list(classes.shape)}")
    spread = slice(None, None, -(-len(places) // MOST))
    return Points(places[spread].tolist(), classes.reshape(-1)[spread].tolist())


def _line(w: Tensor, b: Tensor, threshold: float) -> list[float]:
    weights, bias = (part.detach().numpy().astype(np.float64).reshape(-1) for part in (w, b))
    if weights.size != 2 or bias.size != 1:
        raise ValueError("[graph.film] line: weights of two elements and a bias of one were expected; got "
                         f"{list(w.shape)} and {list(b.shape)}")
    return [*weights.tolist(), float(bias[0]) - threshold]


def _number(loss: Any, graph: Graph) -> float:
    """The loss of a step: what it returned, else the value of the graph's one result."""
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return float(loss.detach().item())
    if isinstance(loss, (int, float)):
        return float(loss)
    ends = [graph.nodes[root].value for root in graph.roots]
    values = [value.values[0] for value in ends if value is not None and value.size == 1 and value.values]
    return float(values[-1]) if values else float("nan")


def _check_like(first: Graph | None, found: Graph, number: int) -> None:
    """Raises for a step that computes nothing, or something else than the first."""
    if not found.nodes:
        raise ValueError("[graph.film] a step that computes a loss from tensors with requires_grad=True was expected; "
                         f"step {number} recorded nothing")
    if first is None:
        return
    a, b = ([(node.kind, node.operation, node.shape) for node in graph] for graph in (first, found))
    if a != b:
        place = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        raise ValueError(f"[graph.film] steps of one structure were expected; step {number} is another from its node "
                         f"{place} on, with {len(b)} nodes where the first step has {len(a)}")
