"""`vmap`: a function of one example made a function of a batch, all examples at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ..autograd.batching import BatchLevel
from ..core.primitive import P
from ..core.spec import wrap_dim
from ..core.trees import Structure
from ..ops.registry import FUNCTIONS
from ..tensors.evaluation import Watcher
from ..tensors.generator import default_generator
from ..tensors.tensor import Tensor
from .trees import flatten, spread


class _NoDraws(Watcher):
    """Refuses random numbers where examples run one by one: whether they share them has to be said."""

    def draws(self, generator: Any, reseeds: bool = False) -> None:
        if reseeds:
            return
        raise RuntimeError("[vmap] called random operation while in randomness error mode. Please either use the "
                           "'same' or 'different' randomness flags on vmap or perform the randomness operation out of "
                           "vmap")


def vmap(func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
         chunk_size: int | None = None) -> Callable[..., Any]:
    """A function that maps ``func`` over a dimension of its arguments and stacks the results.

    ``in_dims`` says which dimension, for all arguments or one by one (None: the same value for every example);
    ``out_dims`` where the batch goes in the results. ``func`` is called once, for all examples: inside it tensors have
    the shape of one. ``randomness``: ``"error"`` refuses random numbers, ``"different"`` draws them for each example,
    ``"same"`` gives each the same. ``chunk_size`` examples are computed at once; of 1, ``func`` is called with plain
    tensors, one example after the other, and may look at values. Raises ValueError for sizes or nestings that do not
    fit, RuntimeError where ``func`` asks for a value that differs from example to example.

    >>> import wengert as torch
    >>> torch.func.vmap(torch.dot)(torch.ones(2, 3), torch.arange(6.0).view(2, 3))
    tensor([ 3., 12.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"[vmap] Only allowed values for randomness are 'error', 'different', or 'same'. Got "
                           f"{randomness}")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"[vmap] chunk_size should be None or greater than 0; got {chunk_size}")

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, form = flatten(args)
        dims = spread(tuple(in_dims) if isinstance(in_dims, list) else in_dims, args, "in_dims", len(leaves))
        count = _count(leaves, dims)
        parts = [leaf if dim is None else _front(leaf, wrap_dim(dim, leaf.dim(), "vmap"))
                 for leaf, dim in zip(leaves, dims, strict=True)]
        run = _Run(func, kwargs, form, dims, out_dims, randomness)
        if chunk_size == 1 and count:
            return run.singly(parts, count)
        if chunk_size is None or chunk_size >= count:
            return run.together(parts, count)
        state = default_generator.get_state() if randomness == "same" else None
        pieces = []
        for start in range(0, count, chunk_size):
            if state is not None:
                default_generator.set_state(state)
            stop = min(start + chunk_size, count)
            pieces.append(run.flat([part if dim is None else part[start:stop]
                                    for part, dim in zip(parts, dims, strict=True)], stop - start))
        return run.placed([column[0] if len(column) == 1 else P.cat(*column, dim=0)
                           for column in zip(*pieces, strict=True)])

    return batched


class _Run:
    """One call of a mapped function: the results of all examples, along a first dimension and then where they go."""

    form_out: Structure
    result: Any

    def __init__(self, func: Callable[..., Any], kwargs: dict[str, Any], form: Structure, dims: list[Any],
                 out_dims: Any, randomness: str) -> None:
        self.func, self.kwargs, self.form, self.dims = func, kwargs, form, dims
        self.out_dims, self.randomness = out_dims, randomness

    def outputs(self, arguments: list[Any]) -> list[Any]:
        """What the function gives for the leaves of its arguments, flat."""
        self.result = self.func(*self.form.build(arguments), **self.kwargs)
        found, self.form_out = flatten(self.result)
        for leaf in found:
            if not isinstance(leaf, Tensor):
                raise ValueError(f"[vmap] `{getattr(self.func, '__name__', 'func')}` must only return Tensors, got "
                                 f"type {type(leaf)} as a return")
        self.places = spread(self.out_dims, self.result, "out_dims", len(found))
        return found

    def flat(self, parts: list[Any], count: int) -> list[Tensor]:
        """The results of ``count`` examples, computed at once."""
        with BatchLevel(count, self.randomness) as inside:
            found = self.outputs([part if dim is None else inside.mapped(part)
                                  for part, dim in zip(parts, self.dims, strict=True)])
            pairs = [inside.unmapped(leaf) for leaf in found]
        results = []
        for (value, mapped), place in zip(pairs, self.places, strict=True):
            if place is None and mapped:
                raise ValueError(f"[vmap] `{getattr(self.func, '__name__', 'func')}` can not return a BatchedTensor "
                                 "when out_dim is None; give the dimension for the batch")
            results.append(value if mapped or place is None else P.expand(value[None], shape=(
                count, *value._data.shape)))
        return results

    def together(self, parts: list[Any], count: int) -> Any:
        """The results of all examples, where they go."""
        return self.placed(self.flat(parts, count))

    def singly(self, parts: list[Any], count: int) -> Any:
        """The results of plain calls, one example after the other."""
        state = default_generator.get_state() if self.randomness == "same" else None
        rows = []
        with _NoDraws() if self.randomness == "error" else nullcontext():
            for place in range(count):
                if state is not None:
                    default_generator.set_state(state)
                rows.append(self.outputs([part if dim is None else part[place]
                                          for part, dim in zip(parts, self.dims, strict=True)]))
        return self.placed([row[0] if place is None else FUNCTIONS["stack"](row)
                            for row, place in zip(zip(*rows, strict=True), self.places, strict=True)])

    def placed(self, results: list[Tensor]) -> Any:
        """The results with the batch where ``out_dims`` puts it, in the form that the function gave."""
        moved = []
        for x, place in zip(results, self.places, strict=True):
            rank = x._data.ndim
            where = None if place is None else wrap_dim(place, rank, "vmap")
            if where:
                order = list(range(1, rank))
                order.insert(where, 0)
                x = P.permute(x, dims=tuple(order))
            moved.append(x)
        return self.form_out.build(moved)


def _front(x: Tensor, dim: int) -> Tensor:
    """A tensor with one of its dimensions first: itself where it is."""
    if not dim:
        return x
    return P.permute(x, dims=(dim, *[d for d in range(x._data.ndim) if d != dim]))


def _count(leaves: list[Any], dims: list[Any]) -> int:
    """The number of examples."""
    sizes = set()
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is None:
            continue
        if not isinstance(leaf, Tensor):
            raise ValueError(f"[vmap] Got in_dim={dim} for an input of type {type(leaf)}: tensors only can be mapped "
                             "over; give None for it in in_dims")
        if not leaf.dim():
            raise ValueError(f"[vmap] Got in_dim={dim} for some input, but that input is a Tensor of dimensionality 0")
        if not -leaf.dim() <= dim < leaf.dim():
            raise ValueError(f"[vmap] Got in_dim={dim} for some input, but that input is a Tensor of dimensionality "
                             f"{leaf.dim()} so expected in_dim to satisfy -{leaf.dim()} <= in_dim < {leaf.dim()}")
        sizes.add(leaf.shape[dim])
    if not sizes:
        raise ValueError("[vmap] at least one input was expected to be mapped over; in_dims has None for all")
    if len(sizes) > 1:
        raise ValueError(f"[vmap] Expected all tensors to have the same size in the mapped dimension, got sizes "
                         f"{sorted(sizes)}")
    return sizes.pop()
