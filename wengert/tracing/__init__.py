"""Recording what a function does: forward, backward and the update of its state, as one graph.

`capture` is the public face. A `Recorder` puts itself in the place of evaluation while the function runs; what it finds
is a `Program`: a graph, and where in the user's world its states are.
"""

from .function import Recorded, capture
from .program import Program

__all__ = ["Program", "Recorded", "capture"]
