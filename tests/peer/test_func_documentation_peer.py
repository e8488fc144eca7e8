"""What the documentation of ``torch.func`` shows, on both libraries: the tour, the tutorials, and its limitations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
import wengert.func

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]


def numbers(t: Any, *shape: int, seed: int = 0) -> Any:
    return t.from_numpy(np.random.RandomState(seed).uniform(-1, 1, shape))


def tour_grad(t: Any) -> Any:
    x = numbers(t)
    cos_x = t.func.grad(lambda x: t.sin(x))(x)
    neg_sin_x = t.func.grad(t.func.grad(lambda x: t.sin(x)))(x)
    return cos_x, neg_sin_x


def tour_vmap(t: Any) -> Any:
    feature_size = 3
    weights = numbers(t, feature_size)

    def model(feature_vec: Any) -> Any:
        return feature_vec.dot(weights).relu()

    examples = numbers(t, 5, feature_size, seed=1)
    result = t.func.vmap(model)(examples)

    def compute_loss(weights: Any, example: Any, target: Any) -> Any:
        y = example.dot(weights).relu()
        return ((y - target) ** 2).mean()

    targets = numbers(t, 5, seed=2)
    inputs = (weights, examples, targets)
    return result, t.func.vmap(t.func.grad(compute_loss), in_dims=(None, 0, 0))(*inputs)


def tour_vjp_jvp(t: Any) -> Any:
    inputs, cotangents = numbers(t, 5), numbers(t, 5, seed=1)
    outputs, vjp_fn = t.func.vjp(t.sin, inputs)
    x, y = numbers(t, 5, seed=2), numbers(t, 5, seed=3)
    tangents = t.ones(5, dtype=t.float64), t.ones(5, dtype=t.float64)
    _, out_tangent = t.func.jvp(lambda x, y: x * y, (x, y), tangents)
    return outputs, vjp_fn(cotangents)[0], out_tangent


def tour_jacobians(t: Any) -> Any:
    x = numbers(t, 5)
    batched = numbers(t, 4, 5, seed=1)

    def f(x: Any) -> Any:
        return x.sin().sum()

    jacobian = t.func.vmap(t.func.jacrev(t.sin))(batched)
    return (t.func.jacrev(t.sin)(x), jacobian, t.func.jacfwd(t.sin)(x), t.func.hessian(f)(x),
            t.func.jacrev(t.func.jacrev(f))(x), t.func.jacfwd(t.func.jacfwd(f))(x))


def limitation_in_place(t: Any) -> Any:
    """`vmap` of in-place operations."""

    def f(x: Any, y: Any) -> Any:
        x = x.clone()
        x.add_(y)
        return x

    x, y = numbers(t, 3, 1), numbers(t, 3, 1, seed=1)
    return t.func.vmap(f, in_dims=(0, 0))(x, y), t.func.vmap(f, in_dims=(0, None))(x, y[0])


def limitation_new_zeros(t: Any) -> Any:
    def diag_embed(vec: Any) -> Any:
        result = vec.new_zeros(vec.shape[0], vec.shape[0])
        result.diagonal().copy_(vec)
        return result

    return (t.func.vmap(diag_embed)(numbers(t, 4, 3)),)


def per_sample(t: Any) -> Any:
    t.manual_seed(0)
    nn, functional = t.nn, t.nn.functional

    class SimpleCNN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 4, 3, 1)
            self.conv2 = nn.Conv2d(4, 8, 3, 1)
            self.fc1 = nn.Linear(128, 10)
            self.fc2 = nn.Linear(10, 10)

        def forward(self, x: Any) -> Any:
            x = functional.relu(self.conv1(x))
            x = functional.relu(self.conv2(x))
            x = functional.max_pool2d(x, 2)
            x = t.flatten(x, 1)
            return functional.log_softmax(self.fc2(functional.relu(self.fc1(x))), dim=1)

    data, targets = numbers(t, 6, 1, 12, 12), t.arange(6) % 10
    model = SimpleCNN().double()
    params = {k: v.detach() for k, v in model.named_parameters()}
    buffers = {k: v.detach() for k, v in model.named_buffers()}

    def compute_loss(params: Any, buffers: Any, sample: Any, target: Any) -> Any:
        batch, targets = sample.unsqueeze(0), target.unsqueeze(0)
        predictions = t.func.functional_call(model, (params, buffers), (batch,))
        return functional.nll_loss(predictions, targets)

    ft_compute_sample_grad = t.func.vmap(t.func.grad(compute_loss), in_dims=(None, None, 0, 0))
    grads = ft_compute_sample_grad(params, buffers, data, targets)
    return tuple(grads[name] for name in sorted(grads))


def jacobians_hessians(t: Any) -> Any:
    weight, bias, x = numbers(t, 6, 4), numbers(t, 6, seed=1), numbers(t, 4, seed=2)

    def predict(weight: Any, bias: Any, x: Any) -> Any:
        return t.nn.functional.linear(x, weight, bias).tanh()

    _, vjp_fn = t.func.vjp(lambda x: predict(weight, bias, x), x)
    (ft_jacobian,) = t.func.vmap(vjp_fn)(t.eye(6, dtype=t.float64))
    hvp = t.func.jvp(t.func.grad(lambda x: predict(weight, bias, x).sum()), (x,), (x,))[1]
    batched = numbers(t, 5, 4, seed=3)
    compute_batch_jacobian = t.func.vmap(t.func.jacrev(predict, argnums=2), in_dims=(None, None, 0))
    compute_batch_hessian = t.func.vmap(t.func.hessian(predict, argnums=2), in_dims=(None, None, 0))
    return (ft_jacobian, *t.func.jacrev(predict, argnums=(0, 1))(weight, bias, x), hvp,
            compute_batch_jacobian(weight, bias, batched), compute_batch_hessian(weight, bias, batched))


def ensembling(t: Any) -> Any:
    t.manual_seed(0)
    nn = t.nn
    models = [nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)).double() for _ in range(4)]
    params, buffers = t.func.stack_module_state(models)
    import copy

    base = copy.deepcopy(models[0])
    minibatches = numbers(t, 4, 6, 8)

    def fmodel(params: Any, buffers: Any, x: Any) -> Any:
        return t.func.functional_call(base, (params, buffers), (x,))

    return (t.func.vmap(fmodel)(params, buffers, minibatches),
            t.func.vmap(fmodel, in_dims=(0, 0, None))(params, buffers, minibatches[0]))


def tangent_kernels(t: Any) -> Any:
    t.manual_seed(0)
    net = t.nn.Sequential(t.nn.Linear(4, 5), t.nn.ReLU(), t.nn.Linear(5, 3)).double()
    params = {k: v.detach() for k, v in net.named_parameters()}
    x1, x2 = numbers(t, 4, 4), numbers(t, 3, 4, seed=1)

    def fnet_single(params: Any, x: Any) -> Any:
        return t.func.functional_call(net, params, (x.unsqueeze(0),)).squeeze(0)

    def empirical_ntk_ntk_vps(x1: Any, x2: Any) -> Any:
        def get_ntk(x1: Any, x2: Any) -> Any:
            output, vjp_fn = t.func.vjp(lambda params: fnet_single(params, x1), params)

            def get_ntk_slice(vec: Any) -> Any:
                vjps = vjp_fn(vec)
                _, jvps = t.func.jvp(lambda params: fnet_single(params, x2), (params,), vjps)
                return jvps

            basis = t.eye(3, dtype=output.dtype)
            return t.func.vmap(get_ntk_slice)(basis)

        return t.func.vmap(t.func.vmap(get_ntk, (None, 0)), (0, None))(x1, x2)

    return (empirical_ntk_ntk_vps(x1, x2),)


def custom_function(t: Any) -> Any:
    class NumpySort(t.autograd.Function):
        @staticmethod
        def forward(x: Any, dim: int) -> Any:
            x_np = x.detach().numpy()
            ind = np.argsort(x_np, axis=dim)
            ind_inv = np.argsort(ind, axis=dim)
            return (t.from_numpy(np.take_along_axis(x_np, ind, axis=dim)), t.from_numpy(ind), t.from_numpy(ind_inv))

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            _, dim = inputs
            _, ind, ind_inv = output
            ctx.mark_non_differentiable(ind, ind_inv)
            ctx.save_for_backward(ind, ind_inv)
            ctx.dim = dim

        @staticmethod
        def backward(ctx: Any, grad_output: Any, _0: Any, _1: Any) -> Any:
            ind, ind_inv = ctx.saved_tensors
            return NumpyTake.apply(grad_output, ind_inv, ind, ctx.dim), None

        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any, dim: int) -> Any:
            x_bdim, _ = in_dims
            x = x.movedim(x_bdim, 0)
            dim = dim if dim >= 0 else dim + x.dim() - 1
            return NumpySort.apply(x, dim + 1), (0, 0, 0)

    class NumpyTake(t.autograd.Function):
        @staticmethod
        def forward(x: Any, ind: Any, ind_inv: Any, dim: int) -> Any:
            return t.from_numpy(np.take_along_axis(x.detach().numpy(), ind.detach().numpy(), axis=dim))

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, ind, ind_inv, ctx.dim = inputs
            ctx.save_for_backward(ind, ind_inv)

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            ind, ind_inv = ctx.saved_tensors
            return NumpyTake.apply(grad_output, ind_inv, ind, ctx.dim), None, None, None

        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any, ind: Any, ind_inv: Any, dim: int) -> Any:
            logical = x.dim() - (in_dims[0] is not None)
            dim = dim if dim >= 0 else dim + logical
            x, ind, ind_inv = (a.expand(info.batch_size, *a.shape) if d is None else a.movedim(d, 0)
                               for a, d in zip((x, ind, ind_inv), in_dims, strict=False))
            return NumpyTake.apply(x, ind, ind_inv, dim + 1), 0

    x = numbers(t, 3, 5)

    def f(x: Any) -> Any:
        return (NumpySort.apply(x, -1)[0] * t.arange(5.0, dtype=t.float64)).pow(2).sum()

    return t.func.vmap(lambda row: NumpySort.apply(row, 0)[0])(x), t.func.vmap(t.func.grad(f))(x), t.func.grad(f)(x)


CASES = {each.__name__: each for each in (
    tour_grad, tour_vmap, tour_vjp_jvp, tour_jacobians, limitation_in_place, limitation_new_zeros, per_sample,
    jacobians_hessians, ensembling, tangent_kernels, custom_function)}


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    for ours, theirs in zip(CASES[name](wengert), CASES[name](torch), strict=True):
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-7, atol=1e-9)
        assert ours.requires_grad == theirs.requires_grad


def control_flow(t: Any) -> None:
    t.func.vmap(lambda x: x.relu() if x > 0 else x)(numbers(t, 3))


def item(t: Any) -> None:
    t.func.vmap(lambda x: x * x.item())(numbers(t, 3))


def shapes_by_value(t: Any) -> None:
    t.func.vmap(lambda x: t.nonzero(x))(numbers(t, 3, 4))


def write_to_outside(t: Any) -> None:
    total = t.zeros((), dtype=t.float64)
    t.func.vmap(lambda x: total.add_(x))(numbers(t, 3))


def random_by_default(t: Any) -> None:
    t.func.vmap(lambda x: x + t.randn(()))(numbers(t, 3))


def jacobian_of_no_tensor(t: Any) -> None:
    t.func.jacrev(lambda x: 1.0)(numbers(t, 3))


def forward_of_no_tensor(t: Any) -> None:
    t.func.jvp(lambda x: x, (1.0,), (1.0,))


def tangents_of_other_form(t: Any) -> None:
    t.func.jvp(lambda x: x, (numbers(t, 3),), ([numbers(t, 3)],))


ERRORS = {each.__name__: each for each in (
    control_flow, item, shapes_by_value, write_to_outside, random_by_default, jacobian_of_no_tensor,
    forward_of_no_tensor, tangents_of_other_form)}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_the_same_class(name: str) -> None:
    with pytest.raises(Exception) as theirs:
        ERRORS[name](torch)
    with pytest.raises(type(theirs.value)):
        ERRORS[name](wengert)
