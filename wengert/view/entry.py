"""`graph`: the one function by which people come to a picture of their computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from ..core.errors import GradError
from ..core.frames import user_frame
from ..tensors.tensor import Tensor
from ..tracing.compiled import Compiled
from .build import graph_of_tensors
from .compare import Comparison, compare
from .film import Film, film
from .graph import Graph
from .names import is_module
from .program import graph_of_compiled
from .record import Recording, record


class _GraphFunction(Protocol):
    """The type of `graph`: a function that has others, `record`, `film` and `compare`."""

    @staticmethod
    def record(histograms: bool = False) -> Recording: ...

    @staticmethod
    def film(step: Callable[[], Any], every: int = 10, count: int = 100, *, line: tuple[Tensor, Tensor] | None = None,
             points: tuple[Any, Any] | None = None, threshold: float = 0.0) -> Film: ...

    @staticmethod
    def compare(before: Graph, after: Graph, names: tuple[str, str] = ("before", "after")) -> Comparison: ...

    def __call__(self, *roots: Any, gradients: bool | None = None, tangents: Mapping[Any, Any] | None = None
                 ) -> Graph: ...


def _with_record(function: Any) -> _GraphFunction:
    function.record, function.film, function.compare = record, film, compare
    return cast(_GraphFunction, function)


@_with_record
def graph(*roots: Any, gradients: bool | None = None, tangents: Mapping[Any, Any] | None = None) -> Graph:
    """The computation graph of one or several tensors, or of ``graph(model, inputs)``, as a `Graph` object.

    ``gradients``: None shows those that backward has left behind (``.grad``, and all of them where the tape was
    retained); True computes them, without touching any ``.grad``, for roots of one element; False leaves them out.
    ``tangents``, a dict from leaves to how they move (tensors or numbers), shows forward mode beside it: on each node
    its tangent, on each edge what the operand adds to it. In a dual level they are those of the dual tensors.
    Of a compiled function (or model, or step) it is the program last used: its instructions, in a group for each native
    step, with the microseconds that ``profile`` has measured. ``inputs`` is a tensor, or a tuple of the model's
    arguments. ``with graph.record() as g:`` records what happens inside. Raises GradError for a tensor without history,
    TypeError for anything else.

    >>> import wengert
    >>> w = wengert.tensor(2.0, requires_grad=True)
    >>> g = wengert.graph(3 * w * w, gradients=True)
    >>> g["w"].gradient.text(), len(g)
    ('12', 4)
    """
    if len(roots) == 2 and is_module(roots[0]):
        return graph_of_model(roots[0], roots[1] if type(roots[1]) is tuple else (roots[1],), gradients)
    compiled = getattr(roots[0], "_compiled", roots[0]) if len(roots) == 1 else None
    if isinstance(compiled, Compiled):
        return graph_of_compiled(compiled)
    flat = [tensor for root in roots for tensor in (root if isinstance(root, (list, tuple)) else (root,))]
    for root in flat:
        if not isinstance(root, Tensor):
            hint = "; call graph(model, inputs) with inputs" if is_module(root) else ""
            raise TypeError(
                f"[graph] tensors, or a model and its inputs, were expected; got {type(root).__name__}{hint}"
            )
    if not flat:
        return Graph()
    found = graph_of_tensors(flat, gradients, user_frame(), tangents)
    if gradients is False:
        for node in found:
            node.gradient = None
    return found


def graph_of_model(model: Any, inputs: tuple[Any, ...], gradients: bool | None) -> Graph:
    """The graph of ``model(*inputs)``, recorded, so that every node has its module."""
    with Recording(user_frame()) as found:
        result = model(*inputs)
        if gradients:
            if not isinstance(result, Tensor) or result.numel() != 1:
                raise GradError(
                    "[graph] gradients=True expects a model whose result is one tensor of one element; record "
                    "the step with its loss: with graph.record() as g: loss_fn(model(x), y).backward()"
                )
            from ..autograd.engine import grad

            leaves = [p for p in model.parameters() if p.requires_grad]
            grad(result, leaves, allow_unused=True)
    return found
