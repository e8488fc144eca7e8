"""``torch.fx.experimental.symbolic_shapes``: sizes are numbers here, so that questions about them have answers."""

from __future__ import annotations

from typing import Any

from ....hollows import fill

fill(vars(), classes="ShapeEnv GuardOnDataDependentSymNode SymNode DimDynamic StatelessSymbolicContext")


def statically_known_true(x: Any) -> bool:
    """Whether ``x`` is true."""
    return bool(x)


guard_or_false = guard_or_true = guard_size_oblivious = is_concrete_bool = statically_known_true


def free_symbols(val: Any) -> set[Any]:
    """No symbols."""
    return set()


free_unbacked_symbols = free_symbols


def is_symbolic(val: Any) -> bool:
    """False."""
    return False
