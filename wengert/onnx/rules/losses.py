"""Loss functions."""

from __future__ import annotations

from typing import Any

from ...core.primitive import P
from ..writer import Numpy, Symbol, Writer
from .elementwise import FUNCTIONS
from .table import rule


def reduced(w: Writer, loss: Symbol, reduction: str) -> Any:
    """The losses of all elements, their mean, or their sum."""
    return loss if reduction == "none" else w.op("ReduceMean" if reduction == "mean" else "ReduceSum", loss, keepdims=0)


def _of_difference(name: str) -> Any:
    def write(w: Writer, outs: Any, *operands: Any, reduction: str = "mean", **params: Any) -> Any:
        evaluate = getattr(P, name).eval
        return reduced(w, evaluate(Numpy(w, FUNCTIONS), *operands, reduction="none", **params), reduction)

    return write


for _name in ("mse_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits"):
    rule(_name)(_of_difference(_name))


@rule("binary_cross_entropy")
def _binary_cross_entropy(w: Writer, outs: Any, x: Symbol, y: Symbol, weight: Symbol | None = None,
                          reduction: str = "mean") -> Any:
    def log(p: Any) -> Any:
        return w.both("Max", w.op("Log", p), -100.0)

    loss = -(y * log(x) + (1.0 - y) * log(1.0 - x))
    return reduced(w, loss if weight is None else loss * weight, reduction)


@rule("nll_loss")
def _nll_loss(w: Writer, outs: Any, x: Symbol, target: Symbol, weight: Symbol | None = None, reduction: str = "mean",
              ignore_index: int = -100) -> Any:
    return w.op("NegativeLogLikelihoodLoss", x, target, weight, reduction=reduction, ignore_index=ignore_index)
