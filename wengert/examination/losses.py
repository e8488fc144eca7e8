"""What the loss functions want of their operands and cannot tell that they did not get: log-probabilities, labels of 1
and -1, probabilities, counts. And operands that were given in the other order.

The one idea to know: a loss function is found by its frame while it runs, so that a loss that a layer, or a function of
the program's own, computes by it is looked at too.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any

import numpy as np

from ..core.frames import is_inside
from ..nn import functional as F
from ..tensors.overrides import innermost
from ..tensors.tensor import Tensor

UNSURE = 0.05
"""By how much the probabilities of one example may miss 1, in half precision too."""

_SCORES = "log_softmax before it"
_PROBABILITIES = "log_softmax in the place of softmax"


def log_probabilities(values: Any) -> tuple[str, str]:
    """What values are that are no log-probabilities along any of their dimensions, and what to do; ("", "") of those
    that are."""
    if any(abs(np.exp(np.minimum(values, 50.0)).sum(axis=axis) - 1).max() <= UNSURE for axis in range(values.ndim)):
        return "", ""
    sums = any(abs(values.sum(axis=axis) - 1).max() <= UNSURE for axis in range(values.ndim))
    return ("probabilities", _PROBABILITIES) if sums and values.min() >= 0 else ("scores", _SCORES)


def _logarithms(values: Any) -> tuple[str, str]:
    """The same, of what need not be along one dimension: no logarithm of a probability is above 0."""
    return log_probabilities(values) if values.max() > UNSURE else ("", "")


def _signs(values: Any) -> tuple[str, str]:
    if np.isin(values, (-1, 1)).all():
        return "", ""
    return f"values from {values.min():g} to {values.max():g}", "labels of 0 and 1 are made such by 2 * target - 1"


def _shares(values: Any) -> tuple[str, str]:
    if values.min() >= 0 and values.max() <= 1:
        return "", ""
    if np.isin(values, (-1, 1)).all():
        cure = "labels of -1 and 1 are made such by (target + 1) / 2"
    elif (values == np.round(values)).all():
        cure = "numbers of classes are for cross_entropy, as target.long(); or one_hot makes shares of them"
    else:
        cure = "sigmoid or softmax makes such of scores, dividing by the largest value of others"
    return f"values from {values.min():g} to {values.max():g}", cure


def _counts(values: Any) -> tuple[str, str]:
    if values.min() >= 0:
        return "", ""
    return f"values from {values.min():g} on", "a loss of real targets, such as mse_loss"


Check = tuple[str, str, Callable[[Any], tuple[str, str]]]
WANTED: dict[str, tuple[Check, ...]] = {
    "nll_loss": (("input", "log-probabilities", log_probabilities),),
    "ctc_loss": (("log_probs", "log-probabilities", log_probabilities),),
    "kl_div": (("input", "log-probabilities", _logarithms), ("target", "probabilities", _shares)),
    "binary_cross_entropy": (("target", "targets from 0 to 1", _shares),),
    "binary_cross_entropy_with_logits": (("target", "targets from 0 to 1", _shares),),
    "cross_entropy": (("target", "probabilities of the classes, or their numbers", _shares),),
    "soft_margin_loss": (("target", "labels of 1 and -1", _signs),),
    "hinge_embedding_loss": (("target", "labels of 1 and -1", _signs),),
    "margin_ranking_loss": (("target", "labels of 1 and -1", _signs),),
    "cosine_embedding_loss": (("target", "labels of 1 and -1", _signs),),
    "poisson_nll_loss": (("target", "counts", _counts),),
}
"""What the arguments of a loss function are to be."""

ORDERED = (*WANTED, "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "gaussian_nll_loss")
"""Loss functions whose output and target are not the same to them."""


def running() -> Iterator[tuple[str, dict[str, Any]]]:
    """The loss functions that run now, and what they were given."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_inside(frame.f_code) and (name := _named().get(frame.f_code)):
            yield name, frame.f_locals
        frame = frame.f_back


def failed(trace: TracebackType | None) -> tuple[str, dict[str, Any]]:
    """The loss function in which an error arose, and what it was given; "" and nothing where it arose elsewhere."""
    found: tuple[str, dict[str, Any]] = "", {}
    while trace is not None:
        name = _named().get(trace.tb_frame.f_code)
        found = (name, trace.tb_frame.f_locals) if name else found
        trace = trace.tb_next
    return found


_NAMED: dict[CodeType, str] = {}


def _named() -> dict[CodeType, str]:
    if not _NAMED:
        _NAMED.update({innermost(inspect.unwrap(getattr(F, name))).__code__: name for name in ORDERED})
    return _NAMED


def unwanted(name: str, given: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the arguments of a loss function: the kind of finding, what it is, and the cure."""
    first, target = given.get("input"), given.get("target")
    if isinstance(first, Tensor) and isinstance(target, Tensor) and target.requires_grad and not first.requires_grad:
        yield ("swapped", f"{name} gets the output of the model as its target, and the target in its place",
               f"{name}(output, target)")
        return
    for argument, wants, check in WANTED.get(name, ()):
        tensor = given.get(argument)
        if not isinstance(tensor, Tensor) or name == "kl_div" and argument == "target" and given.get("log_target"):
            continue
        if name == "cross_entropy" and isinstance(first, Tensor) and tensor.ndim != first.ndim:
            continue  # numbers of classes
        values = np.asarray(tensor._data, np.float64)
        if values.ndim and values.size and np.isfinite(values).all():
            gets, cure = check(values)
            if gets:
                kind = "not_log" if wants == "log-probabilities" else "targets"
                cure += ", or cross_entropy of the scores" if name == "nll_loss" else ""
                yield kind, f"{name} wants {wants}; it gets {gets}", cure
