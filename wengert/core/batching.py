"""How primitives run on all examples of a batch at once: the rules that kinds and families share.

The one idea to know: what is *mapped* has the examples along a first dimension that the program does not see. A batch
rule ``rule(primitive, operands, mapped, params)`` gets operands of which ``mapped`` marks those that have it (one does,
at least), and gives a result that has it: on arrays, and on tensors, where what it does is recorded like all else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from .namespace import P
from .operands import Dims, Params

Mapped = Sequence[bool]

_DIMENSIONS = ("dim", "dims", "dim1", "dim2", "dimension")
"""The parameters that name dimensions, wherever a primitive has them."""


def size_of(operands: Sequence[Any], mapped: Mapped) -> int:
    """The number of examples."""
    return next(x.shape[0] for x, is_mapped in zip(operands, mapped, strict=True) if is_mapped)


def lifted(x: Any, rank: int) -> Any:
    """A mapped operand with dimensions of size 1 behind the first, so that each example has ``rank`` dimensions."""
    missing = rank + 1 - len(x.shape)
    return x if missing <= 0 else x[(slice(None), *(None,) * missing)]


def spread(x: Any, is_mapped: bool, count: int) -> Any:
    """An operand that is mapped, if need be with the same value for each example."""
    return x if is_mapped or not hasattr(x, "shape") else P.expand(x[None], shape=(count, *x.shape))


def all_spread(operands: Sequence[Any], mapped: Mapped) -> list[Any]:
    """All operands mapped; numbers stay."""
    count = size_of(operands, mapped)
    return [spread(x, is_mapped, count) for x, is_mapped in zip(operands, mapped, strict=True)]


def rank_of(x: Any, is_mapped: bool) -> int:
    """How many dimensions an example of an operand has; a number has none."""
    return len(x.shape) - is_mapped if hasattr(x, "shape") else 0


def ranked(operands: Sequence[Any], mapped: Mapped) -> list[Any]:
    """Operands that broadcast against each other as their examples do."""
    ranks = [len(x.shape) - is_mapped if hasattr(x, "shape") else 0
             for x, is_mapped in zip(operands, mapped, strict=True)]
    rank = max(ranks)
    return [lifted(x, rank) if is_mapped and its < rank else x
            for x, is_mapped, its in zip(operands, mapped, ranks, strict=True)]


def call(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> tuple[Any, bool]:
    """The result of a primitive, and whether it is mapped: by its batch rule, or as it is where no operand is."""
    if True not in mapped:
        return primitive(*operands, **params), False
    return primitive.rule("batch")(primitive, operands, mapped, params), True


# --- rules ------------------------------------------------------------------------------------------------------------


def each(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> Any:
    """A loop over the examples, for what LAPACK and the like compute one by one."""
    count = size_of(operands, mapped)
    results = [
        primitive(*[x[i] if is_mapped else x for x, is_mapped in zip(operands, mapped, strict=True)], **params)
        for i in range(count)
    ]
    if primitive.multiple:
        return tuple([P.cat(*[part[None] for part in column], dim=0) for column in zip(*results, strict=True)])
    return P.cat(*[part[None] for part in results], dim=0)


def in_a_loop(reason: str) -> dict[str, str]:
    """For a primitive's ``missing``: why its examples are gone through one by one (`each`)."""
    return {"loop": reason}


WRITTEN_OUT = {**dict.fromkeys(("vjp", "jvp"), "where a derivative is wanted, it is written out"),
               **in_a_loop("it is recorded where no derivative of it can be asked for, and never inside vmap")}
"""``missing`` of what backward rules record as one step where nothing more follows: `is_final` of core/primitive.py.
Their evaluation takes tensors too, of which it then writes the step out."""


def written_out(primitive: Any) -> Any:
    """What computes a primitive on tensors that are differentiated: itself, or its evaluation, written out."""
    return primitive.run if primitive.missing.get("vjp") == WRITTEN_OUT["vjp"] else primitive


def native(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> Any:
    """For what takes any leading dimensions: the examples are one of them. Several operands all get it."""
    return primitive(*(all_spread(operands, mapped) if len(operands) > 1 else operands), **params)


def aligned(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> Any:
    """For what broadcasts its operands."""
    return primitive(*(operands if len(operands) == 1 else ranked(operands, mapped)), **params)


def moved(params: Params) -> Params:
    """Parameters that name dimensions, for operands with one more in front."""
    found = dict(params)
    for name in _DIMENSIONS:
        value = params.get(name)
        if type(value) is int:
            found[name] = value + 1 if value >= 0 else value
        elif value is not None:
            found[name] = tuple([d + 1 if d >= 0 else d for d in value])
    return found


def along(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> Any:
    """For what goes along dimensions that parameters name; operands of several are of one rank. A single number has
    none, and lies along one of size 1."""
    whole = all_spread(operands, mapped)
    single = [len(x.shape) == 1 if hasattr(x, "shape") else True for x in whole]
    if not all(single):
        return primitive(*whole, **moved(params))
    count = size_of(operands, mapped)
    found = primitive(*[x[:, None] if hasattr(x, "shape") else x for x in whole], **moved(params))
    if primitive.multiple:
        return tuple([P.reshape(part, shape=(count,)) for part in found])
    return P.reshape(found, shape=(count,))


def along_first(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> Any:
    """`along`, where the first operand alone differs from example to example, and alone has the dimensions named."""
    return primitive(*operands, **moved(params))


def folded(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> Any:
    """For what takes examples along its first dimension anyway: these and ours are counted through."""
    whole = all_spread(operands, mapped)
    count = size_of(operands, mapped)
    return unfolded(primitive(*[fold(x) for x in whole], **params), count)


def fold(x: Any) -> Any:
    """The first two dimensions as one."""
    return P.reshape(x, shape=(x.shape[0] * x.shape[1], *x.shape[2:])) if hasattr(x, "shape") else x


def unfolded(x: Any, count: int) -> Any:
    """The first dimension as two, of which the first has ``count`` places."""
    inner = x.shape[0] // count if count else 0
    return P.reshape(x, shape=(count, inner, *x.shape[1:]))


def changed(change: Callable[[Params, int, Dims], Params]) -> Any:
    """For one operand, by ``change(params, count, shape)``: the parameters for ``count`` examples of that shape."""

    def rule(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> Any:
        x = operands[0]
        return primitive(x, *operands[1:], **change(params, x.shape[0], tuple(x.shape[1:])))

    return rule


def reduced(loss: Any, rank: int, reduction: str) -> Any:
    """The mean or sum of each example's losses, ``rank`` dimensions behind the first."""
    if reduction == "none":
        return loss
    return (P.mean if reduction == "mean" else P.sum)(loss, dim=tuple(range(1, rank + 1)))


def losses(primitive: Any, operands: Sequence[Any], mapped: Mapped, params: Params) -> Any:
    """For losses of single elements with a ``reduction``."""
    count = size_of(operands, mapped)
    pair = [spread(x, is_mapped, count) for x, is_mapped in zip(operands[:2], mapped, strict=False)]
    whole = ranked([*pair, *operands[2:]], (True, True, *mapped[2:]))
    loss = primitive(*whole, **{**params, "reduction": "none"})
    return reduced(loss, len(loss.shape) - 1, params.get("reduction", "mean"))


def resolved(shape: Dims, of: Dims) -> Dims:
    """A shape whose -1, if there is one, is counted from the number of elements that ``of`` has."""
    if -1 not in shape:
        return tuple(shape)
    rest = prod([n for n in shape if n != -1])
    return tuple([(prod(of) // rest if rest else 0) if n == -1 else n for n in shape])
