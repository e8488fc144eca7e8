"""`doctor`: one pass of a model over one batch, examined for the mistakes that raise no error.

The model is looked at before the pass (what is registered, which mode it is in), while it runs (broadcasting in the
loss, units that are dead), and after it (gradients by layer, what a step changes). Parameters, buffers, gradients and
the random generator are afterwards what they were before.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from ..autograd.modes import enable_grad, no_grad
from ..autograd.questions import watch
from ..core.frames import user_line
from ..func.modules import functional_call
from ..nn.module import Module
from ..ops.randomness import get_rng_state, set_rng_state
from ..tensors.tensor import Tensor
from .checks import gradients, labels, lost, modes, raised, rate, step, trial, unregistered
from .failure import raised_by_us
from .observer import Observer
from .report import Report, grouped


def doctor(model: Module, batch: Any, loss_fn: Callable[..., Any], optimizer: Any = None) -> Report:
    """Examines a model: what is wrong that raises no error, each finding with its line and its cure.

    ``batch`` is ``(inputs, targets)``, where ``inputs`` may be a tuple of arguments, or inputs alone, or a
    `DataLoader`, whose first batch is taken; the loss is ``loss_fn(model(inputs), targets)``, or
    ``loss_fn(model(inputs))``. With the ``optimizer`` its step is tried, on a copy. A dict of inputs gives arguments by
    name. Kinds of findings: "unregistered", "train_mode", "eval_mode", "labels", "broadcast", "twice", "not_log",
    "dead_units", "saturated", "not_finite", "no_history", "unused", "cut", "zero_gradient", "exploding", "vanishing",
    "not_optimized", "not_changing", "learning_rate", and "raises" for an error that wengert raises on purpose while the
    model or the loss runs. What many layers have in common is one finding. Call it under
    ``no_grad()`` where the program evaluates: layers that are in train mode there are then reported. Raises TypeError
    where the model is none, ValueError for a loss of more than one element.

    >>> import wengert as torch
    >>> model = torch.nn.Linear(3, 1)
    >>> print(torch.doctor(model, (torch.ones(4, 3), torch.arange(4.0)), lambda out, y: ((out - y) ** 2).mean()))
    doctor: 1 finding
    1. [broadcast] sub broadcasts [4, 1] and [4] to [4, 4]: every output is compared with every target (...)
        cure: give both the same shape: output.squeeze(1), or target.unsqueeze(1)
    """
    caller = user_line()
    if not isinstance(cast(object, model), Module):
        swapped = "; model and batch are swapped" if isinstance(batch, Module) else ""
        raise TypeError(f"[doctor] a module was expected as model; got {type(model).__name__}{swapped}; call "
                        "doctor(model, (inputs, targets), loss_fn)")
    if callable(batch) and not callable(cast(Any, loss_fn)):
        batch, loss_fn = cast(Any, loss_fn), batch  # the loss came first: nothing else can be meant
    if not callable(cast(Any, loss_fn)) or not (optimizer is None or hasattr(optimizer, "param_groups")):
        raise TypeError(f"[doctor] a function was expected as loss_fn, and an optimizer; got {type(loss_fn).__name__} "
                        f"and {type(optimizer).__name__}; call doctor(model, (inputs, targets), loss_fn, optimizer)")
    if not isinstance(batch, (Tensor, tuple, list, dict)) and hasattr(batch, "__iter__"):  # a loader
        batch = next(iter(batch))
    symptoms = [*unregistered(model, caller), *modes(model, optimizer, caller)]
    inputs, targets = batch if isinstance(batch, (tuple, list)) and len(batch) == 2 else (batch, None)
    named = inputs if isinstance(inputs, dict) else {}
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else () if named else (inputs,)
    generator = get_rng_state()
    with _untouched(model), enable_grad():
        with watch() as seen, Observer(seen.path) as examined:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    output = model(*arguments, **named)
                    examined.in_loss = True
                    loss = loss_fn(output) if targets is None else loss_fn(output, targets)
                except (IndexError, RuntimeError, ValueError, AssertionError) as error:
                    if isinstance(error, IndexError) and examined.in_loss:
                        return Report((*symptoms, labels(targets, error, caller)))
                    if not raised_by_us(error):
                        raise
                    return Report((*symptoms, raised(error, "the loss" if examined.in_loss else "the model", caller)))
            examined.in_loss = False
            if not isinstance(loss, Tensor) or loss._data.size != 1:
                raise ValueError(f"[doctor] loss_fn should return a tensor of one element; got {_named(loss)}; "
                                 "reduce it with .mean() or .sum()")
            if loss.requires_grad:
                loss.backward(retain_graph=True)
        symptoms.extend(examined.symptoms(caller))
        symptoms.extend(gradients(model, loss, caller))
        if optimizer is None:
            if all(symptom.kind != "vanishing" for symptom in symptoms):
                symptoms.extend(lost(model, caller))
        else:
            trained, stepped = trial(model, optimizer)
            symptoms.extend(step(model, optimizer, trained, stepped, caller))
            with no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                set_rng_state(generator)
                new = dict(zip([name for name, _ in trained], stepped, strict=True))
                output = functional_call(model, new, arguments, named)
                after = loss_fn(output) if targets is None else loss_fn(output, targets)
            symptoms.extend(rate(optimizer, float(loss), float(after), caller))
    return Report(tuple(grouped(symptoms)))


def _named(value: Any) -> str:
    return f"one of shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


@contextmanager
def _untouched(model: Module) -> Iterator[None]:
    """Puts parameters, buffers, gradients and the random generator back as they were."""
    kept = [(tensor, tensor._data.copy()) for tensor in (*model.parameters(), *model.buffers())]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    generator = get_rng_state()
    for parameter, _ in gradients:
        parameter.grad = None
    try:
        yield
    finally:
        set_rng_state(generator)
        for parameter, gradient in gradients:
            parameter.grad = gradient
        with no_grad():
            for tensor, array in kept:
                if not np.array_equal(tensor._data, array, equal_nan=array.dtype.kind in "fc"):
                    tensor.copy_(Tensor._like(tensor, array))
