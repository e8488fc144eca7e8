"""The placements of ``torch.distributed.tensor``: how a tensor lies on one axis of a mesh of processes.

They are values alone: packages make them when they are imported, to keep in tables. The tensors that would lie so
(``DTensor``) are not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import index


class Placement:
    """What the placements have in common: what one can ask of each.

    >>> Shard(1).is_shard(), Shard(1).is_shard(0), Replicate().is_replicate(), Partial("max").is_partial("max")
    (True, False, True, True)
    """

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether it is a `Shard`; where ``dim`` is given, of that dimension."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Whether it is a `Replicate`."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Whether it is a `Partial`; where ``reduce_op`` is given, of that operation."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclass(frozen=True)
class Shard(Placement):
    """Each process holds a part of the tensor, cut along ``dim``. Raises TypeError for a ``dim`` that is no integer.

    >>> Shard(1), str(Shard(1)), Shard(1) == Shard(dim=1)
    (Shard(dim=1), 'S(1)', True)
    """

    dim: int

    def __post_init__(self) -> None:
        if not hasattr(self.dim, "__index__"):
            raise TypeError(f"[Shard] a dimension was expected; got {self.dim!r}; give an integer, as in Shard(0)")
        object.__setattr__(self, "dim", index(self.dim))

    def __str__(self) -> str:
        return f"S({self.dim})"


@dataclass(frozen=True)
class Replicate(Placement):
    """Each process holds the whole tensor.

    >>> Replicate(), str(Replicate()), Replicate() == Replicate()
    (Replicate(), 'R', True)
    """

    def __str__(self) -> str:
        return "R"


@dataclass(frozen=True, repr=False)
class Partial(Placement):
    """Each process holds a tensor of the whole shape, and ``reduce_op`` of them all is the value. Raises TypeError for
    a ``reduce_op`` that is no string.

    >>> Partial(), str(Partial("avg")), Partial() == Partial("sum")
    (Partial(sum), 'P(avg)', True)
    """

    reduce_op: str = "sum"

    def __post_init__(self) -> None:
        if not isinstance(self.reduce_op, str):
            raise TypeError(f"[Partial] the name of an operation was expected; got {self.reduce_op!r}; give a string, "
                            "as in Partial('sum')")

    def __repr__(self) -> str:
        return f"Partial({self.reduce_op})"

    def __str__(self) -> str:
        return f"P({self.reduce_op})"


PLACEMENTS = {each.__name__: each for each in (Placement, Shard, Replicate, Partial)}
