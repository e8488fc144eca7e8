"""Names for the tensors that a function refers to: what the user calls them, found in its closure and globals."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..tensors.tensor import Tensor
from .exploration import is_optimizer


def tensors_seen_by(function: Callable[..., Any]) -> list[tuple[str, Tensor]]:
    """The tensors that a function's variables lead to, with names: the variables themselves, parameters and buffers of
    modules, the state of optimisers."""
    found: dict[int, tuple[str, Tensor]] = {}
    for variable, thing in _variables(function):
        for name, tensor in _tensors(variable, thing, found):
            found.setdefault(id(tensor), (name, tensor))
    return list(found.values())


def has_unmade_parameters(function: Callable[..., Any]) -> bool:
    """Whether a function's variables lead to parameters of lazy modules, which take their shape in the first call."""
    modules = [thing for thing in (function, *(thing for _, thing in _variables(function)))
               if hasattr(type(thing), "named_parameters")]
    return any(hasattr(parameter, "materialize") for module in modules for _, parameter in module.named_parameters())


def settle_optimizers(function: Callable[..., Any]) -> None:
    """Has the optimisers that a function's variables are make what state they would make in their next step."""
    for _, thing in _variables(function):
        if is_optimizer(thing) and hasattr(thing, "_settle"):
            thing._settle()


def _variables(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """What the function can see, modules before optimisers, so that state can be named after its parameter."""
    called: Any = function if inspect.isroutine(function) else function.__call__  # type: ignore[operator]
    plain = inspect.unwrap(getattr(called, "__func__", called))
    seen: dict[str, Any] = {}
    if inspect.isfunction(plain):
        variables = inspect.getclosurevars(plain)
        seen = {**variables.globals, **variables.nonlocals}
    owner = getattr(called, "__self__", None)
    if owner is not None:
        seen.update({f"self.{name}": value for name, value in getattr(owner, "__dict__", {}).items()})
    return sorted(seen.items(), key=lambda item: is_optimizer(item[1]))


def _tensors(variable: str, thing: Any, found: dict[int, tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(thing, Tensor):
        yield variable, thing
    elif isinstance(thing, (list, tuple)) and len(thing) < 1000:
        yield from ((f"{variable}.{i}", item) for i, item in enumerate(thing) if isinstance(item, Tensor))
    elif isinstance(thing, dict) and len(thing) < 1000:
        yield from ((f"{variable}.{key}", item) for key, item in thing.items() if isinstance(item, Tensor))
    elif is_optimizer(thing) and hasattr(thing, "state"):
        for number, (parameter, state) in enumerate(_states(thing).items()):
            owner = found[id(parameter)][0] if id(parameter) in found else str(number)
            if isinstance(state, dict):
                yield from (
                    (f"{variable}.{owner}.{key}", item)
                    for key, item in state.items()
                    if isinstance(item, Tensor)
                )
    elif hasattr(type(thing), "named_parameters"):
        yield from ((f"{variable}.{name}", tensor) for name, tensor in thing.named_parameters())
        yield from ((f"{variable}.{name}", tensor) for name, tensor in thing.named_buffers())


def _states(optimizer: Any) -> dict[Any, Any]:
    """The state of an optimiser, with that which shows from the first step on: named alike and in one order before that
    step and after it, or recordings of the two could not be compared."""
    ready = getattr(optimizer, "_ready", None)
    if ready is None:  # an optimiser of another make
        return dict(optimizer.state)
    listed = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return {**{parameter: ready.get(parameter, (None, {}))[1] for parameter in listed}, **optimizer.state}


class Names:
    """Gives every value that comes from outside a name of letters, digits and dots that no other has."""

    def __init__(self, known: dict[int, str]) -> None:
        self.known, self.taken = known, set[str]()

    def of(self, tensor: Tensor, otherwise: str = "state") -> str:
        return self.free(self.known.get(id(tensor), otherwise))

    def free(self, wanted: str) -> str:
        """``wanted``, or with a number behind it where it is taken; never a number alone, which results are called."""
        letters = wanted.replace(".", "")
        if not (letters.isascii() and letters.isidentifier()):
            wanted = re.sub(r"[^\w.]", "_", wanted)
        name, number = wanted, 1
        while name in self.taken or (name[-1:].isdecimal() and re.fullmatch(r"c?\d+", name)):
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name
