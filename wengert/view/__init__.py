"""What people look at: the graph object, its layout, and its pictures as text, SVG, HTML, DOT and Mermaid."""

from __future__ import annotations

from .entry import graph
from .graph import Graph
from .layers import summary
from .model import GraphEdge, GraphNode
from .values import Summary

__all__ = ["Graph", "GraphEdge", "GraphNode", "Summary", "graph", "summary"]
