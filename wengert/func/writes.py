"""Programs without writes, tensors without levels, and normalisation that keeps no statistics."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd.levels import Lifted
from ..autograd.replacing import WritelessLevel
from ..tensors.alias import version_cell
from ..tensors.tensor import Tensor
from .trees import flatten


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """A function with the results of ``func`` that writes to no tensor in between.

    In the place of ``y.add_(1)`` it computes y + 1, and every view of y is read anew from that: whoever looks on (a
    recording, a watcher) meets no write to what it made. What ``func`` writes to its arguments is put
    into them once, at the end; what it writes to tensors from elsewhere is written as ever. With
    ``remove="mutations_and_views"`` no result is a view of another either. Raises RuntimeError for another ``remove``.

    >>> import wengert as torch
    >>> def f(x):
    ...     y = x * 1
    ...     y.view(-1)[0] = 5.0
    ...     return y * 2
    >>> torch.func.functionalize(f)(torch.ones(2))
    tensor([10.,  2.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(f"[functionalize] functionalize(f, remove='mutations'): received invalid argument for "
                           f"remove={remove}; write remove='mutations', for no writes, or 'mutations_and_views', for "
                           "no views either")

    @functools.wraps(func)
    def without_writes(*args: Any, **kwargs: Any) -> Any:
        leaves, form = flatten((args, kwargs))
        tensors = {id(x): x for x in leaves if isinstance(x, Tensor)}
        cells = [id(version_cell(x)) for x in tensors.values()]
        with WritelessLevel(remove == "mutations_and_views") as inside:
            given = {key: inside.argument(x, cells.count(id(version_cell(x))) > 1) for key, x in tensors.items()}
            try:
                inner_args, inner_kwargs = form.build(given.get(id(x), x) for x in leaves)
                results, form_out = flatten(func(*inner_args, **inner_kwargs))
            finally:
                inside.arguments.clear()  # they refer to their level
            found = [inside.inner(x) if isinstance(x, Tensor) else x for x in results]
            written = [(tensors[key], inside.inner(x)) for key, x in given.items() if x._data.root.generation]
        for tensor, value in written:
            tensor.copy_(value)
        return form_out.build(found)

    return without_writes


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The tensor that ``tensor`` holds inside `vmap`, `jvp` and the like: all examples at once, or the value without
    its tangent; itself outside of any. With ``recurse`` down to the one that holds plain memory.

    It is for a look in a debugger: what a transformed function computes with the result is not transformed. Raises
    TypeError for what is no tensor.

    >>> import wengert as torch
    >>> def f(x):
    ...     print(x.shape, torch.func.debug_unwrap(x).shape)
    ...     return x
    >>> _ = torch.func.vmap(f)(torch.zeros(3, 2))
    torch.Size([2]) torch.Size([3, 2])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"[debug_unwrap] a tensor was expected; got {type(tensor).__name__}; it has nothing to unwrap")
    while isinstance(tensor._data, Lifted):
        tensor = tensor._data.level.inner(tensor)
        if not recurse:
            break
    return tensor
