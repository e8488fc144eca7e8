"""Keeping gradients small, and parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from ...autograd.modes import no_grad
from ...core.errors import in_words
from ...core.frames import warn
from ...ops import cat, stack, tensor
from ...ops.linalg import vector_norm
from ...tensors.tensor import Tensor


def _tensors(given: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [given] if isinstance(given, Tensor) else list(given)


@in_words
def get_total_norm(tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False,
                   foreach: bool | None = None) -> Tensor:
    """The norm of all tensors taken as one vector. Raises RuntimeError if asked to where it is NaN or infinite.

    >>> nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([0.0, 4.0])])
    tensor(5.)
    """
    parts = _tensors(tensors)
    if not parts:
        return tensor(0.0)
    order = float(norm_type)
    with no_grad():
        total = vector_norm(stack([vector_norm(part, order) for part in parts]), order)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is "
            f"non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@in_words
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales gradients in place by ``max_norm / total_norm`` where that is below 1.

    >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> nn.utils.clip_grads_with_norm_([w], max_norm=1.0, total_norm=torch.tensor(5.0))
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    with no_grad():
        scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for parameter in _tensors(parameters):
            if parameter.grad is not None:
                parameter.grad.mul_(scale)


@in_words
def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
                    error_if_nonfinite: bool = False, foreach: bool | None = None) -> Tensor:
    """Scales gradients in place so that their norm, taken as one vector, is at most ``max_norm``; returns the norm
    before.

    ``norm_type`` may be ``inf``. ``foreach`` chooses an implementation in PyTorch and nothing here.
    """
    chosen = _tensors(parameters)
    grads = [parameter.grad for parameter in chosen if parameter.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(chosen, max_norm, total)
    return total


@in_words
def clip_grad_norm(parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
                   error_if_nonfinite: bool = False, foreach: bool | None = None) -> Tensor:
    """The old name of `clip_grad_norm_`. Deprecated.

    >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> nn.utils.clip_grad_norm([w], 1.0), w.grad
    (tensor(10.), tensor([0.6000, 0.8000]))
    """
    warn("`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
         FutureWarning)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@in_words
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Cuts every element of the gradients, in place, off at ±``clip_value``.

    >>> w = torch.tensor([3.0, 0.2], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([1.0000, 0.4000])
    """
    limit = float(clip_value)
    with no_grad():
        for parameter in _tensors(parameters):
            if parameter.grad is not None:
                parameter.grad.clamp_(-limit, limit)


@in_words
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters in one vector.

    >>> nn.utils.parameters_to_vector([torch.ones(2, 2), torch.zeros(1)])
    tensor([1., 1., 1., 1., 0.])
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


@in_words
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Gives the parameters the elements of a vector, in the order of `parameters_to_vector`. Raises TypeError.

    >>> a, b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    >>> nn.utils.vector_to_parameters(torch.tensor([1.0, 2.0, 3.0]), [a, b])
    >>> a.detach(), b.detach()
    (tensor([1., 2.]), tensor([3.]))
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].view(parameter.shape).data
        start = stop
