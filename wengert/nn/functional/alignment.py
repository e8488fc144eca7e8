"""Connectionist temporal classification: the likelihood of a labelling, summed over all its alignments to an input."""

from __future__ import annotations

from typing import Any

from ...core.dtypes import int64
from ...core.errors import ShapeError
from ...ops import arange, cat, full, full_like, ones_like, stack, tensor, where, zeros_like
from ...ops.halves import in_float32
from ...tensors.evaluation import known, one_by_one
from ...tensors.tensor import Tensor
from .reduction import choose

# The logarithm of probability 0. Not −∞, since the difference of two of those is NaN.
_NEVER = -1e30


@in_float32
def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
             reduction: str = "mean", zero_infinity: bool = False) -> Tensor:
    """−log P(targets | log_probs) (Graves et al., *Connectionist Temporal Classification*, 2006, section 4.1).

    ``log_probs`` is ``(T, N, C)`` or ``(T, C)``, the result of `log_softmax`; ``targets`` ``(N, S)``, or all targets
    one after the other; the lengths are tensors or tuples of N ints. ``"mean"`` divides by the targets' lengths first.
    ``zero_infinity`` makes 0 of the loss of a target that is too long to be aligned. The gradient is the derivative;
    PyTorch's has a multiple of the probabilities more, which `log_softmax` takes away. Raises RuntimeError.

    >>> steps = torch.zeros(4, 1, 3).log_softmax(2)
    >>> F.ctc_loss(steps, torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2]), reduction="sum")
    tensor(1.6864)
    """
    reduction = choose(reduction)
    if not log_probs.is_floating_point():
        raise RuntimeError(f"[ctc_loss] floating-point log_probs were expected; got {log_probs.dtype}")
    alone = log_probs.dim() == 2
    if alone:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    if log_probs.dim() != 3:
        raise ShapeError(f"[ctc_loss] log_probs (T, N, C) or (T, C) were expected; got {list(log_probs.shape)}")
    if not log_probs.numel():
        raise RuntimeError(f"[ctc_loss] log_probs tensor must not be empty; got {list(log_probs.shape)}")
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"[ctc_loss] blank must be in label range: from 0 to {classes - 1}; got {blank}")
    inputs, counts = _lengths(input_lengths, batch, "input_lengths"), _lengths(target_lengths, batch, "target_lengths")
    if max(inputs, default=0) > steps:
        raise RuntimeError(
            f"[ctc_loss] Expected input_lengths to have value at most {steps}, but got value {max(inputs)}"
        )
    labels = one_by_one(lambda targets: _between_blanks(targets, counts, blank), targets)
    loss = -_log_likelihood(log_probs, labels, inputs, counts, blank)
    impossible = loss.detach() > -_NEVER / 2
    if zero_infinity:
        loss = where(impossible, zeros_like(loss), loss)
    elif _may(impossible):
        loss = where(impossible, _infinite(log_probs, inputs, impossible), loss)
    if alone and reduction == "none":
        return loss.squeeze(0)
    if reduction == "mean":
        return (loss / tensor(counts, dtype=loss.dtype).clamp(min=1)).mean()
    return loss if reduction == "none" else loss.sum()


def _may(condition: Tensor) -> bool:
    """Whether a condition holds anywhere, or nobody can say, as a function is being recorded."""
    found = known(condition.any())
    return found is None or bool(found)


def _infinite(log_probs: Tensor, inputs: list[int], impossible: Tensor) -> Tensor:
    """The loss of targets that cannot be aligned: infinity, −log 0, whose gradient is NaN for each score read."""
    seen = (arange(log_probs.shape[0]).unsqueeze(1) < tensor(inputs)).unsqueeze(2) & log_probs.detach().isfinite()
    nothing = (where(seen, log_probs, zeros_like(log_probs)) * 0).sum((0, 2)).abs()
    return -where(impossible, nothing, ones_like(nothing)).log()


def _lengths(given: Any, batch: int, name: str) -> list[int]:
    found = given.reshape(-1).tolist() if isinstance(given, Tensor) else [int(n) for n in given]
    if len(found) != batch:
        raise RuntimeError(f"[ctc_loss] {name} must be of size batch_size; expected {batch}, got {len(found)}")
    if min(found, default=0) < 0:
        raise RuntimeError(f"[ctc_loss] Expected {name} to have value at least 0, but got value {min(found)}")
    return found


def _between_blanks(targets: Tensor, counts: list[int], blank: int) -> Tensor:
    """Every target with a blank before, between and after its labels, filled up with blanks: ``(N, 2 S + 1)``."""
    rows = targets.tolist()
    if targets.dim() == 1:
        if sum(counts) > len(rows):
            raise RuntimeError(f"[ctc_loss] {sum(counts)} targets were expected by target_lengths; got {len(rows)}")
        starts = [sum(counts[:k]) for k in range(len(counts))]
        rows = [rows[start : start + count] for start, count in zip(starts, counts, strict=True)]
    elif targets.dim() != 2 or len(rows) != len(counts):
        raise RuntimeError(f"[ctc_loss] targets of shape ({len(counts)}, S) or (sum(target_lengths),) were expected; "
                           f"got {list(targets.shape)}")
    elif max(counts, default=0) > targets.shape[1]:
        raise RuntimeError(
            f"[ctc_loss] Expected tensor to have size at least {max(counts)} at dimension 1, but got size "
            f"{targets.shape[1]}"
        )
    width = 2 * max(counts, default=0) + 1
    extended = []
    for row, count in zip(rows, counts, strict=True):
        spaced = [blank] * width
        spaced[1 : 2 * count : 2] = [int(label) for label in row[:count]]
        extended.append(spaced)
    return tensor(extended, dtype=int64)


def _log_likelihood(log_probs: Tensor, labels: Tensor, inputs: list[int], counts: list[int], blank: int) -> Tensor:
    """The forward recursion (equations 6 to 8 of the paper) on logarithms, for the whole batch at once."""
    batch, width = labels.shape
    never = full((batch, 2), _NEVER, dtype=log_probs.dtype)
    before = cat([full((batch, 2), -1, dtype=int64), labels], 1)[:, :width]
    # A label may follow the label two places before at once unless a blank must part them.
    skips = (labels != blank) & (labels != before)
    emitted = [step.gather(1, labels) for step in log_probs]
    places = arange(width)
    state = where(places < 2, emitted[0], full_like(emitted[0], _NEVER))
    lengths = tensor(inputs).unsqueeze(1)
    for t in range(1, max(inputs, default=0)):
        one = cat([never[:, :1], state], 1)[:, :width]
        two = where(skips, cat([never, state], 1)[:, :width], full_like(state, _NEVER))
        moved = stack([state, one, two]).logsumexp(0) + emitted[t]
        state = where(lengths > t, moved, state)
    last = tensor(counts).unsqueeze(1) * 2
    end = state.gather(1, last)
    label = where(last > 0, state.gather(1, (last - 1).clamp(min=0)), full_like(end, _NEVER))
    ended = cat([end, label], 1).logsumexp(1)
    # Without input nothing can be said, and the empty target is certain.
    empty_input = tensor([n == 0 for n in inputs])
    certain = tensor([count == 0 for count in counts])
    none = where(certain, zeros_like(ended), full_like(ended, _NEVER))
    return where(empty_input, none, ended)
