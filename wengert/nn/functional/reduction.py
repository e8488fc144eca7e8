"""How a loss of many elements becomes one number: ``"none"``, ``"mean"`` or ``"sum"``, and the old ways to say so."""

from __future__ import annotations

from ...core.frames import warn
from ...tensors.tensor import Tensor

_WORDS = frozenset({"none", "mean", "sum"})


def choose(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The reduction that is meant; the deprecated flags go before the word. Raises ValueError for an unknown word."""
    if size_average is not None or reduce is not None:
        reduction = from_flags(size_average, reduce)
    if isinstance(reduction, str) and reduction in _WORDS:
        return reduction
    if reduction == "elementwise_mean":
        warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.")
        return "mean"
    raise ValueError(f"{reduction} is not a valid value for reduction")


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The losses of the elements as ``reduction``, one of the three words, says."""
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def from_flags(size_average: bool | None, reduce: bool | None) -> str:
    """The word for ``size_average`` and ``reduce``, each of which is True where it is None."""
    word = "none" if reduce is False else "sum" if size_average is False else "mean"
    warn(f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.")
    return word
