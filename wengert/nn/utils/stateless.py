"""A module called with tensors other than its own: `functional_call`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from wengert.tensors.tensor import Tensor

from ..module import Module
from ..parallel import DataParallel

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The result of calling ``module`` with the tensors of ``parameters_and_buffers``, by dotted path, in the place of
    its own.

    ``args`` is a tuple, or the one argument. What a call writes to a buffer goes to the tensor given for it. With
    ``tie_weights`` a tensor that the module has under several names is replaced under all of them. With ``strict``
    every name must be given, and no other. Raises RuntimeError where it is not so, ValueError where tied names get
    different tensors.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> layer = nn.Linear(1, 1)
    >>> given = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
    >>> nn.utils.stateless.functional_call(layer, given, torch.tensor([3.0]))
    tensor([7.])
    """
    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, _all_names(module, parameters_and_buffers, tie_weights, strict)):
        return module(*arguments, **(kwargs or {}))


def _all_names(module: Module, given: Mapping[str, Tensor], tie_weights: bool, strict: bool) -> dict[str, Tensor]:
    """What to put where: what was given, and the same under the other names of the same tensors."""
    names: dict[int, list[str]] = {}
    own = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    for name, tensor in own:
        names.setdefault(id(tensor), []).append(name)
    replaced = dict(given)
    if tie_weights:
        for tied in names.values():
            values = {id(given[name]): given[name] for name in tied if name in given}
            if len(values) > 1:
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted(tied)}, which are tied. Consider using "
                    "tie_weights=False"
                )
            for value in values.values():
                replaced.update(dict.fromkeys(tied, value))
    if strict:
        missing, unexpected = {name for name, _ in own} - set(replaced), set(replaced) - {name for name, _ in own}
        if missing or unexpected:
            raise RuntimeError(
                "functional_call with strict=True: "
                + "; ".join(
                    f"{what} key(s): {', '.join(sorted(keys))}"
                    for what, keys in (("Unexpected", unexpected), ("Missing", missing))
                    if keys
                )
            )
    return replaced


@contextlib.contextmanager
def _replaced(module: Module, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """A context in which the tensors stand in the module's dictionaries; the module's own come back at the end."""
    places = [(*_place(module, name), tensor) for name, tensor in tensors.items()]
    kept = [(table, name, table[name]) for table, name, _ in places]
    try:
        for table, name, tensor in places:
            table[name] = tensor
        yield
    finally:
        for table, name, own in kept:
            table[name] = own


def _place(module: Module, path: str) -> tuple[dict[str, Any], str]:
    """The dictionary that holds the tensor at ``path``, and its name there. Raises KeyError."""
    parent, _, name = path.rpartition(".")
    owner = module.get_submodule(parent)
    for table in (owner._parameters, owner._buffers):
        if name in table:
            return table, name
    raise KeyError(f"functional_call: {type(module).__name__} has no parameter or buffer {path!r}")
