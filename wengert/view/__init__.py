"""What people look at: the graph object, its layout, and its pictures as text, SVG, HTML, DOT and Mermaid."""

from __future__ import annotations

from .compare import Comparison, Difference
from .entry import graph
from .film import Film
from .graph import Graph
from .layers import summary
from .model import GraphEdge, GraphNode
from .values import Summary

__all__ = ["Comparison", "Difference", "Film", "Graph", "GraphEdge", "GraphNode", "Summary", "graph", "summary"]
