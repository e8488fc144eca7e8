"""The graph as data: what a recorded function does, as a flat list of instructions.

An `InstructionGraph` has inputs, states (memory that it reads and may write), constants, instructions in the order in
which they run, effects and outputs. Everything here works on arrays and specs and knows no tensor; the layer
``tracing`` makes graphs out of running programs, the compiler will make machine code out of graphs.
"""

from .graph import (
    GENERATOR,
    Effect,
    GraphError,
    Instr,
    InstructionGraph,
    Value,
    copied,
    format_effect,
    format_graph,
    format_instr,
    prune,
)
from .interpreter import Interpreter
from .parser import parse_graph
from .verifier import verify

__all__ = [
    "GENERATOR", "Effect", "GraphError", "Instr", "InstructionGraph", "Interpreter", "Value", "copied",
    "format_effect", "format_graph", "format_instr", "parse_graph", "prune", "verify",
]
