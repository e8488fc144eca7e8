"""The doctor beside a program that runs as it is: what `doctor` asks of a model and one batch, asked of the program's
own first training steps, and of its evaluations.

Hooks tell what happens: the calls of modules (which one is the model, whether the loss is computed now), ``backward()``
and the steps of optimisers. Between them the same watchers look on as in `doctor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.questions import watch
from ..core.frames import user_line, user_trace
from ..core.state import state
from ..nn.global_hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..nn.layers.losses import Loss
from ..nn.module import Module
from ..optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from ..tensors.tensor import Tensor
from . import checks
from .losses import failed
from .observer import Observer
from .report import Report, Symptom, grouped

_ABSENT = ("cut", "unused", "zero_gradient")
"""Findings that hold only if they hold at every backward: where two networks play against each other, each step leaves
one of them alone."""


class Rounds:
    """A context in which a program is examined: its first ``steps`` steps of optimisers closely, afterwards the mode of
    its models alone. `report` says what was found."""

    def __init__(self, steps: int = 3) -> None:
        self.left = steps
        self.stepped = 0
        self.found: dict[tuple[str, str, str, int], Symptom] = {}
        self.seen: dict[int, list[bool]] = {}
        self.owners: dict[Symptom, int] = {}
        self.optimized: set[int] = set()
        self.empty: dict[int, tuple[bool, Symptom]] = {}
        self.models: dict[int, Module] = {}
        self.known: dict[int, Module] = {}
        self.depth = 0
        self.trying = False
        self.losses: dict[str, float] = {}
        self.optimizer: Any = None
        self.targets: Any = None
        self.used: dict[int, list[tuple[Any, Any]]] = {}
        self.stale: dict[int, tuple[int, str]] = {}

    # --- entering and leaving -----------------------------------------------------------------------------------------

    def __enter__(self) -> Rounds:
        self.watch = watch()
        self.observer = Observer(self.watch.__enter__().path)
        self.observer.__enter__()
        self.watching = True
        self.hooks = [
            register_module_forward_pre_hook(self.entered),
            register_module_forward_hook(self.left_module, always_call=True),
            register_optimizer_step_pre_hook(self.before_step),
            register_optimizer_step_post_hook(self.after_step),
        ]
        self.backward = Tensor.backward
        Tensor.backward = self._backward()  # type: ignore[method-assign]
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        Tensor.backward = self.backward  # type: ignore[method-assign]
        for hook in self.hooks:
            hook.remove()
        self._stop_watching()
        targets = failed(trace)[1].get("target") if self.targets is None else self.targets
        if isinstance(error, Exception) and self.observer.in_loss and checks.are_labels(targets, error):
            at = user_trace(trace)
            line = "" if at is None else f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
            self._add([checks.labels(targets, error, line)])

    def _stop_watching(self) -> None:
        if self.watching:
            self.watching = False
            self._add(self.observer.symptoms(""))
            self.observer.leave()
            self.watch.leave()

    def _add(self, symptoms: Any) -> None:
        for symptom in symptoms:
            key = symptom.kind, symptom.line or "", symptom.part, self.owners.get(symptom, 0)
            self.found.setdefault(key, symptom)

    def report(self) -> Report:
        """The findings so far."""
        held = [symptom for symptom in self.found.values()
                if symptom.kind not in _ABSENT or self._is_missed(self.owners.get(symptom, 0))]
        if not any(symptom.kind in _ABSENT for symptom in held):  # which would be why
            held += [symptom for always, symptom in self.empty.values() if always]
        return Report(tuple(grouped(held)))

    def _is_missed(self, parameter: int) -> bool:
        """Whether a parameter without a gradient is to learn: a target network's, which no optimizer holds, is not."""
        return all(self.seen.get(parameter, [True])) and (not self.optimized or parameter in self.optimized)

    # --- what happens -------------------------------------------------------------------------------------------------

    def entered(self, module: Module, arguments: tuple[Any, ...]) -> None:
        """A module is called."""
        self.depth += 1
        if self.depth > 1:
            return
        self.observer.in_loss = isinstance(module, Loss)
        if isinstance(module, Loss):
            self.targets = arguments[1] if len(arguments) > 1 else None
            return
        self.models[id(module)] = module
        if id(module) not in self.known:
            self.known[id(module)] = module
            self._add(checks.unregistered(module, user_line()))
        if self.stepped and not state.grad:
            self._add(checks.modes(module, None, user_line()))

    def left_module(self, module: Module, arguments: Any, output: Any) -> None:
        """A call of a module is over, or failed."""
        self.depth = max(0, self.depth - 1)
        if self.depth == 0:
            self.observer.in_loss = True

    def _backward(self) -> Callable[..., Any]:
        plain, rounds = self.backward, self

        def backward(tensor: Tensor, *arguments: Any, **options: Any) -> Any:
            rounds.observer.in_loss = False
            if not rounds.watching:
                return plain(tensor, *arguments, **options)
            if not tensor.requires_grad:
                rounds.without_history(tensor)
            rounds.before_backward()
            if len(arguments) < 2:
                options.setdefault("retain_graph", True)  # the questions below are asked of the tape
            result = plain(tensor, *arguments, **options)
            rounds.after_backward(tensor)
            return result

        backward.__doc__ = plain.__doc__
        return backward

    def before_backward(self) -> None:
        """Notes the optimisers whose last step's gradients are still there."""
        for number, used in list(self.used.items()):
            left = [parameter for parameter, grad in used if parameter.grad is grad and grad._data.any()]
            if left:
                self.stale[number] = len(left), user_line()
            else:
                self.stale.pop(number, None)
                del self.used[number]

    def without_history(self, loss: Tensor) -> None:
        """Says why a loss, whose backward is about to fail, cannot be differentiated."""
        for model in self.models.values():
            self._add(checks.gradients(model, loss, user_line()))

    def after_backward(self, loss: Tensor) -> None:
        """What the gradients say, model by model, and whether the loss has exploded since the step before."""
        line = user_line()
        models, self.models = list(self.models.values()), {}
        for model in models:
            symptoms = list(checks.gradients(model, loss, line, self.observer.activations))
            absent = {symptom.part: symptom for symptom in symptoms if symptom.kind in _ABSENT}
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    self.seen.setdefault(id(parameter), []).append(name in absent)
                if name in absent:
                    self.owners[absent[name]] = id(parameter)
            self._add(symptoms)
        if loss.is_leaf and not models:  # (of a model, what is missing is said of each parameter)
            self._add([Symptom("leaf", "backward() runs on a leaf, so that nothing else gets a gradient: the loss was "
                               "made anew from a number or an array, as tensor(loss.item(), requires_grad=True) does",
                               line, "call backward() on the loss as it was computed")])
        value = float(loss.detach()) if loss.numel() == 1 else None
        before = self.losses.get(line)
        if value is not None:
            if before is not None and self.optimizer is not None:
                self._add(checks.rate(self.optimizer, before, value, line))
            self.losses[line] = value

    def before_step(self, optimizer: Any, arguments: Any, options: Any) -> None:
        """What the step will leave out or not change."""
        if self.trying:
            return
        self.optimizer = optimizer
        self.optimized.update(id(p) for group in optimizer.param_groups for p in group["params"])
        if not self.watching:
            return
        line = user_line()
        if id(optimizer) in self.stale:  # nobody cleared them before this step, which takes their sum
            count, where = self.stale.pop(id(optimizer))
            text = f"{count} gradients of the step before are still there when backward() runs: they add up"
            self._add([Symptom("not_zeroed", text, where, "optimizer.zero_grad() before each backward()")])
        if not arguments[1:] and not options:  # no closure, in which the gradients would be computed
            self._without_gradients(optimizer, line)
        if len(self.known) == 1:
            (model,) = self.known.values()
            self.trying = True  # a step of a copy is none of the program's
            try:
                trained, stepped, _ = checks.trial(model, optimizer)
            finally:
                self.trying = False
            self._add(checks.step(model, optimizer, trained, stepped, line))
            if not model.training:
                self._add(checks.modes(model, optimizer, line))

    def _without_gradients(self, optimizer: Any, line: str) -> None:
        """Notes whether every step of an optimizer has found nothing to go by."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nothing = all(p.grad is None or not p.grad._data.any() for p in parameters)
        always, _ = self.empty.get(id(optimizer), (True, None))
        text = (f"the optimizer's steps find no gradient in any of its {len(parameters)} parameters: zero_grad() runs "
                "between backward() and step(), or step() before backward()")
        cure = "in this order: optimizer.zero_grad(), loss.backward(), optimizer.step()"
        self.empty[id(optimizer)] = always and nothing, Symptom("no_gradient", text, line, cure)

    def after_step(self, optimizer: Any, arguments: Any, options: Any) -> None:
        """Counts, and stops looking closely after the first steps."""
        if self.trying:
            return
        self.stepped += 1
        self.left -= 1
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.used[id(optimizer)] = [(p, p.grad) for p in parameters if p.grad is not None]
        if self.left == 0:
            self._stop_watching()
