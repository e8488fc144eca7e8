"""A module called with tensors other than its own: `functional_call`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...func import modules
from ...tensors.tensor import Tensor
from ..module import Module
from ..parallel import DataParallel


def functional_call(module: Module, parameters_and_buffers: Mapping[str, Tensor], args: Any = None,
                    kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False) -> Any:
    """`torch.func.functional_call`, under the name it had before: the result of calling ``module`` with the tensors of
    ``parameters_and_buffers``, by dotted path, in the place of its own.

    Raises what that raises, and RuntimeError for a `DataParallel`.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> layer = nn.Linear(1, 1)
    >>> given = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
    >>> nn.utils.stateless.functional_call(layer, given, torch.tensor([3.0]))
    tensor([7.])
    """
    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    return modules.functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)


@contextmanager
def _reparametrize_module(module: Module, parameters_and_buffers: Mapping[str, Tensor], *, tie_weights: bool = False,
                          strict: bool = False, stack_weights: bool = False) -> Iterator[None]:
    """A context in which ``module`` has the tensors of ``parameters_and_buffers``, by dotted path, in the place of its
    own."""
    with modules.replaced(module, parameters_and_buffers, tie_weights, strict):
        yield
