"""What functions of functions cost: gradients example by example, Jacobians, Hessians, Laplacians, batches of solves,
and the derivative of a solver forward.

Written once for either library, by the names that `torch.func` has.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from benchmarks.workloads import Workload

Call = Callable[[], Any]


def mlp(torch: ModuleType) -> Any:
    """A classifier of 28×28 pictures."""
    nn = torch.nn
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def lenet(torch: ModuleType) -> Any:
    """LeCun et al., 1998, with maxima and ReLU."""
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, 10))


def per_sample(make: Callable[[ModuleType], Any], *shape: int) -> Callable[[ModuleType], Call]:
    """The gradients of 128 examples' cross-entropies, one by one, by all parameters."""

    def build(torch: ModuleType) -> Call:
        torch.manual_seed(0)
        model = make(torch)
        parameters = {name: p.detach() for name, p in model.named_parameters()}
        x, y = torch.randn(128, *shape), torch.randint(0, 10, (128,))

        def loss(p: Any, x: Any, y: Any) -> Any:
            return torch.nn.functional.cross_entropy(torch.func.functional_call(model, p, (x[None],)), y[None])

        gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
        return lambda: gradients(parameters, x, y)

    return build


def jacobian(torch: ModuleType) -> Call:
    """Of an MLP from 100 to 100 with a hidden layer of 100."""
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(100, 100), nn.Tanh(), nn.Linear(100, 100))
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    x = torch.randn(100)
    found = torch.func.jacrev(lambda x: torch.func.functional_call(model, parameters, (x,)))
    return lambda: found(x)


def hessian(torch: ModuleType) -> Call:
    """Of a function of 200 variables: two products with a matrix, and tanh."""
    torch.manual_seed(0)
    matrix, x = torch.randn(200, 200) / 14, torch.randn(200)
    found = torch.func.hessian(lambda x: (torch.tanh(matrix @ x) ** 2).sum() + (x * (matrix @ x).sin()).sum())
    return lambda: found(x)


def laplacian(torch: ModuleType) -> Call:
    """Of a network of three layers of 64 with tanh, by 3 coordinates, at 1,000 points."""
    torch.manual_seed(0)
    sizes = (3, 64, 64, 64, 1)
    weights = [(torch.randn(n, m) / n**0.5, torch.zeros(m)) for n, m in zip(sizes[:-1], sizes[1:], strict=True)]
    points, unit = torch.randn(1000, 3), torch.eye(3)

    def network(x: Any) -> Any:
        for w, b in weights[:-1]:
            x = torch.tanh(x @ w + b)
        w, b = weights[-1]
        return (x @ w + b)[..., 0]

    if hasattr(torch.func, "laplacian"):
        return lambda: torch.func.laplacian(network, points)
    jvp = torch.func.jvp

    def second(direction: Any) -> Any:
        along = direction.expand(1000, 3)
        return jvp(lambda x: jvp(network, (x,), (along,))[1], (points,), (along,))[1]

    return lambda: torch.func.vmap(second)(unit).sum(0)


def solves(torch: ModuleType) -> Call:
    """`vmap` of the solution of 4 equations, for 1,000 matrices."""
    torch.manual_seed(0)
    a, b = torch.randn(1000, 4, 4) + 4 * torch.eye(4), torch.randn(1000, 4)
    solve = torch.func.vmap(torch.linalg.solve)
    return lambda: solve(a, b)


def runge_kutta(torch: ModuleType) -> Call:
    """The derivative of 20 steps of the classical method by a parameter, forward; two equations."""
    jvp = torch.func.jvp
    rate, one = torch.tensor(1.2), torch.tensor(1.0)
    start, h = torch.tensor([1.0, 0.5]), 0.02

    def slope(y: Any, rate: Any) -> Any:
        return torch.stack([y[0] * (rate - y[1]), y[1] * (y[0] - 1)])

    def solution(rate: Any) -> Any:
        y = start
        for _ in range(20):
            k1 = slope(y, rate)
            k2 = slope(y + h / 2 * k1, rate)
            k3 = slope(y + h / 2 * k2, rate)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(y + h * k3, rate))
        return y

    return lambda: jvp(solution, (rate,), (one,))


WORKLOADS = (
    Workload("per-sample gradients, 784-128-64-10", 0.9, per_sample(mlp, 784), "per_sample_mlp"),
    Workload("per-sample gradients, LeNet", 0.9, per_sample(lenet, 1, 28, 28), "per_sample_lenet"),
    Workload("Jacobian, MLP 100 to 100", 0.9, jacobian, "jacobian"),
    Workload("Hessian, 200 variables", 0.9, hessian, "hessian"),
    Workload("Laplacian, 3×64 tanh, 1,000 points", 0.9, laplacian, "laplacian"),
    Workload("vmap of solve, 1,000 of 4×4", 0.9, solves, "solves"),
    Workload("forward through Runge–Kutta, 20 steps", 0.9, runge_kutta, "runge_kutta"),
)
