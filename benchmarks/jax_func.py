"""The workloads of `func` in jax: functions of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.jax_parts import Step, modules


def per_sample_mlp() -> Step:
    """`func.per_sample` of `func.mlp`."""
    jax, np = modules()
    sizes = (784, 128, 64, 10)

    def network(weights: Any, x: Any) -> Any:
        for w, b in weights[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = weights[-1]
        return x @ w + b

    return _per_sample(network, _dense(sizes), (784,))


def per_sample_lenet() -> Step:
    """`func.per_sample` of `func.lenet`."""
    jax, np = modules()
    keys = jax.random.split(jax.random.PRNGKey(1), 2)
    filters = jax.random.normal(keys[0], (6, 1, 5, 5)) / 5, jax.random.normal(keys[1], (16, 6, 5, 5)) / 12

    def pooled(x: Any) -> Any:
        return jax.lax.reduce_window(jax.nn.relu(x), -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def network(weights: Any, x: Any) -> Any:
        (first, second), dense = weights
        x = pooled(jax.lax.conv(x[None], first, (1, 1), "SAME"))
        x = pooled(jax.lax.conv(x, second, (1, 1), "VALID")).reshape(-1)
        for w, b in dense[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = dense[-1]
        return x @ w + b

    return _per_sample(network, (filters, _dense((400, 120, 84, 10))), (1, 28, 28))


def _dense(sizes: tuple[int, ...]) -> Any:
    """Weights and biases of dense layers."""
    jax, np = modules()
    keys = jax.random.split(jax.random.PRNGKey(0), len(sizes))
    return [(jax.random.normal(key, (n, m)) / n**0.5, np.zeros(m))
            for key, n, m in zip(keys, sizes[:-1], sizes[1:], strict=False)]


def _per_sample(network: Callable[..., Any], weights: Any, shape: tuple[int, ...]) -> Step:
    """The gradients of 128 examples, one by one."""
    jax, _ = modules()
    x = jax.random.normal(jax.random.PRNGKey(2), (128, *shape))
    labels = jax.random.randint(jax.random.PRNGKey(3), (128,), 0, 10)

    def loss(weights: Any, x: Any, label: Any) -> Any:
        return -jax.nn.log_softmax(network(weights, x))[label]

    gradients = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0, 0)))
    return lambda: jax.block_until_ready(gradients(weights, x, labels))


def jacobian() -> Step:
    """`func.jacobian`."""
    jax, np = modules()
    (w, b), (v, c) = _dense((100, 100, 100))
    x = jax.random.normal(jax.random.PRNGKey(4), (100,))
    found = jax.jit(jax.jacrev(lambda x: np.tanh(x @ w + b) @ v + c))
    return lambda: found(x).block_until_ready()


def hessian() -> Step:
    """`func.hessian`."""
    jax, np = modules()
    matrix = jax.random.normal(jax.random.PRNGKey(5), (200, 200)) / 14
    x = jax.random.normal(jax.random.PRNGKey(6), (200,))
    found = jax.jit(jax.hessian(lambda x: (np.tanh(matrix @ x) ** 2).sum() + (x * np.sin(matrix @ x)).sum()))
    return lambda: found(x).block_until_ready()


def laplacian() -> Step:
    """`func.laplacian`."""
    jax, np = modules()
    weights = _dense((3, 64, 64, 64, 1))
    points, unit = jax.random.normal(jax.random.PRNGKey(7), (1000, 3)), np.eye(3)

    def network(x: Any) -> Any:
        for w, b in weights[:-1]:
            x = np.tanh(x @ w + b)
        w, b = weights[-1]
        return (x @ w + b)[..., 0]

    def second(points: Any, direction: Any) -> Any:
        along = np.broadcast_to(direction, points.shape)
        return jax.jvp(lambda x: jax.jvp(network, (x,), (along,))[1], (points,), (along,))[1]

    found = jax.jit(lambda points: jax.vmap(second, (None, 0))(points, unit).sum(0))
    return lambda: found(points).block_until_ready()


def solves() -> Step:
    """`func.solves`."""
    jax, np = modules()
    a = jax.random.normal(jax.random.PRNGKey(8), (1000, 4, 4)) + 4 * np.eye(4)
    b = jax.random.normal(jax.random.PRNGKey(9), (1000, 4))
    found = jax.jit(jax.vmap(np.linalg.solve))
    return lambda: found(a, b).block_until_ready()


def runge_kutta() -> Step:
    """`func.runge_kutta`."""
    jax, np = modules()
    h = 0.02

    def slope(y: Any, rate: Any) -> Any:
        return np.stack([y[0] * (rate - y[1]), y[1] * (y[0] - 1)])

    def solution(rate: Any) -> Any:
        y = np.array([1.0, 0.5])
        for _ in range(20):
            k1 = slope(y, rate)
            k2 = slope(y + h / 2 * k1, rate)
            k3 = slope(y + h / 2 * k2, rate)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(y + h * k3, rate))
        return y

    found = jax.jit(lambda rate: jax.jvp(solution, (rate,), (np.ones(()),)))
    rate = np.array(1.2)
    return lambda: jax.block_until_ready(found(rate))
