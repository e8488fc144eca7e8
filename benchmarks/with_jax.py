"""Some of the workloads in jax: the same sizes and arithmetic, one jitted function a step, its state handed on.

jax answers before it has computed; a step here ends when its results are there, as the others' do.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

Step = Callable[[], Any]


def adaline() -> Step:
    """`eager.adaline_step`."""
    jax, np = modules()
    keys = jax.random.split(jax.random.PRNGKey(0), 4)
    x, y = jax.random.uniform(keys[0], (10, 2)), jax.random.uniform(keys[1], (10,))
    weights = jax.random.uniform(keys[2], (1, 2)), jax.random.uniform(keys[3], (1,))

    def loss(weights: Any, x: Any, y: Any) -> Any:
        w, b = weights
        return (((x @ w.T + b).reshape(-1) - y) ** 2).mean()

    def update(weights: Any, x: Any, y: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(weights, x, y)
        return jax.tree_util.tree_map(lambda w, g: w - 0.01 * g, weights, gradients), value

    return stepping(update, weights, x, y)


def mlp() -> Step:
    """`networks.mlp`: cross-entropy, Adam with the usual numbers."""
    jax, np = modules()
    sizes = (784, 128, 64, 10)
    keys = jax.random.split(jax.random.PRNGKey(0), len(sizes) + 1)
    weights = [(jax.random.uniform(key, (n, m)) * 2 / n**0.5 - 1 / n**0.5, np.zeros(m))
               for key, n, m in zip(keys, sizes[:-1], sizes[1:], strict=False)]
    x, labels = jax.random.uniform(keys[-2], (64, 784)), jax.random.randint(keys[-1], (64,), 0, 10)

    def loss(weights: Any, x: Any, labels: Any) -> Any:
        for w, b in weights[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = weights[-1]
        return -jax.nn.log_softmax(x @ w + b)[np.arange(64), labels].mean()

    def update(state: Any, x: Any, labels: Any) -> Any:
        weights, first, second, count = state
        value, gradients = jax.value_and_grad(loss)(weights, x, labels)
        count = count + 1
        each = jax.tree_util.tree_map
        first = each(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = each(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate, root = 1e-3 / (1 - 0.9**count), np.sqrt(1 - 0.999**count)
        weights = each(lambda w, m, v: w - rate * m / (np.sqrt(v) / root + 1e-8), weights, first, second)
        return (weights, first, second, count), value

    first, second = (jax.tree_util.tree_map(np.zeros_like, weights) for _ in range(2))
    return stepping(update, (weights, first, second, np.zeros(())), x, labels)


def pointwise() -> Step:
    """`networks.pointwise`."""
    jax, np = modules()
    x = jax.random.normal(jax.random.PRNGKey(0), (4096, 1024))

    def total(x: Any) -> Any:
        gelu = jax.nn.gelu(1.5 * x + 0.1, approximate=False)
        return (gelu * jax.nn.sigmoid(x) + np.tanh(x) * np.exp(-(x**2))).sum()

    gradient = jax.jit(jax.grad(total))
    return lambda: gradient(x).block_until_ready()


def softmax_of_layer_norm() -> Step:
    """`architectures.softmax_of_layer_norm`."""
    jax, np = modules()
    keys = jax.random.split(jax.random.PRNGKey(0), 3)
    given = jax.random.normal(keys[0], (4096, 1024)), *[jax.random.uniform(key, (1024,)) for key in keys[1:]]

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return jax.nn.softmax((x - mean) / np.sqrt(variance + 1e-5) * weight + bias, axis=-1)

    compiled = jax.jit(forward)
    return lambda: compiled(*given).block_until_ready()


def stepping(update: Callable[..., Any], state: Any, *given: Any) -> Step:
    """A step that hands the state on from call to call; the old one's memory may be used for the new."""
    jax, _ = modules()
    compiled = jax.jit(update, donate_argnums=0)

    def step() -> Any:
        nonlocal state
        state, value = compiled(state, *given)
        jax.block_until_ready(state)
        return value

    return step


def modules() -> tuple[Any, Any]:
    """jax and its numpy."""
    return import_module("jax"), import_module("jax.numpy")
