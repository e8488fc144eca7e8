"""PyTorch's databases of older tests of layers and losses, and of functions with a backward of their own."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.testing._internal.autograd_function_db import autograd_function_db
from torch.testing._internal.common_device_type import instantiate_device_type_tests, ops
from torch.testing._internal.common_nn import (
    CriterionTest,
    NewModuleTest,
    NNTestCase,
    criterion_tests,
    get_new_module_tests,
    module_tests,
)
from torch.testing._internal.common_utils import TestCase, gradcheck, gradgradcheck


class TestOlderLayers(NNTestCase):
    """What the database's test objects ask of the case that they run in."""

    def _forward(self, module: Any, input: Any) -> Any:
        return module(*input) if isinstance(input, tuple) else module(input)

    def _backward(self, module: Any, input: Any, output: Any, grad_output: Any, create_graph: bool = False) -> Any:
        output.backward(grad_output, retain_graph=True, create_graph=create_graph)
        return tuple(x.grad for x in input) if isinstance(input, tuple) else input.grad

    def _forward_criterion(self, criterion: Any, input: Any, target: Any, extra_args: Any = None) -> Any:
        given = input if isinstance(input, tuple) else (input,)
        return criterion(*given, target, *(extra_args or ()))

    def _backward_criterion(self, criterion: Any, input: Any, output: Any, target: Any, gradOutput: Any = None,
                            extra_args: Any = None) -> Any:
        given = input if isinstance(input, tuple) else (input,)
        for x in given:
            x.grad = None
        self._forward_criterion(criterion, input, target, extra_args).backward(gradOutput)
        return tuple(x.grad for x in given) if isinstance(input, tuple) else input.grad

    def _zero_grad_parameters(self, module: Any) -> None:
        for parameter in module.parameters():
            parameter.grad = None

    def _get_parameters(self, module: Any) -> Any:
        params = list(module.parameters())
        return params, [torch.zeros_like(p) if p.grad is None else p.grad for p in params]


def _add(kind: str, made: Any) -> None:
    name = f"test_{kind}_{made.get_name().removeprefix('test_')}"
    while hasattr(TestOlderLayers, name):
        name += "_again"

    def run(self: Any) -> None:
        torch.manual_seed(0)
        made(self)

    setattr(TestOlderLayers, name, run)


for _params in [*module_tests, *get_new_module_tests()]:
    _given = deepcopy(_params)
    if "constructor" not in _given:
        _given["constructor"] = getattr(torch.nn, _given.pop("module_name"))
    if _given.get("test_cpu", True):
        _add("layer", NewModuleTest(**_given))
for _params in criterion_tests:
    _given = deepcopy(_params)
    if "constructor" not in _given:
        _given["constructor"] = getattr(torch.nn, _given.pop("module_name"))
    _add("loss", CriterionTest(**_given))


def gradients(run: Any, leaves: Any, create_graph: bool = False) -> Any:
    outs = [x for x in tupled(run()) if x.requires_grad]
    return torch.autograd.grad(sum(x.sum() for x in outs), leaves, create_graph=create_graph, allow_unused=True)


def floating(function: Any, *given: Any) -> tuple[Any, ...]:
    return tuple(x for x in tupled(function(*given)) if x.is_floating_point())


def tupled(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def total(function: Any, *given: Any) -> Any:
    return sum(part.sum() for part in function(*given))


class TestFunctions(TestCase):
    """Functions with a backward of their own, in every way to differentiate and to batch."""

    def each(self, device: str, dtype: Any, op: Any) -> Any:
        torch.manual_seed(0)
        for sample in op.sample_inputs(device, dtype, requires_grad=True):
            args = (sample.input, *sample.args)
            yield op.op, args, sample.kwargs, [x for x in args if isinstance(x, torch.Tensor) and x.requires_grad]

    @ops(autograd_function_db, allowed_dtypes=[torch.float32, torch.float64])
    def test_first(self, device: str, dtype: Any, op: Any) -> None:
        for function, args, kwargs, leaves in self.each(device, dtype, op):
            self.record(tupled(function(*args, **kwargs)), gradients(partial(function, *args, **kwargs), leaves))

    @ops(autograd_function_db, allowed_dtypes=[torch.float64])
    def test_checked(self, device: str, dtype: Any, op: Any) -> None:
        for function, args, kwargs, _ in self.each(device, dtype, op):
            run = partial(floating, partial(function, **kwargs))
            self.assertTrue(gradcheck(run, args, check_forward_ad=op.supports_forward_ad))
            self.assertTrue(gradgradcheck(run, args, check_fwd_over_rev=op.supports_fwgrad_bwgrad))

    @ops(autograd_function_db, allowed_dtypes=[torch.float64])
    def test_second(self, device: str, dtype: Any, op: Any) -> None:
        for function, args, kwargs, leaves in self.each(device, dtype, op):
            first = gradients(partial(function, *args, **kwargs), leaves, create_graph=True)
            known = [x for x in first if x is not None and x.requires_grad]
            if known:
                self.record(torch.autograd.grad(sum(x.square().sum() for x in known), leaves, allow_unused=True))

    @ops(autograd_function_db, allowed_dtypes=[torch.float64])
    def test_forward_mode(self, device: str, dtype: Any, op: Any) -> None:
        for function, args, kwargs, _ in self.each(device, dtype, op):
            with forward_ad.dual_level():
                duals = [forward_ad.make_dual(x.detach(), torch.ones_like(x))
                         if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in args]
                outs = tupled(function(*duals, **kwargs))
                self.record([list(forward_ad.unpack_dual(x)) for x in outs if x.is_floating_point()])

    @ops(autograd_function_db, allowed_dtypes=[torch.float64])
    def test_transformed(self, device: str, dtype: Any, op: Any) -> None:
        for function, args, kwargs, _ in self.each(device, dtype, op):
            places = [k for k, x in enumerate(args) if isinstance(x, torch.Tensor) and x.is_floating_point()]

            def of(*given: Any, function: Any = function, args: Any = args, kwargs: Any = kwargs, places: Any = places
                   ) -> Any:
                filled = list(args)
                for place, x in zip(places, given, strict=True):
                    filled[place] = x
                return tuple(x for x in tupled(function(*filled, **kwargs)) if x.is_floating_point())

            given = tuple(args[k].detach() for k in places)
            out, pull = torch.func.vjp(of, *given)
            self.record(out, pull(tuple(torch.ones_like(x) for x in out)))
            self.record(torch.func.jvp(of, given, tuple(torch.ones_like(x) for x in given)))
            self.record(torch.func.jacrev(of)(*given), torch.func.jacfwd(of)(*given))
            several = tuple(torch.stack([x, 2 * x, x + 1]) for x in given)
            self.record(torch.func.vmap(of)(*several))
            self.record(torch.func.vmap(torch.func.grad(partial(total, of)))(*several))


instantiate_device_type_tests(TestFunctions, globals(), only_for="cpu")
