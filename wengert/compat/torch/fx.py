"""``torch.fx``: functions can be marked as leaves of a graph; graphs of its kind there are none (`wengert.capture` has
its own)."""

from __future__ import annotations

from typing import Any

from .hollows import fill

fill(vars(), classes="Graph GraphModule Node Proxy Tracer Interpreter Transformer CodeGen",
     functions="symbolic_trace replace_pattern")


def wrap(fn_or_name: Any) -> Any:
    """``fn_or_name``, marked as a leaf of graphs that are never made."""
    return fn_or_name
