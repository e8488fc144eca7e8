"""Parameters that are functions of others: ``layer.weight`` computed by a module whenever it is read.

The one idea: the module gets a class of its own, ``ParametrizedLinear``, on which ``weight`` is a property; the tensors
from which it is computed are the parameters of a `ParametrizationList` under ``parametrizations.weight``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, NoReturn

from ...autograd.modes import no_grad
from ...core.errors import in_words
from ...tensors.tensor import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]


class _Cache:
    """Values computed within `cached`, by the module's identity and the tensor's name."""

    depth = 0
    values: dict[tuple[int, str], Tensor] = {}


@contextlib.contextmanager
@in_words
def cached() -> Iterator[None]:
    """A context in which every parametrised tensor is computed once, however often it is read.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> with nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values = {}


def _register(module: Module, name: str, tensor: Tensor) -> None:
    (module.register_parameter if isinstance(tensor, Parameter) else module.register_buffer)(name, tensor)  # type: ignore[arg-type]


@in_words
class ParametrizationList(ModuleList):
    """The modules that compute one tensor, in turn, and the tensors from which they do: ``original``, or ``original0``,
    ``original1``, ... where the first module's ``right_inverse`` returns several.

    ``unsafe`` allows the tensor's shape and dtype to change. Raises ValueError for what the modules may not return.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> len(layer.parametrizations["weight"]), layer.parametrizations["weight"].original1.shape
    (1, torch.Size([2, 3]))
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        dtype, shape = original.dtype, original.shape
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    # A right_inverse that raises this counts as the identity, like one that is missing.
                    with contextlib.suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                             f"{type(new).__name__}")
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            if new.dtype is not dtype:
                raise ValueError("When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                                 f"original.dtype: {dtype}\nright_inverse(original).dtype: {new.dtype}")
            original.data = new.data  # the same object, which an optimiser may know
            _register(self, "original", original)
        else:
            self._keep_several(new, original)
        if not unsafe:
            self._check_result(dtype, shape)

    def _keep_several(self, new: Sequence[Any], original: Tensor) -> None:
        for number, part in enumerate(new):
            if not isinstance(part, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                    f"{number} of the sequence with type {type(part).__name__}."
                )
            if isinstance(original, Parameter):
                part = Parameter(part, original.requires_grad)
            _register(self, f"original{number}", part.requires_grad_(original.requires_grad))

    def _check_result(self, dtype: Any, shape: Any) -> None:
        result = self()
        if not isinstance(result, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
        for what, was, now in (("dtype", dtype, result.dtype), ("shape", shape, result.shape)):
            if was != now:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {what}: {was}\nparametrized {what}: {now}"
                )

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{number}") for number in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Sets the original tensors such that the modules give ``value``. Raises RuntimeError where a module cannot be
        inverted, ValueError where what it returns does not fit."""
        new: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                new = module.right_inverse(new)
        parts = [new] if self.is_tensor else new
        if not isinstance(parts, Sequence) or len(parts) != self.ntensors:
            raise ValueError(f"'right_inverse' must return {self.ntensors} tensor(s). Got {type(new).__name__}.")
        for number, (part, original) in enumerate(zip(parts, self._originals(), strict=True)):
            if not isinstance(part, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(part).__name__}")
            if part.dtype is not original.dtype:
                raise ValueError(
                    f"Tensor {number} returned by `right_inverse` has dtype {part.dtype} while the original has dtype "
                    f"{original.dtype}"
                )
            original.data = part.data

    def forward(self) -> Tensor:
        modules = list(self)
        value = modules[0](*self._originals())
        for module in modules[1:]:
            value = module(value)
        return value


def _copy(self: Module, memo: dict[int, Any]) -> Any:
    """A deep copy, which shares the class made for the original."""
    if id(self) not in memo:
        memo[id(self)] = replica = object.__new__(type(self))
        replica.__dict__.update(deepcopy(self.__dict__, memo))
    return memo[id(self)]


def _no_pickle(self: Module) -> NoReturn:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(): their class is made at run "
        "time. Use torch.save(model.state_dict(), path)"
    )


def _give_own_class(module: Module) -> None:
    cls = type(module)
    members: dict[str, Any] = {"__getstate__": _no_pickle}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = _copy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _add_property(module: Module, name: str) -> None:
    def read(self: Any) -> Tensor:
        if not _Cache.depth:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _Cache.values:
            _Cache.values[key] = self.parametrizations[name]()
        return _Cache.values[key]

    def write(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


@in_words
def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Makes the parameter or buffer ``tensor_name`` of ``module`` a function of another tensor, or adds a function to
    those that it is; returns ``module``.

    ``parametrization`` is a module from tensor to tensor. With a method ``right_inverse`` the tensor can be assigned,
    and starts as it is. ``unsafe`` allows another shape and dtype. Raises ValueError for a name that is not there, and
    where shape or dtype would change.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> torch.equal(layer.weight, layer.weight.T)
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_addition(module, tensor_name, parametrization)
        chain = module.parametrizations[tensor_name]
        chain.append(parametrization)
        chain.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        chain = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_own_class(module)
            module.parametrizations = ModuleDict()
        _add_property(module, tensor_name)
        module.parametrizations[tensor_name] = chain
    else:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
                         f"'{tensor_name}'")
    return module


def _check_addition(module: Module, name: str, parametrization: Module) -> None:
    now = getattr(module, name)
    then: Any = parametrization(now)
    steps = [("parametrization(module." + name + ")", then)]
    if hasattr(parametrization, "right_inverse"):
        with contextlib.suppress(NotImplementedError):
            steps.append(("parametrization.right_inverse", parametrization.right_inverse(then)))
    for what, result in steps:
        if not isinstance(result, Tensor):
            raise ValueError(f"{what} must return a tensor. Got {type(result).__name__}.")
        if result.dtype is not now.dtype or result.shape != now.shape:
            raise ValueError(
                f"Registering a parametrization may not change the dtype or shape of the tensor, unless the `unsafe` "
                f"flag is enabled: module.{name} is {now.dtype} {tuple(now.shape)}, {what} gave {result.dtype} "
                f"{tuple(result.shape)}"
            )


@in_words
def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the tensor ``tensor_name`` of ``module``, or any where it is None, is parametrised.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> nn.utils.parametrize.is_parametrized(layer, "weight"), nn.utils.parametrize.is_parametrized(layer, "bias")
    (True, False)
    """
    chains = getattr(module, "parametrizations", None)
    if not isinstance(chains, ModuleDict):
        return False
    return len(chains) > 0 if tensor_name is None else tensor_name in chains


@in_words
def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Makes ``tensor_name`` an ordinary parameter or buffer again; returns ``module``.

    It keeps the value computed last, or, without ``leave_parametrized``, the original's. Raises ValueError where there
    is no parametrisation, or no single original to keep.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> layer = nn.utils.parametrize.remove_parametrizations(layer, "weight")
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if chain.is_tensor:
        kept = chain.original
        if leave_parametrized:
            with no_grad():
                kept.data = getattr(module, tensor_name).data
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        kept = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, kept)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


@in_words
def type_before_parametrizations(module: Module) -> type:
    """The class that ``module`` had before it was parametrised.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> nn.utils.parametrize.type_before_parametrizations(layer).__name__
    'Linear'
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


@in_words
def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Gives ``to_module`` the parametrisations of ``from_module``, of one tensor or of all, and the tensors that they
    start from; returns ``to_module``. Raises an error where ``from_module`` has no parametrisation of ``tensor_name``.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> other = nn.utils.parametrize.transfer_parametrizations_and_params(layer, nn.Linear(3, 2))
    >>> nn.utils.parametrize.is_parametrized(other, "weight"), torch.equal(other.weight, layer.weight)
    (True, True)
    """
    if not is_parametrized(from_module):
        return to_module
    for name in from_module.parametrizations if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in from_module.parametrizations[name]:
            register_parametrization(to_module, name, parametrization)
        source, target = from_module.parametrizations[name], to_module.parametrizations[name]
        for original in [key for key in (*source._parameters, *source._buffers) if key.startswith("original")]:
            setattr(target, original, getattr(source, original))
    return to_module
