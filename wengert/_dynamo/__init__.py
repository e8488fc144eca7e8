"""``torch._dynamo``: what programs ask of PyTorch's recorder, answered by wengert's. See `wengert.compile`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .._missing import absent
from .._public import publish as _publish
from ..nn.compiled import OptimizedModule
from ..nn.compiled import compile as _compile
from ..tensors.tensor import Tensor
from ..tracing.compiled import Compiled as _Compiled
from ..tracing.control import (
    allow_in_graph,
    assume_constant_result,
    disable,
    graph_break,
    is_compiling,
    list_backends,
    reset,
)
from ..tracing.generalised import STATIC as _STATIC
from ..tracing.generalised import Mark as _Mark
from ..tracing.generalised import mark as _mark

__all__ = [
    "ExplainOutput", "OptimizedModule", "allow_in_graph", "assume_constant_result", "config", "disable", "explain",
    "export", "graph_break", "is_compiling", "list_backends", "mark_dynamic", "mark_static", "mark_static_address",
    "maybe_mark_dynamic", "optimize", "reset", "reset_code_caches",
]

reset_code_caches = reset
export = absent(NotImplementedError, "[export] torch._dynamo.export is not in wengert: compile the function, and look "
                                     "at its graph")


def _each(tensor: Any, index: Any) -> list[int]:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"[mark_dynamic] a tensor was expected; got {type(tensor).__name__}")
    wanted = index if isinstance(index, (list, tuple)) else (index,)
    for dim in wanted:
        if not -tensor.dim() <= dim < tensor.dim():
            raise IndexError(f"[mark_dynamic] a dimension of a tensor of {tensor.dim()} was expected; got {dim}")
    return [dim % tensor.dim() for dim in wanted]


def mark_dynamic(t: Tensor, index: Any, *, min: int | None = None, max: int | None = None, **options: Any) -> None:
    """The size of an argument in dimension ``index`` (or in these) will vary, from ``min`` to ``max``: a function
    compiled for it is recorded for a few sizes, of which the programs for all others are made. Sizes of 0 and 1 are
    recorded by themselves. A warning says where this is not possible."""
    for dim in _each(t, index):
        _mark(t, dim, _Mark(2 if min is None else min, float("inf") if max is None else max, True))


def maybe_mark_dynamic(t: Tensor, index: Any) -> None:
    """`mark_dynamic` without a warning."""
    for dim in _each(t, index):
        _mark(t, dim, _Mark(2, float("inf"), False))


def mark_static(t: Tensor, index: Any = None) -> None:
    """The size of an argument in dimension ``index`` (or in these, or in all) is the same: another one is another
    recording, also with ``dynamic=True``."""
    for dim in _each(t, list(range(t.dim())) if index is None else index):
        _mark(t, dim, _STATIC)


def mark_static_address(t: Tensor, guard: bool = True) -> None:
    """Nothing: where a tensor lies never matters to a program."""


@dataclass
class ExplainOutput:
    """What `explain` found: how many graphs, where and why there is none, and the text of ``Compiled.explain``."""

    graphs: list[Any] = field(default_factory=list)
    graph_count: int = 0
    graph_break_count: int = 0
    break_reasons: list[str] = field(default_factory=list)
    op_count: int = 0
    text: str = ""

    def __str__(self) -> str:
        return self.text


def explain(f: Callable[..., Any], *extra_args: Any, **extra_kwargs: Any) -> Any:
    """``explain(f)(*args)`` compiles and calls a function and says what has become of it. (A function is one graph, or
    runs as it is: then ``break_reasons`` says why.)"""

    def inner(*args: Any, **kwargs: Any) -> ExplainOutput:
        compiled = _Compiled(f)
        compiled(*args, **kwargs)
        if compiled.eager is not None:
            return ExplainOutput([], 0, 1, [compiled.eager], 0, compiled.explain())
        graphs = [program.graph for program in compiled.programs]
        return ExplainOutput(graphs, len(graphs), 0, [], sum([len(g.instrs) for g in graphs]), compiled.explain())

    return inner(*extra_args, **extra_kwargs) if extra_args or extra_kwargs else inner


def optimize(backend: Any = "inductor", *, nopython: bool = False, dynamic: bool | None = None, disable: bool = False,
             **options: Any) -> Callable[[Any], Any]:
    """A decorator, as ``compile(..., fullgraph=nopython)`` makes one."""
    return lambda model: _compile(model, backend=backend, fullgraph=nopython, dynamic=dynamic, disable=disable)


_publish(__name__, "config eval_frame exc")
