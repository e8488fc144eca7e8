"""``torch.fx``: programs as graphs that can be read, changed and written as Python again.

`symbolic_trace` runs a module or function with proxies in the place of its arguments, and gives a `GraphModule`: its
``graph`` is a list of nodes, its ``code`` the Python of it. `wengert.capture` records for a compiler; this is for
programs that work on programs: extraction of features, fusion of layers, quantisation.
"""

from __future__ import annotations

from .._public import publish as _publish
from . import (
    _symbolic_trace as _symbolic_trace, graph as graph, graph_module as graph_module,
    immutable_collections as immutable_collections, interpreter as interpreter, node as node, passes as passes,
    proxy as proxy, subgraph_rewriter as subgraph_rewriter,
)
from .code import CodeGen, PythonCode
from .graph import Graph
from .graph_module import GraphModule
from .interpreter import Interpreter, Transformer
from .node import Node, has_side_effect, map_arg
from .proxy import Proxy
from .subgraph_rewriter import replace_pattern
from ._symbolic_trace import Tracer, symbolic_trace, wrap

__all__ = [
    "CodeGen", "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "PythonCode", "Tracer", "Transformer",
    "has_side_effect", "map_arg", "replace_pattern", "symbolic_trace", "wrap",
]

_publish(__name__)
