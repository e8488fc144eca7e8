"""How a module's parameters change what they hold when it is converted: written into, replaced, or swapped.

The switches are those of ``torch.__future__``. By default a parameter stays and holds other memory.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from ..autograd.modes import no_grad
from ..tensors.swapping import swap_tensors
from ..tensors.tensor import Tensor
from .parameter import Parameter

_SWITCHES = SimpleNamespace(overwrite=False, swap=False)


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether converting a module puts new parameters into it, so that the old ones stay as they are."""
    _SWITCHES.overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """What `set_overwrite_module_params_on_conversion` was told; False at first."""
    return bool(_SWITCHES.overwrite)


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether converting a module, and loading its state, exchanges parameters with new ones by `swap_tensors`."""
    _SWITCHES.swap = value


def get_swap_module_params_on_conversion() -> bool:
    """What `set_swap_module_params_on_conversion` was told; False at first."""
    return bool(_SWITCHES.swap)


def converted(parameter: Parameter, convert: Callable[[Tensor], Tensor], name: str) -> Parameter:
    """The parameter that has what ``convert`` makes of ``parameter`` and of its gradient: the same one, unless new ones
    are asked for. ``name`` is for the error."""
    with no_grad():
        gradient = parameter.grad
        if _SWITCHES.swap:
            parameter.grad = None
            made = Parameter(convert(parameter), requires_grad=parameter.requires_grad)
            try:
                swap_tensors(parameter, made)
            except RuntimeError as error:
                parameter.grad = gradient
                raise RuntimeError(f"_apply(): Couldn't swap {name}") from error
        elif _SWITCHES.overwrite:
            parameter = Parameter(convert(parameter), requires_grad=parameter.requires_grad)
        else:
            parameter.grad = None
            parameter.data = convert(parameter.data)
        if gradient is not None:
            parameter.grad = convert(gradient).requires_grad_(gradient.requires_grad)
    return parameter


def loaded(parameter: Tensor, given: Tensor, assign: bool, name: str) -> None:
    """Exchanges ``parameter``, of a module or one of its buffers, with what it makes of ``given``."""
    made = parameter.module_load(given, assign=assign)
    if made is given or made is parameter:
        raise RuntimeError(f"module_load returned one of self or other, please .detach() the result of {name} if "
                           "returning one of the inputs in module_load")
    if isinstance(parameter, Parameter):
        grads = parameter.requires_grad
        made = made.requires_grad_(grads) if isinstance(made, Parameter) else Parameter(made, requires_grad=grads)
    swap_tensors(parameter, made)
