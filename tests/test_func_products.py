"""Per-sample gradients, products with curvature, Jacobians, Laplacians and the tangent kernel, held against loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.test_func import close, values
from wengert import nn
from wengert.func import (
    fisher_product,
    functional_call,
    gauss_newton_product,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    laplacian,
    ntk,
    per_sample_grads,
)

CLASSES = torch.tensor([0, 2, 1, 2])


def network() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def lenet() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.0),
                         nn.Linear(18, 3)).double()


def normalised() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3)).double()


@pytest.mark.parametrize("make", [network, lenet, normalised])
@pytest.mark.parametrize("chunk", [None, 1, 3])
def test_per_sample_gradients(make: Any, chunk: Any) -> None:
    model = make()
    x = values(4, 1, 8, 8) if make is lenet else values(4, 4)
    loss = nn.CrossEntropyLoss()
    grads = per_sample_grads(model, loss, x, CLASSES, chunk_size=chunk, randomness="different")
    assert list(grads) == [name for name, _ in model.named_parameters()]
    for i in range(4):
        model.zero_grad()
        loss(model(x[i:i + 1]), CLASSES[i:i + 1]).backward()
        for name, parameter in model.named_parameters():
            close(grads[name][i], parameter.grad)
    model.zero_grad()
    loss(model(x), CLASSES).backward()
    for name, parameter in model.named_parameters():
        close(grads[name].mean(0), parameter.grad)


def test_per_sample_gradients_leave_the_model_as_it_was() -> None:
    model = network()
    model[0].weight.requires_grad_(False)
    before = {name: p.clone() for name, p in model.named_parameters()}
    grads = per_sample_grads(model, nn.MSELoss(), values(2, 4), values(2, 3))
    assert "0.weight" not in grads and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    batch = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).double()
    with pytest.raises((RuntimeError, ValueError)):
        per_sample_grads(batch, nn.MSELoss(), values(2, 4), values(2, 3))


def test_a_hundred_dimensional_hessian_against_differences() -> None:
    matrix, x = values(100, 100, seed=1), values(100, seed=2)

    def f(x: Any) -> Any:
        return torch.tanh(matrix @ x).pow(2).sum() + x.sin().prod() + torch.logsumexp(x, 0)

    found, step = hessian(f)(x), 1e-5
    for i in range(0, 100, 7):
        unit = torch.zeros(100, dtype=torch.float64)
        unit[i] = step
        slope = (jacrev(f)(x + unit) - jacrev(f)(x - unit)) / (2 * step)
        assert np.abs((found[i] - slope).numpy()).max() < 1e-6
    close(hvp(f, x, x), found @ x)


def test_products_with_the_hessian_of_a_model() -> None:
    model, x, y = network(), values(6, 4), values(6, 3)
    parameters = dict(model.named_parameters())
    v = {name: torch.cos(p.detach()) for name, p in parameters.items()}

    def loss(p: Any) -> Any:
        return nn.functional.mse_loss(functional_call(model, p, (x,)), y)

    forward = hvp(loss, {name: p.detach() for name, p in parameters.items()}, v)
    back = hvp(loss(parameters), parameters, v)
    for name in parameters:
        close(forward[name], back[name])
    with pytest.raises(RuntimeError, match=r"\[hvp\] a vector nested as the parameters"):
        hvp(loss(parameters), parameters, [v["0.weight"]])


def test_gauss_newton_and_fisher() -> None:
    model, x = network(), values(4, 4)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    v = {name: torch.cos(p) for name, p in parameters.items()}
    loss = nn.CrossEntropyLoss()
    flat = torch.cat([v[name].reshape(-1) for name in parameters])

    def outputs(p: Any) -> Any:
        return functional_call(model, p, (x,))

    rows = jacfwd(outputs)(parameters)
    j = torch.cat([rows[name].reshape(12, -1) for name in parameters], 1)
    h = hessian(lambda o: loss(o, CLASSES))(outputs(parameters)).reshape(12, 12)
    found = gauss_newton_product(model, loss, x, CLASSES, v)
    close(torch.cat([found[name].reshape(-1) for name in parameters]), j.T @ (h @ (j @ flat)))
    grads = per_sample_grads(model, loss, x, CLASSES)
    g = torch.cat([grads[name].reshape(4, -1) for name in parameters], 1)
    found = fisher_product(model, loss, x, CLASSES, v)
    close(torch.cat([found[name].reshape(-1) for name in parameters]), g.T @ (g @ flat) / 4)
    with pytest.raises(RuntimeError, match=r"\[fisher_product\] a dict with a tensor for each parameter"):
        fisher_product(model, loss, x, CLASSES, {})


def test_jacobians_of_models() -> None:
    model, x = network(), values(6, 4)
    close(jacobian(model, x[0]), jacrev(lambda a: model(a))(x[0]))
    close(jacobian(lambda a: model(a).sum(), x), jacrev(lambda a: model(a).sum())(x))
    def tall(a: Any) -> Any:
        return torch.cat([a, a * a, a.sin()])

    close(jacobian(tall, x[0]), jacfwd(tall)(x[0]))
    close(jacobian(model, x, batched=True), torch.stack([jacrev(lambda a: model(a))(row) for row in x]))
    traced = x[0].clone().requires_grad_()
    jacobian(lambda a: model(a).sin(), traced).sum().backward()
    close(traced.grad, jacrev(lambda a: jacrev(lambda b: model(b).sin())(a).sum())(x[0]))


def test_laplacians() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    points = values(7, 3)
    wanted = torch.stack([torch.trace(hessian(lambda p: net(p)[0])(point)) for point in points])
    close(laplacian(lambda p: net(p)[0], points), wanted)
    close(laplacian(net, points), wanted[:, None])
    close(laplacian(lambda p: net(p)[0], points[0]), wanted[0])
    laplacian(net, points).pow(2).mean().backward()
    weight, step = net[0].weight, 1e-6
    with torch.no_grad():
        before = weight[0, 0].clone()
        weight[0, 0] = before + step
        ahead = laplacian(net, points).pow(2).mean()
        weight[0, 0] = before - step
        behind = laplacian(net, points).pow(2).mean()
        weight[0, 0] = before
    assert float(weight.grad[0, 0]) == pytest.approx(float(ahead - behind) / (2 * step), rel=1e-5, abs=1e-8)
    with pytest.raises(RuntimeError, match=r"\[laplacian\] a point"):
        laplacian(net, values(2, 2, 3))


def test_the_tangent_kernel() -> None:
    model, x1, x2 = network(), values(5, 4), values(2, 4, seed=9)

    def rows(x: Any) -> Any:
        p = {name: q.detach() for name, q in model.named_parameters()}
        found = [jacrev(lambda q, row: functional_call(model, q, (row,)))(p, row) for row in x]
        return torch.stack([torch.cat([f[name].reshape(3, -1) for name in p], 1) for f in found])

    close(ntk(model, x1, x2), torch.einsum("naf,mbf->nmab", rows(x1), rows(x2)))
    close(ntk(model, x1), torch.einsum("naf,mbf->nmab", rows(x1), rows(x1)))
