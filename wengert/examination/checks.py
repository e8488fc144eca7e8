"""What the doctor asks of a model: what is registered, its modes, its gradients, what a step of its optimizer does."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Set
from typing import Any, TypeGuard

import numpy as np

from ..autograd.questions import why_nan, why_none
from ..autograd.questions.answers import Answer, array_of, finite
from ..core.frames import user_trace
from ..core.state import state
from ..nn.module import Module
from ..tensors.tensor import Tensor
from .failure import is_of_shapes
from .report import Symptom, assignment, origin
from .shapes import drawing

EXPLODED, VANISHED = 100.0, 1e-6
TRIAL_RATE = 0.01
FAR = 100.0
"""A step that moves weights by so many times their size is too large a one."""

SMALLER = "a learning rate ten or a hundred times smaller"
LARGER = 10.0
"""A step that makes the loss so many times larger is too large a one."""


def are_labels(targets: Any, error: Exception) -> TypeGuard[Tensor]:
    """Whether the loss ended with an error because targets are no classes of the model's."""
    return (isinstance(targets, Tensor) and targets._data.dtype.kind in "iu" and targets._data.size > 0
            and _BEYOND.search(str(error)) is not None)


_BEYOND = re.compile("out of bounds|out of range|Class values must")


def labels(targets: Tensor, error: Exception, caller: str) -> Symptom:
    """Targets that are no classes of the model's."""
    text = f"the targets go from {targets._data.min()} to {targets._data.max()}, and the loss says: {error}"
    return Symptom("labels", text, caller, "count classes from 0, and let the last layer have as many outputs as there "
                                           "are classes")


def raised(error: Exception, where: str, caller: str) -> Symptom:
    """An error that the model or the loss ends with, in its words, and what would mend it as far as the sizes tell."""
    lines = drawing(error) if is_of_shapes(error) else []
    changes = [line.strip().removeprefix("try: ") for line in lines if line.strip().startswith("try: ")]
    cure = re.match(r"\[[^]]*] .*; (?!got )([^;]*)$", str(error), re.DOTALL)
    if "same dtype" in str(error):
        changes = ["one dtype for all of them, as by x.float() or model.double()"]
    said = cure[1] if cure else "as the error says; the rest can be examined then"
    at = user_trace(error.__traceback__)
    line = caller if at is None else f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
    text = f"{where} raises {type(error).__name__}: {str(error).rstrip('.')}"
    return Symptom("raises", text, line, "; or ".join(changes) or said.rstrip("."))


# --- before the pass --------------------------------------------------------------------------------------------------


def unregistered(model: Module, caller: str) -> Iterator[Symptom]:
    """Layers and parameters that no module registers: in lists, tuples and dicts, or plain tensors as attributes."""
    registered = {id(each) for each in (*model.modules(), *model.parameters())}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            inner = () if name.startswith("_") else _inside(value)
            stranger = next((each for each in inner if id(each) not in registered), None)
            if stranger is None:
                continue
            if isinstance(value, Tensor):
                what, proper = "tensor with requires_grad=True but no nn.Parameter", "Parameter"
            else:
                kind, of = type(value).__name__, "layers" if isinstance(stranger, Module) else "parameters"
                what = f"plain {kind} of {of}"
                proper = ("Module" if of == "layers" else "Parameter") + ("Dict" if kind == "dict" else "List")
            yield Symptom(
                "unregistered",
                f"{path}{'.' if path else ''}{name}: self.{name} is a {what}: parameters(), to(), state_dict() and "
                "train() do not see it",
                assignment(module, name) or caller,
                f"self.{name} = nn.{proper}(...)",
            )


def _inside(value: Any, depth: int = 0) -> Iterator[Any]:
    """The modules, and the tensors that require a gradient, in a value and its containers."""
    if isinstance(value, Module) or (isinstance(value, Tensor) and value.requires_grad):
        yield value
    elif isinstance(value, (list, tuple, dict)) and depth < 4:
        for each in value.values() if isinstance(value, dict) else value:
            yield from _inside(each, depth + 1)


def modes(model: Module, optimizer: Any, caller: str) -> list[Symptom]:
    """Layers in train mode while the model is evaluated, and in eval mode while it is trained."""
    evaluating = not state.grad or not model.training
    found = []
    for path, module in model.named_modules() if evaluating else ():
        kinds = [kind.__name__ for kind in type(module).__mro__]
        if not any("Dropout" in kind or "BatchNorm" in kind for kind in kinds):
            continue
        who, line = f"{path or 'the model'} ({kinds[0]})", (origin(model, path) if path else None) or caller
        if not module.training and state.grad and optimizer is not None:
            text = (
                f"{who} is in eval mode, though an optimizer is to train the model: nothing is dropped, and "
                "statistics of the batches are not learnt"
            )
            cure = "model.train() before training, at the start of each epoch if it is evaluated between"
            return [Symptom("eval_mode", text, line, cure)]
        if module.training:
            why = "nothing is recorded here: this is an evaluation" if model.training else "the model is in eval mode"
            text = (
                f"{who} is in train mode, though {why}: it drops values or uses, and changes, the statistics of the "
                "batch"
            )
            cure = "model.eval() before evaluating, model.train() before training on"
            found.append(Symptom("train_mode", text, line, cure))
    return found


# --- after the pass ---------------------------------------------------------------------------------------------------


def gradients(model: Module, loss: Tensor, caller: str, activations: Set[str] = frozenset()) -> Iterator[Symptom]:
    """What the gradients of the parameters say, layer by layer; ``activations`` are those that ran."""
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    if not loss.requires_grad:
        if trained:
            yield _answered("no_history", "the loss cannot be differentiated", why_none(trained[0][1], loss), caller)
        else:
            text = "the model has no parameter that requires a gradient"
            yield Symptom("no_history", text, caller, "register its layers, and unfreeze them with requires_grad_()")
        return
    gradients = [(name, parameter, parameter.grad) for name, parameter in trained]
    if not finite(loss) or not all(grad is None or finite(grad) for _, _, grad in gradients):
        yield _answered("not_finite", "the loss or a gradient is not finite", why_nan(loss), caller)
        return
    for name, parameter, grad in gradients:
        if grad is None or not grad._data.any():
            answer = why_none(parameter, loss)
            kind = "zero_gradient" if grad is not None else "unused" if answer.reason == "not_used" else "cut"
            what = "has a gradient of zero" if grad is not None else "gets no gradient"
            yield _answered(kind, f"{name} {what}", answer, origin(model, name) or caller, name)
    yield from _sizes(model, gradients, caller, activations)


def _answered(kind: str, text: str, answer: Answer, otherwise: str, part: str = "") -> Symptom:
    """A finding that an answer of the tape explains; ``otherwise`` is its line where the tape knows none."""
    return Symptom(kind, f"{text}: {answer.text}", answer.line or otherwise, answer.cure, part)


def _rms(array: Any) -> float:
    values = array_of(array).astype(np.float64) if array_of(array).dtype.kind == "f" else np.abs(array_of(array))
    return float(np.sqrt(np.mean(values * values))) if values.size else 0.0


_FLAT = ("sigmoid", "tanh", "hardsigmoid", "hardtanh", "log_sigmoid")
"""Activations whose slope is small, or none, over most of their domain."""


def _sizes(model: Module, gradients: list[Any], caller: str, activations: Set[str]) -> Iterator[Symptom]:
    """Layers whose gradients are far too large or far too small."""
    sizes = [
        (name, _rms(grad), _rms(parameter))
        for name, parameter, grad in gradients
        if grad is not None and grad._data.any()
    ]
    largest = max((size for _, size, _ in sizes), default=0.0)
    for name, size, weight in sizes:
        text = f"the gradient of {name} has size {size:.3g}"
        if size > EXPLODED and size > EXPLODED * weight:
            kind, text = "exploding", f"{text} (root mean square), its weights {weight:.3g}"
            cure = (
                "normalise the inputs and the layers, initialise with smaller weights, clip with "
                "nn.utils.clip_grad_norm_"
            )
        elif size < VANISHED * largest and name.endswith("weight"):
            kind, text = "vanishing", f"{text}, that of the largest layer {largest:.3g}: it hardly learns"
            flat = [name for name in _FLAT if name in activations]
            cure = (f"relu instead of {' and '.join(flat)}, " if flat else "") + (
                "residual connections, normalisation layers, Kaiming or Xavier initialisation")
        else:
            continue
        yield Symptom(kind, text, origin(model, name) or caller, cure, name)


def _trained(model: Module) -> list[tuple[str, Any]]:
    """The parameters that got a gradient other than zero, by name."""
    return [
        (name, parameter)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is not None and parameter.grad._data.any()
    ]


def lost(model: Module, caller: str) -> Iterator[Symptom]:
    """Parameters that a plain step would not change."""
    for name, p in _trained(model):
        rate = p._data.dtype.type(TRIAL_RATE)
        if finite(p.grad) and np.array_equal(p._data - rate * p.grad._data, p._data):
            text = f"a step of {TRIAL_RATE} times the gradient does not change {name}: it is lost in rounding"
            cure = "scale the loss up, or keep weights in float32"
            yield Symptom("not_changing", text, origin(model, name) or caller, cure, name)


def trial(model: Module, optimizer: Any) -> tuple[list[tuple[str, Any]], list[Any], Any]:
    """The parameters with a gradient, by name, copies of them after a step of a copy of the optimizer, and that."""
    trained = _trained(model)
    originals = [parameter for _, parameter in trained]
    copies, twin = copy.deepcopy((originals, optimizer))
    for original, each in zip(originals, copies, strict=True):
        each.grad = original.grad.detach().clone()
    twin.step()
    return trained, copies, twin


def step(model: Module, optimizer: Any, trained: list[tuple[str, Any]], stepped: list[Any], caller: str
          ) -> Iterator[Symptom]:
    """What a step of the optimizer leaves out, and what it does not change."""
    known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    strangers = known - {id(parameter) for parameter in model.parameters()}
    if strangers:
        yield Symptom(
            "not_optimized",
            f"the optimizer holds {len(strangers)} parameters that are not the model's: it was made for another model, "
            "or the parameters were replaced after it was made",
            caller,
            "make the optimizer after the model is complete: optimizer = SGD(model.parameters(), ...)",
        )
    largest = max((_rms(parameter.grad) for _, parameter in trained), default=0.0)
    for (name, parameter), each in zip(trained, stepped, strict=True):
        line = origin(model, name) or caller
        if id(parameter) not in known:
            text = f"{name} has a gradient, but the optimizer does not hold it"
            cure = "pass model.parameters() to the optimizer, after the last layer is made"
            yield Symptom("not_optimized", text, line, cure, name)
        elif _rms(parameter.grad) < VANISHED * largest:
            continue  # a bias before a normalisation has no gradient but rounding; of weights `_sizes` has told
        elif np.array_equal(parameter._data, each._data):
            groups = (group for group in optimizer.param_groups if any(p is parameter for p in group["params"]))
            text = f"a step of the optimizer (lr={_rates(groups)}) does not change {name}"
            cure = "a larger learning rate; look at the scheduler, which may have brought it to 0"
            yield Symptom("not_changing", text, line, cure, name)


def moved(optimizer: Any, trained: list[tuple[str, Any]], stepped: list[Any], caller: str) -> Iterator[Symptom]:
    """A step that moves weights by many times their size: where activations saturate, the loss does not tell."""
    for (name, parameter), each in zip(trained, stepped, strict=True):
        size = _rms(parameter)
        times = _rms(each.detach() - parameter.detach()) / size if parameter.ndim > 1 and size else 0.0
        if not times <= FAR:
            rates = _rates(optimizer.param_groups)
            text = f"a step of the optimizer (lr={rates}) moves {name} by {times:.3g} times its size"
            yield Symptom("learning_rate", text, caller, SMALLER, name)


def _rates(groups: Iterable[Any]) -> str:
    """The learning rates of groups of parameters, each once."""
    return ", ".join(map(str, sorted({float(group["lr"]) for group in groups if "lr" in group})))


def rate(optimizer: Any, before: float, after: float, caller: str) -> Iterator[Symptom]:
    """A step that makes the loss many times larger."""
    if np.isfinite(before) and not after <= max(LARGER * abs(before), abs(before) + 1):
        rates = _rates(optimizer.param_groups)
        text = f"the loss goes from {before:.3g} to {after:.3g} in steps of the optimizer (lr={rates})"
        yield Symptom("learning_rate", text, caller, SMALLER)
