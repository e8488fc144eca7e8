"""User functions composed of primitives, grouped as the documentation is.

Importing this package installs the operators and methods of `Tensor`. `registry.FUNCTIONS` holds the public functions.
"""

from . import operators, pointwise, registry

operators.install()
registry.install()

FUNCTIONS = registry.FUNCTIONS

__all__ = ["FUNCTIONS", "operators", "pointwise", "registry"]
