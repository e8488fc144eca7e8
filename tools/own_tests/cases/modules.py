"""Every layer of PyTorch's database of layers: values, derivatives, conversions, copies, state, refusals."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import torch
from torch.testing._internal.common_device_type import instantiate_device_type_tests
from torch.testing._internal.common_modules import ModuleErrorEnum, TrainEvalMode, module_db, modules
from torch.testing._internal.common_utils import (
    TestCase,
    freeze_rng_state,
    gradcheck,
    gradgradcheck,
    noncontiguous_like,
)

Info, Given = Any, Any
LAZY = "LazyModuleMixin"


def tensors(value: Any) -> list[torch.Tensor]:
    """The tensors in nested collections."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return [value.data]
    if isinstance(value, dict):
        return [tensor for entry in value.values() for tensor in tensors(entry)]
    if isinstance(value, (list, tuple)):
        return [tensor for entry in value for tensor in tensors(entry)]
    return []


def mapped(function: Any, value: Any) -> Any:
    """``function`` of each tensor in nested collections."""
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return value._replace(data=function(value.data))
    if isinstance(value, dict):
        return {key: mapped(function, entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(function, entry) for entry in value)
    return value


def leaves(value: Any) -> list[torch.Tensor]:
    return [tensor for tensor in tensors(value) if tensor.requires_grad]


class TestLayers(TestCase):
    def each(self, info: Info, device: str, dtype: Any, training: bool, requires_grad: bool = False,
             forward: bool = True) -> Any:
        """The database's samples of a layer: the layer made, its arguments."""
        torch.manual_seed(0)
        for given in info.module_inputs_func(info, device=device, dtype=dtype, requires_grad=requires_grad,
                                             training=training):
            if forward and given.forward_input is None:
                continue
            made = given.constructor_input
            torch.manual_seed(1)
            layer = info.module_cls(*made.args, **made.kwargs).to(device).to(dtype)
            layer.train(training)
            arguments = (given.forward_input.args, given.forward_input.kwargs) if forward else ((), {})
            yield given, layer, *arguments

    def run_of(self, layer: Any, args: Any, kwargs: Any) -> Any:
        with freeze_rng_state():
            return layer(*args, **kwargs)

    @modules(module_db)
    def test_values(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        for given, layer, args, kwargs in self.each(module_info, device, dtype, training):
            out = self.run_of(layer, args, kwargs)
            self.record(repr(layer), tensors(out), list(layer.state_dict()), [p.dtype for p in layer.parameters()])
            if given.reference_fn is not None and not isinstance(out, tuple):
                self.assertEqual(out, given.reference_fn(layer, *args, **kwargs))

    @modules(module_db)
    def test_printed(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        for _, layer, _, _ in self.each(module_info, device, dtype, training, forward=False):
            self.record(str(layer), layer.extra_repr(), dict(layer.named_parameters()).keys(), list(dict(
                layer.named_buffers())), sorted(name for name in layer.__dict__ if name[0] != "_"))

    @modules(module_db)
    def test_made_with_device_and_dtype(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        for given, layer, _, _ in self.each(module_info, device, dtype, training, forward=False):
            if not (list(layer.parameters()) or list(layer.buffers())):
                continue
            made = given.constructor_input
            again = module_info.module_cls(*made.args, **{**made.kwargs, "device": device, "dtype": dtype})
            for name, tensor in (*again.named_parameters(), *again.named_buffers()):
                self.assertEqual(str(tensor.device), device, name)
                if tensor.dtype.is_floating_point:
                    self.assertEqual(tensor.dtype, dtype, name)

    @modules(module_db)
    def test_copies(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        """Pickled, copied, saved and loaded, a layer gives the same."""
        for _, layer, args, kwargs in self.each(module_info, device, dtype, training):
            self.run_of(layer, args, kwargs)
            file = io.BytesIO()
            torch.save(layer, file)
            file.seek(0)
            copies = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), torch.load(file, weights_only=False)]
            expected = self.run_of(layer, args, kwargs)
            for one in copies:
                self.assertIs(type(one), type(layer))
                self.assertEqual(repr(one), repr(layer))
                self.assertEqual(self.run_of(one, args, kwargs), expected)

    @modules(module_db)
    def test_state(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        """State goes from one layer to another: copied, assigned, through a file, by `functional_call`."""
        for given, layer, args, kwargs in self.each(module_info, device, dtype, training):
            self.run_of(layer, args, kwargs)
            state = copy.deepcopy(layer.state_dict())
            made = given.constructor_input
            file = io.BytesIO()
            torch.save(state, file)
            file.seek(0)
            loaded = torch.load(file)
            self.assertIs(type(loaded), type(state))
            expected = self.run_of(layer, args, kwargs)
            for source, assign in ((state, False), (loaded, True)):
                other = module_info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
                found = other.load_state_dict(source, assign=assign)
                self.assertEqual((found.missing_keys, found.unexpected_keys), ([], []))
                self.assertEqual(self.run_of(other, args, kwargs), expected)
            other = module_info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
            with freeze_rng_state():
                self.assertEqual(torch.func.functional_call(other, dict(state), args, kwargs), expected)
            with self.assertRaisesRegex(RuntimeError, "Unexpected key"):
                other.load_state_dict({**state, "nowhere": torch.ones(1)})
            found = other.load_state_dict({"nowhere": torch.ones(1)}, strict=False)
            self.assertEqual(found.unexpected_keys, ["nowhere"])
            self.assertEqual(found.missing_keys, list(state))

    @modules([info for info in module_db if "inplace" in info.module_cls.__init__.__code__.co_varnames])
    def test_in_place(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        for given, layer, args, kwargs in self.each(module_info, device, dtype, training):
            made = given.constructor_input
            inside = module_info.module_cls(*made.args, **{**made.kwargs, "inplace": True}).to(dtype).train(training)
            expected = self.run_of(layer, args, kwargs)
            written = mapped(lambda x: x.clone(), args)
            version = written[0]._version
            out = self.run_of(inside, written, kwargs)
            self.assertEqual(out, expected)
            self.assertEqual(written[0], expected)
            self.assertGreater(written[0]._version, version)

    @modules(module_db)
    def test_strided(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        """Inputs, parameters and gradients that are not contiguous give what contiguous ones give."""
        for _, layer, args, kwargs in self.each(module_info, device, dtype, training, requires_grad=True):
            apart = copy.deepcopy(layer)
            expected = self.results(layer, args, kwargs, strided=False)
            odd = mapped(lambda x: self.odd(x), args), mapped(lambda x: self.odd(x), kwargs)
            with torch.no_grad():
                for parameter in apart.parameters():
                    parameter.data = noncontiguous_like(parameter.data) if parameter.dim() else parameter.data
            self.assertEqual(self.results(apart, *odd, strided=True), expected)
            self.record(expected)

    def odd(self, x: Any) -> Any:
        return noncontiguous_like(x).detach().requires_grad_(x.requires_grad) if x.dim() and x.numel() else x

    def results(self, layer: Any, args: Any, kwargs: Any, strided: bool) -> Any:
        out = self.run_of(layer, args, kwargs)
        sums = [x for x in tensors(out) if x.requires_grad]
        cotangents = [torch.linspace(-1, 1, max(1, x.numel()), dtype=x.dtype)[: x.numel()].reshape(x.shape)
                      for x in sums]
        if strided:
            cotangents = [self.odd(x) for x in cotangents]
        wanted = [*leaves((args, kwargs)), *layer.parameters()]
        if not sums or not wanted:
            return tensors(out), []
        return tensors(out), torch.autograd.grad(sums, wanted, cotangents, allow_unused=True)

    def checked(self, check: Any, info: Info, device: str, dtype: Any, training: bool, **options: Any) -> None:
        for _, layer, args, kwargs in self.each(info, device, dtype, training, requires_grad=True):
            words = {key: value for key, value in kwargs.items() if leaves(value)}
            rest = {key: value for key, value in kwargs.items() if key not in words}
            flat = [*leaves((args, words)), *layer.parameters()]
            if not flat or getattr(layer, "has_uninitialized_params", bool)():
                continue

            def of(*given: Any, layer: Any = layer, args: Any = args, words: Any = words, rest: Any = rest) -> Any:
                with freeze_rng_state():
                    out = layer(*args, **words, **rest)
                return tuple(x for x in tensors(out) if x.is_floating_point() or x.is_complex())

            if any(x.requires_grad for x in of()):
                self.assertTrue(check(of, tuple(flat), nondet_tol=info.gradcheck_nondet_tol, **options))

    @modules(module_db, allowed_dtypes=[torch.double])
    def test_gradients(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        self.checked(gradcheck, module_info, device, dtype, training)

    @modules([info for info in module_db if info.supports_gradgrad], allowed_dtypes=[torch.double])
    def test_second_gradients(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        self.checked(gradgradcheck, module_info, device, dtype, training)

    @modules(module_db, allowed_dtypes=[torch.float32])
    def test_converted(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        for _, layer, _, _ in self.each(module_info, device, dtype, training, forward=False):
            if any(type(p).__name__.startswith("Uninit") for p in layer.parameters()):
                continue
            kept = {name: id(p) for name, p in layer.named_parameters()}
            for parameter in layer.parameters():
                parameter.grad = torch.rand_like(parameter)
            for convert, wanted in ((lambda m: m.double(), torch.float64), (lambda m: m.half(), torch.float16),
                                    (lambda m: m.bfloat16(), torch.bfloat16), (lambda m: m.float(), torch.float32),
                                    (lambda m: m.to(torch.float64), torch.float64),
                                    (lambda m: m.to(torch.ones(1)), torch.float32),
                                    (lambda m: m.to("cpu", torch.float16, True), torch.float16),
                                    (lambda m: m.type(torch.float32), torch.float32)):
                self.assertIs(convert(layer), layer)
                for name, parameter in layer.named_parameters():
                    self.assertEqual((parameter.dtype, parameter.grad.dtype), (wanted, wanted))
                    self.assertEqual(id(parameter), kept[name])
            with self.assertRaises(TypeError):
                layer.to(torch.int32)
            layer.to_empty(device="meta")
            self.assertTrue(all(tensor.is_meta for tensor in layer.state_dict().values()))
            if list(layer.parameters()):
                with self.assertRaisesRegex(NotImplementedError, "Cannot copy out of meta"):
                    layer.to("cpu")
            shapes = {name: tensor.shape for name, tensor in layer.state_dict().items()}
            layer.to_empty(device="cpu")
            self.assertEqual({name: tensor.shape for name, tensor in layer.state_dict().items()}, shapes)

    @modules(module_db, allowed_dtypes=[torch.float32])
    def test_swapped(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        """With swapping, conversion and loading swap tensors, which keep their identity."""
        before = torch.__future__.get_swap_module_params_on_conversion()
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            for _, layer, _, _ in self.each(module_info, device, dtype, training, forward=False):
                if any(type(p).__name__.startswith("Uninit") for p in layer.parameters()):
                    continue
                kept = {name: (p, p._cdata) for name, p in layer.named_parameters()}
                state = {name: tensor.double() for name, tensor in layer.state_dict().items()}
                layer.to(torch.float64)
                for name, parameter in layer.named_parameters():
                    self.assertIs(parameter, kept[name][0])
                    self.assertNotEqual(parameter._cdata, kept[name][1])
                    self.assertEqual(parameter.dtype, torch.float64)
                layer.load_state_dict(state)
                for name, parameter in layer.named_parameters():
                    self.assertIs(parameter, kept[name][0])
                    self.assertIsInstance(parameter, torch.nn.Parameter)
        finally:
            torch.__future__.set_swap_module_params_on_conversion(before)

    @modules(module_db)
    def test_memory_format(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        for _, layer, args, kwargs in self.each(module_info, device, dtype, training):
            given = tensors((args, kwargs))
            ranks = {x.dim() for x in given}
            rank = given[0].dim() if given else 0
            if rank not in formats or any(other > rank for other in ranks):
                continue
            expected = self.run_of(layer, args, kwargs)

            def last(x: Any, rank: int = rank) -> Any:
                return x.contiguous(memory_format=formats[rank]) if x.dim() == rank else x

            if not any(type(p).__name__.startswith("Uninit") for p in layer.parameters()):
                layer.to(memory_format=formats[rank])
                for parameter in layer.parameters():
                    if parameter.dim() == rank:
                        self.assertTrue(parameter.is_contiguous(memory_format=formats[rank]))
            out = self.run_of(layer, mapped(last, args), mapped(last, kwargs))
            self.assertEqual(out, expected)
            self.record([list(x.stride()) for x in tensors(out)])

    @modules(module_db, train_eval_mode=TrainEvalMode.train_only)
    def test_modes(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        """Only a layer whose database entry says so looks whether it is training."""
        asks = False
        for _, layer, args, kwargs in self.each(module_info, device, dtype, training):
            self.assertIs(layer.eval(), layer)
            self.assertFalse(any(module.training for module in layer.modules()))
            quiet = tensors(self.run_of(layer, args, kwargs))
            layer.train()
            self.assertTrue(all(module.training for module in layer.modules()))
            loud = tensors(self.run_of(layer, args, kwargs))
            asks = asks or any(not torch.equal(a, b) for a, b in zip(quiet, loud, strict=True))
            self.record(quiet, loud)
        if not module_info.train_and_eval_differ:
            self.assertFalse(asks)

    @modules([info for info in module_db if info.module_error_inputs_func])
    def test_refusals(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        for wrong in module_info.module_error_inputs_func(module_info, device=device, dtype=dtype, requires_grad=False,
                                                          training=training):
            given = wrong.module_error_input
            made = given.constructor_input
            if wrong.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
                with self.assertRaisesRegex(wrong.error_type, wrong.error_regex):
                    module_info.module_cls(*made.args, **made.kwargs)
                continue
            layer = module_info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
            with self.assertRaisesRegex(wrong.error_type, wrong.error_regex):
                layer(*given.forward_input.args, **given.forward_input.kwargs)

    @modules(module_db, allowed_dtypes=[torch.float32])
    def test_gradients_cleared(self, device: str, dtype: Any, module_info: Info, training: bool) -> None:
        for _, layer, _, _ in self.each(module_info, device, dtype, training, forward=False):
            if any(type(p).__name__.startswith("Uninit") for p in layer.parameters()):
                continue
            for parameter in layer.parameters():
                parameter.grad = torch.ones_like(parameter)
            layer.zero_grad(set_to_none=False)
            self.assertTrue(all(bool((p.grad == 0).all()) for p in layer.parameters()))
            layer.zero_grad()
            self.assertTrue(all(p.grad is None for p in layer.parameters()))
            self.assertIs(layer.requires_grad_(False), layer)
            self.assertFalse(any(p.requires_grad for p in layer.parameters()))
            self.assertIs(layer.share_memory(), layer)
            self.assertTrue(all(tensor.is_shared() for tensor in layer.state_dict().values()))


instantiate_device_type_tests(TestLayers, globals(), only_for="cpu")
