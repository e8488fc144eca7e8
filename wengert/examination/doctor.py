"""`doctor`: one pass of a model over one batch, examined for the mistakes that raise no error.

The model is looked at before the pass (what is registered, which mode it is in), while it runs (broadcasting in the
loss, units that are dead), and after it (gradients by layer, what a step changes). Parameters, buffers, gradients and
the random generator are afterwards what they were before.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

import numpy as np

from ..autograd import grad as grads
from ..autograd.modes import enable_grad, no_grad
from ..autograd.questions import watch
from ..core.frames import user_line
from ..func.modules import functional_call
from ..nn.layers.losses import Loss
from ..nn.module import Module
from ..ops.randomness import get_rng_state, set_rng_state
from ..tensors.tensor import Tensor
from .checks import are_labels, gradients, labels, lost, modes, moved, raised, rate, step, trial, unregistered
from .failure import raised_by_us
from .losses import failed, unwanted
from .observer import Observer
from .report import Report, Symptom, grouped


def doctor(model: Module, batch: Any, loss_fn: Callable[..., Any], optimizer: Any = None) -> Report:
    """Examines a model: what is wrong that raises no error, each finding with its line and its cure.

    ``batch`` is ``(inputs, targets)``, where ``inputs`` may be a tuple of arguments, or inputs alone, or a
    `DataLoader`, whose first batch is taken; the loss is ``loss_fn(model(inputs), targets)``, or
    ``loss_fn(model(inputs))``. With the ``optimizer`` some of its steps are tried, on copies. A dict of inputs gives
    arguments by name. The arguments may come in any order. Kinds of findings: "unregistered", "train_mode",
    "eval_mode", "labels", "targets", "swapped", "broadcast", "twice", "not_log", "dead_units", "saturated",
    "not_finite", "no_history", "unused", "cut", "zero_gradient", "exploding", "vanishing", "not_optimized",
    "not_changing", "learning_rate", and "raises" for an error that wengert raises on purpose while the model or the
    loss runs. What many layers have in common is one finding. Call it under ``no_grad()`` where the program evaluates:
    layers that are in train mode there are then reported. Raises TypeError where one of the arguments is missing or the
    loss cannot be called so, ValueError for a loss of more than one element.

    >>> import wengert as torch
    >>> model = torch.nn.Linear(3, 1)
    >>> print(torch.doctor(model, (torch.ones(4, 3), torch.arange(4.0)), lambda out, y: ((out - y) ** 2).mean()))
    doctor: 1 finding
    1. [broadcast] sub broadcasts [4, 1] and [4] to [4, 4]: every output is compared with every target (...)
        cure: give both the same shape: output.squeeze(1), or target.unsqueeze(1)
    """
    caller = user_line()
    model, batch, loss_fn, optimizer = _sorted(model, batch, loss_fn, optimizer)
    if _is_loader(batch):
        batch = next(iter(batch))
    symptoms = [*unregistered(model, caller), *modes(model, optimizer, caller)]
    inputs, targets = batch if isinstance(batch, (tuple, list)) and len(batch) == 2 else (batch, None)
    named = inputs if isinstance(inputs, dict) else {}
    _check_call(loss_fn, targets)
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
                except (IndexError, RuntimeError, TypeError, ValueError, AssertionError) as error:
                    if not raised_by_us(error):
                        raise
                    symptoms += [Symptom(kind, text, caller, cure) for kind, text, cure
                                 in unwanted(*failed(error.__traceback__))]
                    if examined.in_loss and are_labels(targets, error):
                        return Report((*symptoms, labels(targets, error, caller)))
                    return Report((*symptoms, raised(error, "the loss" if examined.in_loss else "the model", caller)))
            examined.in_loss = False
            if not isinstance(loss, Tensor) or loss._data.size != 1:
                raise ValueError(f"[doctor] loss_fn should return a tensor of one element; got {_named(loss)}; "
                                 "reduce it with .mean() or .sum()")
            if loss.requires_grad:
                loss.backward(retain_graph=True)
        symptoms.extend(examined.symptoms(caller))
        symptoms.extend(gradients(model, loss, caller, examined.activations))
        if optimizer is None:
            if all(symptom.kind != "vanishing" for symptom in symptoms):
                symptoms.extend(lost(model, caller))
        else:
            trained, stepped, twin = trial(model, optimizer)
            symptoms.extend(step(model, optimizer, trained, stepped, caller))
            names, first = [name for name, _ in trained], [each.detach().clone() for each in stepped]
            after = _after(model, names, stepped, twin, (arguments, named), loss_fn, targets, generator)
            symptoms.extend([*rate(optimizer, float(loss), after, caller)] or moved(optimizer, trained, first, caller))
    return Report(tuple(grouped(symptoms)))


STEPS = 5
"""So many steps are tried on copies of the parameters: momentum explodes at the second or third."""


def _after(model: Module, names: list[str], stepped: list[Any], twin: Any, inputs: tuple[Any, Any], loss_fn: Any,
           targets: Any, generator: Any) -> float:
    """The largest loss after steps on the batch, the first of which has been made, of an optimizer of copies."""
    largest = 0.0
    for number in range(STEPS):
        set_rng_state(generator)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output = functional_call(model, dict(zip(names, stepped, strict=True)), *inputs)
            loss = loss_fn(output) if targets is None else loss_fn(output, targets)
        value = float(loss.detach())
        if not isfinite(value):
            return value
        largest = max(largest, abs(value))
        if number + 1 < STEPS:
            for each, grad in zip(stepped, grads(loss, stepped, allow_unused=True), strict=True):
                each.grad = grad
            twin.step()
    return largest


def _sorted(*given: Any) -> tuple[Any, Any, Any, Any]:
    """The model, the batch, the loss and the optimizer, in whatever order they were given."""
    kinds = {"model": lambda x: isinstance(x, Module) and not isinstance(x, Loss),
             "optimizer": lambda x: hasattr(x, "param_groups") and not isinstance(x, type),
             "loss_fn": lambda x: callable(x) and not isinstance(x, type)}
    left, found = [x for x in given if x is not None], {}
    for name, fits in kinds.items():
        fitting = [x for x in left if fits(x)]
        if fitting:
            found[name] = fitting[0]
            left = [x for x in left if x is not fitting[0]]
    if len(left) == 1 and "model" in found and "loss_fn" in found and not isinstance(left[0], type):
        return found["model"], left[0], found["loss_fn"], found.get("optimizer")
    came = ", ".join(f"the class {x.__name__} itself" if isinstance(x, type) else type(x).__name__ for x in given)
    raise TypeError(f"[doctor] a module, a batch, a function as loss_fn and an optimizer were expected; got {came}; "
                    "call doctor(model, (inputs, targets), loss_fn, optimizer)")


def _is_loader(batch: Any) -> bool:
    """Whether a batch is what gives batches: a loader, or a list of pairs."""
    if isinstance(batch, list):
        return bool(batch) and all(isinstance(each, (tuple, list)) and len(each) == 2 for each in batch)
    return not isinstance(batch, (Tensor, tuple, dict)) and hasattr(batch, "__iter__")


def _check_call(loss_fn: Any, targets: Any) -> None:
    """Raises TypeError where the loss cannot be called with the output alone, or with the targets."""
    try:
        signature = inspect.signature(loss_fn.forward if isinstance(loss_fn, Module) else loss_fn)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*([None] if targets is None else [None, None]))
    except TypeError as error:
        cure = ("give (inputs, targets) as the batch" if targets is None else
                "give a function of the output and the targets that calls it with what it wants")
        raise TypeError(f"[doctor] a loss of {'the output' if targets is None else 'the output and the targets'} was "
                        f"expected; got one that says {error}; {cure}") from None


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
