"""LBFGS, and the line search it can use.

Unlike the other optimisers it decides by the numbers it meets how often to call the closure, so it cannot be recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd.modes import enable_grad, no_grad
from ..core.dtypes import bfloat16
from ..ops import cat, view_as_real, zeros_like
from ..ops.arguments import integer
from ..tensors.tensor import Tensor
from .optimizer import Optimizer, Parameters, check_settings

# How far the loss must fall, and the slope flatten, for a step to do (Nocedal & Wright, equations 3.7).
SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.9
LEAST_CURVATURE = 1e-10


def _history(size: int) -> int:
    """A number of moves to remember, for each of which the state has a place."""
    size = size if isinstance(size, bool) else integer(size, "LBFGS")
    if size > sys.maxsize:
        raise ValueError(f"Invalid history_size: {size}; at most {sys.maxsize} moves can be remembered")
    return size


class LBFGS(Optimizer):
    """A quasi-Newton method with limited memory (Nocedal & Wright, *Numerical Optimization*, 2006, algorithm 7.5).

    A step makes up to ``max_iter`` iterations and calls the closure up to ``max_eval`` times (by default 5/4 of that).
    It stops early when no element of the gradient exceeds ``tolerance_grad``, or neither a parameter nor the loss
    moves by ``tolerance_change``. Of the last ``history_size`` moves the Hessian is estimated. ``line_search_fn`` is
    None (steps of length ``lr``) or ``"strong_wolfe"``. There can be one group only. Raises ValueError for settings
    out of range.

    >>> import wengert as torch
    >>> x = torch.tensor([4.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - torch.tensor([1.0, 2.0])) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(25., grad_fn=<SumBackward0>)
    >>> [round(value, 3) for value in x.tolist()]
    [1.0, 2.0]
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1, max_iter: int = 20, max_eval: int | None = None,
                 tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
                 line_search_fn: str | None = None) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": _history(history_size),
            "line_search_fn": line_search_fn,
        }
        check_settings(defaults)
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterates until one of the limits is met, and returns what ``closure`` gave for the starting point.

        ``closure`` clears the gradients, computes the loss and its gradients, and returns the loss. Raises TypeError
        without it, RuntimeError for an unknown line search.
        """
        if closure is None:
            raise TypeError("LBFGS.step() needs a closure that computes the loss and its gradients anew; got None")
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        evaluate = enable_grad()(closure)
        first_loss = evaluate()
        loss, gradient, evaluations = float(first_loss), self._flat_gradient(), 1
        state["func_evals"] += 1
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss
        iteration = 0
        while iteration < group["max_iter"]:
            iteration += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                state.update(d=None, t=None)  # in PyTorch's order
            direction = self._direction(state, gradient, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"], loss_before = gradient.clone(), loss, loss
            step = group["lr"]
            if state["n_iter"] == 1:
                step = min(1.0, 1.0 / gradient.abs().sum()) * step
            length = _number(step) if isinstance(step, Tensor) else float(step)
            state["d"], state["t"] = direction, step
            slope = _number(gradient.dot(direction))
            if slope > -group["tolerance_change"]:
                break
            calls = 0
            if group["line_search_fn"] is not None:
                start = Point(0.0, loss, gradient, slope)
                found, calls = self._search(evaluate, start, length, direction, group["max_eval"] - evaluations)
                loss, gradient, length = found.loss, found.gradient, float(found.t)
                if length != float(step):
                    state["t"] = gradient.new_tensor(length) if isinstance(step, Tensor) else length
                self._shift(length, direction)
            else:
                self._shift(length, direction)
                # What the last step led to will be seen when the next call begins.
                if iteration != group["max_iter"]:
                    loss, gradient, calls = float(evaluate()), self._flat_gradient(), 1
            evaluations += calls
            state["func_evals"] += calls
            if (
                evaluations >= group["max_eval"]
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(direction) * abs(length) <= group["tolerance_change"]
                or abs(loss - loss_before) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _direction(self, state: dict[str, Any], gradient: Tensor, history_size: int) -> Tensor:
        """Minus the estimated inverse Hessian times the gradient, after the last move has been remembered."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -gradient
        changes, moves, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        change, move = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = change.dot(move)
        if float(curvature) > LEAST_CURVATURE:
            if len(changes) == history_size:
                for memory in (changes, moves, inverses):
                    memory.pop(0)
            changes.append(change)
            moves.append(move)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        if "al" not in state:
            state["al"] = [None] * history_size
        shares = []
        direction = -gradient
        for change, move, inverse in zip(reversed(changes), reversed(moves), reversed(inverses), strict=True):
            shares.append(move.dot(direction) * inverse)
            direction = direction - change * shares[-1]
        state["al"][:len(shares)] = shares[::-1]
        direction = direction * state["H_diag"]
        for change, move, inverse in zip(changes, moves, inverses, strict=True):
            direction = direction + move * (shares.pop() - change.dot(direction) * inverse)
        return direction

    def _search(
        self, evaluate: Callable[[], Any], start: Point, length: Any, direction: Tensor, limit: int
    ) -> tuple[Point, int]:
        group = self.param_groups[0]
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        parameters = group["params"]
        kept = [parameter.clone() for parameter in parameters]

        def point_at(t: Any) -> Point:
            self._shift(float(t), direction)
            loss, gradient = float(evaluate()), self._flat_gradient()
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)
            return Point(t, loss, gradient, _number(gradient.dot(direction)))

        with np.errstate(all="ignore"):
            return strong_wolfe(point_at, start, length, _number(direction.abs().max()), group["tolerance_change"],
                                limit)

    def _flat_gradient(self) -> Tensor:
        """All gradients in one new vector, zeros where there is none."""
        parts = []
        for parameter in self.param_groups[0]["params"]:
            gradient = zeros_like(parameter) if parameter.grad is None else parameter.grad.detach().to_dense()
            parts.append((view_as_real(gradient) if gradient.is_complex() else gradient).reshape(-1))
        return cat(parts)

    def _shift(self, length: float, direction: Tensor) -> None:
        """Moves all parameters ``length`` times ``direction``."""
        offset = 0
        for parameter in self.param_groups[0]["params"]:
            target = view_as_real(parameter) if parameter.is_complex() else parameter
            target.add_(direction[offset : offset + target.numel()].reshape(target.shape) * length)
            offset += target.numel()


def _largest(vector: Tensor) -> float:
    return float(vector.abs().max())


def _number(x: Tensor) -> Any:
    """The number of a tensor in its own precision: what is added to it is rounded as PyTorch's tensors round it, which
    decides whether a loss has risen by less than they can tell; and a division by zero gives nan."""
    return (x.float() if x.dtype is bfloat16 else x).detach().numpy()[()]


@dataclass
class Point:
    """A place ``t`` along a line: the loss there, its gradient, and its slope in the direction of the line, a number
    of the gradient's precision as ``t`` is once it was interpolated."""

    t: Any
    loss: float
    gradient: Tensor
    slope: Any


def strong_wolfe(
    evaluate: Callable[[Any], Point], start: Point, first: Any, largest: Any, narrowest: float, limit: int
) -> tuple[Point, int]:
    """A point on the line that fulfils the strong Wolfe conditions, and how many points were looked at.

    From ``first`` on it goes out until an interval must contain one, then narrows it (Nocedal & Wright, algorithms 3.5
    and 3.6) until its width times ``largest``, the direction's, is below ``narrowest``. After
    ``limit`` points the best end of the interval is taken.
    """
    before, point = start, evaluate(first)
    for count in range(limit):
        risen = point.loss > start.loss + SUFFICIENT_DECREASE * point.t * start.slope
        if risen or (count > 1 and point.loss >= before.loss):
            return _zoom(evaluate, start, [before, point], largest, narrowest, count, limit)
        if abs(point.slope) <= -CURVATURE * start.slope:
            return point, count + 1
        if point.slope >= 0:
            return _zoom(evaluate, start, [before, point], largest, narrowest, count, limit)
        nearest, farthest = point.t + 0.01 * (point.t - before.t), point.t * 10
        before, point = point, evaluate(_lowest_of_cubic(before, point, nearest, farthest))
    return (start if start.loss <= point.loss else point), max(limit, 0) + 1


def _zoom(
    evaluate: Callable[[Any], Point], start: Point, ends: list[Point], largest: Any, narrowest: float, count: int,
    limit: int
) -> tuple[Point, int]:
    """Narrows the interval between two points. ``count`` rounds were used before, of ``limit``."""
    best = 0 if ends[0].loss <= ends[1].loss else 1
    near_the_end = False
    while count < limit:
        left, right = sorted(end.t for end in ends)
        if (right - left) * largest < narrowest:
            break
        t = _lowest_of_cubic(ends[0], ends[1], left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) >= margin:
            near_the_end = False
        elif near_the_end or not left < t < right:
            # The interval would hardly shrink, twice in a row: go in by a tenth of it.
            t = right - margin if right - t < t - left else left + margin
            near_the_end = False
        else:
            near_the_end = True
        point = evaluate(t)
        count += 1
        if point.loss > start.loss + SUFFICIENT_DECREASE * t * start.slope or point.loss >= ends[best].loss:
            ends[1 - best] = point
            best = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if abs(point.slope) <= -CURVATURE * start.slope:
            return point, count + 1
        if point.slope * (ends[1 - best].t - ends[best].t) >= 0:
            ends[1 - best] = ends[best]
        ends[best] = point
    return ends[best], count + 1


def _lowest_of_cubic(a: Point, b: Point, smallest: Any, largest: Any) -> Any:
    """Where between the bounds the cubic with the losses and slopes of ``a`` and ``b`` is lowest (equation 3.59)."""
    if a.t > b.t:
        a, b = b, a
    middle = (smallest + largest) / 2
    slope = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = slope * slope - a.slope * b.slope
    if not square >= 0:
        return middle
    root = np.sqrt(square)
    below = b.slope - a.slope + 2 * root
    if below == 0:
        return middle
    return min(max(b.t - (b.t - a.t) * ((b.slope + root - slope) / below), smallest), largest)
