"""Functions that normalise along a dimension. Programs may pass ``_stacklevel``: it says nothing here.

A warning finds the line of the program by itself.
"""

from __future__ import annotations

from typing import Any

from ...core.dtypes import DType
from ...core.frames import warn
from ...core.layout import contiguous_format
from ...core.spec import whole_dim
from ...ops import empty_like, zeros_like
from ...tensors.overrides import UNASKED, asking, once_more
from ...tensors.tensor import Tensor


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """exp(x) / Σ exp(x), the sum along ``dim``. With ``dtype`` the input is converted first.

    >>> F.softmax(torch.tensor([[1.0, 2.0, 3.0]]), dim=1)
    tensor([[0.0900, 0.2447, 0.6652]])
    """
    try:
        if type(dim) is not int:
            dim = _dim("softmax", input, dim)
        return (input if dtype is None else input.to(dtype)).softmax(dim)
    except UNASKED:
        return once_more(softmax, input, dim, _stacklevel, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """log(softmax(x)) along ``dim``, computed at once. With ``dtype`` the input is converted first.

    >>> F.log_softmax(torch.tensor([1000.0, 0.0]), dim=0)
    tensor([    0., -1000.])
    """
    try:
        if type(dim) is not int:
            dim = _dim("log_softmax", input, dim)
        return (input if dtype is None else input.to(dtype)).log_softmax(dim)
    except UNASKED:
        return once_more(log_softmax, input, dim, _stacklevel, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """softmax(−x) along ``dim``. With ``dtype`` the input is converted first.

    >>> F.softmin(torch.tensor([[1.0, 2.0, 3.0]]), dim=1)
    tensor([[0.6652, 0.2447, 0.0900]])
    """
    try:
        if type(dim) is not int:
            dim = _dim("softmin", input, dim)
        return (-(input if dtype is None else input.to(dtype))).softmax(dim)
    except UNASKED:
        return once_more(softmin, input, dim, _stacklevel, dtype)


def _dim(op: str, input: Tensor, dim: Any) -> int:
    """The dimension that is meant by what is not plainly a number."""
    if dim is None:
        return _implicit_dim(op, input.dim())
    return whole_dim(dim, op)


@asking
def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample from the Gumbel-softmax distribution with temperature ``tau`` (Jang et al.; Maddison et al., 2016).

    With ``hard`` it is one-hot, and has the gradient of the soft sample. ``eps`` has no effect.

    >>> _ = torch.manual_seed(0)
    >>> F.gumbel_softmax(torch.tensor([0.0, 1.0, 2.0]), hard=True)
    tensor([0., 0., 1.])
    """
    if eps != 1e-10:
        warn("`eps` parameter is deprecated and has no effect.")
    noise = -empty_like(logits, memory_format=contiguous_format).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = soft.detach().argmax(dim, keepdim=True)
    return zeros_like(logits).scatter_(dim, chosen, 1.0) - soft.detach() + soft


def _implicit_dim(name: str, rank: int) -> int:
    warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.")
    return 0 if rank in (0, 1, 3) else 1
