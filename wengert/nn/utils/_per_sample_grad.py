"""Gradients of each example of a batch: `call_for_per_sample_grads`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...func.batching import vmap
from ...func.modules import functional_call
from ...tensors.tensor import Tensor
from ..module import Module


def call_for_per_sample_grads(module: Module, *, batch_size: int | None = None, loss_reduction: str = "sum",
                              batch_first: bool = True) -> Callable[..., Any]:
    """``module`` as a function whose backward puts each example's gradient of the parameters into their
    ``grad_sample`` (N, ...), and none into ``grad``.

    The examples lie along the first dimension of every tensor among the arguments, or the second without
    ``batch_first``; ``batch_size`` is asked of the first of them if it is not given. ``loss_reduction`` says what the
    loss does with the examples: with ``"mean"`` the gradients are multiplied by their number. Raises RuntimeError for
    what is no module, and for parameters that have a ``grad_sample`` of another number of examples.

    >>> layer = nn.Linear(2, 1)
    >>> called = nn.utils._per_sample_grad.call_for_per_sample_grads(layer)
    >>> called(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    >>> layer.weight.grad_sample
    tensor([[[1., 2.]],
    <BLANKLINE>
            [[3., 4.]]])
    """
    if loss_reduction not in ("sum", "mean"):
        raise RuntimeError(f"Expected loss_reduction argument to be sum or mean, got {loss_reduction}")
    if not isinstance(module, Module):
        raise RuntimeError(f"Module passed must be nn.Module, got {type(module).__name__}")
    if batch_size is not None and batch_size < 1:
        raise RuntimeError("Batch size must be positive if it is given, got " + str(batch_size))
    dim = 0 if batch_first else 1

    def call(*args: Any, **kwargs: Any) -> Any:
        tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
        if batch_size is None and not tensors:
            raise RuntimeError("Unable to find a tensor in the passed args and kwargs; pass batch_size")
        count = tensors[0].shape[dim] if batch_size is None else batch_size
        if any(each.shape[dim] != count for each in tensors):
            raise RuntimeError("When computing batch_size, found at least one input with a batch size other than "
                               f"{count}; pass batch_size, or tensors of equal batches")
        spread = {}
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                spread[name] = parameter.detach().expand(count, *parameter.shape).clone().requires_grad_()
                spread[name].register_hook(_keeping(parameter, count if loss_reduction == "mean" else 1))

        def one(parameters: dict[str, Tensor], positional: Any, named: Any) -> Any:
            return functional_call(module, parameters, tuple(map(alone, positional)),
                                   {name: alone(value) for name, value in named.items()})

        def alone(value: Any) -> Any:
            return value.unsqueeze(dim) if isinstance(value, Tensor) else value

        def places(value: Any) -> Any:
            return dim if isinstance(value, Tensor) else None

        out = vmap(one, (0, tuple(map(places, args)), {name: places(value) for name, value in kwargs.items()}), dim,
                   randomness="different")(spread, args, kwargs)
        return tuple(each.squeeze(dim + 1) for each in out) if isinstance(out, tuple) else out.squeeze(dim + 1)

    return call


def _keeping(parameter: Any, scale: int) -> Callable[[Tensor], None]:
    def keep(gradient: Tensor) -> None:
        grown = gradient.detach() * scale
        before = getattr(parameter, "grad_sample", None)
        parameter.grad_sample = grown if before is None else before + grown

    return keep
