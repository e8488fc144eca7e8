"""What the texts of patterns are made of, once for each library: its namespaces by their usual names, tensors of a
size (``t``), and whole uses of what is no single call (``step`` of an optimiser, ``use`` of a distribution, ...)."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.utils.parametrizations
import torch.nn.utils.prune

import wengert
import wengert.nn.utils.parametrizations
import wengert.nn.utils.prune
from tests.fuzz.words import values, words
from tools.conformance.database import carried

LIBRARIES = (torch, wengert)


def numbers(*shape: int, dtype: str = "float32", fill: Any = None, grad: bool = False) -> torch.Tensor:
    """A tensor of PyTorch's of numbers without pattern (integers 0, 1 and 2), or of ``fill``."""
    kind = getattr(torch, dtype)
    return torch.tensor(values(shape, kind, fill)).to(kind).requires_grad_(grad)


def kind_of(error: BaseException) -> type:
    """The class of Python's own that an error is of."""
    return next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")


def tell(what: Callable[[], Any]) -> Any:
    """A value, or the error that came instead."""
    try:
        return what()
    except Exception as error:  # noqa: BLE001 - its class is what is compared
        return error.with_traceback(None)


def names(lib: Any) -> dict[str, Any]:
    nn = lib.nn

    def t(*shape: int, **options: Any) -> Any:
        made = numbers(*shape, **options)
        return carried(made) if lib is wengert else made

    def step(kind: str, x: Any, **options: Any) -> Any:
        """Two steps of an optimiser on a leaf of the values of ``x``, and what it keeps of them."""
        whole = x.detach().clone().requires_grad_()
        optimizer = getattr(lib.optim, kind)([whole], **options)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = (whole * whole).sum()
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)
        kept = optimizer.state[whole].values() if kind != "LBFGS" else ()
        return [whole, [value for value in kept if isinstance(value, lib.Tensor)], repr(optimizer)]

    def use(made: Any, size: Any = (), value: Any = None) -> Any:
        """All that a distribution tells, of ``value`` or of what it draws."""
        drawn = made.sample(size)
        value = drawn if value is None else value
        return [drawn, list(made.batch_shape), list(made.event_shape), *map(tell, (
            lambda: made.rsample(size), lambda: made.log_prob(value), made.entropy, lambda: made.cdf(value),
            lambda: made.icdf(value), lambda: made.mean, lambda: made.variance, lambda: made.stddev, lambda: made.mode,
            lambda: made.expand((2, *made.batch_shape)).sample(), made.enumerate_support, lambda: repr(made),
            lambda: repr(made.support), lambda: made.support.check(value), made.perplexity))]

    def turn(transform: Any, x: Any) -> Any:
        """There and back by a transform, and what else it tells."""
        y = transform(x)
        return [y, *map(tell, (
            lambda: transform.log_abs_det_jacobian(transform.inv(y), y), lambda: transform.inv(y),
            lambda: list(transform.inverse_shape(transform.forward_shape(x.shape))), lambda: repr(transform),
            lambda: transform.sign, lambda: transform.bijective))]

    def layer(make: Any, *inputs: Any, **options: Any) -> Any:
        """What a layer gives, what it keeps, and how it is shown."""
        lib.manual_seed(7)
        made = make() if isinstance(make, types.FunctionType) else make
        state = [value.detach().clone() for value in made.state_dict().values()]
        lib.manual_seed(3)
        return [made(*inputs, **options), state, repr(made), dict(made.named_buffers())]

    def inplace(function: Any, x: Any, *arguments: Any, **options: Any) -> Any:
        return [function(x, *arguments, **options), x]

    return {**words(lib), "optim": lib.optim, "prune": nn.utils.prune, "parametrize": nn.utils.parametrize, "np": np,
            "t": t, "tell": tell, "step": step, "use": use, "turn": turn, "layer": layer, "inplace": inplace}


NAMES: dict[Any, dict[str, Any]] = {lib: names(lib) for lib in LIBRARIES}
