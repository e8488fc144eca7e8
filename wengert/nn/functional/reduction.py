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


def from_flags(size_average: bool | Tensor | None, reduce: bool | Tensor | None) -> str:
    """The word for ``size_average`` and ``reduce``, each of which is True where it is None."""
    flags = {"size_average": size_average, "reduce": reduce}
    for name, flag in flags.items():
        if isinstance(flag, Tensor) and flag.numel() != 1:
            raise RuntimeError(f"Boolean value of Tensor with more than one value is ambiguous: True or False was "
                               f"expected as {name}; got a tensor of shape {list(flag.shape)}; a loss is made before "
                               f"it is called: nn.MSELoss()(input, target)")
    average, alone = (True if flag is None else bool(flag) for flag in flags.values())
    word = "none" if not alone else "mean" if average else "sum"
    warn(f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.")
    return word
