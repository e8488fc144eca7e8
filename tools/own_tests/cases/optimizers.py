"""Every optimiser of PyTorch's database: steps, options, groups, state in and out, hooks, refusals."""

from __future__ import annotations

import copy
import io
import itertools
import pickle
from functools import partial
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.testing._internal.common_device_type import instantiate_device_type_tests
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db, optims
from torch.testing._internal.common_utils import TestCase

Info = Any
DENSE = [info for info in optim_db if not info.only_supports_sparse_grads]


class TestOptimizers(TestCase):
    def parameters(self, dtype: Any, count: int = 2) -> list[Any]:
        torch.manual_seed(0)
        return [Parameter(torch.randn(3 + k, 4, dtype=dtype)) for k in range(count)]

    def inputs(self, info: Info, device: str, *flags: str) -> Any:
        """The database's options for an optimiser, with each of ``flags`` that it supports set."""
        for given in info.optim_inputs_func(device=device):
            kwargs = {**given.kwargs, **{flag: True for flag in flags if flag in info.supported_impls}}
            yield kwargs

    def closure(self, optimizer: Any, params: list[Any], sparse: bool = False) -> Any:
        targets = [torch.linspace(-1, 1, p.numel(), dtype=torch.float64).reshape(p.shape).to(p.dtype) for p in params]

        def run() -> Any:
            optimizer.zero_grad()
            loss = sum(((p - target).abs() ** 2).sum() for p, target in zip(params, targets, strict=True))
            loss.backward()
            if sparse:
                for p in params:
                    p.grad = p.grad.to_sparse()
            return loss

        return run

    def trained(self, info: Info, params: list[Any], kwargs: Any, steps: int = 10, groups: Any = None) -> Any:
        optimizer = info.optim_cls(params if groups is None else groups, **kwargs)
        run = self.closure(optimizer, params, info.only_supports_sparse_grads)
        losses = []
        for _ in range(steps):
            loss = optimizer.step(run)
            losses.append(float(loss))
        return optimizer, losses

    @optims(optim_db, dtypes=[torch.float32, torch.float64])
    def test_steps(self, device: str, dtype: Any, optim_info: Info) -> None:
        """Ten steps with each of the options."""
        for kwargs in self.inputs(optim_info, device):
            params = self.parameters(dtype)
            optimizer, losses = self.trained(optim_info, params, kwargs)
            self.record(losses, params, sorted(optimizer.defaults), str(optimizer), len(optimizer.param_groups))
            state = optimizer.state_dict()
            self.record([sorted(state), sorted(map(str, state["param_groups"][0])), sorted(state["state"])])
            for entry in state["state"].values():
                self.record([(name, type(value).__name__, value) for name, value in entry.items()
                             if not isinstance(value, (dict, list))])
            if not kwargs.get("maximize"):
                self.assertLess(losses[-1], losses[0])

    @optims([info for info in DENSE if info.supports_complex], dtypes=[torch.complex64, torch.complex128])
    def test_complex(self, device: str, dtype: Any, optim_info: Info) -> None:
        """Complex parameters move as the pairs of real numbers that they are."""
        for kwargs in self.inputs(optim_info, device):
            params = self.parameters(dtype)
            self.trained(optim_info, params, kwargs, 5)
            self.record(params)

    @optims(DENSE, dtypes=[torch.float64])
    def test_ways(self, device: str, dtype: Any, optim_info: Info) -> None:
        """The ways to compute a step give the same."""
        for flag in ("foreach", "differentiable", "fused", "capturable"):
            if flag not in optim_info.supported_impls or flag == "capturable":
                continue
            for kwargs in self.inputs(optim_info, device):
                plain, other = self.parameters(dtype), self.parameters(dtype)
                self.trained(optim_info, plain, {**kwargs, "foreach": False}, 4)
                if flag == "differentiable":
                    continue
                optimizer, _ = self.trained(optim_info, other, {**kwargs, flag: True}, 4)
                self.assertEqual(other, plain)
                self.assertTrue(optimizer.param_groups[0][flag])

    @optims([info for info in optim_db if "cpu" in info.supports_fused_on], dtypes=[torch.float32, torch.float64])
    def test_fused(self, device: str, dtype: Any, optim_info: Info) -> None:
        for kwargs in self.inputs(optim_info, device):
            if isinstance(kwargs.get("lr"), torch.Tensor):
                continue
            plain, fused = self.parameters(dtype), self.parameters(dtype)
            self.trained(optim_info, plain, kwargs, 5)
            self.trained(optim_info, fused, {**kwargs, "fused": True}, 5)
            self.assertEqual(fused, plain)
        for pair in (("foreach", "fused"), ("differentiable", "fused")):
            with self.assertRaises(RuntimeError):
                optim_info.optim_cls(self.parameters(dtype), **{name: True for name in pair})

    @optims([info for info in DENSE if "differentiable" in info.supported_impls], dtypes=[torch.float64])
    def test_differentiable(self, device: str, dtype: Any, optim_info: Info) -> None:
        """A step with ``differentiable`` is on the tape."""
        for kwargs in self.inputs(optim_info, device, "differentiable"):
            if kwargs.get("capturable") or isinstance(kwargs.get("lr"), torch.Tensor) or kwargs.get("momentum"):
                continue  # PyTorch's first velocity is the gradient off the tape
            root = torch.linspace(0.5, 1.5, 6, dtype=dtype).requires_grad_()
            clone = root.clone()
            grad = (torch.linspace(1, 2, 6, dtype=dtype)).requires_grad_()
            optimizer = optim_info.optim_cls([clone], **kwargs)
            clone.grad = grad * 1
            optimizer.step()
            self.assertIsNotNone(clone.grad_fn)
            found = torch.autograd.grad(clone.square().sum(), [root, grad], allow_unused=True)
            self.record(clone, [torch.zeros_like(root) if x is None else x for x in found])

    @optims(DENSE, dtypes=[torch.float32])
    def test_rate_is_a_tensor(self, device: str, dtype: Any, optim_info: Info) -> None:
        for shape in ((), (1,)):
            plain, other = self.parameters(dtype), self.parameters(dtype)
            self.trained(optim_info, plain, {"lr": 0.01}, 3)
            kwargs: Any = {"lr": torch.full(shape, 0.01)}
            if "foreach" in optim_info.supported_impls:
                kwargs["foreach"] = False
            try:
                optimizer, _ = self.trained(optim_info, other, kwargs, 3)
            except Exception as error:
                self.record(type(error).__name__)
                continue
            self.assertEqual(other, plain)
            self.assertIsInstance(optimizer.param_groups[0]["lr"], torch.Tensor)

    @optims(optim_db, dtypes=[torch.float32])
    def test_schedules(self, device: str, dtype: Any, optim_info: Info) -> None:
        for schedulers in optim_info.scheduler_inputs:
            params = self.parameters(dtype)
            for kwargs in itertools.islice(self.inputs(optim_info, device), 2):
                optimizer = optim_info.optim_cls(params, **kwargs)
                run = self.closure(optimizer, params, optim_info.only_supports_sparse_grads)
                made = [make(optimizer) for make in schedulers]
                rates = []
                for _ in range(6):
                    loss = optimizer.step(run)
                    for scheduler in made:
                        plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
                        scheduler.step(*([loss] if plateau else []))
                    rates.append(float(optimizer.param_groups[0]["lr"]))
                self.record(rates, params)

    @optims([info for info in optim_db if info.optim_error_inputs_func], dtypes=[torch.float32])
    def test_refusals(self, device: str, dtype: Any, optim_info: Info) -> None:
        for wrong in optim_info.optim_error_inputs_func(device=device, dtype=dtype):
            given = wrong.optimizer_error_input
            params = self.parameters(dtype) if given.params is None else given.params
            if wrong.error_on == OptimizerErrorEnum.CONSTRUCTION_ERROR:
                if issubclass(wrong.error_type, Warning):
                    with self.assertWarnsRegex(wrong.error_type, wrong.error_regex):
                        optim_info.optim_cls(params, **given.kwargs)
                else:
                    with self.assertRaisesRegex(wrong.error_type, wrong.error_regex):
                        optim_info.optim_cls(params, **given.kwargs)
            else:
                optimizer = optim_info.optim_cls(params, **given.kwargs)
                with self.assertRaisesRegex(wrong.error_type, wrong.error_regex):
                    optimizer.step()

    @optims([info for info in DENSE if info.supports_param_groups], dtypes=[torch.float32])
    def test_groups(self, device: str, dtype: Any, optim_info: Info) -> None:
        """Groups have options of their own, and can be added."""
        for kwargs in self.inputs(optim_info, device):
            params = self.parameters(dtype, 3)
            groups = [{"params": [params[0]], "weight_decay": 0.05, "lr": 0.002}, {"params": params[1:2]}]
            optimizer, losses = self.trained(optim_info, params, kwargs, 2, groups)
            self.assertEqual(len(optimizer.param_groups), 2)
            self.assertEqual(optimizer.param_groups[0]["lr"], 0.002)
            optimizer.add_param_group({"params": params[2]})
            self.assertEqual(len(optimizer.param_groups), 3)
            for _ in range(3):
                optimizer.step(self.closure(optimizer, params))
            self.record(params, [sorted(group) for group in optimizer.param_groups])
            with self.assertRaisesRegex(ValueError, "some parameters appear in more than one parameter group"):
                optimizer.add_param_group({"params": params[2]})
            with self.assertRaises(TypeError):
                optimizer.add_param_group({"params": {params[2]}})
            with self.assertRaises(TypeError):
                optimizer.add_param_group([params[2]])
            with self.assertRaisesRegex(ValueError, "can't optimize a non-leaf Tensor"):
                optimizer.add_param_group({"params": params[2] * 1})

    @optims(DENSE, dtypes=[torch.float32])
    def test_named(self, device: str, dtype: Any, optim_info: Info) -> None:
        """Parameters given with names keep them in the state, and load where there are none."""
        params = self.parameters(dtype)
        optimizer = optim_info.optim_cls([(f"p{k}", p) for k, p in enumerate(params)])
        optimizer.step(self.closure(optimizer, params))
        state = optimizer.state_dict()
        self.assertEqual(state["param_groups"][0]["param_names"], ["p0", "p1"])
        other = optim_info.optim_cls(self.parameters(dtype))
        other.load_state_dict(copy.deepcopy(state))
        self.record(sorted(other.state_dict()["param_groups"][0]), sorted(other.param_groups[0]))
        renamed = optim_info.optim_cls([(f"q{k}", p) for k, p in enumerate(self.parameters(dtype))])
        renamed.load_state_dict(copy.deepcopy(state))
        self.record(renamed.param_groups[0]["param_names"], renamed.state_dict()["param_groups"][0]["param_names"])

    @optims(optim_db, dtypes=[torch.float32])
    def test_state(self, device: str, dtype: Any, optim_info: Info) -> None:
        """State goes through copies and files, and training goes on as if it had not been interrupted."""
        for kwargs in self.inputs(optim_info, device):
            params = self.parameters(dtype)
            optimizer, _ = self.trained(optim_info, params, kwargs, 3)
            file = io.BytesIO()
            torch.save(optimizer.state_dict(), file)
            file.seek(0)
            for state in (copy.deepcopy(optimizer.state_dict()), torch.load(file)):
                mine = [Parameter(p.detach().clone()) for p in params]
                other = optim_info.optim_cls(mine, **kwargs)
                other.load_state_dict(state)
                again = copy.deepcopy(other), copy.deepcopy(params)
                theirs = again[1]
                kept = optim_info.optim_cls(theirs, **kwargs)
                kept.load_state_dict(copy.deepcopy(optimizer.state_dict()))
                for run, one in ((self.closure(other, mine, optim_info.only_supports_sparse_grads), other),
                                 (self.closure(kept, theirs, optim_info.only_supports_sparse_grads), kept)):
                    one.step(run)
                    one.step(run)
                self.assertEqual(mine, theirs)
            self.record(mine)
            wrong = optim_info.optim_cls(self.parameters(dtype, 1), **kwargs)
            with self.assertRaises(ValueError):
                wrong.load_state_dict(optimizer.state_dict())

    @optims(optim_db, dtypes=[torch.float32])
    def test_state_of_older_versions(self, device: str, dtype: Any, optim_info: Info) -> None:
        """State without the options that came later is taken."""
        for kwargs in self.inputs(optim_info, device):
            params = self.parameters(dtype)
            optimizer, _ = self.trained(optim_info, params, kwargs, 2)
            state = copy.deepcopy(optimizer.state_dict())
            for group in state["param_groups"]:
                for flag in optim_info.not_og_supported_flags:
                    group.pop(flag, None)
            for entry in state["state"].values():
                if "step" in entry and isinstance(entry["step"], torch.Tensor):
                    entry["step"] = entry["step"].item()
            optimizer.load_state_dict(state)
            optimizer.step(self.closure(optimizer, params, optim_info.only_supports_sparse_grads))
            self.record(params, [type(entry.get("step")).__name__ for entry in optimizer.state.values()])

    @optims(optim_db, dtypes=[torch.float32])
    def test_copies(self, device: str, dtype: Any, optim_info: Info) -> None:
        for kwargs in self.inputs(optim_info, device):
            params = self.parameters(dtype)
            optimizer, _ = self.trained(optim_info, params, kwargs, 1)
            for one in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
                self.assertIs(type(one), type(optimizer))
                self.assertEqual(str(one), str(optimizer))
                mine = [p for group in one.param_groups for p in group["params"]]
                one.step(self.closure(one, mine, optim_info.only_supports_sparse_grads))
                self.record(mine)
            self.assertEqual({name for name in vars(copy.deepcopy(optimizer)) if name[0] != "_"},
                             {name for name in vars(optimizer) if name[0] != "_"})

    @optims(DENSE, dtypes=[torch.float32])
    def test_nothing_to_do(self, device: str, dtype: Any, optim_info: Info) -> None:
        """Without gradients a step changes nothing, and with those of zero little."""
        for kwargs in self.inputs(optim_info, device):
            params = self.parameters(dtype)
            before = copy.deepcopy(params)
            optimizer = optim_info.optim_cls(params, **kwargs)

            def none() -> Any:
                return torch.tensor(1.0)

            optimizer.step(none)
            self.assertEqual(params, before)
            for p in params:
                p.grad = torch.zeros_like(p)
            optimizer.step(none)
            self.record(params)

    @optims(DENSE, dtypes=[torch.float32])
    def test_step_hooks(self, device: str, dtype: Any, optim_info: Info) -> None:
        params = self.parameters(dtype)
        optimizer = optim_info.optim_cls(params)
        seen: list[str] = []
        handles = [
            optimizer.register_step_pre_hook(lambda opt, args, kwargs: seen.append("pre")),
            optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append("post")),
            register_optimizer_step_pre_hook(lambda opt, args, kwargs: seen.append("all pre")),
            register_optimizer_step_post_hook(lambda opt, args, kwargs: seen.append("all post")),
        ]
        optimizer.step(self.closure(optimizer, params))
        for handle in handles:
            handle.remove()
        optimizer.step(self.closure(optimizer, params))
        self.assertEqual(seen, ["all pre", "pre", "post", "all post"])

        def changed(opt: Any, args: Any, kwargs: Any) -> Any:
            return (args[0], self.closure(opt, params)), {}

        handle = optimizer.register_step_pre_hook(changed)
        optimizer.step(lambda: torch.tensor(0.0))
        handle.remove()
        handle = optimizer.register_step_pre_hook(lambda opt, args, kwargs: 3)
        with self.assertRaisesRegex(RuntimeError, "must return None or a tuple"):
            optimizer.step(self.closure(optimizer, params))
        self.record(params)

    @optims(DENSE, dtypes=[torch.float32])
    def test_state_hooks(self, device: str, dtype: Any, optim_info: Info) -> None:
        params = self.parameters(dtype)
        optimizer, _ = self.trained(optim_info, params, {}, 1)
        seen: list[str] = []
        handles = [
            optimizer.register_state_dict_pre_hook(lambda opt: seen.append("save")),
            optimizer.register_state_dict_post_hook(lambda opt, state: {**state, "more": 1}),
            optimizer.register_state_dict_post_hook(lambda opt, state: seen.append("saved"), prepend=True),
            optimizer.register_load_state_dict_pre_hook(lambda opt, state: {k: v for k, v in state.items()
                                                                              if k != "more"}),
            optimizer.register_load_state_dict_pre_hook(lambda opt, state: seen.append("load"), prepend=True),
            optimizer.register_load_state_dict_post_hook(lambda opt: seen.append("loaded")),
        ]
        state = optimizer.state_dict()
        self.assertEqual(state["more"], 1)
        optimizer.load_state_dict(state)
        self.assertEqual(seen, ["save", "saved", "load", "loaded"])
        for handle in handles:
            handle.remove()
        self.assertNotIn("more", optimizer.state_dict())

    @optims([info for info in optim_db if info.supports_sparse or info.only_supports_sparse_grads],
            dtypes=[torch.float64])
    def test_sparse(self, device: str, dtype: Any, optim_info: Info) -> None:
        for maximize in (False, True):
            kwargs, schedulers = optim_info.metadata_for_sparse
            params = [Parameter(torch.linspace(-1, 1, 6, dtype=dtype).reshape(3, 2))]
            optimizer = optim_info.optim_cls(params, **{**kwargs, "maximize": maximize})
            made = [make(optimizer) for make in schedulers]
            for step in range(4):
                rows = torch.tensor([[step % 3, (step + 1) % 3]])
                values = torch.full((2, 2), 0.5 + step, dtype=dtype)
                params[0].grad = torch.sparse_coo_tensor(rows, values, (3, 2))
                loss = optimizer.step(partial(torch.linalg.norm, params[0].detach()))
                for scheduler in made:
                    plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
                    scheduler.step(*([loss] if plateau else []))
            self.record(params)

    @optims([info for info in DENSE if not info.supports_sparse], dtypes=[torch.float32])
    def test_sparse_refused(self, device: str, dtype: Any, optim_info: Info) -> None:
        params = [Parameter(torch.ones(3, 2))]
        params[0].grad = torch.sparse_coo_tensor(torch.tensor([[0, 1]]), torch.ones(2, 2), (3, 2))
        optimizer = optim_info.optim_cls(params)
        try:
            optimizer.step(lambda: torch.tensor(0.0))
        except Exception as error:
            self.record(type(error).__name__)
        else:
            self.record("taken")

    @optims(optim_db, dtypes=[torch.float32])
    def test_made_like(self, device: str, dtype: Any, optim_info: Info) -> None:
        """What may be optimised, and what an optimiser knows of itself."""
        kind = optim_info.optim_cls
        with self.assertRaisesRegex(ValueError, "optimizer got an empty parameter list"):
            kind([])
        with self.assertRaisesRegex(TypeError, "optimizer can only optimize Tensors"):
            kind([Parameter(torch.ones(2, 2)), 3])
        with self.assertRaisesRegex(ValueError, "can't optimize a non-leaf Tensor"):
            kind([Parameter(torch.ones(2, 2)) * 2])
        optimizer = kind(p for p in self.parameters(dtype))
        self.assertIsInstance(optimizer, Optimizer)
        self.record(sorted(optimizer.defaults.items(), key=str), sorted(optimizer.param_groups[0]), repr(optimizer))
        for name in ("profile_hook_step", "zero_grad", "OptimizerPreHook"):
            self.record(hasattr(optimizer, name))
        optimizer.zero_grad(set_to_none=False)
        self.assertEqual(len(optimizer.state), 0)

    @optims(DENSE, dtypes=[torch.float16, torch.bfloat16])
    def test_halves(self, device: str, dtype: Any, optim_info: Info) -> None:
        if optim_info.optim_cls.__name__ in ("LBFGS", "Rprop", "Muon"):
            return
        params = [Parameter(p.detach().to(dtype)) for p in self.parameters(torch.float32)]
        optimizer, _ = self.trained(optim_info, params, {}, 3)
        self.record([(name, value.dtype) for entry in optimizer.state.values() for name, value in entry.items()
                     if isinstance(value, torch.Tensor)])
        self.record([p.float().mul(4).round() for p in params])

    @optims([info for info in DENSE if info.has_capturable_arg], dtypes=[torch.float32])
    def test_rate_in_lists(self, device: str, dtype: Any, optim_info: Info) -> None:
        params = self.parameters(dtype)
        try:
            self.trained(optim_info, params, {"lr": torch.tensor(0.01), "foreach": True}, 1)
        except Exception as error:
            self.record(type(error).__name__)
        else:
            self.record("taken")


instantiate_device_type_tests(TestOptimizers, globals(), only_for="cpu")
