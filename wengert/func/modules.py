"""Modules as functions of their tensors, and the tensors of several modules as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wengert.nn import Module
from wengert.nn.utils import stateless
from wengert.ops.registry import FUNCTIONS
from wengert.tensors.tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The result of calling ``module`` with other tensors in the place of its own, given by name in one dict or several.

    See `nn.utils.stateless.functional_call`. Raises ValueError where two dicts have a name in common.
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, Mapping):
        joined: dict[str, Tensor] = {}
        for each in given:
            repeated = sorted(joined.keys() & each.keys())
            if repeated:
                raise ValueError(f"[functional_call] {repeated[0]} appears in multiple dictionaries; behavior of "
                                 "functional call is ambiguous")
            joined.update(each)
        given = joined
    return stateless.functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of modules of one class, each name's stacked along a new first dimension.

    Raises RuntimeError for no modules, for different classes, or for some in training mode and some not.
    """
    if not models:
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
