"""Modules as functions of their tensors, and the tensors of several modules as one.

A module is whatever has a module's methods: this layer lies below the one that defines them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..ops.registry import FUNCTIONS
from ..tensors.tensor import TENSORS, Tensor

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]

def functional_call(module: Any, parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
                    args: Any = None, kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True,
                    strict: bool = False) -> Any:
    """The result of calling ``module`` with the tensors given, by dotted path in one dict or several, in the place of
    its own.

    ``args`` is a tuple, or the one argument. What a call writes to a buffer goes to the tensor given for it. With
    ``tie_weights`` a tensor that the module has under several names is replaced under all of them. With ``strict``
    every name must be given, and no other. Raises RuntimeError where it is not so, ValueError where two dicts have a
    name in common or tied names get different tensors.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> layer = nn.Linear(1, 1)
    >>> given = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
    >>> torch.func.functional_call(layer, given, torch.tensor([3.0]))
    tensor([7.])
    """
    given = parameter_and_buffer_dicts
    _check_dicts(given)
    if not isinstance(given, Mapping):
        joined: dict[str, Tensor] = {}
        for each in given:
            repeated = sorted(joined.keys() & each.keys())
            if repeated:
                raise ValueError(f"[functional_call] {repeated[0]} appears in multiple dictionaries; behavior of "
                                 "functional call is ambiguous")
            joined.update(each)
        given = joined
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with replaced(module, given, tie_weights, strict):
        return module(*arguments, **(kwargs or {}))


class replaced:
    """A context in which a module has the tensors ``given``, by dotted path, in the place of its own."""

    def __init__(self, module: Any, given: Mapping[str, Tensor], tie_weights: bool, strict: bool) -> None:
        places = _places(module)
        self._found = _found(module, places, _all_names(places, given, tie_weights, strict))
        self._kept = [(table, name, table[name]) for table, name, _ in self._found]

    def __enter__(self) -> None:
        for table, name, tensor in self._found:
            table[name] = tensor

    def __exit__(self, *failure: object) -> None:
        for table, name, own in self._kept:
            table[name] = own


def _check_dicts(given: Any) -> None:
    """Raises ValueError for what is no dict nor several of them, TypeError for what is no tensor inside."""
    several = [given] if type(given) is dict or isinstance(given, Mapping) else given
    if not isinstance(several, (list, tuple)) or not all([isinstance(each, Mapping) for each in several]):
        raise ValueError("[functional_call] Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of "
                         f"dicts, but got {type(given).__name__}")
    for each in several:
        for name, value in each.items():
            if type(value) not in TENSORS and value is not None and not isinstance(value, Tensor):
                raise TypeError(f"[functional_call] a tensor was expected for {name!r}; got {type(value).__name__}")


Places = dict[str, tuple[dict[str, Any], str]]
"""By dotted path the dictionary of a module that holds a tensor, and its name there."""


def _places(module: Any) -> Places:
    """All of a module's tensors, and of those beneath it, each as often as there is a path to it."""
    places: Places = {}

    def look(owner: Any, prefix: str) -> None:
        for table in (owner._buffers, owner._parameters):
            for name in table:
                places[prefix + name] = table, name
        for name, module in owner._modules.items():
            if module is not None:
                look(module, f"{prefix}{name}.")

    look(module, "")
    return places


def _all_names(places: Places, given: Mapping[str, Tensor], tie_weights: bool, strict: bool
               ) -> Mapping[str, Tensor]:
    """What to put where: what was given, and the same under the other names of the same tensors."""
    if not strict and len({id(table[name]) for table, name in places.values()}) == len(places):
        return given  # no tensor has several names
    names: dict[int, list[str]] = {}
    own = [(path, table[name]) for path, (table, name) in places.items() if table[name] is not None]
    for name, tensor in own:
        names.setdefault(id(tensor), []).append(name)
    replaced = dict(given)
    if tie_weights and len(names) < len(own):
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
            raise RuntimeError("functional_call with strict=True: "
                               + "; ".join(f"{what} key(s): {', '.join(sorted(keys))}"
                                           for what, keys in (("Unexpected", unexpected), ("Missing", missing))
                                           if keys))
    return replaced


def _found(module: Any, places: Places, tensors: Mapping[str, Tensor]) -> list[tuple[dict[str, Any], str, Tensor]]:
    """In which dictionaries, and under which names, the tensors are to stand. A name that its owner does not have is
    left out; one without an owner raises AttributeError."""
    found = []
    for path, tensor in tensors.items():
        place = places.get(path)
        if place is None:
            module.get_submodule(path.rpartition(".")[0])
        else:
            found.append((place[0], place[1], tensor))
    return found


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of modules of one class, each name's stacked along a new first dimension.

    Raises RuntimeError for no modules, for different classes, or for some in training mode and some not.

    >>> models = [nn.Linear(3, 2) for _ in range(4)]
    >>> parameters, buffers = torch.func.stack_module_state(models)
    >>> parameters["weight"].shape
    torch.Size([4, 2, 3])
    """
    if not len(models):
        raise RuntimeError("[stack_module_state] Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("[stack_module_state] Expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("[stack_module_state] Expected all models to be of the same class.")
    parameters = {}
    for name, first in models[0].named_parameters():
        stacked = FUNCTIONS["stack"]([dict(model.named_parameters())[name].detach() for model in models])
        parameters[name] = stacked.requires_grad_(first.requires_grad)
    buffers = {name: FUNCTIONS["stack"]([dict(model.named_buffers())[name] for model in models]).detach()
               for name, _ in models[0].named_buffers()}
    return parameters, buffers


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """``root``, in which every batch normalisation has let go of its running statistics: it normalises by each batch,
    and writes nothing, so that it has gradients example by example (`vmap` in training). Changed in place and returned.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> torch.func.replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm1d(2)))[0].running_mean is None
    True
    """
    for module in root.modules():
        if getattr(module, "_normalises_batches", False) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
