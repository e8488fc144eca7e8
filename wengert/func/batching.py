"""`vmap`: a function of one example made a function of a batch, by a call an example."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.spec import wrap_dim
from ..core.trees import Structure
from ..ops.registry import FUNCTIONS
from ..tensors.evaluation import Watcher
from ..tensors.generator import default_generator
from ..tensors.tensor import Tensor
from .trees import flatten, spread


class _NoDraws(Watcher):
    """Refuses random numbers: whether examples share them has to be said."""

    def draws(self) -> None:
        raise RuntimeError("[vmap] called random operation while in randomness error mode. Please either use the "
                           "'same' or 'different' randomness flags on vmap or perform the randomness operation out of "
                           "vmap")


def vmap(func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
         chunk_size: int | None = None) -> Callable[..., Any]:
    """A function that maps ``func`` over a dimension of its arguments and stacks the results.

    ``in_dims`` says which dimension, for all arguments or one by one (None: the same value for every example);
    ``out_dims`` where the batch goes in the results. ``func`` is called once an example, so that it takes the time of
    a loop; ``chunk_size`` changes nothing. ``randomness``: ``"error"`` refuses random numbers, ``"different"`` draws
    them for each example in turn, ``"same"`` gives each the same. Raises ValueError for sizes or nestings that do not
    fit.

    >>> import wengert as torch
    >>> torch.func.vmap(torch.dot)(torch.ones(2, 3), torch.arange(6.0).view(2, 3))
    tensor([ 3., 12.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"[vmap] Only allowed values for randomness are 'error', 'different', or 'same'. Got "
                           f"{randomness}")

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, form = flatten(args)
        dims = spread(tuple(in_dims) if isinstance(in_dims, list) else in_dims, args, "in_dims")
        parts, count = _parts(leaves, dims)
        if not count:
            return _of_none(leaves, dims, form, kwargs)
        state = default_generator.get_state() if randomness == "same" else None
        results = []
        for place in range(count):
            if state is not None:
                default_generator.set_state(state)
            example = form.build(part if dim is None else part[place] for part, dim in zip(parts, dims, strict=True))
            if randomness == "error":
                with _NoDraws():
                    results.append(func(*example, **kwargs))
            else:
                results.append(func(*example, **kwargs))
        return _stacked(results)

    def _of_none(leaves: list[Any], dims: list[Any], form: Structure, kwargs: dict[str, Any]) -> Any:
        """What a batch of no examples gives: as many results, of the shapes that an example of zeros has."""
        before = default_generator.get_state()
        example = form.build(leaf if dim is None else leaf.sum(dim) for leaf, dim in zip(leaves, dims, strict=True))
        result = func(*example, **kwargs)
        default_generator.set_state(before)
        outputs, made = flatten(result)
        places = spread(out_dims, result, "out_dims")
        return made.build(out.unsqueeze(place).narrow(place, 0, 0) for out, place in zip(outputs, places, strict=True))

    def _stacked(results: list[Any]) -> Any:
        flat = [flatten(result)[0] for result in results]
        form = flatten(results[0])[1]
        for leaf in flat[0]:
            if not isinstance(leaf, Tensor):
                raise ValueError(f"[vmap] `{getattr(func, '__name__', 'func')}` must only return Tensors, got type "
                                 f"{type(leaf)} as a return")
        places = spread(out_dims, results[0], "out_dims")
        columns = zip(*flat, strict=True)
        return form.build(FUNCTIONS["stack"](column, place) for column, place in zip(columns, places, strict=True))

    return batched


def _parts(leaves: list[Any], dims: list[Any]) -> tuple[list[Any], int]:
    """Each leaf cut along its dimension, or as it is, and the size of the batch."""
    parts, sizes = [], set()
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is None:
            parts.append(leaf)
            continue
        if not isinstance(leaf, Tensor):
            raise ValueError(f"[vmap] Got in_dim={dim} for an input of type {type(leaf)}: tensors only can be mapped "
                             "over; give None for it in in_dims")
        if not leaf.dim():
            raise ValueError(f"[vmap] Got in_dim={dim} for some input, but that input is a Tensor of dimensionality 0")
        sizes.add(leaf.shape[wrap_dim(dim, leaf.dim(), "vmap")])
        parts.append(leaf.unbind(dim))
    if not sizes:
        raise ValueError("[vmap] at least one input was expected to be mapped over; in_dims has None for all")
    if len(sizes) > 1:
        raise ValueError(f"[vmap] Expected all tensors to have the same size in the mapped dimension, got sizes "
                         f"{sorted(sizes)}")
    return parts, sizes.pop()
